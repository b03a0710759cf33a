"""The two engines agree: queries of everything that the compiler has, drawn at random, give the same file from both.

This is a fixed slice of what ``make agree`` goes on with, a new seed each case.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from compare_calls import compare_calls
from compare_expressions import Seen, compare_expressions
from compare_runs import compare_run
from compare_selects import compare_select
from draw_ways import WAYS
from run_both import Engines

from penstock.compile.query.aggregates import AGGREGATES
from penstock.compile.query.calls import SHARED
from penstock.compile.query.syntax import HANDLERS
from penstock.compile.query.windows import FUNCTIONS

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
