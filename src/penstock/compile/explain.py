"""A contract's plan in words: what becomes of each field, the steps, the table, the checks, and the SQL."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import sqlglot

from penstock.compile.items import ItemSql, build_items
from penstock.compile.layers import Layers
from penstock.compile.plan import compile_contract
from penstock.compile.query.plan import type_query
from penstock.compile.query.words import explain_query
from penstock.compile.rows import RowSql, missing_texts, renamed
from penstock.compile.rowwise import STEPS
from penstock.contract.model import Contract, FieldModel, KeyModel, NamedValue
from penstock.plan.model import CellKind, Index, KeyAttribute, Plan, Query, Table

_DUPLICATES = {
    "last": "of several rows with one key, the last is loaded",
    "first": "of several rows with one key, the first is loaded",
    "reject": "of several rows with one key, the first is loaded and the others are rejected",
    "newest": "rows with one key compete by `newest_by`, with those of other files too: the greatest value stays",
}
_HEADER = {
    "exact": "the header has the fields, all of them and in this order",
    "equal": "the header has the fields, all of them in any order",
    "subset": "the header has all fields, and perhaps other columns, which are not loaded",
    "superset": "the header has no other columns, and perhaps not all fields",
    "partial": "the header has at least one field, and perhaps other columns, which are not loaded",
}


def explain_contract(contract: Contract) -> str:
    """Give the plan for a person to read. Raises :class:`~penstock.errors.ContractError` as compiling does."""
    plan = compile_contract(contract)
    sections = (
        _explain_rowwise(contract, plan)
        if plan.query is None
        else _explain_with_query(contract, plan, plan.query)
    )
    return "\n\n".join("\n".join([title, *(f"  {line}" for line in lines)]) for title, lines in sections)


Sections = list[tuple[str, list[str]]]


def _explain_rowwise(contract: Contract, plan: Plan) -> Sections:
    row, items = _compile_row(contract)
    return [
        ("Feed", explain_source(contract, plan)),
        ("Fields", explain_fields(contract, row)),
        ("What happens to a row, in order", explain_steps(contract)),
        *_explain_items_of(contract, plan, items, "a row", "the file"),
    ]


def _explain_with_query(contract: Contract, plan: Plan, query: Query) -> Sections:
    derived = type_query(contract).derived
    _, items = _compile_row(derived)
    return [
        ("Feed", explain_source(contract, query.rows)),
        ("Fields", explain_row_fields(contract, query)),
        ("What happens to a row, in order", explain_steps(contract)),
        ("What a row is checked for", explain_checks(query.rows)[:-1]),
        *explain_query(query),
        *_explain_items_of(derived, plan, items, "a row of the result", "the result's file"),
    ]


def _explain_items_of(
    contract: Contract, plan: Plan, items: tuple[ItemSql, ...], row: str, file: str
) -> Sections:
    """Say what becomes of a row once it is one: of the file, or of the query's result, as ``row`` and ``file`` call it."""
    return [
        ("Items", explain_items(contract, items[0].plan.name)),
        ("Table", explain_table(plan.table)),
        (f"What {row} is checked for", explain_checks(plan)),
        (f"SQL: from the cells of {file} to their text", pretty_sql(plan.statements.cells)),
        ("SQL: from the text to the verdict", pretty_sql(plan.statements.judged)),
        *((f"SQL: the item {item.name}", pretty_sql(f"SELECT {item.put}")) for item in plan.items),
        *(explain_kind(plan, kind) for kind in (plan.wide.kinds if plan.wide else ())),
    ]


def find_sensitive(contract: Contract) -> frozenset[str]:
    """Give the names of the attributes that hold something of a sensitive field; keys made of one are among them."""
    if contract.transform.sql is not None:
        return find_sensitive(type_query(contract).derived)
    sensitive = {field.name for field in contract.schema_.fields if field.sensitive}
    if not sensitive:
        return frozenset()
    row, items = _compile_row(contract)
    found = {name for name, attribute in row.attributes.items() if attribute.reads & sensitive}
    for item in items:
        keys = [item.partition, item.sort, *(key for pair in item.indexes for key in pair)]
        found |= {key.attribute.name for key in keys if key is not None and key.reads & sensitive}
    own = {
        name for item in contract.load.items or () for name in item.set
    }  # what it reads is not kept: take it for one
    return frozenset(found | own)


def explain_source(contract: Contract, plan: Plan) -> list[str]:
    """Say which objects the feed takes, and how they are read."""
    dialect = plan.dialect
    quoted = f"quoted by {dialect.quote_char}" if dialect.quote_char else "never quoted"
    quality = plan.quality
    lines = [
        f"{plan.name}: objects {plan.prefix}*{plan.suffix}",
        f"{dialect.encoding}, cells divided by {_show(dialect.delimiter)} and {quoted}",
        _HEADER[plan.fields_match]
        if dialect.header
        else "no header: the columns are the fields, in this order",
    ]
    if contract.quality.max_rejects is not None:
        unit = "" if isinstance(contract.quality.max_rejects, str) else " rows"
        lines.append(f"past {contract.quality.max_rejects}{unit} rejected, nothing of the file is loaded")
    if quality.refuse_quote_errors:
        lines.append("a quote that is never closed refuses the file")
    if any(field.sensitive for field in plan.fields):
        kept = "with" if plan.keep_sensitive else "without"
        lines.append(f"rejected records are kept {kept} the cells of sensitive fields")
    return lines


def explain_fields(contract: Contract, row: RowSql) -> list[str]:
    """Say of each column what its cells must be, and which attribute they become."""
    dropped = set(contract.transform.drop)
    table = [("column", "type", "attribute", "must be")]
    for field in contract.schema_.fields:
        attribute = row.attributes.get(renamed(contract, field.name))
        becomes = _becomes(attribute.name, attribute.type, dropped) if attribute is not None else "-"
        if field.name in contract.transform.set:
            becomes = "(replaced by set)"
        table.append((field.name, field.type, becomes, ", ".join(_demands(field))))
    for name in contract.transform.set:
        attribute = row.attributes[renamed(contract, name)]
        table.append(("", "(set)", _becomes(attribute.name, attribute.type, dropped), ""))
    return _columns(table)


def explain_row_fields(contract: Contract, query: Query) -> list[str]:
    """Say of each column what its cells must be, and whether the query reads it."""
    read = {column.name for column in query.columns}
    table = [("column", "type", "the query", "must be")]
    for field in contract.schema_.fields:
        name = renamed(contract, field.name)
        word = (
            "(replaced by set)"
            if field.name in contract.transform.set
            else "reads it"
            if name in read
            else "-"
        )
        table.append((field.name, field.type, word, ", ".join(_demands(field))))
    table += [
        ("", "(set)", f"{'reads it' if renamed(contract, name) in read else '-'}", name)
        for name in contract.transform.set
    ]
    return _columns(table)


_OVER: Final = {
    "object": "the query, over all rows",
    "prefix": "the query, over all rows of all files under the prefix, when the schedule comes",
    "new": "the query, over all rows of all files that are new since the last run, when the schedule comes",
}


def explain_steps(contract: Contract) -> list[str]:
    """Say the steps, with what the contract says in each; those in which it says nothing are left out."""
    transform = contract.transform
    missing = sorted({text for field in contract.schema_.fields for text in missing_texts(contract, field)})
    steps = [
        "decode, and compare the number of cells with the header",
        *(f"prepare: {name} = {text}" for name, text in transform.prepare.items()),
        f"missing values: {', '.join(_show(text) for text in missing) or 'none'}",
        "types and constraints of every cell",
        *([f"where: {transform.where}"] if transform.where else []),
        *(f"set: {name} = {text}" for name, text in transform.set.items()),
        *(f"rule {rule.name}: {rule.check}" for rule in contract.rules),
        *(f"rename: {old} to {new}" for old, new in transform.rename.items()),
        *(
            [f"drop: {', '.join(transform.drop)}", _OVER[transform.over]][not transform.drop :]
            if transform.sql is not None
            else _explain_load_steps(contract)
        ),
    ]
    return [f"{number:>2}. {step}" for number, step in enumerate(steps, 1)]


def _explain_load_steps(contract: Contract) -> list[str]:
    transform, load = contract.transform, contract.load
    return [
        *([f"delete the key where: {load.delete_where}"] if load.delete_where else []),
        "keys",
        *([f"drop: {', '.join(transform.drop)}"] if transform.drop else []),
        "size: an item has at most 400 KB",
    ]


def explain_items(contract: Contract, only: str) -> list[str]:
    """Say which items a row becomes, and how their keys are made."""
    load = contract.load
    if load.items is None:
        lines = [f"{only}: {_keys(load.partition_key, load.sort_key)}"]
    else:
        lines = [
            f"{item.name}{f', where {item.when}' if item.when else ''}: {_keys(item.partition_key, item.sort_key)}"
            for item in load.items
        ]
    lines += [
        f"in the index {index.name}: {_keys(index.partition_key, index.sort_key)}" for index in load.indexes
    ]
    if load.mode == "mirror" or load.skip_unchanged:
        lines.append("an item that the object's last version wrote just so is not written again")
    if load.mode == "mirror":
        unit = "" if isinstance(load.max_deletes, str) else " items"
        lines.append(
            f"what a newer version lacks is deleted; past {load.max_deletes}{unit} that asks first (penstock approve)"
        )
    return lines


def explain_table(table: Table) -> list[str]:
    """Say what the table is."""
    made = "it exists; the stack does not make it" if table.exists else "the stack makes it"
    capacity = (
        "on demand"
        if table.read_capacity is None and table.write_capacity is None
        else f"{table.read_capacity or 1} read and {table.write_capacity or 1} write units a second"
    )
    lines = [f"{table.name}: {_design(table.partition, table.sort)}; {made}; {capacity}"]
    lines += [
        f"index {index.name}: {_design(index.partition, index.sort)}; {_projection(index)}"
        for index in table.indexes
    ]
    if table.ttl is not None:
        lines.append(f"items are deleted after the time in {table.ttl}")
    if table.stream is not None:
        lines.append(f"stream: {table.stream}")
    return lines


def explain_checks(plan: Plan) -> list[str]:
    """Say everything that a row can be rejected for after the grammar, and what comes of a repeated key."""
    checks = dict.fromkeys(
        (check.code, check.field or "-", check.message)
        for check in plan.checks
        # A result's texts are prepared by Penstock's own step, which no contract has and no row fails.
        if plan.query is None or not check.message.startswith("transform.prepare.")
    )
    return [*_columns([("code", "field", "what it says"), *checks]), _DUPLICATES[plan.on_duplicate]]


def explain_kind(plan: Plan, kind: CellKind) -> tuple[str, list[str]]:
    """Show the SQL by which the cells of fields of one kind are judged, one at a time."""
    first = plan.fields[kind.fields[0]].name
    whose = f"the field {first}" if len(kind.fields) == 1 else f"{len(kind.fields)} fields like {first}"
    return f"SQL: cell by cell, {whose}", [*pretty_sql(kind.cells), "", *pretty_sql(kind.judged)]


def pretty_sql(sql: str) -> list[str]:
    """Lay SQL out in lines. It is for reading: the plan's own text is what runs."""
    return sqlglot.parse_one(sql, read="duckdb").sql("duckdb", pretty=True).splitlines()


def _compile_row(contract: Contract) -> tuple[RowSql, tuple[ItemSql, ...]]:
    row = RowSql(contract=contract, cells=Layers("raw"), judged=Layers("decided"))
    for step in STEPS:
        step(row)
    return row, build_items(row)


def _becomes(name: str, kind: str, dropped: set[str]) -> str:
    return f"({name} is dropped)" if name in dropped else f"{name} ({kind})"


def _demands(field: FieldModel) -> Iterator[str]:
    constraints = field.constraints
    if field.sensitive:
        yield "sensitive"
    if field.format != "default":
        yield f"format {field.format}"
    if constraints.required:
        yield "required"
    for word, value in (
        ("at least", constraints.minimum),
        ("more than", constraints.exclusive_minimum),
        ("at most", constraints.maximum),
        ("less than", constraints.exclusive_maximum),
        ("length at least", constraints.min_length),
        ("length at most", constraints.max_length),
        ("matching", constraints.pattern),
    ):
        if value is not None:
            yield f"{word} {value}"
    if constraints.enum is not None:
        yield f"one of {', '.join(str(value) for value in constraints.enum)}"


def _keys(partition: KeyModel | None, sort: KeyModel | None) -> str:
    texts = [
        f"{kind} key {key.name} = {key.value}" if isinstance(key, NamedValue) else f"{kind} key {key}"
        for kind, key in (("partition", partition), ("sort", sort))
        if key is not None
    ]
    return ", ".join(texts)


def _design(partition: KeyAttribute, sort: KeyAttribute | None) -> str:
    second = "" if sort is None else f", sort key {sort.name} ({sort.type})"
    return f"partition key {partition.name} ({partition.type}){second}"


def _projection(index: Index) -> str:
    if isinstance(index.projection, tuple):
        return f"holds the keys and {', '.join(index.projection)}"
    return "holds everything" if index.projection == "ALL" else "holds the keys"


def _columns(rows: Iterable[tuple[str, ...]]) -> list[str]:
    """Lay rows out in columns; the last is as long as it is."""
    lines = list(rows)
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]) - 1)]
    return [
        "  ".join(
            [*(cell.ljust(width) for cell, width in zip(line, widths, strict=False)), line[-1]]
        ).rstrip()
        for line in lines
    ]


def _show(text: str) -> str:
    return f'"{text}"' if text.isprintable() else repr(text)
