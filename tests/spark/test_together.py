"""A query over many files gives on Spark what it gives in one process: items, rejects with their files, counts, and what each file came to."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from penstock.load.files import FileSource, JsonlItemWriter, JsonlRejectWriter
from penstock.load.gathering import COUNTS, FilesTogether
from penstock.load.query import run_query
from penstock.load.report import Report
from penstock.plan.model import Plan
from penstock.spark.run import RESULTS, plan_run, run_file

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark

CONTRACT = """\
penstock: 1
name: sales
source: {prefix: incoming/sales/}
schema:
  fieldsMatch: subset
  fields: [{name: id, type: string}, {name: shop, type: string}, {name: amount, type: integer}]
transform:
  over: prefix
  set: {file: source.key}
  sql: SELECT shop, count(*) AS sales, sum(amount) AS amount, max(file) AS file FROM rows GROUP BY shop
load: {table: sales, partition_key: shop}
schedule: rate(1 hour)
"""


@pytest.fixture
def plan(make_plan: Callable[[str], Plan]) -> Plan:
    return make_plan(CONTRACT)


def write(folder: Path, last: str = "id,shop,amount\n") -> FilesTogether:
    many = "".join(f"i{n},s{n % 7},{'many' if n % 50 == 3 else n}\n" for n in range(400))
    (folder / "a.csv").write_text(f"id,shop,amount\n{many}")
    (folder / "b.csv.gz").write_bytes(
        gzip.compress(b"amount,note,shop,id\n5,x,s1,j1\nmany,x,s9,j2\n6,x,,j3\n")
    )
    (folder / "c.csv").write_text(last)
    return FilesTogether("incoming/sales/", tuple(FileSource(path) for path in sorted(folder.glob("*.csv*"))))


def run_here(plan: Plan, files: FilesTogether, results: Path, scratch: Path) -> Report:
    scratch.mkdir()
    with JsonlItemWriter(results) as items, JsonlRejectWriter(results) as rejects:
        report = run_query(plan, files.gathering, {}, items, rejects, scratch, counts=results / COUNTS)
    assert isinstance(report, Report)
    return report


def outcome(report: Report, results: Path, *, refused: bool = False) -> dict[str, Any]:
    told = asdict(report)
    for name in ("seconds", "chunks", "invocations", "engine", "engine_reason"):
        del told[name]
    if refused:  # how far the others were read, when one was refused, is the engine's own
        return {name: told[name] for name in ("status", "code", "reason", "key")}
    return {"report": told, **{name: (results / name).read_text() for name in (*RESULTS, COUNTS)}}


def run_both(session: SparkSession, plan: Plan, files: FilesTogether, folder: Path) -> tuple[Report, Report]:
    one = run_here(plan, files, folder / "one", folder / "scratch")
    run = plan_run(plan, files, folder / "run", 2, chunk_bytes=1_000)
    return one, run_file(session, replace(run, batch_bytes=500), folder / "many")


def test_files_are_cut_and_read_side_by_side_with_the_results_of_one_process(
    session: SparkSession, plan: Plan, tmp_path: Path
) -> None:
    one, many = run_both(session, plan, write(tmp_path), tmp_path)
    assert (many.status, many.key, many.counts.rejected) == ("done", "incoming/sales/", 9)
    assert outcome(many, tmp_path / "many") == outcome(one, tmp_path / "one")
    assert len(list((tmp_path / "run" / "rows").glob("*.json"))) > 3


def test_a_file_that_can_not_be_read_refuses_all_and_is_named(
    session: SparkSession, plan: Plan, tmp_path: Path
) -> None:
    one, many = run_both(session, plan, write(tmp_path, "id,shop\n"), tmp_path)
    assert many.status == "rejected"
    assert outcome(many, tmp_path, refused=True) == outcome(one, tmp_path, refused=True)
