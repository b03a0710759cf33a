"""Whole queries over tables, computed by both engines: the same file, byte for byte, or failing in both."""

from __future__ import annotations

from pathlib import Path
from random import Random

from compare_expressions import Seen, note_drawn
from draw_selects import Selects
from draw_tables import Table, draw_tables
from run_both import Engines, Outcome, compile_query, write_contract

from penstock.errors import ContractError
from penstock.plan.model import Query

FAILING = 0.1
"""Of the queries that fail in DuckDB, how many are tried in Spark: most say nothing else than that a text is no number."""


def compare_select(engines: Engines, seed: int, seen: Seen) -> None:
    """Draw tables and a query over them, and compare."""
    random = Random(f"selects {seed}")
    tables = draw_tables(random)
    files = {
        table.name: table.write(engines.folder / f"{table.name}{engines.number()}.parquet")
        for table in tables
    }
    selects = Selects.of(random, tables, seed)
    while True:
        sql = selects.query()
        query = _compile(engines.folder, sql, tables)
        if query is None:
            continue
        used = {name: files[name] for name in ("rows", *(found.name for found in query.references))}
        first = engines.run_duckdb(query, used)
        if not first.failed or random.random() < FAILING:
            break
    try:
        with engines.interpreted(random.random() < 0.5):
            second = engines.run_spark(query, used)
    except Exception as error:  # noqa: BLE001 -- whatever it is, it is what is looked for
        seen.note(f"Spark can't read it: {error} {str(error.__cause__)[:400]}\n    {sql}\n    {query.spark}")
        return
    if first.failed and second.failed:
        seen.failures += 1
    elif first.failed or second.failed:
        seen.note(
            f"DuckDB: {first.failure or 'has a result'}; Spark: {second.failure or 'has a result'}: {sql}"
        )
    elif first != second:
        seen.note(f"{_first_difference(first, second)}: {sql}")
    else:
        seen.queries += 1
        seen.cells += (first.csv or b"").count(b"\n") * len(query.result)
        note_drawn(seen, sql)


def _compile(folder: Path, sql: str, tables: tuple[Table, ...]) -> Query | None:
    """Compile it by the contract, with the references that it reads; None where the compiler has a reason against it."""
    rows, *references = tables
    read = [table for table in references if f" {table.name} " in sql]
    key = "id" if sql.startswith("SELECT *") else "c0"
    try:
        return compile_query(folder, write_contract(sql, [rows, *read], key)).query
    except ContractError as error:
        if any("partition_key" in problem or "does not read it" in problem for problem in error.problems):
            return None
        raise


def _first_difference(first: Outcome, second: Outcome) -> str:
    mine, other = ((outcome.csv or b"").split(b"\n") for outcome in (first, second))
    for a, b in zip(mine, other, strict=False):
        if a != b:
            return f"{a.decode()!r} in DuckDB, {b.decode()!r} in Spark"
    return f"{len(mine)} lines in DuckDB, {len(other)} in Spark"
