"""Runs in the ledger, one by one: written by the loader and the steps. Lists of them: :mod:`penstock.aws.list_runs`.

A run's item is ``pk`` = ``RUN#<id>``, ``sk`` = ``RUN``. Only runs have ``started_at``, so the index ``by_feed``
(``feed``, ``started_at``) holds runs alone. They go by the table's time to live, ``expires_at``, after 400 days.

Who dies can't say so. A run that has not ended after its ``ends_by`` is read as failed, whether or not somebody has taken
its object over by then. The steps of a run that was handed to the state machine put its ``ends_by`` off.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime
from typing import Any, Literal

from botocore.exceptions import ClientError

from penstock.aws.attributes import from_item, to_item
from penstock.aws.explain import AwsError, error_code
from penstock.aws.ledger import Ledger
from penstock.load.report import Report

_KEPT_SECONDS = 400 * 86_400
_TOP_ERRORS = 10
_NOT_ENDED = "#status IN (:running, :handed_over)"
_STATES = {":running": "running", ":handed_over": "handed over"}
_AT_WORK = ("running", "handed over")
_DIED = "The worker ended before the run did: it ran out of time or memory. Its log says more."

RunStatus = Literal["running", "handed over", "done", "rejected", "failed"]
"""``handed over``: the state machine is at work on it."""


@dataclass(frozen=True, slots=True)
class Run:
    """The loading of one version of an object. Times are ISO 8601 in UTC; ``counts`` and ``items`` are a report's.

    ``arrived_at`` is when the object came: S3's LastModified, which has whole seconds.
    ``errors`` holds the ten most frequent codes. ``rejects`` and ``report`` are where those lie (``s3://...``), or None.
    ``ends_by`` is when its worker is gone for certain. Of a run that was handed over, ``offset`` is the byte that the
    loader had reached, and ``saved`` the folder of the artifacts bucket that keeps what was done. ``manifest`` is the name of the
    manifest of which all is written, if one is kept. ``replays`` is the run whose rejects this one loads again; ``counts`` are
    then of those. ``revision`` counts how often that was done to a run; ``parts`` and ``corrections`` are then the keys of the
    lists that say which of its rejects are left, and what stands in the place of the others.

    Where there is a query, ``counts`` are of the object's records, loaded being those that the query was given, and ``result``
    of the rows that it gave; ``items`` are of these. ``engine`` computed it, for the reason ``engine_reason``, from the
    ``references``: the key and version of each, by its name.
    """

    id: str
    feed: str
    bucket: str
    key: str
    version: str
    started_at: str
    status: RunStatus = "running"
    attempt: int = 1
    request_id: str | None = None
    arrived_at: str | None = None
    ended_at: str | None = None
    code: str | None = None
    reason: str | None = None
    plan: str | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    items: Mapping[str, int] = field(default_factory=dict)
    errors: Mapping[str, int] = field(default_factory=dict)
    bytes: int = 0
    seconds: float = 0.0
    write_units: int = 0
    throttled: int = 0
    resent: int = 0
    rejects: str | None = None
    report: str | None = None
    ends_by: str | None = None
    offset: int | None = None
    saved: str | None = None
    manifest: str | None = None
    replays: str | None = None
    revision: int = 0
    parts: str | None = None
    corrections: str | None = None
    result: Mapping[str, int] | None = None
    engine: str | None = None
    engine_reason: str | None = None
    references: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @property
    def ended(self) -> bool:
        """Whether nobody is at work on this run. Only a replay changes it after that."""
        return self.status not in _AT_WORK

    @property
    def all_rejected(self) -> int:
        """How many rejects it has: records, and with a query rows of its result too."""
        return sum(counts.get("rejected", 0) for counts in (self.counts, self.result) if counts is not None)

    @property
    def told_engine(self) -> str | None:
        """What computed the query and why it was that, in words; None where there is no query."""
        return self.engine if self.engine_reason is None else f"{self.engine}: {self.engine_reason}"


def format_time(moment: float) -> str:
    """Give a moment of the epoch as ISO 8601 in UTC, to the millisecond, so that times sort as text."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def read_time(time: str) -> float:
    """Give the moment of a time that :func:`format_time` gave, or S3: seconds of the epoch."""
    return datetime.fromisoformat(time).timestamp()


def new_run_id(moment: float) -> str:
    """Make an id that sorts by time and can be read: ``2026-11-23T05-30-00Z-1f0c9a3e``."""
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%dT%H-%M-%SZ}-{secrets.token_hex(4)}"


def conclude_run(run: Run, report: Report, ended_at: str) -> Run:
    """Give a run as its report says that it ended."""
    return replace(
        run,
        status=report.status,
        ended_at=ended_at,
        code=report.code,
        reason=report.reason,
        plan=report.plan,
        counts=asdict(report.counts),
        items=asdict(report.items),
        errors=top_errors(report.errors),
        bytes=report.bytes,
        seconds=report.seconds,
        write_units=report.write_units,
        throttled=report.throttled,
        resent=report.resent,
        result=None if report.result is None else asdict(report.result),
        engine=report.engine,
        engine_reason=report.engine_reason,
    )


def top_errors(errors: Mapping[str, int]) -> dict[str, int]:
    """Give the most frequent codes."""
    return dict(sorted(errors.items(), key=lambda pair: (-pair[1], pair[0]))[:_TOP_ERRORS])


def put_run(ledger: Ledger, run: Run) -> None:
    """Write a run, over what was written of it before. Needs dynamodb:PutItem."""
    try:
        ledger.dynamodb.put_item(TableName=ledger.table, Item=run_item(run))
    except AwsError as error:
        raise ledger.explain(error, "dynamodb:PutItem") from error


def end_run(ledger: Ledger, run: Run) -> Run:
    """Write a run that has ended, and give it; where it ended before, give it as it did, for a run ends once.

    Of two who end one at once, as a step and its double, the second finds what the first said. Needs dynamodb:PutItem
    and dynamodb:GetItem.
    """
    try:
        ledger.dynamodb.put_item(
            TableName=ledger.table,
            Item=run_item(run),
            ConditionExpression=f"attribute_not_exists(pk) OR {_NOT_ENDED}",
            ExpressionAttributeNames={"#status": "status"},
            ExpressionAttributeValues=to_item(_STATES),
        )
    except ClientError as error:
        if error_code(error) != "ConditionalCheckFailedException":
            raise ledger.explain(error, "dynamodb:PutItem") from error
        return get_run(ledger, run.id) or run
    except AwsError as error:
        raise ledger.explain(error, "dynamodb:PutItem") from error
    return run


def run_item(run: Run) -> dict[str, Any]:
    """Give a run's item."""
    values = asdict(run)
    values.pop("id")
    started = read_time(run.started_at)
    key = {"pk": f"RUN#{run.id}", "sk": "RUN", "expires_at": int(started) + _KEPT_SECONDS}
    return to_item({**values, **key})


def mark_interrupted(ledger: Ledger, run_id: str, ended_at: str) -> Run | None:
    """Say of a run that its worker died, and give it. None, and nothing is changed, where it came to an end after all."""
    values = {":failed": "failed", ":reason": _DIED, ":ended_at": ended_at}
    update = "SET #status = :failed, reason = :reason, ended_at = :ended_at"
    item = _update_unended(ledger, run_id, update, _NOT_ENDED, values)
    return None if item is None else read_run(ledger, item)


def put_off_end(ledger: Ledger, run_id: str, ends_by: str) -> None:
    """Say of a run that it goes on, until ``ends_by`` at the most. Nothing is changed where it has ended."""
    condition = f"{_NOT_ENDED} AND ends_by < :ends_by"
    _update_unended(ledger, run_id, "SET ends_by = :ends_by", condition, {":ends_by": ends_by})


def _update_unended(
    ledger: Ledger, run_id: str, update: str, condition: str, values: Mapping[str, object]
) -> Mapping[str, Any] | None:
    """Change a run under a condition, and give its item; None where that does not hold."""
    try:
        answer = ledger.dynamodb.update_item(
            TableName=ledger.table,
            Key=_key(run_id),
            UpdateExpression=update,
            ConditionExpression=condition,
            ExpressionAttributeNames={"#status": "status"},
            ExpressionAttributeValues=to_item({**_STATES, **values}),
            ReturnValues="ALL_NEW",
        )
    except ClientError as error:
        if error_code(error) != "ConditionalCheckFailedException":
            raise ledger.explain(error, "dynamodb:UpdateItem") from error
        return None
    except AwsError as error:
        raise ledger.explain(error, "dynamodb:UpdateItem") from error
    item: Mapping[str, Any] = answer["Attributes"]
    return item


def get_run(ledger: Ledger, run_id: str) -> Run | None:
    """Give a run by its id, or None where there is none. Needs dynamodb:GetItem."""
    try:
        answer = ledger.dynamodb.get_item(TableName=ledger.table, Key=_key(run_id), ConsistentRead=True)
    except AwsError as error:
        raise ledger.explain(error, "dynamodb:GetItem") from error
    return read_run(ledger, answer["Item"]) if "Item" in answer else None


def _key(run_id: str) -> dict[str, Any]:
    return to_item({"pk": f"RUN#{run_id}", "sk": "RUN"})


def read_run(ledger: Ledger, item: Mapping[str, Any]) -> Run:
    """Read a run's item."""
    values = from_item(item)
    known = {found.name for found in fields(Run)}
    run = Run(
        id=values["pk"].removeprefix("RUN#"),
        **{name: value for name, value in values.items() if name in known},
    )
    died = not run.ended and run.ends_by is not None and run.ends_by < format_time(ledger.clock())
    return replace(run, status="failed", reason=_DIED, ended_at=run.ends_by) if died else run
