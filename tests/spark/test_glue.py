"""The job in Glue loads what was handed over as the function's own steps would, and leaves the end to them."""

from __future__ import annotations

import json
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from embedded_aws import LEDGER
from large_feed import LargeFeed, Order, make_large_feed

from penstock.aws.connect import Connections
from penstock.aws.ledger import LostClaimError
from penstock.errors import DataError, ServiceError, UsageError
from penstock.load.steps.passes import Answer
from penstock.load.steps.step import StepName
from penstock.local.processes import wait_until
from penstock.local.server import Server
from penstock.plan.codec import write_plan
from penstock.plan.model import Plan
from penstock.spark import glue
from penstock.spark.distribute import _Task, spark_explained
from penstock.spark.glue import JobRun, count_workers, keep_claim, read_order, run_job

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = [pytest.mark.spark, pytest.mark.aws]

KEY = "incoming/orders/sales.csv"
ROWS = """\
penstock: 1
name: orders
engine: glue
source: {prefix: incoming/orders/}
schema:
  fields:
    - {name: id, type: string, constraints: {required: true}}
    - {name: country, type: string}
    - {name: amount, type: integer}
load: {table: orders, partition_key: id}
"""
QUERY = ROWS.replace(
    "load:",
    """\
transform:
  sql: |
    SELECT r.country AS id, c.name, count(*) AS sales, sum(r.amount) AS amount
    FROM rows AS r LEFT JOIN countries AS c ON r.country = c.code GROUP BY r.country, c.name
references:
  countries: {key: reference/countries.csv, schema: {fields: [{name: code, type: string}, {name: name, type: string}]}}
load:""",
)
FILE = b"id,country,amount\n1,DE,5\n2,FR,7\n3,DE,6\n4,XX,\n5,DE,many\n3,DE,8\n"
SETTINGS = {
    "PENSTOCK_PROJECT": "shop",
    "PENSTOCK_FEED": "orders",
    "PENSTOCK_LEDGER": LEDGER,
    "PENSTOCK_PLAN": "jobs/plan.json",
}


@contextmanager
def make_feed(server: Server, plan: Plan) -> Iterator[LargeFeed]:
    with make_large_feed(server, plan, chunk_bytes=20, large_bytes=1, job="shop_orders") as feed:
        feed.world.now = time.time()
        feed.world.put("reference/countries.csv", b"code,name\nDE,Germany\nFR,France\n")
        feed.world.s3.put_object(
            Bucket=feed.world.artifacts, Key=SETTINGS["PENSTOCK_PLAN"], Body=write_plan(plan).encode()
        )
        try:
            yield feed
        finally:
            glue._start.cache_clear()


def hand_over(feed: LargeFeed) -> tuple[JobRun, Order]:
    """Have a file land, which the function hands over; give what the job is told, and the state machine's order."""
    feed.land(FILE, KEY)
    return take_order(feed)


def take_order(feed: LargeFeed) -> tuple[JobRun, Order]:
    """Give what the job is told of the run that was handed over last, and the state machine's order."""
    _, order = feed.executions.started[-1]
    assert order["engine"] == "glue"
    settings = {**SETTINGS, "PENSTOCK_ARTIFACTS": feed.world.artifacts, "PENSTOCK_CHUNK_BYTES": "20"}
    argv = [word for name in ("run", "bucket", "key", "version") for word in (f"--{name}", order[name])]
    asked = read_order(["script.py", "--JOB_NAME", "shop", *argv, "--settings", json.dumps(settings)])
    return replace(asked, connections=feed.world.connections), order


def read_report(feed: LargeFeed) -> dict[str, Any]:
    answer = feed.world.s3.get_object(Bucket=feed.world.artifacts, Key=f"reports/orders/{feed.run.id}.json")
    with answer["Body"] as body:
        found: dict[str, Any] = json.loads(body.read())
    return found


def test_a_run_that_was_handed_over_is_loaded_by_executors_and_finished_by_the_function(
    session: SparkSession, server: Server, make_plan: Callable[[str], Plan]
) -> None:
    with make_feed(server, make_plan(ROWS)) as feed:
        job, order = hand_over(feed)
        run_job(session, job)
        feed.world.now = time.time()
        feed.until_finished(order, "finish")
        run, report = feed.run, read_report(feed)
        assert (run.status, run.counts["loaded"], run.counts["superseded"]) == ("done", 4, 1)
        assert report["chunks"] > 1
        assert [(found.line, found.errors[0].code) for found in feed.rejects()] == [(6, "type-error")]
        assert [(item["id"]["S"], item.get("amount")) for item in feed.items()] == [
            ("1", {"N": "5"}),
            ("2", {"N": "7"}),
            ("3", {"N": "8"}),
            ("4", None),
        ]


def test_a_query_is_run_by_spark_and_its_result_loaded(
    session: SparkSession, server: Server, make_plan: Callable[[str], Plan]
) -> None:
    with make_feed(server, make_plan(QUERY)) as feed:
        job, order = hand_over(feed)
        run_job(session, job)
        feed.world.now = time.time()
        feed.until_finished(order, "finish")
        run, report = feed.run, read_report(feed)
        assert (run.status, report["engine"]) == ("done", "spark")
        assert {name: count for name, count in run.counts.items() if count} == {
            "read": 6,
            "loaded": 5,
            "rejected": 1,
        }
        assert run.result is not None
        assert {name: count for name, count in run.result.items() if count} == {"read": 3, "loaded": 3}
        assert feed.items() == [
            {"id": {"S": "DE"}, "name": {"S": "Germany"}, "sales": {"N": "3"}, "amount": {"N": "19"}},
            {"id": {"S": "FR"}, "name": {"S": "France"}, "sales": {"N": "1"}, "amount": {"N": "7"}},
            {"id": {"S": "XX"}, "sales": {"N": "1"}},
        ]
        assert run.engine_reason is not None
        assert run.references["countries"]["key"] == "reference/countries.csv"
        assert [(found.of, found.line) for found in feed.rejects()] == [("object", 6)]
        with pytest.raises(UsageError, match="is over"):
            run_job(session, job)


def test_a_query_whose_job_failed_is_gone_on_with_by_the_next(
    session: SparkSession, server: Server, make_plan: Callable[[str], Plan]
) -> None:
    with make_feed(server, make_plan(QUERY)) as feed:
        job, _ = hand_over(feed)
        job("cut", None)
        feed.fail_machine()
        first = feed.run
        feed.world.now = time.time()
        feed.tell()
        _, order = feed.executions.started[-1]
        run_job(session, replace(job, run=order["run"]))
        feed.world.now = time.time()
        feed.until_finished(order, "finish")
        assert (feed.run.status, feed.run.saved, len(feed.items())) == ("done", first.id, 3)
        assert feed.run.references == first.references


def test_a_job_whose_claim_is_lost_ends_its_tasks(
    session: SparkSession, server: Server, make_plan: Callable[[str], Plan]
) -> None:
    with make_feed(server, make_plan(ROWS)) as feed:
        job, _ = hand_over(feed)
        lost = replace(job, run="2026-11-29T00-00-00Z-00000000")
        began = time.monotonic()
        with pytest.raises(LostClaimError), keep_claim(session, lost, 0.5), spark_explained():
            session.sparkContext.parallelize([600], 1).foreach(time.sleep)
        assert time.monotonic() < began + 300


@dataclass(frozen=True)
class FarJob(JobRun):
    """A job whose ledger can't be reached for a while, which is noted in a file."""

    notes: Path = Path()

    def put_off(self) -> None:
        with self.notes.open("a") as file:
            file.write("x")
        raise ServiceError("The ledger can't be reached.")


def test_a_ledger_that_is_out_of_reach_for_a_while_ends_no_task(
    session: SparkSession, tmp_path: Path
) -> None:
    notes = tmp_path / "notes"
    job = FarJob("run", "bucket", "key", "version", (), Connections("eu-central-1"), notes=notes)
    with keep_claim(session, job, 0.01):
        wait_until(lambda: notes.exists() and len(notes.read_text()) > 2, 60)
        assert session.sparkContext.parallelize([1, 2], 2).sum() == 3


def test_a_task_that_fails_tells_nothing_of_what_caused_it() -> None:
    def fail(_step: StepName, _number: int | None) -> Answer:
        try:
            raise ValueError("could not convert 'a cell'")
        except ValueError as error:
            raise DataError("query-error", "a text could not be cast") from error

    with pytest.raises(DataError) as failed:
        _Task(fail, "rows")(0)
    told = "".join(traceback.format_exception(failed.value))
    assert "a text could not be cast" in told
    assert "a cell" not in told


def test_tasks_at_once_share_the_budget_of_writes(session: SparkSession) -> None:
    assert count_workers(session) == 2


def test_a_job_without_its_arguments_says_which(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="without --bucket, --settings"):
        read_order(["job.py", "--run", "r", "--key", "--run", "--version", "v"])
    with pytest.raises(UsageError, match="no JSON"):
        read_order(["--run", "r", "--bucket", "b", "--key", "k", "--version", "v", "--settings", "{"])


TOGETHER = QUERY.replace("transform:\n", "schedule: rate(1 hour)\ntransform:\n  over: new\n")


def test_a_query_over_many_files_is_run_by_spark_and_what_is_new_after_it_is_known(
    session: SparkSession, server: Server, make_plan: Callable[[str], Plan]
) -> None:
    with make_feed(server, make_plan(TOGETHER)) as feed:
        feed.world.put("incoming/orders/b.csv", b"id,country,amount\n9,DE,1\n10,DE,many\n")
        feed.world.put("incoming/orders/a.csv", FILE)
        feed.tell("incoming/orders/")
        job, order = take_order(feed)
        run_job(session, job)
        feed.world.now = time.time()
        feed.until_finished(order, "finish")
        run = feed.run
        assert (run.status, run.key, read_report(feed)["engine"]) == ("done", "incoming/orders/", "spark")
        assert (run.counts["read"], run.counts["rejected"]) == (8, 2)
        assert [item["sales"]["N"] for item in feed.items()] == ["4", "1", "1"]
        assert [(found.key, found.line) for found in feed.rejects()] == [
            ("incoming/orders/a.csv", 6),
            ("incoming/orders/b.csv", 3),
        ]
        feed.tell("incoming/orders/")
        assert len(feed.runs()) == 1, "nothing is new"
        kept = feed.world.keys(f"runs/orders/{run.id}/object")
        assert f"runs/orders/{run.id}/object-counts.jsonl" in kept
        state = feed.world.ledger.read_state(run.bucket, run.key)
        assert state.applied is not None
        assert state.applied.taken == run.id
