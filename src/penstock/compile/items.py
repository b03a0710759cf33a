"""Items: what a judged row puts into the table, or deletes from it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from penstock import verdicts
from penstock.compile.keys import SORT_BYTES, KeySql, compile_key
from penstock.compile.layers import all_of, any_of
from penstock.compile.newest import TOMBSTONE_PART, compete
from penstock.compile.objects import Part, list_parts, request_sql, size_sql, ttl_part
from penstock.compile.rows import Attribute, RowSql, derive_attribute
from penstock.compile.sql import text_json
from penstock.contract.model import IndexModel, ItemModel
from penstock.engine.result import DELETE, PUT
from penstock.errors import ContractError
from penstock.plan.model import Check, ItemPlan


@dataclass(frozen=True, slots=True)
class ItemSql:
    """One item of a row, with the keys that its table and the indexes are designed by.

    ``lacks`` is the condition that the row certainly does not have it.
    """

    plan: ItemPlan
    partition: KeySql
    sort: KeySql | None
    indexes: tuple[tuple[KeySql, KeySql | None], ...]
    reads: frozenset[str]
    lacks: str

    @property
    def keys(self) -> tuple[KeySql, ...]:
        """The table's keys."""
        return (self.partition,) if self.sort is None else (self.partition, self.sort)


def build_items(row: RowSql) -> tuple[ItemSql, ...]:
    """Compile every item of the row. Afterwards the names of expressions are those of the load, ``rename`` done."""
    load = row.contract.load
    enter_load(row)
    _find_deletes(row)
    ttl = ttl_part(row)
    if load.items is not None:
        return tuple(_build_item(row, number, item, ttl) for number, item in enumerate(load.items))
    assert load.partition_key is not None, "the contract's check asks for it"
    only = ItemModel(name="item", partition_key=load.partition_key, sort_key=load.sort_key)
    return (_build_item(row, 0, only, ttl),)


def enter_load(row: RowSql) -> None:
    """From here on names are those of attributes: rename the scope as the attributes are."""
    new = {name: attribute.name for name, attribute in row.attributes.items()}
    row.scope = {new.get(n, n): replace(c, name=new.get(n, n)) for n, c in row.scope.items()}
    row.reads = {new.get(n, n): reads for n, reads in row.reads.items()}
    row.sound = {new.get(n, n): sound for n, sound in row.sound.items()}
    by_name: dict[str, Attribute] = {}
    for attribute in row.attributes.values():
        if attribute.name in by_name:
            raise ContractError([f"transform.rename: two values would be loaded as {attribute.name!r}"])
        by_name[attribute.name] = attribute
    row.attributes = by_name


def _find_deletes(row: RowSql) -> None:
    """``delete_where``: adds ``deleted``. Its own failure is an error of the row."""
    text = row.contract.load.delete_where
    if text is None:
        row.judged.add([("deleted", "FALSE")])
        return
    expression = row.compile(text, "load.delete_where", "BOOLEAN")
    reads = row.fields_of(expression.reads)
    value, _, failed = row.guard(expression)
    sound = row.sound_when(expression.reads)
    row.judged.add([("deleted", f"kept AND {sound} AND coalesce({value}, FALSE)")])
    row.needed_by_delete = reads | row.needed_by_where
    row.faults.row(
        Check(verdicts.EXPRESSION_ERROR, None, "load.delete_where failed"), f"kept AND {failed}", reads
    )


def _build_item(row: RowSql, number: int, item: ItemModel, ttl: Part | None) -> ItemSql:
    path = "load" if row.contract.load.items is None else f"load.items.{item.name}"
    has, lacks, condition_reads = _condition(row, number, item, path)
    attributes = _own_attributes(row, item, path, has)
    partition = compile_key(item.partition_key, f"{path}.partition_key", attributes)
    sort = (
        compile_key(item.sort_key, f"{path}.sort_key", attributes, SORT_BYTES)
        if item.sort_key is not None
        else None
    )
    partition = _judge_key(row, f"k{number}", has, partition, due=True)
    sort = _judge_key(row, f"r{number}", has, sort, due=True) if sort is not None else None
    indexes = tuple(
        _index_keys(row, f"i{number}_{i}", has, index, attributes)
        for i, index in enumerate(row.contract.load.indexes)
    )
    keys = [partition] if sort is None else [partition, sort]
    others = [key for pair in indexes for key in pair if key is not None]
    parts = list_parts(row.contract, item, attributes, keys, others, ttl)
    key_parts = [Part(key.attribute.name, key.json, key.text, None) for key in keys]
    remove = request_sql(DELETE, key_parts)
    if row.contract.load.newest_by is not None:
        parts, value = compete(row, parts, attributes)
        remove = request_sql(PUT, [TOMBSTONE_PART, key_parts[0], value, *key_parts[1:]])
    plan = ItemPlan(
        name=item.name,
        when=has,
        partition=partition.text,
        sort=None if sort is None else sort.text,
        put=request_sql(PUT, parts),
        key=remove,
        size=size_sql(parts),
        **({"told": f"told{number}", "lacks": f"lacks{number}"} if row.tells_keys else {}),
    )
    reads = frozenset().union(*(key.reads for key in keys), condition_reads)
    return ItemSql(plan, partition, sort, indexes, reads, lacks)


def tell_keys(row: RowSql, items: Iterable[ItemSql]) -> None:
    """Add ``told<i>`` and ``lacks<i>`` of each item; the faults are columns already.

    A key is told where nothing is wrong with the fields that it is made of. That a rule is broken that speaks of them
    does not make it less certain.
    """
    for number, item in enumerate(items):
        reads = frozenset().union(*(key.reads for key in item.keys))
        faults = [
            f"coalesce(b{fault.check}, FALSE)"
            for fault in (*row.faults.cells, *row.faults.rows)
            if fault.reads <= reads and fault.code != verdicts.ROW_CONSTRAINT
        ]
        problems = [condition for key in item.keys for _, condition in key.problems]
        sound = [condition for key in item.keys for condition in (key.sound, f"{key.text} IS NOT NULL")]
        told = f"{all_of(sound)} AND NOT ({any_of(faults)}) AND NOT coalesce({any_of(problems)}, FALSE)"
        row.judged.add(
            [
                (f"told{number}", f"coalesce({told}, FALSE)"),
                (f"lacks{number}", f"coalesce({item.lacks}, FALSE)"),
            ]
        )


def _condition(row: RowSql, number: int, item: ItemModel, path: str) -> tuple[str, str, frozenset[str]]:
    """``when``: whether the row has this item, as a column, and when it certainly has not."""
    if item.when is None:
        return "TRUE", "FALSE", frozenset()
    expression = row.compile(item.when, f"{path}.when", "BOOLEAN")
    reads = row.fields_of(expression.reads)
    value, computed, failed = row.guard(expression)
    row.judged.add([(f"h{number}", f"{computed} AND coalesce({value}, FALSE)")])
    row.faults.row(Check(verdicts.EXPRESSION_ERROR, None, f"{path}.when failed"), f"kept AND {failed}", reads)
    return f"h{number}", f"{computed} AND NOT h{number}", reads


def _own_attributes(row: RowSql, item: ItemModel, path: str, has: str) -> dict[str, Attribute]:
    """The row's attributes and those that the item sets for itself."""
    attributes = dict(row.attributes)
    outer = (dict(row.scope), dict(row.reads), dict(row.sound))
    for name, text in item.set.items():
        expression = row.compile(text, f"{path}.set.{name}")
        reads = row.fields_of(expression.reads)
        value, computed, failed = row.guard(expression)
        row.faults.row(
            Check(verdicts.EXPRESSION_ERROR, name, f"{path}.set.{name} failed"),
            f"kept AND {has} AND {failed}",
            reads,
        )
        sound = f"{has} AND {computed}"
        attributes[name] = derive_attribute(row, name, value, expression.sql_type, reads, sound)
    row.scope, row.reads, row.sound = outer
    return attributes


def _judge_key(row: RowSql, column: str, has: str, key: KeySql, *, due: bool) -> KeySql:
    """Add a key's text as a column and its faults; give the key over that column.

    A key that is due must be there. An index's may be absent: DynamoDB leaves the item out of the index (sparse).
    """
    certain = key.absent == "FALSE"
    row.judged.add([(column, key.text if certain else f"CASE WHEN NOT ({key.absent}) THEN {key.text} END")])
    applies = f"kept AND {has} AND {key.sound}"
    if due and not certain:
        message = f"the key {key.attribute.name} is absent"
        row.faults.row(
            Check(verdicts.KEY_ERROR, key.attribute.name, message), f"{applies} AND ({key.absent})", key.reads
        )
    for message, condition in key.problems:
        row.faults.row(
            Check(verdicts.KEY_ERROR, key.attribute.name, message), f"{applies} AND ({condition})", key.reads
        )
    as_json = text_json(column) if key.generated else key.json
    return replace(key, text=column, json=as_json, absent="FALSE" if certain else f"{column} IS NULL")


def _index_keys(
    row: RowSql, column: str, has: str, index: IndexModel, attributes: dict[str, Attribute]
) -> tuple[KeySql, KeySql | None]:
    path = f"load.indexes.{index.name}"
    first = compile_key(index.partition_key, f"{path}.partition_key", attributes)
    first = _judge_key(row, f"{column}p", has, first, due=False)
    if index.sort_key is None:
        return first, None
    second = compile_key(index.sort_key, f"{path}.sort_key", attributes, SORT_BYTES)
    return first, _judge_key(row, f"{column}s", has, second, due=False)
