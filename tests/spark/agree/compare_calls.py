"""All aggregates and all window functions, each a few times in one SELECT, computed by both engines."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from random import Random

import duckdb
from compare_expressions import Seen, compare_alike
from draw_calls import Calls
from draw_expressions import Pool
from draw_pieces import KINDS, Columns, Deck, RefusedDrawError
from draw_tables import ROWS, draw_table
from draw_ways import WAYS
from run_both import Engines

from penstock.compile.query.aggregates import AGGREGATES
from penstock.compile.query.compile import compile_sql
from penstock.compile.query.scope import BaseColumn
from penstock.compile.query.windows import FUNCTIONS
from penstock.engine.database import open_database
from penstock.engine.sql import literal

WILD = 0.2
CATALOG = {"rows": tuple(BaseColumn(found.name, found.sql_type) for found in ROWS)}


def compare_calls(engines: Engines, seed: int, seen: Seen) -> None:
    """Draw a table, and calls of all functions over windows of it and over its groups, and compare."""
    random = Random(f"calls {seed}")
    table = draw_table(random, "rows", ROWS, random.choice((12, 40)))
    path = table.write(engines.folder / f"rows{engines.number()}.parquet")
    pool = Pool(random, Columns(tuple(("r", found) for found in ROWS)), Deck(random, list(WAYS), seed), WILD)
    calls = Calls.of(random, 0)
    with open_database(engines.folder) as database:
        database.execute(f"CREATE TABLE rows AS FROM read_parquet({literal(str(path))})")

        def draw(call: Callable[[Pool, str], str], name: str) -> str:
            while True:
                with suppress(RefusedDrawError):  # the next try has other pieces
                    text = call(pool, name)
                    if _works(database, text):
                        return text

        over = [draw(calls.over, name) for name in (*FUNCTIONS, *AGGREGATES) for _ in range(2)]
        groups = [draw(calls.fit, name) for name in AGGREGATES for _ in range(3)]
    _note(seen, compare_alike(engines, seen, table, path, "r.id", over, "FROM rows AS r"))
    key = _draw_key(random, pool)
    _note(seen, compare_alike(engines, seen, table, path, key, groups, f"FROM rows AS r GROUP BY {key}"))


def _works(database: duckdb.DuckDBPyConnection, text: str) -> bool:
    """Tell whether a call does not fail over the whole table; by itself it says little then."""
    try:
        database.execute(compile_sql(f"SELECT {text} AS x FROM rows AS r", CATALOG).duckdb).fetchall()
    except (duckdb.OutOfRangeException, duckdb.ConversionException, duckdb.InvalidInputException):
        return False
    return True


def _note(seen: Seen, differing: list[tuple[str, str, str, str]]) -> None:
    for text, mine, other, row in differing:
        seen.note(f"{mine!r} in DuckDB, {other!r} in Spark: {text}, at {row!r}")


def _draw_key(random: Random, pool: Pool) -> str:
    while True:
        piece = pool.pick(random.choice([kind for kind in KINDS if kind != "boolean"]))
        if piece.text.startswith("r."):
            return piece.text
