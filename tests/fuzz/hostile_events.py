"""Events as AWS sends them, spoiled: what the decoder is to take or to refuse, and never to fail of."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from penstock.aws.events import (
    Batch,
    EventError,
    ObjectHint,
    ReplayOrder,
    Unreadable,
    decode_event,
    decode_step,
    decode_sweep,
)

STEP = {"step": "load", "run": "run-1", "bucket": "landing", "key": "a.csv", "version": "v1", "chunk": 3}
SWEEP = {"kind": "full", "at": "2026-01-01T00:00:00Z", "time_zone": "UTC", "expect": ["a-%Y.csv"]}
RECORDED: list[Any] = [
    *(json.loads(path.read_text())["event"] for path in Path(__file__).parents[1].glob("aws/events/*.json")),
    {"penstock": STEP},
    {"penstock": {**STEP, "step": "fail", "error": {"Error": "ServiceError", "Cause": "it broke"}}},
    {"penstock": {"sweep": SWEEP}},
]
"""Events as they were recorded, and the orders that come from the project's own stack."""
_DEEPEST = 20


def nest(depth: int, value: Any = None) -> Any:
    """A list in a list, so deep."""
    for _ in range(depth):
        value = [value]
    return value


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The ways to every value of an event that is not too deep in it."""
    if len(path) > _DEEPEST:
        return []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(way for step, inner in items for way in places(inner, (*path, step)))]


TEXTS = st.text(st.characters(), max_size=20) | st.sampled_from(
    ["", "../../x.csv", "a\0b", "\ud800", "%FF", "%00", "+", "k" * 1025, "é" * 600, "x" * 100_000, "aws:s3", "aws:sqs", "aws:sns",
     "Notification", "s3:TestEvent", "[" * 5_000, "9" * 5_000, "{}", "NaN", '{"penstock": {}}', "0001-01-01T00:00:00", "../UTC"]
)  # fmt: skip
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS | st.sampled_from([10**4000, -1, 2**31])
)
VALUES = (
    st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3))
    | st.sampled_from(RECORDED)
    | st.sampled_from([nest(5_000), {"Error": nest(5_000)}])
)  # fmt: skip


@st.composite
def hostile_events(draw: st.DrawFn) -> Any:
    """An event with up to four things wrong, perhaps inside of a message."""
    found: Any = draw(st.sampled_from(RECORDED))
    for _ in range(draw(st.integers(0, 4))):
        found = _change(draw, found, draw(st.sampled_from(places(found))))
    for wrap in draw(st.lists(st.sampled_from(["sqs", "sns", "records"]), max_size=3)):
        found = _wrap(wrap, found)
    return found


def _change(draw: st.DrawFn, value: Any, way: tuple[Any, ...]) -> Any:
    """Give an event with the value at the end of a way spoiled; what it is made of is shared with others and stays as it is."""
    if not way:
        return _spoil(draw, value)
    changed = value.copy()
    changed[way[0]] = _change(draw, value[way[0]], way[1:])
    return changed


def _spoil(draw: st.DrawFn, value: Any) -> Any:
    how = draw(st.sampled_from(["replace", "cut", "double", "as text", "in text", "wrap"]))
    if how == "cut" and isinstance(value, str | list):
        return value[: draw(st.integers(0, max(0, len(value) - 1)))]
    if how == "cut" and isinstance(value, dict) and value:
        gone = draw(st.sampled_from(sorted(value)))
        return {name: inner for name, inner in value.items() if name != gone}
    if how == "double" and isinstance(value, list):
        return value * 2
    if how == "in text" and isinstance(value, str):
        at = draw(st.integers(0, len(value)))
        return value[:at] + draw(TEXTS) + value[at:]
    if how == "as text":
        return _dump(value)
    return [value] if how == "wrap" else draw(VALUES)


def _wrap(how: str, event: Any) -> Any:
    if how == "sqs":
        message = {"messageId": "m-1", "eventSource": "aws:sqs", "body": _dump(event)}
        return {"Records": [message, {**message, "messageId": "m-2", "body": '{"Event": "s3:TestEvent"}'}]}
    if how == "sns":
        return {"Type": "Notification", "Message": _dump(event)}
    return {"Records": [{"EventSource": "aws:sns", "Sns": {"Message": _dump(event)}}]}


def _dump(value: Any) -> str:
    try:
        return json.dumps(value)
    except (RecursionError, ValueError):
        return "[" * 5_000


def check_event(event: Any) -> None:
    """Decode an event in each of the ways, and hold what comes of it to what others rely on."""
    for decode in (decode_event, decode_step, decode_sweep):
        try:
            found = decode(event)
        except EventError as error:
            _check_error(error)
            continue
        if isinstance(found, Batch):
            for hint in found.hints:
                _check_hint(hint)
        repr(found).encode()  # what is text can be written
    if _is_queued(event):
        decode_event(event)  # a message fails by itself, and no other with it


def _check_hint(hint: ObjectHint | ReplayOrder | Unreadable) -> None:
    if isinstance(hint, Unreadable):
        _check_error(hint.error)
    elif isinstance(hint, ObjectHint):
        assert hint.bucket
        assert 0 < len(hint.key.encode()) <= 1_024
    if hint.message_id is not None:
        assert hint.message_id.encode()


def _check_error(error: EventError) -> None:
    message = str(error)
    assert message.endswith(".")
    assert len(message.encode()) < 2_000


def _is_queued(event: Any) -> bool:
    """Tell whether all that an event holds are messages from a queue, with their names."""
    records = event.get("Records") if isinstance(event, dict) else None
    return (
        isinstance(records, list)
        and bool(records)
        and all(
            isinstance(record, dict)
            and record.get("eventSource") == "aws:sqs"
            and isinstance(name := record.get("messageId"), str)
            and name.isascii()
            and name
            for record in records
        )
    )
