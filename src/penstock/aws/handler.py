"""The loader as a Lambda function: what an invocation says, what is done about it, what is answered.

To a queue the answer names the messages that failed, and only those come back. Other callers are told of a failure by
an error, so that Lambda calls again and in the end keeps the event.
"""

from __future__ import annotations

import os
import sys
import time
from dataclasses import replace
from functools import cache
from typing import Any

from penstock.aws.connect import Connections
from penstock.aws.events import (
    Batch,
    EventError,
    Hint,
    ReplayOrder,
    Unreadable,
    decode_event,
    decode_step,
)
from penstock.aws.function_errors import NotLoadedError, hide_defects
from penstock.aws.large.steps import run_step
from penstock.aws.ledger import Ledger
from penstock.aws.load import RETRIED, Outcome, load_key
from penstock.aws.loader import Budget, Loader, make_budget
from penstock.aws.log import Log
from penstock.aws.replay.replay import replay_run
from penstock.aws.scratch import clear_scratch
from penstock.aws.settings import read_settings
from penstock.aws.table.send import Sender
from penstock.aws.table.write import LANES
from penstock.errors import PenstockError
from penstock.metrics import COLD_STARTS, dimensions_of
from penstock.plan.codec import read_plan


def handle(event: object, context: Any) -> dict[str, Any]:
    """Answer an invocation. ``context`` is Lambda's."""
    begins = not _start.cache_info().currsize
    loader, log = _start()
    log = log.begin(context.aws_request_id)
    if begins:
        log.measure("process began", {COLD_STARTS: 1}, outcome="done")
    with hide_defects(log):
        return respond(event, loader, make_budget(context.get_remaining_time_in_millis() / 1000), log)


@cache
def _start() -> tuple[Loader, Log]:
    """Make what lasts as long as the process, and clear away what an earlier one in its sandbox left."""
    clear_scratch()
    settings = read_settings(os.environ)
    connections = Connections()
    loader = Loader(
        plan=read_plan(settings.plan.read_text()),
        connections=connections,
        sender=Sender(connections, LANES),
        ledger=Ledger(connections.dynamodb, settings.ledger),
        artifacts=settings.artifacts,
        topic=settings.topic,
        function_mb=settings.function_mb,
        memory_mb=settings.memory_mb,
        state_machine=settings.state_machine,
        large_bytes=settings.large_bytes,
        chunk_bytes=settings.chunk_bytes,
        chunk_workers=settings.chunk_concurrency,
        loaders=settings.concurrency,
        job=settings.job,
    )
    about = dimensions_of(settings.project, settings.feed)
    bound = {"feed": settings.feed}
    return loader, Log(sys.stdout, time.time, settings.log_level, bound, about, settings.debug_share)


def respond(event: object, loader: Loader, budget: Budget, log: Log) -> dict[str, Any]:
    """Do what an event asks for, and give the answer that its sender understands.

    A step of the state machine is done, and answered with whether it is to be called again; what it raises is its own.
    Raises :class:`~penstock.aws.function_errors.NotLoadedError` or :class:`~penstock.aws.events.EventError` where the sender is not a queue.
    """
    try:
        step = decode_step(event)
        if step is not None:
            return run_step(loader, step, budget, log)
        batch = decode_event(event)
    except EventError as error:
        log.failure("event not understood", outcome="failed", reason=str(error))
        raise
    failed = _work_off(batch, loader, budget, log)
    if batch.queued:
        return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}
    if failed:
        raise NotLoadedError("Not everything was loaded; the log above says what and why. It is tried again.")
    return {"outcome": "done"}


def _work_off(batch: Batch, loader: Loader, budget: Budget, log: Log) -> list[str]:
    """Work off the hints, each key once. Gives the messages that failed, in order; for none, the empty name."""
    seen: dict[Hint, Outcome] = {}
    failed: dict[str, None] = {}
    log.debug("event understood", hints=len(batch.hints), queued=batch.queued)
    if not batch.hints:
        log.info("nothing to load in this event", outcome="ignored")
    for hint in batch.hints:
        if isinstance(hint, Unreadable):
            log.failure(
                "message not understood", outcome="failed", message_id=hint.message_id, reason=str(hint.error)
            )
            failed[hint.message_id] = None
            continue
        # Messages of one key were all there when this began, so that one look at the key answers them all.
        name = replace(hint, message_id=None)
        if name not in seen:
            seen[name] = _follow(hint, loader, budget, log)
        if seen[name] in RETRIED:
            failed[hint.message_id or ""] = None
    return list(failed)


def _follow(hint: Hint, loader: Loader, budget: Budget, log: Log) -> Outcome:
    if budget.left <= 0:
        log.warning("no time left for this hint", outcome="unfinished", **_describe(hint))
        return "unfinished"
    try:
        if isinstance(hint, ReplayOrder):
            return replay_run(loader, hint, budget, log)
        return load_key(loader, hint.bucket, hint.key, budget, log)
    except PenstockError as error:
        log.failure("hint not followed", outcome="failed", reason=str(error), **_describe(hint))
        return "failed"


def _describe(hint: Hint) -> dict[str, object]:
    """Give what a hint is about, in the log's words."""
    if isinstance(hint, ReplayOrder):
        return {"run": hint.id, "replays": hint.run, "message_id": hint.message_id}
    return {"bucket": hint.bucket, "key": hint.key, "message_id": hint.message_id}
