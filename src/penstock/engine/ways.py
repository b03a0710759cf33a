"""The two ways of rows through the database: which rows go which way, and what codecs answer."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import duckdb

from penstock.engine import statements
from penstock.engine.batch import Batch
from penstock.engine.bind import Binding
from penstock.engine.codecs import CODECS
from penstock.engine.entries import noted_columns
from penstock.engine.raw import raw_sql
from penstock.errors import ConservationError
from penstock.plan.model import Plan

FETCHED: Final = 2_000
"""Rows fetched at a time: a multiple of a batch's 25, and about what the database makes at a time."""
_MOSTLY: Final = 0.5
"""The share of rows that are not plain from which on the next batches go the long way at once."""
_BATCHES: Final = 8
"""How many they are. Then the short way is tried again."""


def fetch_rows(result: duckdb.DuckDBPyConnection) -> Iterator[tuple[Any, ...]]:
    """Give the rows of a result one by one, of which few are in memory at a time."""
    while rows := result.fetchmany(FETCHED):
        yield from rows


def check_count(count: int, due: int, what: str = "records") -> None:
    """Stop the run where not as much came back from the database as went there. Raises ConservationError."""
    if count != due:
        raise ConservationError(
            f"{due} {what} went to the database and {count} came back; the run stops rather than lose one. "
            "This is a defect of Penstock: please report it with the contract's dialect"
        )


@dataclass(slots=True)
class Ways:
    """A plan's statements on one connection, bound to one file. ``ready`` says that the judge's tables are there."""

    connection: duckdb.DuckDBPyConnection
    plan: Plan
    binding: Binding
    path: Path
    ready: bool = False
    _written: dict[str, str] = field(default_factory=dict)
    _detour: int = 0

    def read(self, batch: Batch, text: bytes | None = None) -> None:
        """Put the batch's text, or what is made of it, where the statements read it."""
        self.path.write_bytes(batch.text if text is None else text)
        if not self.ready:
            texts = raw_sql(self.plan, self.binding, batch.quote, self.path)
            statements.make_tables(self.connection, self.plan, texts, noted_columns(self.plan))
            self.ready = True
        if self.plan.statements.uses_line:
            lines = batch.lines()
            self.connection.execute("DELETE FROM breaks")
            self.connection.execute(
                "INSERT INTO breaks SELECT unnest(?::BIGINT[]), unnest(?::BIGINT[])",
                [[row for row, _ in lines], [line for _, line in lines]],
            )

    @property
    def tries_short(self) -> bool:
        """Whether the batch's rows are tried as plain ones first."""
        if self.plan.plain is None:
            return False
        if self._detour:
            self._detour -= 1
            return False
        return True

    def note_others(self, others: int, rows: int) -> None:
        """Note how many of a batch's rows were not plain: where most are not, trying is a waste."""
        if others > _MOSTLY * rows:
            self._detour = _BATCHES

    def execute(
        self, sql: Callable[..., str], *arguments: Any, parameter: int | None = None
    ) -> duckdb.DuckDBPyConnection:
        """Execute the statement that a function of :mod:`penstock.engine.statements` writes from the arguments.

        It is written once. It is not prepared: DuckDB plans a prepared statement that reads a table anew each time (or
        should: it has taken a table for empty that was not any more), and does not hand out its rows as they come.
        """
        name = "_".join([sql.__name__, *map(str, arguments)]).lower()
        if name not in self._written:
            self._written[name] = sql(self.plan, *arguments)
        return self.connection.execute(self._written[name], None if parameter is None else [parameter])

    def go_long(
        self, sql: Callable[[Plan, bool], str], rows: Collection[int], of: int
    ) -> duckdb.DuckDBPyConnection:
        """Execute a statement of the long way for some rows of a batch that has so many, with what codecs say of them."""
        self.connection.execute("DELETE FROM wanted")
        if len(rows) == of:
            self.connection.execute(f"INSERT INTO wanted SELECT range FROM range({of})")
        else:
            self.connection.execute("INSERT INTO wanted SELECT unnest(?::BIGINT[])", [list(rows)])
        return self.execute(sql, self._ask_codecs())

    def _ask_codecs(self) -> bool:
        """Have Python decide the cells that SQL can't: each distinct text once. Tells whether there were any."""
        if not self.plan.codecs:
            return False
        asked: dict[int, list[str]] = {}
        for number, text in self.execute(statements.questions).fetchall():
            asked.setdefault(number, []).append(text)
        self.connection.execute("DELETE FROM answers")
        for codec in self.plan.codecs:
            decide, texts = CODECS[codec.kind], asked.get(codec.field, ())
            found = [(text, a) for text in texts if (a := decide(text, codec.options)) is not None]
            if found:
                self.connection.execute(
                    "INSERT INTO answers SELECT ?, unnest(?::VARCHAR[]), unnest(?::VARCHAR[]), unnest(?::VARCHAR[])",
                    [
                        codec.field,
                        [text for text, _ in found],
                        [a.text for _, a in found],
                        [a.json for _, a in found],
                    ],
                )
        return bool(asked)
