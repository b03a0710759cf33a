"""A file that Spark's executors load gives what one process gives, whatever happens to them."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from penstock.load.files import FileSource, JsonlItemWriter, JsonlRejectWriter
from penstock.load.report import Report
from penstock.load.run import run_object
from penstock.load.steps.local import LocalFolder
from penstock.load.steps.passes import Answer
from penstock.load.steps.states import read_loads
from penstock.load.steps.step import StepName, do_step
from penstock.plan.model import Plan
from penstock.spark.desk import DeskRun
from penstock.spark.distribute import spread, until_finished
from penstock.spark.run import RESULTS, plan_run, run_file

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark

CONTRACT = """\
penstock: 1
name: orders
source: {prefix: incoming/orders/}
schema:
  fields:
    - {name: id, type: string, constraints: {required: true}}
    - {name: n, type: integer}
    - {name: note, type: string}
transform:
  where: "n <> 13"
  set: {line: "source.line"}
load: {table: orders, partition_key: id, types: {n: N}}
"""


def make_file(rows: int) -> bytes:
    keys = rows - rows // 10
    records = (f'k{i % keys},{"x" if i % 17 == 0 else i % 40},"é\n""{i}"""' for i in range(rows))
    return "\r\n".join(["id,n,note", *records]).encode()


def run_here(plan: Plan, path: Path, results: Path, scratch: Path) -> Report:
    scratch.mkdir()
    with JsonlItemWriter(results) as items, JsonlRejectWriter(results) as rejects:
        report = run_object(plan, FileSource(path), items, rejects, scratch)
    assert isinstance(report, Report)
    return report


def read_results(folder: Path) -> dict[str, list[str]]:
    return {name: sorted((folder / name).read_text().splitlines()) for name in RESULTS}


def outcome(report: Report) -> dict[str, Any]:
    """What must not depend on who did the work."""
    found = asdict(report)
    for name in ("seconds", "chunks", "invocations", "engine"):
        del found[name]
    return found


@pytest.mark.parametrize("packed", [False, True])
def test_executors_give_the_items_the_rejects_and_the_counts_of_one_process(
    session: SparkSession, make_plan: Callable[[str], Plan], tmp_path: Path, packed: bool
) -> None:
    plan = make_plan(CONTRACT)
    path = tmp_path / ("orders.csv.gz" if packed else "orders.csv")
    path.write_bytes(gzip.compress(make_file(3_000)) if packed else make_file(3_000))
    one = run_here(plan, path, tmp_path / "one", tmp_path / "scratch")
    run = plan_run(plan, FileSource(path), tmp_path / "run", 2, chunk_bytes=12_000)
    many = run_file(session, run, tmp_path / "many")
    assert many.chunks > 3
    assert outcome(many) == outcome(one)
    assert many.counts.superseded > 0 < many.counts.rejected
    assert read_results(tmp_path / "many") == read_results(tmp_path / "one")
    rejects = (tmp_path / "many" / "rejects.jsonl").read_text()
    assert rejects == (tmp_path / "one" / "rejects.jsonl").read_text()


@pytest.fixture
def small(make_plan: Callable[[str], Plan], tmp_path: Path) -> DeskRun:
    """A run of a few chunks, judged some records at a time."""
    path = tmp_path / "orders.csv"
    path.write_bytes(make_file(1_000))
    run = plan_run(make_plan(CONTRACT), FileSource(path), tmp_path / "run", 2, chunk_bytes=8_000)
    return replace(run, batch_bytes=2_000)


def test_a_task_that_dies_is_tried_again_and_goes_on_where_it_kept_what_it_did(
    session: SparkSession, small: DeskRun, tmp_path: Path
) -> None:
    class EveryBatch:
        near = False

        def begin_leg(self) -> None: ...

        def ends_leg(self) -> bool:
            return True

        def comes(self) -> bool:
            return False

    def die_once(step: StepName, number: int | None) -> Answer:
        place = small.open_place()
        died = small.folder / "died"
        if step != "load" or number != 1 or died.exists():
            return do_step(place, step, number)

        def die(_what: str, about: Mapping[str, object]) -> None:
            if about["leg"] == 2:
                died.touch()
                os._exit(1)

        return do_step(replace(place, make_deadline=EveryBatch, tell=die), step, number)

    until_finished(small, "cut", None)
    chunks = len(small.open_place().read_cut().chunks)
    spread(session.sparkContext, small, "survey", chunks)
    spread(session.sparkContext, small, "decide", small.partitions)
    until_finished(small, "decide", None)
    spread(session.sparkContext, die_once, "load", chunks)
    report = run_file(session, small, tmp_path / "many")  # everything is done: it only adds up
    one = run_here(small.plan, Path(small.source.key), tmp_path / "one", tmp_path / "scratch")
    assert outcome(report) == outcome(one)
    assert read_results(tmp_path / "many") == read_results(tmp_path / "one")
    state = read_loads(LocalFolder(small.folder), chunks)[1]
    assert len({part.split("-")[1] for part in state.parts}) == 2, "two workers"
    assert (state.invocations, report.invocations) == (2, 2)


def test_a_task_that_is_done_twice_at_once_counts_once(
    session: SparkSession, small: DeskRun, tmp_path: Path
) -> None:
    until_finished(small, "cut", None)
    chunks = len(small.open_place().read_cut().chunks)
    spread(session.sparkContext, small, "survey", chunks)
    spread(session.sparkContext, small, "decide", small.partitions)
    until_finished(small, "decide", None)
    twice = session.sparkContext.parallelize([*range(chunks), *range(chunks)], 2 * chunks)
    run = small

    def load(number: int) -> None:
        until_finished(run, "load", number)

    twice.foreach(load)
    report = run_file(session, small, tmp_path / "many")
    one = run_here(small.plan, Path(small.source.key), tmp_path / "one", tmp_path / "scratch")
    assert outcome(report) == outcome(one)
    assert read_results(tmp_path / "many") == read_results(tmp_path / "one")


def test_what_a_task_fails_at_is_told_in_the_words_of_its_step(
    session: SparkSession, small: DeskRun, tmp_path: Path
) -> None:
    until_finished(small, "cut", None)
    with Path(small.source.key).open("ab") as file:
        file.write(b"more")
    report = run_file(session, small, tmp_path / "many")
    assert report.status == "failed"
    assert "changed while it was read" in str(report.reason)
    assert "Traceback" not in str(report.reason)


def test_a_header_that_is_wrong_refuses_the_file(
    session: SparkSession, small: DeskRun, tmp_path: Path
) -> None:
    path = tmp_path / "wrong.csv"
    path.write_text("id,other\n1,2\n")
    report = run_file(session, replace(small, source=FileSource(path)), tmp_path / "many")
    assert (report.status, report.code, report.counts.read) == ("rejected", "incorrect-label", 0)
    assert all((tmp_path / "many" / name).read_text() == "" for name in RESULTS)


def test_those_who_write_at_once_share_the_budget(small: DeskRun) -> None:
    limited = replace(small, plan=replace(small.plan, max_write_units=100), workers=4)
    assert (limited.share, small.share) == (25.0, None)
