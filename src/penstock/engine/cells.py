"""The cells of one kind, judged by themselves: which row they are of matters only to what comes of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, NamedTuple

import duckdb

from penstock.engine import statements
from penstock.engine.bind import Binding
from penstock.engine.columns import KindColumns
from penstock.engine.raw import raw_sql
from penstock.engine.sql import literal
from penstock.engine.ways import Ways, check_count, fetch_rows
from penstock.plan.model import CellKind, Field, Plain, Plan, Statements

_CELL: Final = (Field("cell", "string"), Field("absent", "string"))


class RowCells(NamedTuple):
    """What some cells of a row come to: their attributes, and the numbers of the checks that they fail.

    ``row_errors`` count only in a row that ``where`` keeps.
    """

    row: int
    attributes: bytes
    cell_errors: list[int]
    row_errors: list[int]


def cell_plan(plan: Plan) -> Plan:
    """Give the plan of rows that are a cell each, to which each kind adds its statements."""
    return replace(
        plan,
        fields=_CELL,
        codecs=(),
        statements=Statements("", "", uses_line=False),
        plain=None,
        items=(),
        wide=None,
    )


def make_cell_tables(connection: duckdb.DuckDBPyConnection, plan: Plan, quote: str, path: Path) -> None:
    """Make the judge's tables on a connection that reads the cells of one kind after the other from ``path``.

    ``plan`` is that of :func:`cell_plan`. No cell is blank: that is said of rows.
    """
    path.touch()
    records = raw_sql(plan, Binding((1, 0)), quote, path)
    view = f"SELECT FALSE AS blank, CASE WHEN f1 = '' THEN f0 END AS f0 FROM ({records})"
    statements.make_tables(connection, plan, view)


@dataclass(slots=True)
class CellJudge:
    """A kind of cells bound to one file. ``plan`` is that of :func:`cell_plan`."""

    connection: duckdb.DuckDBPyConnection
    plan: Plan
    kind: CellKind
    columns: KindColumns
    path: Path
    _ways: Ways = field(init=False)
    _lead: str = field(init=False)

    def __post_init__(self) -> None:
        kind = self.kind
        plan = replace(
            self.plan,
            codecs=() if kind.codec is None else (kind.codec,),
            statements=Statements(kind.cells, kind.judged, uses_line=False),
            plain=None if kind.plain is None else Plain(kind.plain, kind.plain, ()),
        )
        self._ways = Ways(self.connection, plan, Binding((1, 0)), self.path, ready=True)
        leads = [
            f",{json.dumps(kind.attributes[place], ensure_ascii=False)}:" for place in self.columns.places
        ]
        self._lead = f"[{', '.join(map(literal, leads))}][n % {len(leads)} + 1]"

    def judge(self, text: bytes, rows: int) -> Iterator[RowCells]:
        """Judge the cells of some rows, one row's after the other's. A row may come twice."""
        self.path.write_bytes(text)
        count = rows * len(self.columns.places)
        others: list[int] | range = range(count)
        if self._ways.tries_short:
            counted, others = 0, []
            found = self._ways.execute(self._short)
            for row, cells, attributes, left in fetch_rows(found):
                counted += cells
                others += left or ()
                yield RowCells(row, attributes, [], [])
            check_count(counted, count, "cells")
            self._ways.note_others(len(others), count)
        if others:
            yield from self._judge_others(others, count)

    def _judge_others(self, others: list[int] | range, count: int) -> Iterator[RowCells]:
        counted = 0
        found = self._ways.go_long(self._long, others, count)
        for row, cells, attributes, cell_errors, row_errors in fetch_rows(found):
            counted += cells
            yield RowCells(row, attributes, self._name(cell_errors), self._name(row_errors))
        check_count(counted, len(others), "cells")

    def _name(self, errors: list[int] | None) -> list[int]:
        """Turn a place in the row, and an error there, into the number of a check of the plan."""
        a_cell, places, checks = self.kind.errors, self.columns.places, self.kind.checks
        return [checks[places[e // a_cell] * a_cell + e % a_cell] for e in errors or ()]

    def _short(self, plan: Plan) -> str:
        """Give of each row its plain cells' attributes, and which of its cells are not plain."""
        return (
            f"SELECT {self._row}, count(*), encode(coalesce(string_agg(CASE WHEN plain THEN {self.kind.attribute} END, ''), '')), "
            f"list(n) FILTER (NOT plain) FROM (SELECT *, {self._lead} AS lead FROM ({statements.short_way(plan)})) GROUP BY 1"
        )

    def _long(self, plan: Plan, answered: bool) -> str:
        """Give of each row with wanted cells their attributes and errors."""
        return (
            f"SELECT {self._row}, count(*), encode(string_agg({self.kind.attribute}, '')), {self._errors('cell_errors')}, "
            f"{self._errors('row_errors')} "
            f"FROM (SELECT *, {self._lead} AS lead FROM ({statements.long_way(plan, answered)})) GROUP BY 1"
        )

    @property
    def _row(self) -> str:
        return f"n // {len(self.columns.places)}"

    def _errors(self, column: str) -> str:
        place = f"n % {len(self.columns.places)} * {self.kind.errors}"
        return f"flatten(list(list_transform({column}, lambda e: {place} + e)) FILTER ({column} IS NOT NULL))"
