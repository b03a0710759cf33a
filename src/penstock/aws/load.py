"""Load a key: claim it, look at it, run it, settle it. What an event said of it is no more than a reason to look."""

from __future__ import annotations

import errno
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Final, Literal

from penstock.aws.artifacts import S3RejectWriter, put_parts, put_report
from penstock.aws.connect import REQUEST_SECONDS, Client, Connections
from penstock.aws.ledger import Applied, Claim, Ledger
from penstock.aws.log import Log
from penstock.aws.notify import notify_people
from penstock.aws.objects import ObjectVersion, S3Source, find_current
from penstock.aws.runs import Run, conclude_run, format_time, mark_interrupted, new_run_id, put_run
from penstock.aws.scratch import make_scratch
from penstock.aws.write import Pace, Sends, TableWriter
from penstock.errors import ServiceError
from penstock.load.report import Counts, ItemCounts, Report
from penstock.load.run import MEMORY_MB, run_object
from penstock.plan.codec import plan_hash
from penstock.plan.model import Plan

Outcome = Literal["loaded", "refused", "failed", "duplicate", "pending", "gone", "ignored", "unfinished"]
"""What became of a key.

``duplicate``: its current version was dealt with before. ``pending``: another worker is at work on it and will look
again. ``gone``: there is no object. ``ignored``: the key is not the feed's. ``unfinished``: there is a newer version, and
no time left for it.
"""

RETRIED: Final[frozenset[Outcome]] = frozenset({"failed", "unfinished"})
"""The outcomes after which whoever brought the event is to bring it again."""

_NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}

FINISH_SECONDS = 10.0
"""What is kept back of an invocation's time for the rejects, the report and the ledger."""


@dataclass(frozen=True, slots=True)
class Budget:
    """The time that an invocation has. ``end`` is when it is cut off, in seconds of the epoch.

    ``stop`` is when a run gives up, to have time to say so.
    """

    end: float
    stop: float
    clock: Callable[[], float]

    @property
    def left(self) -> float:
        """Seconds until ``stop``."""
        return self.stop - self.clock()

    @property
    def claim_end(self) -> float:
        """Until when to claim: by then the last request, sent at the very end, has ended too."""
        return self.end + REQUEST_SECONDS


def make_budget(seconds: float, clock: Callable[[], float] = time.time) -> Budget:
    """Give the budget of an invocation that is cut off in so many seconds."""
    now = clock()
    return Budget(now + seconds, now + seconds - min(FINISH_SECONDS, seconds / 5), clock)


@dataclass(frozen=True)
class Loader:
    """All that loading a feed's objects takes, made once and handed down."""

    plan: Plan
    connections: Connections
    sender: Sends
    ledger: Ledger
    artifacts: str
    topic: str | None = None
    memory_mb: int = MEMORY_MB

    @property
    def s3(self) -> Client:
        return self.connections.s3

    def takes(self, key: str) -> bool:
        """Tell whether a key is of the feed. What the S3 console makes to show a folder is not: its name ends in ``/``."""
        return key.startswith(self.plan.prefix) and key.endswith(self.plan.suffix) and not key.endswith("/")

    @cached_property
    def plan_hash(self) -> str:
        return plan_hash(self.plan)


def load_key(loader: Loader, bucket: str, key: str, budget: Budget, log: Log, cause: str) -> Outcome:
    """Load the current version of a key, and again for as long as events come in meanwhile and there is time.

    ``cause`` tells the event that brought this about, the same whenever it is delivered. Raises :class:`~penstock.errors.ServiceError` where S3 or the ledger fails before there is a run.
    """
    log = log.bind(bucket=bucket, key=key)
    if not loader.takes(key):
        log.warning(
            "key is not of this feed", outcome="ignored", prefix=loader.plan.prefix, suffix=loader.plan.suffix
        )
        return "ignored"
    while True:
        outcome, again = _load_once(loader, bucket, key, budget, log, cause)
        if not again:
            return outcome
        if budget.left < FINISH_SECONDS:
            log.warning("no time for the newer version", outcome="unfinished")
            return "unfinished"


def _load_once(
    loader: Loader, bucket: str, key: str, budget: Budget, log: Log, cause: str
) -> tuple[Outcome, bool]:
    found = find_current(loader.s3, bucket, key)
    if found is None:
        log.info("object is gone", outcome="gone")
        return "gone", False
    if loader.ledger.read_state(bucket, key).settles(loader.plan_hash, version=found.version):
        log.info("version is applied already", outcome="duplicate", version=found.version)
        return "duplicate", False
    run_id = new_run_id(budget.clock())
    claim = loader.ledger.claim(loader.plan.name, bucket, key, run_id, budget.claim_end, cause)
    if claim is None:
        log.info("another worker has the key and will look again", outcome="pending", version=found.version)
        return "pending", False
    return _work(loader, claim, budget, log.bind(run=run_id))


def _work(loader: Loader, claim: Claim, budget: Budget, log: Log) -> tuple[Outcome, bool]:
    """Do what is to be done under a claim, and end it whatever happens."""
    settled = False
    try:
        if claim.interrupted is not None:
            mark_interrupted(loader.ledger, claim.interrupted, format_time(budget.clock()))
            log.warning("took over from a worker that died", interrupted=claim.interrupted)
        outcome, applied = _load_current(loader, claim, budget, log)
        again = outcome != "failed" and loader.ledger.settle(claim, applied)
        settled = outcome != "failed"
    finally:
        if not settled:
            loader.ledger.release(claim)
            mark_interrupted(loader.ledger, claim.run, format_time(budget.clock()))
    return outcome, again


def _load_current(loader: Loader, claim: Claim, budget: Budget, log: Log) -> tuple[Outcome, Applied | None]:
    """Load what the key has now that nobody else can be at work on it."""
    found = find_current(loader.s3, claim.bucket, claim.key)
    if found is None:
        log.info("object is gone", outcome="gone")
        return "gone", None
    if claim.state.settles(loader.plan_hash, version=found.version):
        log.info("version is applied already", outcome="duplicate", version=found.version)
        return "duplicate", None
    log = log.bind(version=found.version)
    run = _run(loader, claim, found, budget, log)
    if loader.topic and run.status != "done":
        notify_people(loader.connections.sns, loader.topic, run, log)
    if run.status == "failed":
        return "failed", None
    status: Literal["done", "rejected"] = "done" if run.status == "done" else "rejected"
    return "loaded" if status == "done" else "refused", Applied(
        found.version, found.etag, status, loader.plan_hash, run.id
    )


def _run(loader: Loader, claim: Claim, found: ObjectVersion, budget: Budget, log: Log) -> Run:
    started = Run(
        id=claim.run,
        feed=loader.plan.name,
        bucket=found.bucket,
        key=found.key,
        version=found.version,
        started_at=format_time(budget.clock()),
        attempt=claim.attempt,
        request_id=str(log.bound.get("request_id", "")) or None,
        plan=loader.plan_hash,
        ends_by=format_time(budget.claim_end),
    )
    put_run(loader.ledger, started)
    log.info("run started", attempt=claim.attempt, size=found.size)
    report, rejects = _execute(loader, claim.run, found, budget)
    run = conclude_run(started, report, format_time(budget.clock()))
    run = replace(run, rejects=rejects, report=_keep_report(loader, report, claim.run, log))
    put_run(loader.ledger, run)
    tell = {"done": log.info, "rejected": log.warning}.get(run.status, log.failure)
    tell(
        f"run {run.status}",
        outcome=run.status,
        code=run.code,
        reason=run.reason,
        counts=asdict(report.counts),
        items=asdict(report.items),
        errors=dict(run.errors),
        seconds=report.seconds,
        write_units=report.write_units,
        throttled=report.throttled,
        resent=report.resent,
    )
    return run


def _execute(loader: Loader, run: str, found: ObjectVersion, budget: Budget) -> tuple[Report, str | None]:
    """Run the engine from the object to the table. Gives the report, and where the rejects are."""
    pace = Pace(clock=budget.clock, deadline=budget.stop)
    rejects = S3RejectWriter(loader.s3, loader.artifacts, loader.plan.name, run)

    def watch(_name: str, _bytes: int) -> None:
        if budget.left <= 0:
            raise ServiceError(
                "The time was up before the file was read. It is begun again; if it never gets through, give the function "
                "more memory or time, or send the file in parts."
            )

    with (
        TableWriter(loader.sender, loader.plan.table, pace=pace) as items,
        make_scratch() as scratch,
    ):
        source = S3Source(loader.s3, found)
        try:
            report = run_object(
                loader.plan,
                source,
                items,
                rejects,
                Path(scratch),
                run=run,
                memory_mb=loader.memory_mb,
                progress=watch,
            )
        except OSError as error:
            if error.errno not in _NO_SPACE:
                raise
            reason = "There is no space left under /tmp: give the function more `storage`, or send the file in parts."
            report = Report(
                loader.plan.name, found.key, "failed", Counts(), ItemCounts(), {}, reason=reason, run=run
            )
    stats = items.stats
    report = replace(
        report,
        version=found.version,
        write_units=math.ceil(stats.write_units),
        throttled=stats.throttled,
        resent=stats.resent,
    )
    try:
        rejects.close()
        where = put_parts(loader.s3, loader.artifacts, loader.plan.name, run, rejects.parts)
    except ServiceError as error:
        return replace(report, status="failed", reason=str(error)), None
    return report, where


def _keep_report(loader: Loader, report: Report, run: str, log: Log) -> str | None:
    """Write the report. That it could not be written is no reason to load a file again: the ledger has the counts."""
    try:
        return put_report(loader.s3, loader.artifacts, report, run)
    except ServiceError as error:
        log.failure("report not written", outcome="failed", reason=str(error))
        return None
