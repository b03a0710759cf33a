"""Wide contracts: which fields are judged together, and of which kinds the others are.

A statement over thousands of columns takes DuckDB longer to plan than to run, and memory for 2,048 rows of each column of
each layer. But of most fields of a wide file nothing is asked but their own cells, and of many the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from penstock.compile.items import ItemSql
from penstock.compile.layers import Fault, Layers, list_faults
from penstock.compile.rows import NotPlainError, RowSql, renamed
from penstock.compile.sql import joined, literal
from penstock.compile.steps import read_cells, read_values
from penstock.contract.model import Contract, FieldModel, NamedValue
from penstock.errors import ContractError
from penstock.plan.model import CellKind, Check, Codec

MOST_TOGETHER = 50
"""Fields that are judged together, all of them, in one statement: with more, it takes longer to plan than to run."""

MOST_CORE = 300
"""Fields that keys and expressions may read where there are more than these: past some 80, they take more than 300 MB."""


@dataclass(frozen=True, slots=True)
class KindSql:
    """What a field's cells are asked, whatever the field is called: fields with equal ones are of one kind."""

    cells: str
    judged: str
    plain: str | None
    codec: Codec | None
    attribute: str
    errors: int
    items: tuple[int, ...]


def find_core(row: RowSql, items: Sequence[ItemSql]) -> frozenset[str]:
    """Give the fields that keys or expressions read, or whose attribute is not just their own cell, of a compiled row.

    Raises :class:`~penstock.errors.ContractError` where they are too many.
    """
    contract = row.contract
    names = [f.name for f in contract.schema_.fields]
    core = set(row.read_by_expressions)
    for name, reads in row.read_by_prepare.items():
        if not reads <= {name}:
            core |= {name, *reads}
    special = _special_names(contract, items)
    core |= {name for name in names if renamed(contract, name) in special}
    for item in items:
        core |= item.reads.union(*(key.reads for pair in item.indexes for key in pair if key is not None))
    found = frozenset(core & set(names)) or frozenset(names[:1])
    if len(found) > MOST_CORE:
        problem = (
            f"schema.fields: of {len(names)} fields, {len(found)} are read by keys and expressions, and {MOST_CORE} are the "
            f"most in a contract of more than {MOST_TOGETHER}: say what is asked of single cells by `constraints` and "
            "`missingValues`, which any number of fields can have"
        )
        raise ContractError([problem])
    return found


def _special_names(contract: Contract, items: Sequence[ItemSql]) -> set[str]:
    """Give the names of attributes that are not, or not everywhere, the cell of the field of that name."""
    load = contract.load
    names = {renamed(contract, name) for name in contract.transform.set}
    names.update(name for item in load.items or () for name in item.set)
    for item in items:
        keys = (item.partition, item.sort, *(key for pair in item.indexes for key in pair))
        names.update(key.attribute.name for key in keys if key is not None)
    if load.newest_by is not None:
        names.add(load.newest_by)
    if load.ttl is not None:
        names.add(load.ttl.name if isinstance(load.ttl, NamedValue) else load.ttl)
    return names


def keep_fields(contract: Contract, names: frozenset[str]) -> Contract:
    """Give the contract as if it had no other fields."""
    fields = tuple(f for f in contract.schema_.fields if f.name in names)
    prepare = {name: text for name, text in contract.transform.prepare.items() if name in names}
    return contract.model_copy(
        update={
            "schema_": contract.schema_.model_copy(update={"fields": fields}),
            "transform": contract.transform.model_copy(update={"prepare": prepare}),
        }
    )


@dataclass(frozen=True, slots=True)
class Ranks:
    """The checks of a whole row in the order in which a row's errors are listed, and which of them are whose.

    A compiler meets the checks of some fields in the same order whether or not there are others: ``core`` and ``of_field``
    give their indexes into ``checks`` in that order.
    """

    checks: tuple[Check, ...]
    core: tuple[int, ...]
    of_field: dict[str, tuple[int, ...]]


def rank_checks(row: RowSql, core: frozenset[str]) -> Ranks:
    """Rank the checks of a whole row."""
    listed = [*row.faults.cells, *row.faults.rows]
    ranks = {fault.check: rank for rank, fault in enumerate(listed)}
    of_core: list[int] = []
    of_field: dict[str, list[int]] = {f.name: [] for f in row.contract.schema_.fields if f.name not in core}
    for fault in sorted(listed, key=lambda fault: fault.check):
        _whose(fault, of_core, of_field).append(ranks[fault.check])
    return Ranks(
        checks=tuple(row.faults.checks[fault.check] for fault in listed),
        core=tuple(of_core),
        of_field={name: tuple(found) for name, found in of_field.items()},
    )


def _whose(fault: Fault, of_core: list[int], of_field: dict[str, list[int]]) -> list[int]:
    others = [name for name in fault.reads if name in of_field]
    assert not others or fault.reads == frozenset(others[:1]), (
        "what reads several fields reads none but the core's"
    )
    return of_field[others[0]] if others else of_core


def gather_kinds(contract: Contract, core: frozenset[str], ranks: Ranks) -> tuple[CellKind, ...]:
    """Compile the fields that are not of the core, and gather those of one kind."""
    gathered: dict[str, tuple[KindSql, list[int]]] = {}
    known: dict[tuple[str, object, tuple[int, ...]], KindSql] = {}
    for i, f in enumerate(contract.schema_.fields):
        if f.name in core:
            continue
        name = renamed(contract, f.name)
        alike = f.model_dump_json(exclude={"name", "title", "description", "sensitive"})
        key = (alike, contract.load.types.get(name), _items_with(contract, name))
        if f.name in contract.transform.prepare:
            kind = _compile_kind(contract, f, key[2])
        else:
            if key not in known:
                known[key] = _compile_kind(contract, f, key[2])
            kind = known[key]
        assert kind.errors == len(ranks.of_field[f.name]), f.name
        gathered.setdefault(repr(kind), (kind, []))[1].append(i)
    return tuple(_make_kind(contract, kind, fields, ranks) for kind, fields in gathered.values())


def _items_with(contract: Contract, name: str) -> tuple[int, ...]:
    """Tell which items have the attribute of a field that is not of the core."""
    if name in contract.transform.drop:
        return ()
    if contract.load.items is None:
        return (0,)
    return tuple(k for k, item in enumerate(contract.load.items) if item.keep is None or name in item.keep)


def _make_kind(contract: Contract, kind: KindSql, fields: Sequence[int], ranks: Ranks) -> CellKind:
    names = [contract.schema_.fields[i].name for i in fields]
    return CellKind(
        fields=tuple(fields),
        attributes=tuple(renamed(contract, name) for name in names),
        items=kind.items,
        cells=kind.cells,
        judged=kind.judged,
        plain=kind.plain,
        codec=kind.codec,
        attribute=kind.attribute,
        errors=kind.errors,
        checks=tuple(rank for name in names for rank in ranks.of_field[name]),
    )


def _compile_kind(contract: Contract, f: FieldModel, items: tuple[int, ...]) -> KindSql:
    """Compile a field as a row of its own."""
    alone = keep_fields(contract, frozenset([f.name]))
    row = RowSql(contract=alone, cells=Layers("SELECT * FROM raw"), judged=Layers("SELECT * FROM decided"))
    read_cells(row)
    read_values(row)
    row.judged.add([("kept", "TRUE")])
    faults = row.faults
    row.judged.add((f"b{fault.check}", fault.condition) for fault in (*faults.cells, *faults.rows))
    row.judged.add([("cell_errors", list_faults(faults.cells)), ("row_errors", list_faults(faults.rows))])
    attribute = _attribute_sql(row, f) if items else "''"
    return KindSql(
        cells=row.cells.sql,
        judged=row.judged.select(["cell_errors row_errors", attribute]),
        plain=_compile_plain_cell(alone, attribute),
        codec=row.codecs[0] if row.codecs else None,
        attribute=attribute,
        errors=len(faults.checks),
        items=items,
    )


def _compile_plain_cell(alone: Contract, attribute: str) -> str | None:
    row = RowSql(contract=alone, cells=Layers("SELECT * FROM raw"), judged=Layers(""), plain=True)
    try:
        read_cells(row)
        read_values(row)
    except NotPlainError:
        return None
    row.judged.add([("kept", "TRUE")])
    row.judged.add([("plain", row.plain_sql())])
    return row.judged.select(["plain", attribute])


def _attribute_sql(row: RowSql, f: FieldModel) -> str:
    """Write the SQL of an attribute with its ``lead``: a comma, its name and a colon."""
    attribute = row.attributes[f.name]
    written = joined(["lead", *attribute.json])
    if attribute.present:
        return written
    null = row.contract.load.nulls == "write"
    gone = joined(["lead", literal('{"NULL":true}')]) if null else "''"
    return f"CASE WHEN {attribute.text} IS NULL THEN {gone} ELSE {written} END"
