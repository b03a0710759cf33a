"""A replay in the ledger: begun once, and ended together with what it made of the run that it replays, or not at all."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any, Final

from penstock.aws.attributes import to_item
from penstock.aws.explain import AwsError, error_code
from penstock.aws.ledger import Ledger
from penstock.aws.runs import Run, format_time, read_time, run_item, top_errors
from penstock.aws.table.stats import WriterStats
from penstock.load.conclude import judge_counts
from penstock.load.replay import Replayed
from penstock.load.report import Counts

_STATUS: Final = {"#status": "status"}
_CANCELED: Final = "TransactionCanceledException"
_UNMET: Final = "ConditionalCheckFailed"
_FIXED: Final = ("read", "rejected")


def begin_replay(ledger: Ledger, own: Run) -> bool:
    """Write the run of a replay that begins; False where another delivery of its order has done so.

    Needs dynamodb:PutItem. Raises :class:`~penstock.errors.ServiceError`.
    """
    # A request whose answer was lost is sent again by botocore, and finds its own.
    condition = "attribute_not_exists(pk) OR (#status = :running AND request_id = :request)"
    return _put(ledger, own, condition, {":running": "running", ":request": own.request_id or ""})


def fail_replay(ledger: Ledger, own: Run) -> None:
    """Write that a replay failed, unless it was committed after all and only the answer to that was lost.

    Needs and raises what :func:`begin_replay` does.
    """
    _put(ledger, own, "#status = :running", {":running": "running"})


def commit_replay(ledger: Ledger, own: Run, before: Run, after: Run) -> bool:
    """Write the end of a replay, and what it made of a run, both at once; False where that run was replayed since it was read.

    Needs dynamodb:PutItem. Raises :class:`~penstock.errors.ServiceError`.
    """
    changed = {
        "TableName": ledger.table,
        "Item": run_item(replace(after, revision=before.revision + 1)),
        "ConditionExpression": "attribute_exists(pk) AND (revision = :revision OR attribute_not_exists(revision))",
        "ExpressionAttributeValues": to_item({":revision": before.revision}),
    }
    ended = {"TableName": ledger.table, "Item": run_item(own)}
    try:
        ledger.dynamodb.transact_write_items(TransactItems=[{"Put": changed}, {"Put": ended}])
    except AwsError as error:
        if error_code(error) == _CANCELED and _is_unmet(error):
            return False
        raise ledger.explain(error, "dynamodb:PutItem") from error
    return True


def _is_unmet(error: Any) -> bool:
    """Tell whether a transaction was canceled because a condition does not hold, and not because another was at work."""
    return any(reason.get("Code") == _UNMET for reason in error.response.get("CancellationReasons", ()))


def _put(ledger: Ledger, run: Run, condition: str, values: Mapping[str, object]) -> bool:
    try:
        ledger.dynamodb.put_item(
            TableName=ledger.table,
            Item=run_item(run),
            ConditionExpression=condition,
            ExpressionAttributeNames=_STATUS,
            ExpressionAttributeValues=to_item(values),
        )
    except AwsError as error:
        if error_code(error) == "ConditionalCheckFailedException":
            return False
        raise ledger.explain(error, "dynamodb:PutItem") from error
    return True


def add_replayed(run: Run, done: Replayed, stats: WriterStats) -> Run:
    """Give a run with what came of its rejects: each of them moves from one count to another."""
    moved = asdict(done.counts)
    gone = done.counts.read - done.counts.rejected
    counts = {name: number + moved[name] for name, number in run.counts.items() if name not in _FIXED}
    counts = {**run.counts, **counts, "rejected": run.counts["rejected"] - gone}
    status, code, reason = judge_counts(Counts(**counts))
    items = {name: number + asdict(done.items)[name] for name, number in run.items.items()}
    return replace(
        run,
        status=status,
        code=code,
        reason=reason,
        counts=counts,
        items=items,
        errors=top_errors(done.errors),
        write_units=run.write_units + math.ceil(stats.write_units),
        throttled=run.throttled + stats.throttled,
        resent=run.resent + stats.resent,
    )


def conclude_replay(own: Run, done: Replayed, stats: WriterStats, now: float) -> Run:
    """Give a replay's own run as it ended."""
    began = read_time(own.started_at)
    status, code, reason = judge_counts(done.counts)
    return replace(
        own,
        status=status,
        ended_at=format_time(now),
        code=code,
        reason=reason,
        counts=asdict(done.counts),
        items=asdict(done.items),
        seconds=round(now - began, 3),
        write_units=math.ceil(stats.write_units),
        throttled=stats.throttled,
        resent=stats.resent,
    )
