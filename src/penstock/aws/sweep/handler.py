"""The sweep as a Lambda function: what its schedules ask for, done and answered.

It carries no engine: nothing here, or below, may import DuckDB.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from penstock.aws.connect import Client, Connections
from penstock.aws.events import EventError, SweepOrder, decode_sweep
from penstock.aws.function_errors import hide_defects
from penstock.aws.hint import DirectHints, Hints, QueuedHints
from penstock.aws.ledger import Ledger
from penstock.aws.log import LEVELS, Level, Log
from penstock.aws.sweep.expect import find_missing, name_expected, tell_missing
from penstock.aws.sweep.silence import measure_silence
from penstock.aws.sweep.sweep import Sweeper, queue_died, sweep_round, tell_tally
from penstock.errors import PenstockError, UsageError
from penstock.metrics import FILES_MISSING, OVERDUE, SWEEPS, Metric, dimensions_of
from penstock.plan.codec import plan_hash, read_plan


@dataclass(frozen=True)
class Settings:
    """What the stack tells the function: the way to the loader is its ``queue`` (a URL) or the ``loader`` itself.

    ``silent_after`` is for how many seconds the feed may be silent, where its contract says so.
    """

    project: str
    plan: Path
    ledger: str
    landing: str
    topic: str | None
    queue: str | None
    loader: str | None
    log_level: Level
    debug_share: float
    memory_mb: int
    silent_after: float | None


def handle(event: object, context: Any) -> dict[str, Any]:
    """Answer an invocation. ``context`` is Lambda's."""
    sweeper, sns, topic, log = _start()
    log = log.begin(context.aws_request_id)
    end = sweeper.ledger.clock() + context.get_remaining_time_in_millis() / 1000
    with hide_defects(log):
        return respond(event, sweeper, sns, topic, context.aws_request_id, end, log)


@cache
def _start() -> tuple[Sweeper, Client, str | None, Log]:
    """Make what lasts as long as the process."""
    settings = read_settings(os.environ)
    connections = Connections()
    plan = read_plan(settings.plan.read_text())
    hints: Hints
    if settings.queue is not None:
        hints = QueuedHints(connections.sqs, settings.queue)
    else:
        hints = DirectHints(connections.functions, str(settings.loader))
    ledger = Ledger(connections.dynamodb, settings.ledger)
    sweeper = Sweeper(
        plan,
        plan_hash(plan),
        settings.landing,
        connections.s3,
        ledger,
        hints,
        settings.memory_mb,
        settings.silent_after,
    )
    about = dimensions_of(settings.project, plan.name)
    log = Log(sys.stdout, time.time, settings.log_level, {"feed": plan.name}, about, settings.debug_share)
    return sweeper, connections.sns, settings.topic, log


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Read the settings. Raises :class:`~penstock.errors.UsageError` that names all that is missing or wrong."""
    needed = (
        "PENSTOCK_PROJECT",
        "PENSTOCK_FEED",
        "PENSTOCK_LEDGER",
        "PENSTOCK_LANDING",
        "LAMBDA_TASK_ROOT",
    )
    problems = [f"{name} is not set" for name in needed if not environment.get(name)]
    queue, loader = environment.get("PENSTOCK_QUEUE"), environment.get("PENSTOCK_LOADER")
    if bool(queue) == bool(loader):
        problems.append("of PENSTOCK_QUEUE and PENSTOCK_LOADER just one has to be set")
    known: dict[str, Level] = {found: found for found in LEVELS}
    level = (environment.get("PENSTOCK_LOG_LEVEL") or "INFO").upper()
    if level not in known:
        problems.append(f"PENSTOCK_LOG_LEVEL is none of {', '.join(LEVELS)}")
    silent_after = environment.get("PENSTOCK_SILENT_AFTER") or None
    if silent_after is not None and not silent_after.isdecimal():
        problems.append("PENSTOCK_SILENT_AFTER is no number of seconds")
    if problems:
        raise UsageError(
            f"The function's environment is incomplete: {'; '.join(problems)}. Deploy the project again."
        )
    return Settings(
        project=environment["PENSTOCK_PROJECT"],
        plan=Path(environment["LAMBDA_TASK_ROOT"], "plans", f"{environment['PENSTOCK_FEED']}.json"),
        ledger=environment["PENSTOCK_LEDGER"],
        landing=environment["PENSTOCK_LANDING"],
        topic=environment.get("PENSTOCK_TOPIC") or None,
        queue=queue or None,
        loader=loader or None,
        log_level=known[level],
        debug_share=float(environment.get("PENSTOCK_DEBUG_SHARE") or 0),
        memory_mb=int(environment.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE") or 512),
        silent_after=None if silent_after is None else float(silent_after),
    )


def respond(
    event: object, sweeper: Sweeper, sns: Client, topic: str | None, worker: str, end: float, log: Log
) -> dict[str, Any]:
    """Do what a schedule asks for. ``worker`` is the invocation's name, ``end`` when it is cut off.

    What fails is raised, so that Lambda calls again; what was done by then is kept.
    """
    try:
        order = decode_sweep(event)
    except EventError as error:
        log.failure("event not understood", outcome="failed", reason=str(error))
        raise
    try:
        died = queue_died(sweeper)
        if died.tally.died:
            log.info(
                "claims of workers that died",
                outcome="queued",
                keys=list(died.queued),
                **tell_tally(died.tally),
            )
        missing = _look_for_expected(order, sweeper, sns, topic, log)
        held = sweep_round(sweeper, worker, end, log, begin=order.kind == "full")
        silence = _measure_silence(sweeper)
    except PenstockError as error:
        log.failure("sweep failed", outcome="failed", reason=str(error))
        raise
    log.measure(
        "swept",
        {SWEEPS: 1, FILES_MISSING: len(missing), **silence},
        outcome="done",
        kind=order.kind,
        died=died.tally.died,
        missing=len(missing),
    )
    swept = {} if held is None else {"round": held.number, "reached": held.reached, **tell_tally(held.tally)}
    return {**swept, "outcome": "done", "died": died.tally.died, "missing": list(missing)}


def _measure_silence(sweeper: Sweeper) -> dict[Metric, float]:
    """Give by how much the feed has been silent for too long, 0 included: an alarm stays as it is without a value."""
    if sweeper.silent_after is None:
        return {}
    return {OVERDUE: measure_silence(sweeper.ledger, sweeper.plan.name, sweeper.silent_after)}


def _look_for_expected(
    order: SweepOrder, sweeper: Sweeper, sns: Client, topic: str | None, log: Log
) -> tuple[str, ...]:
    if not order.expect:
        return ()
    plan, bucket = sweeper.plan, sweeper.bucket
    moment = sweeper.ledger.clock() if order.at is None else order.at
    names = name_expected(order.expect, moment, order.time_zone)
    missing = find_missing(sweeper.s3, bucket, [plan.prefix + name for name in names])
    tell_missing(sweeper.ledger, sns, topic, plan.name, tuple(f"s3://{bucket}/{key}" for key in missing), log)
    return missing
