"""Many expressions in one SELECT, computed by both engines: cell by cell the same, and failing on the same rows."""

from __future__ import annotations

import csv
import io
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import duckdb
from draw_expressions import Pool
from draw_pieces import Columns, Deck, Piece, RefusedDrawError
from draw_tables import ROWS, Table, draw_table
from draw_ways import WAYS
from run_both import Engines, Outcome, compile_query, write_contract
from sqlglot import exp

from penstock.compile.parse import DIALECT
from penstock.engine.database import open_database
from penstock.engine.sql import literal

MOST_FAILING = 3
"""Expressions of a batch that are held to fail in Spark as they fail in DuckDB; each takes a query of its own."""


@dataclass
class Seen:
    """What was compared so far: queries, expressions, cells, failures; and all that the engines do not agree on.

    ``unneeded`` are failures in DuckDB alone, of what Spark does not compute since the value does not depend on it. Of what a query
    does not need it is up to the engine whether it is computed (docs/sql.md).
    """

    queries: int = 0
    expressions: int = 0
    cells: int = 0
    failures: int = 0
    unneeded: int = 0
    records: int = 0
    rejects: int = 0
    items: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    drawn: set[str] = field(default_factory=set)
    disagreements: list[str] = field(default_factory=list)

    def note(self, text: str) -> None:
        """Note what the engines do not agree on."""
        self.disagreements.append(text)


def note_drawn(seen: Seen, sql: str) -> None:
    """Note the syntax and the calls of a query that was compared."""
    for node in DIALECT.parser().parse(DIALECT.tokenize(sql), sql)[0].walk():  # type: ignore[union-attr]
        seen.drawn.add(f"syntax {type(node).__name__}")
        if isinstance(node, exp.Anonymous):
            seen.drawn.add(f"function {node.name.lower()}")


def compare_expressions(engines: Engines, seed: int, seen: Seen, count: int = 60) -> None:
    """Draw a table and expressions over it, and compare."""
    random = Random(f"expressions {seed}")
    table = draw_table(random, "rows", ROWS, random.choice((8, 30, 30, 60)))
    columns = Columns(tuple(("r", found) for found in ROWS))
    deck = Deck(random, list(WAYS), seed * count)
    pool = Pool(random, columns, deck, random.choice((0.1, 0.4, 0.8)))
    path = table.write(engines.folder / f"rows{engines.number()}.parquet")
    sorted_out = _sort_out(engines.folder, path, table, pool, pool.draw(count))
    for piece, rows in random.sample(sorted_out.failing, min(MOST_FAILING, len(sorted_out.failing))):
        _compare_failure(engines, seen, table, piece, random.choice(rows))
    if sorted_out.bad:
        kept = tuple(row for row in range(len(table.rows)) if row not in sorted_out.bad)
        path = table.write(engines.folder / f"rows{engines.number()}.parquet", kept)
    _compare(engines, seen, table, path, sorted_out.good)


@dataclass
class _SortedOut:
    """Pieces that fail on none but the ``bad`` rows, and those that fail, with the rows on which they do."""

    good: list[Piece] = field(default_factory=list)
    bad: set[int] = field(default_factory=set)
    failing: list[tuple[Piece, list[int]]] = field(default_factory=list)

    def take(self, piece: Piece, rows: list[int], most: int) -> bool:
        """Take a piece that fails on these rows, if not too many are bad then."""
        if rows:
            self.failing.append((piece, rows))
        if len(self.bad | set(rows)) > most:
            return False
        self.good.append(piece)
        self.bad |= set(rows)
        return True


def _sort_out(folder: Path, path: Path, table: Table, pool: Pool, pieces: list[Piece]) -> _SortedOut:
    """Find the rows on which each piece fails; for one that fails on many, another is made that does not, if that is found."""
    found, most = _SortedOut(), len(table.rows) // 3
    pool.wild = 0
    with open_database(folder) as database:
        database.execute(f"CREATE TABLE rows AS FROM read_parquet({literal(str(path))})")
        for piece in pieces:
            chosen = piece
            for _ in range(20):
                if found.take(chosen, _failing_rows(database, chosen, len(table.rows)), most):
                    break
                with suppress(RefusedDrawError):
                    chosen = pool.make(piece.way)
    return found


def _failing_rows(database: duckdb.DuckDBPyConnection, piece: Piece, count: int) -> list[int]:
    if not _fails(database, piece, ""):
        return []
    return [row for row in range(count) if _fails(database, piece, f"WHERE id = {row}")]


def _fails(database: duckdb.DuckDBPyConnection, piece: Piece, where: str) -> bool:
    try:
        database.execute(f"SELECT {piece.term.duckdb} FROM (SELECT * FROM rows {where}) AS r").fetchall()
    except (duckdb.OutOfRangeException, duckdb.ConversionException, duckdb.InvalidInputException):
        return True
    return False


def _compare_failure(engines: Engines, seen: Seen, table: Table, piece: Piece, row: int) -> None:
    seen.failures += 1
    path = table.write(engines.folder / f"one{engines.number()}.parquet", (row,))
    try:
        with engines.interpreted(True):
            given = engines.fails_in_spark(piece.term.spark, path)
    except Exception as error:  # noqa: BLE001 -- whatever it is, it is what is looked for
        seen.note(f"Spark can't read: {piece.text}\n    {_reason(error)}")
        return
    if given is not None and _is_unneeded(table, piece, row):
        seen.unneeded += 1
    elif given is not None:
        seen.note(
            f"fails in DuckDB, and is {given} in Spark: {piece.text}\n    {_show(table, piece, row)}\n    {piece.term.duckdb}"
        )


def _is_unneeded(table: Table, piece: Piece, row: int) -> bool:
    """Tell whether what fails may be a part that the value does not need: beside a NULL, or behind AND or OR."""
    (node,) = DIALECT.parse_into(exp.Condition, piece.text)
    assert isinstance(node, exp.Expr)
    return "=None" in _show(table, piece, row) or node.find(exp.Connector, exp.Between) is not None


def _reason(error: Exception) -> str:
    """Say why, for what is neither a result nor a failure on rows."""
    return f"{error} {error.__cause__}"[:500]


def _show(table: Table, piece: Piece, row: int) -> str:
    named = {found.name: cell for found, cell in zip(table.fields, table.rows[row], strict=True)}
    return ", ".join(f"{name}={cell!r}" for name, cell in named.items() if f'"{name}"' in piece.text)


def _compare(engines: Engines, seen: Seen, table: Table, path: Path, pieces: list[Piece]) -> None:
    named = {piece.text: piece for piece in pieces}
    differing = compare_alike(engines, seen, table, path, "r.id", list(named), "FROM rows AS r")
    for text, mine, other, row in differing:
        seen.note(
            f"{mine!r} in DuckDB, {other!r} in Spark: {text}\n    {_show(table, named[text], int(row))}"
        )
    seen.drawn |= {piece.way for piece in pieces}


def compare_alike(
    engines: Engines, seen: Seen, table: Table, path: Path, key: str, texts: list[str], source: str
) -> list[tuple[str, str, str, str]]:
    """Compare expressions at once, or halves of them, until those are found that only one engine fails at; note these.

    ``key`` is the first column. Gives the cells that differ, the first of each column: its expression, DuckDB's and Spark's, and
    the key of its row.
    """
    listed = "".join(f", {text} AS e{i}" for i, text in enumerate(texts))
    sql = f"SELECT {key} AS id{listed} {source}"
    query = compile_query(engines.folder, write_contract(sql, [table], "id")).query
    assert query is not None
    assert query.spark is not None, query.refused
    first = engines.run_duckdb(query, {"rows": path})
    try:
        with engines.interpreted(engines.number() % 2 == 0):
            second = engines.run_spark(query, {"rows": path})
    except Exception as error:  # noqa: BLE001 -- whatever it is, it is what is looked for
        second = Outcome(None, f"Spark can't read it: {_reason(error)}")
    if first.failed != second.failed and len(texts) > 1:
        half = len(texts) // 2
        halves = texts[:half], texts[half:]
        return [
            found for some in halves for found in compare_alike(engines, seen, table, path, key, some, source)
        ]
    if first.failed or second.failed:
        seen.note(
            f"DuckDB: {first.failure or 'has a result'}; Spark: {second.failure or 'has a result'}: {sql}"
        )
        return []
    if first != second:
        return _find_cells(texts, first, second)
    seen.queries += 1
    seen.expressions += len(texts)
    seen.cells += len(texts) * (first.csv or b"").count(b"\n")
    note_drawn(seen, sql)
    return []


def _find_cells(texts: list[str], first: Outcome, second: Outcome) -> list[tuple[str, str, str, str]]:
    found: dict[str, tuple[str, str, str, str]] = {}
    for mine, other in zip(_read(first)[1:], _read(second)[1:], strict=True):
        for text, a, b in zip(texts, mine[1:], other[1:], strict=True):
            if a != b:
                found.setdefault(text, (text, a, b, mine[0]))
    assert found, "the files differ, and no cell does"
    return list(found.values())


def _read(outcome: Outcome) -> list[list[str]]:
    return list(csv.reader(io.StringIO((outcome.csv or b"").decode(), newline="")))
