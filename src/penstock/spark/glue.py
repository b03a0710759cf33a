"""The job in AWS Glue: a run that was handed over is driven by Spark, as the state machine would drive it by the feed's function.

What Glue's own wrapper does is no part of this: any session of PySpark will do, and every step is the one that the function would do
(:mod:`penstock.aws.large.steps`), in the run's folder and under its claim. It ends when all is loaded, or refused; the state machine's step
``finish`` concludes the run.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import cache
from threading import Event, Thread
from typing import TYPE_CHECKING, Final

from penstock.aws.connect import Connections
from penstock.aws.events import Step
from penstock.aws.explain import AwsError, explain_error
from penstock.aws.large.hand_over import GRACE_SECONDS
from penstock.aws.large.steps import open_job, put_off, run_step
from penstock.aws.ledger import Ledger, LostClaimError
from penstock.aws.loader import Loader, make_budget
from penstock.aws.log import Log
from penstock.aws.settings import Settings, read_settings
from penstock.aws.table.send import Sender
from penstock.aws.table.write import LANES
from penstock.errors import PenstockError, UsageError
from penstock.load.steps.passes import Answer
from penstock.load.steps.step import StepName
from penstock.load.steps.workplace import Workplace
from penstock.metrics import dimensions_of
from penstock.plan.codec import read_plan
from penstock.plan.model import Plan
from penstock.spark.distribute import told_alone
from penstock.spark.drive import drive_run
from penstock.spark.query import check_query
from penstock.spark.session import apply_settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

STEP_SECONDS: Final = 900.0
"""How long a step works at a time: as long as an invocation of the function could."""
_HEARTBEAT_SECONDS: Final = 300.0
"""How often the claim is extended while Spark is at the query."""
_ARGUMENTS: Final = ("run", "bucket", "key", "version", "settings")


@dataclass(frozen=True)
class JobRun:
    """A run that was handed over, as it is sent to those who work on it; see :class:`~penstock.spark.drive.Run`.

    ``settings`` are what the function has in its environment, and ``PENSTOCK_PLAN``, the plan's key in the artifacts bucket.
    ``workers`` are at work at once, and share the budget of writes.
    """

    run: str
    bucket: str
    key: str
    version: str
    settings: tuple[tuple[str, str], ...]
    connections: Connections
    workers: int = 1

    def __call__(self, step: StepName, number: int | None) -> Answer:
        """Do a step of it, in whichever process."""
        loader, log = _start(self)
        return run_step(loader, self._order(step, number), make_budget(STEP_SECONDS), log)

    def open_place(self) -> Workplace:
        """Give what its steps have to do with, as it is now."""
        loader, log = _start(self)
        return open_job(loader, self._order("survey", None), make_budget(STEP_SECONDS), log).place

    def put_off(self) -> None:
        """Say that the run goes on. Raises :class:`~penstock.aws.ledger.LostClaimError` where another has the object."""
        loader, _ = _start(self)
        put_off(loader, self._order("survey", None), make_budget(STEP_SECONDS))

    @property
    def plan(self) -> Plan:
        """The feed's plan."""
        return _start(self)[0].plan

    def _order(self, step: StepName, number: int | None) -> Step:
        chunk = number if step in {"rows", "survey", "load"} else None
        other = None if chunk is not None else number
        return Step(step, self.run, self.bucket, self.key, self.version, chunk=chunk, partition=other)


def main(argv: Sequence[str]) -> None:
    """Do what a job is told by its arguments; other arguments, which are Glue's own, are let be.

    Raises :class:`~penstock.errors.PenstockError` where the run is not loaded to its end, which fails the job.
    """
    from pyspark.sql import SparkSession  # noqa: PLC0415 -- it is an extra

    with told_alone():
        order = read_order(argv)
        session = SparkSession.builder.getOrCreate()
        # Below that it says of each task that failed why, which can quote a cell.
        session.sparkContext.setLogLevel("ERROR")
        run_job(session, order)


def read_order(argv: Sequence[str]) -> JobRun:
    """Read a job's arguments. Raises :class:`~penstock.errors.UsageError` that names all that is missing or wrong."""
    found: dict[str, str] = {}
    left = iter(argv)
    for word in left:  # by hand: a key can begin with anything, a hyphen too
        name = word.removeprefix("--")
        if word.startswith("--") and name in _ARGUMENTS:
            found[name] = next(left, "")
    missing = [f"--{name}" for name in _ARGUMENTS if not found.get(name)]
    if missing:
        raise UsageError(
            f"The job was started without {', '.join(missing)}. Jobs are started by the feed's state machine: put the object "
            "again, or run `penstock sweep`."
        )
    try:
        settings = json.loads(found.pop("settings"))
    except ValueError as error:
        raise UsageError("The job's --settings are no JSON. Deploy the project again.") from error
    if not isinstance(settings, dict) or not all(isinstance(value, str) for value in settings.values()):
        raise UsageError("The job's --settings are no object of texts. Deploy the project again.")
    region = (
        settings.get("AWS_REGION") or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    )
    run, bucket, key, version = (found[name] for name in ("run", "bucket", "key", "version"))
    return JobRun(
        run, bucket, key, version, settings=tuple(sorted(settings.items())), connections=Connections(region)
    )


def run_job(session: SparkSession, order: JobRun) -> None:
    """Load a run that was handed over, up to where the step ``finish`` concludes it."""
    apply_settings(session)
    order = replace(order, workers=count_workers(session))
    check_query(order.plan)
    with keep_claim(session, order):
        drive_run(session, order)


def count_workers(session: SparkSession) -> int:
    """Give how many tasks there may be at once: as many as are asked for, be they there yet or not."""
    conf = session.sparkContext.getConf()
    asked = int(conf.get("spark.executor.instances", "1")) * int(conf.get("spark.executor.cores", "1"))
    return max(1, asked, int(session.sparkContext.defaultParallelism))


@contextmanager
def keep_claim(session: SparkSession, order: JobRun, seconds: float = _HEARTBEAT_SECONDS) -> Iterator[None]:
    """Keep the run's claim, be Spark at one thing for hours; where it is lost, nothing goes on.

    A ledger that is out of reach is asked again, for as long as the claim lasts that was kept last. Raises what extending it failed at,
    in the place of what Spark says when its tasks are ended.
    """
    ended, failures = Event(), list[PenstockError]()

    def beat() -> None:
        kept = time.monotonic()
        while not ended.wait(seconds):
            try:
                order.put_off()
                kept = time.monotonic()
            except PenstockError as error:
                if not isinstance(error, LostClaimError) and time.monotonic() - kept < GRACE_SECONDS:
                    continue
                failures.append(error)
                break
        while not ended.wait(1.0):  # more than once, for the driver may be between two of Spark's jobs
            session.sparkContext.cancelAllJobs()

    thread = Thread(target=beat, name="keep-claim", daemon=True)
    thread.start()
    try:
        yield
    except PenstockError:
        if failures:
            raise failures[0] from None
        raise
    finally:
        ended.set()
        thread.join()


@cache
def _start(order: JobRun) -> tuple[Loader, Log]:
    """Make what lasts as long as a process, which serves one task after another."""
    given = dict(order.settings)
    settings = read_settings({**given, "LAMBDA_TASK_ROOT": "."})
    connections = order.connections
    loader = Loader(
        plan=_read_plan(connections, settings, given.get("PENSTOCK_PLAN", "")),
        connections=connections,
        sender=Sender(connections, LANES),
        ledger=Ledger(connections.dynamodb, settings.ledger),
        artifacts=settings.artifacts,
        chunk_bytes=settings.chunk_bytes,
        chunk_workers=order.workers,
        loaders=settings.concurrency,
        lanes=1,  # a task has one core
    )
    about = dimensions_of(settings.project, settings.feed)
    return loader, Log(sys.stdout, time.time, settings.log_level, {"feed": settings.feed}, about)


def _read_plan(connections: Connections, settings: Settings, key: str) -> Plan:
    place = f"s3://{settings.artifacts}/{key}"
    try:
        with closing(connections.s3.get_object(Bucket=settings.artifacts, Key=key)["Body"]) as body:
            return read_plan(body.read().decode())
    except AwsError as error:
        raise explain_error(error, f"read the plan {place}", "s3:GetObject") from error
