"""Where a query runs: what fits the function runs there, what does not goes to Glue or is refused before anything is begun."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest
from row_plans import compile_query

from penstock.errors import DataError
from penstock.load.choose import Extent, Room, choose_engine
from penstock.plan.model import Plan

MB = 1_000_000
USUAL = Room(memory_mb=1769, storage_mb=2048, seconds=270)
SMALL, LARGE = Extent(10 * MB), Extent(20_000 * MB)


def plan(folder: Path, engine: Literal["lambda", "glue", "auto"]) -> Plan:
    made = compile_query(folder, ["id"], "SELECT id FROM rows", load={"partition_key": "id"})
    return replace(made, engine=engine)


@pytest.mark.parametrize("engine", ["lambda", "auto"])
def test_what_fits_runs_in_the_function(tmp_path: Path, engine: Literal["lambda", "auto"]) -> None:
    choice = choose_engine(plan(tmp_path, engine), SMALL, [], USUAL)
    assert choice.engine == "lambda"
    assert "are within the function's 2,048 MB and 270 seconds" in choice.reason


def test_what_does_not_fit_goes_to_glue_and_the_reason_says_what_is_lacking(tmp_path: Path) -> None:
    choice = choose_engine(plan(tmp_path, "auto"), LARGE, [], USUAL)
    assert choice.engine == "glue"
    assert "MB of disk, and it has 2,048; " in choice.reason
    assert "seconds, and it has 270" in choice.reason


def test_a_contract_that_says_glue_is_not_asked_for_sizes(tmp_path: Path) -> None:
    assert choose_engine(plan(tmp_path, "glue"), SMALL, [], USUAL).engine == "glue"


def test_what_does_not_fit_a_function_that_must_run_it_is_refused_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"Nothing was begun\. Say `engine: auto`") as told:
        choose_engine(plan(tmp_path, "lambda"), LARGE, [], USUAL)
    assert told.value.code == "query-limit"


def test_what_spark_can_not_run_is_refused_with_the_reason_that_it_can_not(tmp_path: Path) -> None:
    auto = plan(tmp_path, "auto")
    assert auto.query is not None
    auto = replace(auto, query=replace(auto.query, spark=None, refused=("it has another order of texts",)))
    with pytest.raises(DataError, match=r"Spark can't run this query \(it has another order of texts\)"):
        choose_engine(auto, LARGE, [], USUAL)


@pytest.mark.parametrize(
    ("source", "references", "room"),
    [
        (Extent(400 * MB, "gzip"), [], USUAL),
        (Extent(10 * MB, objects=5_000), [], USUAL),
        (SMALL, [LARGE], USUAL),
        (SMALL, [Extent(5_000 * MB, "parquet")], USUAL),
        (SMALL, [], replace(USUAL, seconds=2)),
        (SMALL, [], replace(USUAL, storage_mb=64)),
        (SMALL, [], replace(USUAL, memory_mb=400)),
    ],
)
def test_each_of_what_a_query_takes_can_be_too_much(
    tmp_path: Path, source: Extent, references: list[Extent], room: Room
) -> None:
    assert choose_engine(plan(tmp_path, "auto"), source, references, room).engine == "glue"


def test_a_larger_function_takes_larger_objects(tmp_path: Path) -> None:
    auto, largest = plan(tmp_path, "auto"), Room(memory_mb=10_240, storage_mb=10_240, seconds=870)
    taken = [
        room
        for room in (USUAL, largest)
        if choose_engine(auto, Extent(1_000 * MB), [], room).engine == "lambda"
    ]
    assert taken == [largest]
