"""The statements of a judge: a plan's SQL put together for a file.

They read and fill, on the judge's connection:

- ``texts``, a view of the batch's text: ``blank`` and ``f<i>``; and ``records``, with ``n`` and, if the plan uses it,
  ``source_line``;
- ``breaks``, from which row on a row's line is its number plus what (:meth:`~penstock.engine.batch.Batch.lines`);
- ``wanted``, the rows that go the long way, and ``answers``, what codecs say of their cells;
- ``noted``, what a statement found of each row, for statements that count and copy; ``rejected`` is set where more than the
  statement was asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import duckdb

from penstock.engine.size import ITEM_BYTES
from penstock.plan.model import ItemPlan, Plan

_TABLES: Final = (
    "CREATE TEMP TABLE breaks (row BIGINT, line BIGINT)",
    "CREATE TEMP TABLE wanted (n BIGINT)",
    "CREATE TEMP TABLE answers (field INTEGER, cell VARCHAR, text VARCHAR, json VARCHAR)",
)
_RECORDS: Final = "SELECT row_number() OVER () - 1 AS n, * FROM texts"
_RECORDS_WITH_LINES: Final = (
    "SELECT numbered.*, (breaks.line + n - breaks.row)::HUGEINT AS source_line "
    f"FROM ({_RECORDS}) AS numbered ASOF JOIN breaks ON n >= breaks.row"
)
GOOD: Final = "NOT blank AND errors IS NULL AND NOT filtered"
"""The condition of rows of which something is loaded."""


def make_tables(connection: duckdb.DuckDBPyConnection, plan: Plan, texts: str, more: str = "") -> None:
    """Make a judge's tables. ``texts`` is the SELECT of that view; the file that it reads must be there.

    ``more`` are columns of what is noted of rows.
    """
    for table in _TABLES:
        connection.execute(table)
    keys = "".join(f", h{k} UBIGINT, k{k} UHUGEINT" for k in range(len(plan.items)))
    connection.execute(
        "CREATE TEMP TABLE noted (n BIGINT, blank BOOLEAN, plain BOOLEAN, errors INTEGER[], filtered BOOLEAN, "
        f"large BOOLEAN, rejected BOOLEAN{keys}{more})"
    )
    connection.execute(f"CREATE TEMP VIEW texts AS {texts}")
    connection.execute(
        f"CREATE TEMP VIEW records AS {_RECORDS_WITH_LINES if plan.statements.uses_line else _RECORDS}"
    )


def long_scan(plan: Plan, answered: bool) -> str:
    """Note a hash of each key of the good rows among those wanted."""
    return f"INSERT INTO noted (n, {list_columns('h', plan)}) SELECT n, {_hashes(plan.items, GOOD)} FROM ({long_way(plan, answered)})"


def short_scan(plan: Plan) -> str:
    """Note a hash of each key of the rows that may be good. ``plain`` says only whether their keys are."""
    assert plan.plain is not None
    return (
        f"INSERT INTO noted (n, plain, {list_columns('h', plan)}) "
        f"SELECT n, keyed, {_hashes(plan.plain.items, 'keyed AND kept')} FROM ({_short(plan.plain.scanned)})"
    )


def long_survey(plan: Plan, answered: bool) -> str:
    """Note the verdict on each row that is wanted, and a digest of each key that it has if it is good."""
    return (
        f"INSERT INTO noted (n, blank, errors, filtered, large, {list_columns('k', plan)}) SELECT n, blank, errors, filtered AND NOT blank, "
        f"{GOOD} AND ({large_sql(plan.items)}), {_digests(plan.items, GOOD)} FROM ({long_way(plan, answered)})"
    )


def short_survey(plan: Plan) -> str:
    """Note of each row whether it is plain, and of those that are what :func:`long_survey` does."""
    assert plan.plain is not None
    items = plan.plain.items
    return (
        f"INSERT INTO noted (n, plain, filtered, {list_columns('k', plan)}) SELECT n, plain AND NOT large, filtered, "
        f"{_digests(items, 'plain AND NOT large AND NOT filtered')} "
        f"FROM (SELECT *, coalesce(NOT filtered AND ({large_sql(items)}), TRUE) AS large FROM ({short_way(plan)}))"
    )


def copy_hashes(plan: Plan) -> str:
    """Copy the hashes that were noted to where those of the whole file are."""
    selects = (f"SELECT h{k} FROM noted WHERE h{k} IS NOT NULL" for k in range(len(plan.items)))
    return f"INSERT INTO hashes {' UNION ALL '.join(selects)}"


def copy_keys(plan: Plan) -> str:
    """Copy the keys that were noted to where those of the whole file are; ``$1`` is the file's row of the batch's first."""
    selects = (
        f"SELECT (k{k} >> 64)::UBIGINT, (k{k} & {2**64 - 1})::UBIGINT, n + $1, {k} FROM noted "
        f"WHERE k{k} IS NOT NULL AND rejected IS NOT TRUE"
        for k in range(len(plan.items))
    )
    return f"INSERT INTO keys {' UNION ALL '.join(selects)}"


def long_requests(plan: Plan, answered: bool) -> str:
    """Give the verdict on each row that is wanted, and its requests."""
    return (
        f"SELECT n, blank, errors, filtered, {_requests(plan.items, GOOD)} FROM ({long_way(plan, answered)})"
    )


def long_verdicts(plan: Plan, answered: bool) -> str:
    """Give what :func:`long_requests` does, and before the requests whether ``where`` keeps the row and whether it deletes."""
    return (
        f"SELECT n, blank, errors, filtered, kept, deleted, {_requests(plan.items, GOOD)} "
        f"FROM ({long_way(plan, answered)})"
    )


def short_requests(plan: Plan) -> str:
    """Give whether each row is filtered (NULL where it is not plain) and its requests, in the order of the rows.

    The order is that of the text: nothing in the statement changes it, and the database has one thread.
    """
    assert plan.plain is not None
    lined = plan.statements.uses_line
    way = short_way(plan) if lined else _short(plan.plain.judged, "texts")
    return (
        f"SELECT CASE WHEN plain THEN filtered END, {_requests(plan.plain.items, 'plain AND NOT filtered')} "
        f"FROM ({way}){' ORDER BY n' if lined else ''}"
    )


def questions(plan: Plan) -> str:
    """Give the texts of the wanted rows that codecs decide, each once."""
    asked = ", ".join(f"{{'field': {codec.field}, 'cell': {codec.cell}}}" for codec in plan.codecs)
    return (
        f"SELECT DISTINCT asked.field, asked.cell FROM (SELECT unnest([{asked}]) AS asked "
        f"FROM ({_cells(plan)}) WHERE NOT blank) WHERE asked.cell IS NOT NULL"
    )


def exact_puts(plan: Plan, answered: bool) -> str:
    """Give the requests of the rows that were noted as perhaps too large."""
    puts = _requests(plan.items, f"{GOOD} AND NOT deleted")
    return f"SELECT n, {puts} FROM ({long_way(plan, answered)}) SEMI JOIN (SELECT n FROM noted WHERE large) USING (n)"


def key_sql(item: ItemPlan) -> str:
    """Write the SQL of an item's whole key as one text: two keys have one text only where they are equal."""
    if item.sort is None:
        return item.partition
    return f"concat(strlen({item.partition}), ':', {item.partition}, {item.sort})"


def digest_sql(item: ItemPlan) -> str:
    """Write the SQL of the 128 bits by which a key is known."""
    return f"md5_number({key_sql(item)})"


def short_way(plan: Plan) -> str:
    """Write the short way, over all rows."""
    assert plan.plain is not None
    return _short(plan.plain.judged)


def _short(judged: str, records: str = "records") -> str:
    return f"WITH raw AS NOT MATERIALIZED (SELECT * FROM {records}) {judged}"


def _cells(plan: Plan) -> str:
    return (
        "WITH raw AS NOT MATERIALIZED (SELECT * FROM records SEMI JOIN wanted USING (n)) "
        f"{plan.statements.cells}"
    )


def long_way(plan: Plan, answered: bool) -> str:
    """Write the plan's own way, over the rows that are wanted."""
    columns, joins = ["cells.*"], []
    for codec in plan.codecs:
        i = codec.field
        columns += (
            [f"a{i}.text AS d{i}", f"a{i}.json AS j{i}"] if answered else [_absent(f"d{i}"), _absent(f"j{i}")]
        )
        if answered:
            joins.append(
                f"LEFT JOIN (SELECT cell, text, json FROM answers WHERE field = {i}) AS a{i} ON a{i}.cell = ({codec.cell})"
            )
    decided = f"SELECT {', '.join(columns)} FROM ({_cells(plan)}) AS cells {' '.join(joins)}"
    return f"WITH decided AS NOT MATERIALIZED ({decided}) {plan.statements.judged}"


def _absent(name: str) -> str:
    return f"NULL::VARCHAR AS {name}"


def list_columns(letter: str, plan: Plan) -> str:
    """List a column for each item."""
    return ", ".join(f"{letter}{k}" for k in range(len(plan.items)))


def each_sql(items: Sequence[ItemPlan], values: Iterable[str], condition: str) -> str:
    """Write one column an item, NULL where the row has it not or the condition does not hold."""
    return ", ".join(
        f"CASE WHEN {condition} AND ({item.when}) THEN {value} END"
        for item, value in zip(items, values, strict=True)
    )


def _hashes(items: Sequence[ItemPlan], condition: str) -> str:
    return each_sql(items, (f"hash({key_sql(item)})" for item in items), condition)


def _digests(items: Sequence[ItemPlan], condition: str) -> str:
    return each_sql(items, map(digest_sql, items), condition)


def _requests(items: Sequence[ItemPlan], condition: str) -> str:
    written = (f"encode(CASE WHEN deleted THEN {item.key} ELSE {item.put} END)" for item in items)
    return each_sql(items, written, condition)


def large_sql(items: Sequence[ItemPlan]) -> str:
    """Write the condition that an item of a row may be too large."""
    return " OR ".join(f"(({item.when}) AND NOT deleted AND {item.size} > {ITEM_BYTES})" for item in items)
