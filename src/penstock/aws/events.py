"""Events, of every shape in which AWS says that a key may have changed, made into hints.

A hint is all an event is good for: deliveries repeat, overtake one another and come late, so the loader looks at the
key itself. Three events are orders: a step of the state machine (:func:`decode_step`), what a schedule asks of the sweep
(:func:`decode_sweep`), and a replay, which comes the way that hints come. Sources of the shapes: the S3 user guide ("Event message structure", and its EventBridge
counterpart), the Lambda guide ("Using Lambda with Amazon SQS", "... Amazon SNS").
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, get_args
from urllib.parse import unquote_plus

from penstock.aws.event_values import is_id, is_number, is_text, is_time_zone, show
from penstock.errors import ServiceError


class EventError(ServiceError):
    """An event of a shape that the loader does not know. It is left to the queue, or to Lambda, to try and to keep."""


@dataclass(frozen=True, slots=True)
class ObjectHint:
    """The key of an object that may have changed; ``message_id`` is that of the SQS message that said so, if one did."""

    bucket: str
    key: str
    message_id: str | None = None


@dataclass(frozen=True, slots=True)
class ReplayOrder:
    """Somebody wants the rejects of a run loaded again, by a run of the id ``id``.

    ``corrections`` is the key in the artifacts bucket of what to load in their place; None for what lies in the object.
    """

    id: str
    run: str
    corrections: str | None = None
    message_id: str | None = None


Hint = ObjectHint | ReplayOrder


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An SQS message that could not be understood; the others of its batch are none the worse for it."""

    message_id: str
    error: EventError


StepName = Literal["cut", "survey", "decide", "load", "finish", "fail"]
JobStep = Literal["cut", "member", "members", "rows", "judge", "reference", "survey", "decide", "load"]
"""The steps of a job in Glue: of a feed with a query there are some that the state machine never asks for."""


@dataclass(frozen=True, slots=True)
class Step:
    """What the state machine asks for: a step of a run, of a version of an object.

    ``chunk`` is the one to survey or to load; ``partition`` that of the keys to decide on, None to decide on the file; or the number of
    a reference to read.
    ``error`` is why the execution failed, in the state machine's words (``Error`` and ``Cause``).
    """

    name: StepName | JobStep
    run: str
    bucket: str
    key: str
    version: str
    chunk: int | None = None
    partition: int | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class SweepOrder:
    """What a schedule asks of the sweep: to begin a ``full`` round, or a ``tick`` that only goes on with one.

    ``expect`` names the files that have to be there ``at`` that moment, in seconds of the epoch, in ``time_zone``. ``at`` is None where
    the schedule did not say.
    """

    kind: Literal["tick", "full"]
    at: float | None = None
    time_zone: str = "UTC"
    expect: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Batch:
    """What one invocation was told. ``queued`` tells whether it came from SQS, whose messages fail one by one."""

    hints: tuple[Hint | Unreadable, ...]
    queued: bool


_NOTHING_TO_LOAD = ("ObjectRemoved", "LifecycleExpiration", "s3:ObjectRemoved", "s3:LifecycleExpiration")
_MOST_KEY_BYTES: Final = 1_024
_MOST_REASON: Final = 2_000
_BRIDGE_KINDS = ("Object Created", "Object Restore Completed")


def decode_event(event: object) -> Batch:
    """Give the hints of an invocation's event. A test event has none.

    Raises :class:`EventError` for an unknown shape; within SQS, the message at fault becomes an :class:`Unreadable`.
    """
    records = event.get("Records") if isinstance(event, Mapping) else None
    if isinstance(records, list) and any(_field(record, "eventSource") == "aws:sqs" for record in records):
        return Batch(tuple(hint for record in records for hint in _decode_message(record)), queued=True)
    return Batch(tuple(_decode(event, None)), queued=False)


def decode_step(event: object) -> Step | None:
    """Give the step that the state machine asks for, or None for an event that is none of its. Raises :class:`EventError`."""
    if not isinstance(event, Mapping) or "penstock" not in event:
        return None
    asked = event["penstock"]
    if _field(asked, "replay") is not None:
        return None
    run = _field(asked, "run")
    texts = {name: _field(asked, name) for name in ("bucket", "key", "version")}
    numbers = {name: _field(asked, name) for name in ("chunk", "partition")}
    name = _field(asked, "step")
    due = "chunk" if name in ("survey", "load") else None
    if (
        name not in get_args(StepName)
        or not is_id(run)
        or not all(is_text(value) and value for value in texts.values())
        or not all(value is None or is_number(value) for value in numbers.values())
        or (due and numbers[due] is None)
    ):
        raise EventError(
            "A step of the state machine is not complete: it has to name its run, bucket, key and version, and its chunk "
            "where it has one. Deploy the project again, so that the state machine and the function agree."
        )
    error = _field(asked, "error")
    parts = (_field(error, part) for part in ("Error", "Cause"))
    reason = ": ".join(show(part, _MOST_REASON) for part in parts if isinstance(part, str) and part)
    return Step(name, run, **texts, **numbers, error=reason or None)


def decode_sweep(event: object) -> SweepOrder:
    """Give what a schedule asks of the sweep. Raises :class:`EventError`."""
    asked = _field(_field(event, "penstock"), "sweep")
    kind, time_zone, expect = (_field(asked, name) for name in ("kind", "time_zone", "expect"))
    if kind == "tick":
        return SweepOrder("tick")
    if (
        kind != "full"
        or not is_time_zone(time_zone)
        or not isinstance(expect, list)
        or not all(is_text(name) for name in expect)
    ):
        raise EventError(
            "This is no order for the sweep: that says its kind, and a full one its time zone and the files that it expects. "
            "Deploy the project again, so that the schedule and the function agree; `penstock sweep` sweeps by hand."
        )
    return SweepOrder("full", _read_time(_field(asked, "at")), time_zone, tuple(expect))


def _read_time(text: object) -> float | None:
    """Read the time of a schedule; what EventBridge Scheduler did not put in the place of its placeholder is none."""
    try:
        return datetime.fromisoformat(text).timestamp() if isinstance(text, str) else None
    except (ValueError, OverflowError):
        return None


def _decode_message(record: Any) -> Iterator[Hint | Unreadable]:
    message_id = _field(record, "messageId")
    if not is_text(message_id) or not message_id:
        raise EventError(
            "A record from SQS has no messageId, so that its failure could not be told from the others'."
        )
    try:
        yield from list(_decode(_parse(_field(record, "body")), message_id))
    except EventError as error:
        yield Unreadable(message_id, error)


def _decode(event: Any, message_id: str | None) -> Iterator[Hint]:
    if _field(event, "Event") == "s3:TestEvent":
        return
    if isinstance(records := _field(event, "Records"), list):
        for record in records:
            yield from _decode_record(record, message_id)
    elif _field(event, "Type") == "Notification":  # from SNS, in the body of an SQS message
        yield from _decode(_parse(_field(event, "Message")), message_id)
    elif _field(event, "source") == "aws.s3":
        if _field(event, "detail-type") in _BRIDGE_KINDS:
            yield _hint(*_names(_field(event, "detail")), message_id)
    elif _field(_field(event, "penstock"), "replay") is not None:
        yield _decode_replay(_field(event, "penstock"), message_id)
    else:
        raise EventError(_describe(event))


def _decode_record(record: Any, message_id: str | None) -> Iterator[Hint]:
    if _field(record, "EventSource") == "aws:sns":
        yield from _decode(_parse(_field(_field(record, "Sns"), "Message")), message_id)
    elif _field(record, "eventSource") == "aws:s3":
        name = _field(record, "eventName")
        if not isinstance(name, str) or not name.startswith(_NOTHING_TO_LOAD):
            bucket, key = _names(_field(record, "s3"))
            yield _hint(bucket, _unquote(key), message_id)
    else:
        raise EventError(_describe(record))


def encode_replay(order: ReplayOrder) -> str:
    """Give the event that an order is sent as."""
    asked = {"replay": order.run, "id": order.id, "corrections": order.corrections}
    return json.dumps({"penstock": asked})


def _decode_replay(asked: Any, message_id: str | None) -> ReplayOrder:
    run, name, corrections = (_field(asked, part) for part in ("replay", "id", "corrections"))
    if not (is_id(run) and is_id(name) and (corrections is None or is_text(corrections))):
        raise EventError(
            "An order to replay a run has to name that run, and its own. Send it by `penstock replay`."
        )
    return ReplayOrder(name, run, corrections, message_id)


def _hint(bucket: str, key: str, message_id: str | None) -> ObjectHint:
    if len(key.encode()) > _MOST_KEY_BYTES:
        raise EventError(
            f"An event from S3 has a key of more than {_MOST_KEY_BYTES:,} bytes, which no key of S3 has."
        )
    return ObjectHint(bucket, key, message_id)


def _names(holder: Any) -> tuple[str, str]:
    bucket, key = _field(_field(holder, "bucket"), "name"), _field(_field(holder, "object"), "key")
    if is_text(bucket) and bucket and is_text(key) and key:
        return bucket, key
    raise EventError("An event from S3 names no bucket and key.")


def _unquote(key: str) -> str:
    try:
        return unquote_plus(key, errors="strict")
    except UnicodeDecodeError:
        raise EventError("An event from S3 has a key that is not UTF-8, which no key of S3 is.") from None


def _parse(text: Any) -> Any:
    try:
        return json.loads(text)
    except (TypeError, ValueError, RecursionError):
        raise EventError(
            "A message's body is not JSON. Only S3, SNS, EventBridge should send to this queue."
        ) from None


def _field(holder: Any, name: str) -> Any:
    return holder.get(name) if isinstance(holder, Mapping) else None


def _describe(event: Any) -> str:
    seen = (
        ", ".join(sorted(show(str(name), 40) for name in event)[:12])
        if isinstance(event, Mapping)
        else type(event).__name__
    )
    return (
        f"This event is of no shape that the loader knows (it has: {seen or 'nothing'}). It understands S3 events, alone "
        "or inside SQS or SNS, EventBridge's events of S3, and orders to replay a run."
    )
