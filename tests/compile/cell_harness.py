"""Whole columns of cells through compiled SQL, in the shape in which the engine runs it."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import duckdb

from penstock.compile.sql import joined
from penstock.compile.types import FieldSql, compile_field
from penstock.contract.model import AttributeType, FieldModel
from penstock.engine.codecs import CODECS
from penstock.engine.database import open_database


class Judged(NamedTuple):
    """What became of one cell. ``broken`` and ``unheld`` are the messages of constraints and of item checks."""

    cell: str | None
    valid: bool | None
    text: str | None
    value: Any
    fits: bool | None
    json: str | None
    broken: tuple[str, ...]
    unheld: tuple[str, ...]


def make_field(**descriptor: Any) -> FieldModel:
    return FieldModel.model_validate({"name": "cell", **descriptor})


def judge_cells(
    field: FieldModel,
    cells: Sequence[str | None],
    attribute_type: AttributeType | None = None,
    index: int = 0,
) -> list[Judged]:
    """Decide a column of cells as the engine does: codecs first, then verdicts, then what follows from them.

    What the field takes for a plain cell with nothing wrong must come to the same, with its text.
    """
    sql = compile_field(index, field, attribute_type)
    i = index
    database().execute(
        f"CREATE OR REPLACE TEMP TABLE cells AS SELECT unnest(range(?)) AS n, unnest(?::VARCHAR[]) AS p{i}",
        [len(cells), list(cells)],
    )
    key = _decide(sql)
    decided = f"SELECT cells.*, a.text AS d{i}, a.json AS j{i} FROM cells LEFT JOIN answers AS a ON a.cell = ({key})"
    valid = f"SELECT *, {sql.valid} AS ok FROM ({decided})"
    typed = f"SELECT *, CASE WHEN ok THEN {sql.text} END AS t{i} FROM ({valid})"
    checks = [f"coalesce({check.bad}, FALSE)" for check in (*sql.checks, *sql.item_checks)]
    columns = [
        f"p{i}",
        "ok",
        f"t{i}",
        sql.value or "NULL",
        sql.fits or "TRUE",
        f"nullif(CASE WHEN t{i} IS NOT NULL THEN {joined(sql.json)} END, '')",
        *checks,
    ]
    rows = database().execute(f"SELECT {', '.join(columns)} FROM ({typed}) ORDER BY n").fetchall()
    judged = [_judged(sql, row) for row in rows]
    _compare_plain(compile_field(index, field, attribute_type, plain=True), i, judged)
    return judged


def _compare_plain(sql: FieldSql, i: int, judged: Sequence[Judged]) -> None:
    if sql.plain is None:
        return
    checks = [f"coalesce({check.bad}, FALSE)" for check in sql.checks]
    typed = f"SELECT *, {sql.plain.text} AS t{i} FROM (SELECT * FROM cells WHERE {sql.plain.valid})"
    for n, text, *flags in (
        database().execute(f"SELECT n, t{i}, {', '.join([*checks, 'NULL'])} FROM ({typed})").fetchall()
    ):
        cell = judged[n]
        assert (cell.valid, cell.text) == (True, text), f"a plain cell comes to another end: {cell}"
        assert any(flags) or not cell.broken, f"a plain cell passes a constraint that it breaks: {cell}"


def judge_cell(field: FieldModel, cell: str | None, attribute_type: AttributeType | None = None) -> Judged:
    return judge_cells(field, [cell], attribute_type)[0]


def evaluate(expression: str) -> Any:
    """The value of an SQL expression of constants."""
    found = database().execute(f"SELECT {expression}").fetchone()
    assert found is not None
    return found[0]


@functools.cache
def database() -> duckdb.DuckDBPyConnection:
    return open_database(None)


def _decide(sql: FieldSql) -> str:
    database().execute("CREATE OR REPLACE TEMP TABLE answers (cell VARCHAR, text VARCHAR, json VARCHAR)")
    if sql.codec is None:
        return "NULL"
    cell = sql.codec.cell
    for (text,) in (
        database().execute(f"SELECT DISTINCT {cell} FROM cells WHERE {cell} IS NOT NULL").fetchall()
    ):
        answer = CODECS[sql.codec.kind](text, sql.codec.options)
        if answer is not None:
            database().execute("INSERT INTO answers VALUES (?, ?, ?)", [text, answer.text, answer.json])
    return cell


def _judged(sql: FieldSql, row: tuple[Any, ...]) -> Judged:
    cell, valid, text, value, fits, json, *flags = row
    broken = tuple(check.message for check, bad in zip(sql.checks, flags, strict=False) if bad)
    unheld = tuple(
        check.message for check, bad in zip(sql.item_checks, flags[len(sql.checks) :], strict=True) if bad
    )
    return Judged(cell, valid, text, value, fits, json, broken, unheld)
