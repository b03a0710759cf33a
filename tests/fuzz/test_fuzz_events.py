"""Any JSON in: hints or an :class:`EventError` out, and nothing else, soon."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hostile_events import check_event, hostile_events, nest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.aws.events import EventError, ObjectHint, decode_event, decode_step, decode_sweep


@settings(max_examples=300, deadline=None)
@given(hostile_events())
def test_a_spoiled_event_is_taken_or_refused(event: Any) -> None:
    check_event(event)


@settings(max_examples=100, deadline=None)
@given(
    st.recursive(st.none() | st.text() | st.integers(), lambda v: st.lists(v) | st.dictionaries(st.text(), v))
)
def test_any_json_is_taken_or_refused(event: Any) -> None:
    check_event(event)


def from_s3(key: Any, bucket: Any = "b", **more: Any) -> dict[str, Any]:
    record = {"eventSource": "aws:s3", "s3": {"bucket": {"name": bucket}, "object": {"key": key}}, **more}
    return {"Records": [record]}


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (from_s3("\ud800"), "names no bucket and key"),
        (from_s3("a", "\udfff"), "names no bucket and key"),
        (from_s3("k" * 1_025), "more than 1,024 bytes"),
        (from_s3("%C3%A9" * 513), "more than 1,024 bytes"),
        ({"\ud800": nest(5_000)}, r"it has: \\ud800"),
        ({"penstock": {"replay": "a", "id": "../b"}}, "has to name that run"),
    ],
)
def test_what_no_object_can_be_called_is_refused(event: Any, said: str) -> None:
    with pytest.raises(EventError, match=said):
        decode_event(event)


@pytest.mark.parametrize(
    "key", ["incoming/../../etc/passwd.csv", "a\0\n\x1b[2J.csv", "é" * 512, "-rf *", "/"]
)
def test_a_key_is_taken_for_a_name_and_nothing_else(key: str) -> None:
    detail = {"bucket": {"name": "b"}, "object": {"key": key}}
    event = {"source": "aws.s3", "detail-type": "Object Created", "detail": detail}
    assert decode_event(event).hints == (ObjectHint("b", key),)


STEP = {"step": "load", "run": "run-1", "bucket": "b", "key": "k", "version": "v", "chunk": 1}


@pytest.mark.parametrize(
    "part",
    [{"run": "../../x"}, {"chunk": True}, {"chunk": 10**4000}, {"key": "\ud800"}, {"step": nest(5_000)}],
)
def test_a_step_of_another_shape_is_refused(part: dict[str, Any]) -> None:
    with pytest.raises(EventError, match="not complete"):
        decode_step({"penstock": {**STEP, **part}})


def test_of_why_an_execution_failed_what_a_person_reads_is_kept() -> None:
    error = {"Error": nest(5_000), "Cause": "why\ud800" + "y" * 500_000}
    step = decode_step({"penstock": {**STEP, "step": "fail", "error": error}})
    assert step is not None
    assert step.error is not None
    assert step.error.startswith(r"why\ud800y")
    assert len(step.error) < 2_100


@pytest.mark.parametrize(
    "zone", ["../../etc/passwd", "Nowhere/Else", "\0", "/etc/localtime", "", nest(5_000)]
)
def test_a_time_zone_that_is_none_is_refused(zone: Any) -> None:
    order = {"kind": "full", "at": "2026-01-01T00:00:00Z", "time_zone": zone, "expect": []}
    with pytest.raises(EventError, match="no order for the sweep"):
        decode_sweep({"penstock": {"sweep": order}})


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00", "9999-12-31T23:59:59-14:00", 10**4000, nest(5_000)])
def test_a_time_that_is_none_is_left_out(at: Any) -> None:
    order = {"kind": "full", "at": at, "time_zone": "UTC", "expect": []}
    found = decode_sweep({"penstock": {"sweep": order}})
    assert found.at is None or at == "9999-12-31T23:59:59-14:00"


def test_messages_of_the_largest_size_are_decoded_soon() -> None:
    record = from_s3("incoming/a.csv")["Records"][0]
    full = json.dumps({"Records": [record] * 9_000})
    deep = '{"Type":"Notification","Message":' * 30_000
    bodies = [full, deep, "[" * 1_000_000, '"' + "\\u0000" * 170_000 + '"', "9" * 1_000_000]
    assert all(len(body) <= 1 << 20 for body in bodies)
    messages = [
        {"eventSource": "aws:sqs", "messageId": f"m-{n}", "body": body} for n, body in enumerate(bodies)
    ]
    began = time.process_time()
    assert len(decode_event({"Records": messages}).hints) == 9_004
    assert time.process_time() - began < 5
