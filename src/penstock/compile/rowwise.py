"""From contract to plan, row by row: the visible order of the steps, and the whole put together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from penstock.compile.items import ItemSql, build_items, tell_keys
from penstock.compile.layers import Fault, Layers, all_of, list_faults
from penstock.compile.rows import NotPlainError, RowSql
from penstock.compile.steps import (
    check_rules,
    derive_values,
    filter_rows,
    is_never_blank,
    read_cells,
    read_values,
    refuse_unfit,
)
from penstock.compile.table import design_table, read_dialect, read_manifest, read_quality
from penstock.compile.wide import MOST_TOGETHER, find_core, gather_kinds, keep_fields, rank_checks
from penstock.contract.check import effective_on_duplicate
from penstock.contract.model import Contract
from penstock.errors import ContractError
from penstock.plan.codec import PLAN_VERSION
from penstock.plan.model import Field, ItemPlan, Plain, Plan, Statements, Table, Wide

_RAW = "SELECT raw.*, object.source_key, object.source_last_modified FROM raw CROSS JOIN object"
"""What cells are read from. The object's own facts ride along; what no step uses is never computed."""

STEPS = (read_cells, read_values, filter_rows, derive_values, check_rules)
"""What happens to a row, in order; then its items are built."""


MOST_FIELDS = 5_000
"""As many columns as a file can have (:data:`~penstock.engine.bind.MOST_COLUMNS`)."""


BuildItems = Callable[[RowSql], tuple[ItemSql, ...]]
"""What makes a judged row's items."""


def compile_rowwise(
    contract: Contract, *, together: int = MOST_TOGETHER, build: BuildItems = build_items
) -> Plan:
    """Compile a contract without a query into the plan that every engine executes; ``build`` makes the items.

    Of a contract of more than ``together`` fields, only those are judged in one statement that keys and expressions read.
    Raises :class:`~penstock.errors.ContractError` for what only typing an expression or a key can show, with the
    problems of all expressions at once.
    """
    _refuse_too_wide(contract)
    row, items, table = _compile_row(contract, build=build)
    plan = _assemble(contract, row, items, table)
    if len(contract.schema_.fields) <= together:
        return replace(plan, plain=_compile_plain(contract, build))
    return _widen(plan, contract, row, items)


def _compile_row(
    contract: Contract, numbers: Iterable[int] | None = None, build: BuildItems = build_items
) -> tuple[RowSql, tuple[ItemSql, ...], Table]:
    """Compile a whole row. ``numbers`` are those of its checks, from 0 on unless given."""
    row = start_row(contract)
    if numbers is not None:
        row.faults.numbers = iter(numbers)
    try:
        items = _build_row(row, build)
        _conclude(row, items)
        table = design_table(contract.load, items)
    except ContractError as error:
        raise ContractError([*row.problems, *error.problems]) from error
    if row.problems:
        raise ContractError(row.problems)
    return row, items, table


def start_row(contract: Contract) -> RowSql:
    """Begin a row that has not gone through any step."""
    return RowSql(contract=contract, cells=Layers(_RAW), judged=Layers("SELECT * FROM decided"))


def _assemble(contract: Contract, row: RowSql, items: tuple[ItemSql, ...], table: Table) -> Plan:
    return Plan(
        version=PLAN_VERSION,
        name=contract.name,
        prefix=contract.source.prefix,
        suffix=contract.source.suffix,
        dialect=read_dialect(contract.source.dialect),
        fields=tuple(
            Field(f.name, f.type, required=f.constraints.required, sensitive=f.sensitive)
            for f in contract.schema_.fields
        ),
        fields_match=contract.schema_.fields_match,
        codecs=tuple(row.codecs),
        statements=_statements(row, items),
        plain=None,
        checks=tuple(row.faults.checks),
        items=tuple(item.plan for item in items),
        table=table,
        on_duplicate=effective_on_duplicate(contract),
        quality=read_quality(contract.quality),
        max_write_units=contract.load.max_write_units_per_second,
        manifest=read_manifest(contract.load),
        keep_sensitive=contract.rejects.sensitive == "keep",
        engine=contract.engine,
    )


def _statements(row: RowSql, items: Iterable[ItemSql]) -> Statements:
    judged = row.judged.select(["errors filtered kept deleted", *_spoken_of(item.plan for item in items)])
    return Statements(row.cells.sql, judged, uses_line="source.line" in row.names_used)


def _widen(plan: Plan, contract: Contract, row: RowSql, items: tuple[ItemSql, ...]) -> Plan:
    """Leave in the plan's statements only the core's fields, and give the others as kinds of cells."""
    core = find_core(row, items)
    ranks = rank_checks(row, core)
    row, items, _ = _compile_row(keep_fields(contract, core), ranks.core)
    assert len(row.faults.checks) == len(ranks.core)
    fields = contract.schema_.fields
    return replace(
        plan,
        codecs=tuple(row.codecs),
        statements=_statements(row, items),
        checks=ranks.checks,
        items=tuple(item.plan for item in items),
        wide=Wide(
            core=tuple(i for i, f in enumerate(fields) if f.name in core),
            kinds=gather_kinds(contract, core, ranks),
        ),
    )


def _build_row(row: RowSql, build: BuildItems) -> tuple[ItemSql, ...]:
    for step in STEPS:
        step(row)
    items = build(row)
    refuse_unfit(row, row.read_by_expressions - row.needed_by_where, cells=False)
    return items


def _compile_plain(contract: Contract, build: BuildItems) -> Plain | None:
    """Compile the short way, for the rows that are as most rows are, from a contract that has no problems."""
    row = RowSql(contract=contract, cells=Layers(_RAW), judged=Layers(""), plain=True)
    try:
        items = _build_row(row, build)
    except NotPlainError:
        return None
    has_items = " OR ".join(item.plan.when for item in items)
    read = row.needed_by_where.union(*(item.reads for item in items))
    keyed = [condition for name in sorted(read) for condition in row.plain_when[name]]
    row.judged.add(
        [
            ("plain", row.plain_sql(*([] if is_never_blank(contract) else ["NOT blank"]))),
            ("keyed", f"coalesce({all_of(keyed)}, FALSE)"),
            ("filtered", f"NOT (kept AND ({has_items}))"),
        ]
    )
    if row.names_used.isdisjoint(("source.key", "source.last_modified")):
        row.judged.base = "SELECT * FROM raw"
    plans = tuple(item.plan for item in items)
    keys = [text for plan in plans for text in (plan.when, plan.partition, plan.sort or "")]
    return Plain(
        judged=row.judged.select(["plain filtered deleted", *_spoken_of(plans)]),
        scanned=row.judged.select(["keyed kept", *keys]),
        items=plans,
    )


def _spoken_of(plans: Iterable[ItemPlan]) -> Iterator[str]:
    """Give the SQL of items, which tells the columns that it needs."""
    for plan in plans:
        yield from (plan.when, plan.partition, plan.sort or "", plan.put, plan.key, plan.size)
        yield from (plan.told, plan.lacks)


def _refuse_too_wide(contract: Contract) -> None:
    count = len(contract.schema_.fields)
    if count > MOST_FIELDS:
        raise ContractError(
            [
                f"schema.fields: {count} fields, and {MOST_FIELDS} are the most that a file's columns are: divide the file"
            ]
        )


def _conclude(row: RowSql, items: tuple[ItemSql, ...]) -> None:
    """Add ``errors`` and ``filtered``. A row that deletes needs only its key's and its own fields to be valid."""
    faults = [*row.faults.cells, *row.faults.rows]
    row.judged.add((f"b{fault.check}", fault.condition) for fault in faults)
    errors = list_faults(faults)
    if row.contract.load.delete_where is not None:
        needed = row.needed_by_delete.union(*(item.reads for item in items))
        errors = f"CASE WHEN deleted THEN {list_faults(_about(faults, needed))} ELSE {errors} END"
    has_items = " OR ".join(item.plan.when for item in items)
    if row.tells_keys:
        tell_keys(row, items)
    row.judged.add([("errors", errors)])
    row.judged.add([("filtered", f"errors IS NULL AND NOT (kept AND ({has_items}))")])


def _about(faults: list[Fault], fields: frozenset[str]) -> list[Fault]:
    return [fault for fault in faults if fault.reads <= fields]
