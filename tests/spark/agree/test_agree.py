"""The two engines agree: queries of everything that the compiler has, drawn at random, give the same file from both.

This is a fixed slice of what ``make agree`` goes on with, a new seed each case.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest
from compare_calls import compare_calls
from compare_expressions import Seen, compare_alike, compare_expressions
from compare_runs import compare_run
from compare_selects import compare_select
from draw_tables import Field, Table
from draw_ways import WAYS
from run_both import Engines, Outcome

from penstock.compile.query.aggregates import AGGREGATES
from penstock.compile.query.calls import SHARED
from penstock.compile.query.syntax import HANDLERS
from penstock.compile.query.windows import FUNCTIONS
from penstock.plan.model import Query

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark


@pytest.fixture(scope="module")
def engines(session: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engines]:
    name = "spark.sql.shuffle.partitions"
    before = str(session.conf.get(name))
    session.conf.set(name, "1")
    yield Engines(session, tmp_path_factory.mktemp("engines"))
    session.conf.set(name, before)


def test_all_functions_and_all_syntax_of_expressions_give_the_same_from_both_engines(
    engines: Engines,
) -> None:
    seen = Seen()
    for seed in range(3):
        compare_expressions(engines, seed, seen)
    assert seen.disagreements == []
    assert set(WAYS) - seen.drawn == set()
    tables = {f"syntax {node.__name__}" for node in HANDLERS} | {f"function {name}" for name in SHARED}
    assert tables - seen.drawn == set()


def test_all_aggregates_and_window_functions_give_the_same_from_both_engines(engines: Engines) -> None:
    seen = Seen()
    compare_calls(engines, 0, seen)
    assert seen.disagreements == []
    assert {f"function {name}" for name in (*AGGREGATES, *FUNCTIONS)} - seen.drawn == set()


@pytest.mark.parametrize("seed", range(4))
def test_a_whole_query_gives_the_same_file_from_both_engines(engines: Engines, seed: int) -> None:
    seen = Seen()
    compare_select(engines, seed, seen)
    assert seen.disagreements == []


def test_a_whole_run_gives_the_same_items_rejects_and_counts_from_both_engines(engines: Engines) -> None:
    seen = Seen()
    compare_run(engines, 1, seen)
    assert seen.disagreements == []


class Changed(Engines):
    """Engines of which the second is the first with another query, or fails at what has ``fails`` in it."""

    fails = "\0"

    def run_spark(self, query: Query, files: Mapping[str, Path]) -> Outcome:
        if self.fails in query.duckdb:
            return Outcome(None, "too large")
        return self.run_duckdb(replace(query, duckdb=query.duckdb.replace(" + ", " - ")), files)

    @contextmanager
    def interpreted(self, asked: bool) -> Iterator[None]:
        yield


def compare_changed(folder: Path, fails: str = "\0") -> tuple[Seen, list[tuple[str, str, str, str]]]:
    engines, seen = Changed(cast("SparkSession", None), folder), Seen()
    engines.fails = fails
    fields = (Field("id", "integer", "DECIMAL(38,0)"), Field("n", "number", "DECIMAL(9,2)"))
    table = Table("rows", fields, (("1", "0"), ("2", None), ("3", "0.01")))
    path = table.write(folder / "rows.parquet")
    texts = ["r.n * 2", "r.n + 2.5", "abs(r.n)", "r.n IS NULL"]
    return seen, compare_alike(engines, seen, table, path, "r.id", texts, "FROM rows AS r")


def test_an_expression_that_one_engine_computes_otherwise_is_named_with_its_values_and_row(
    tmp_path: Path,
) -> None:
    seen, differing = compare_changed(tmp_path)
    assert differing == [("r.n + 2.5", "2.5", "-2.5", "1")]
    assert (seen.expressions, seen.disagreements) == (0, [])


def test_an_expression_at_which_one_engine_fails_is_found_among_others(tmp_path: Path) -> None:
    seen, _ = compare_changed(tmp_path, "abs(")
    assert seen.disagreements == [
        "DuckDB: has a result; Spark: too large: SELECT r.id AS id, abs(r.n) AS e0 FROM rows AS r"
    ]
    assert seen.expressions == 1  # IS NULL: the other half has one that differs
