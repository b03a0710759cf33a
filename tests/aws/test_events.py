"""Every shape of event that AWS sends, as recorded, is decoded as its kind wants."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.aws.events import (
    EventError,
    Hint,
    ObjectHint,
    ReplayOrder,
    Step,
    SweepOrder,
    Unreadable,
    decode_event,
    decode_step,
    decode_sweep,
    encode_replay,
)
from penstock.errors import PenstockError

EVENTS = sorted((Path(__file__).parent / "events").glob("*.json"))


def _plain(hint: Hint | Unreadable) -> list[str | None]:
    match hint:
        case ObjectHint(bucket, key, message_id):
            return [bucket, key, message_id]
        case ReplayOrder(name, run, corrections, message_id):
            return ["replay", run, name, corrections, message_id]
        case Unreadable(message_id):
            return ["unreadable", message_id]


@pytest.mark.parametrize("path", EVENTS, ids=lambda path: path.stem)
def test_a_recorded_event_gives_its_hints(path: Path) -> None:
    case = json.loads(path.read_text())
    batch = decode_event(case["event"])
    assert [_plain(hint) for hint in batch.hints] == case["hints"]
    assert batch.queued is case["queued"]


@pytest.mark.parametrize(
    "event",
    [
        None,
        [],
        "text",
        {},
        {"hello": "world"},
        {"Records": [{"eventSource": "aws:kinesis"}]},
        {"Records": [{"eventSource": "aws:s3", "s3": {"bucket": {"name": "b"}, "object": {}}}]},
        {"Records": [{"eventSource": "aws:s3", "s3": {"bucket": {"name": "b"}, "object": {"key": "%FF"}}}]},
        {"Records": [{"eventSource": "aws:sqs", "body": "{}"}]},
        {"source": "aws.ec2", "detail-type": "Scheduled Event"},
        {"source": "aws.s3", "detail-type": "Object Created", "detail": {}},
        {"source": "aws.scheduler", "detail-type": "Scheduled Event"},
        {"penstock": {"sweep": {"kind": "tick"}}},
    ],
)
def test_an_unknown_shape_is_an_error_that_people_can_read(event: Any) -> None:
    with pytest.raises(EventError) as caught:
        decode_event(event)
    assert isinstance(caught.value, PenstockError)
    assert str(caught.value).endswith(".")


@pytest.mark.parametrize(
    "body", ["hello", "[" * 100_000, '{"Records": [{"eventSource": "aws:s3"}]}', "1", None]
)
def test_a_message_of_an_unknown_shape_fails_alone(body: str | None) -> None:
    records = [{"eventSource": "aws:sqs", "messageId": name, "body": body} for name in ("m1", "m2")]
    test_event = {"eventSource": "aws:sqs", "messageId": "m3", "body": '{"Event": "s3:TestEvent"}'}
    batch = decode_event({"Records": [*records, test_event]})
    assert [_plain(hint) for hint in batch.hints] == [["unreadable", "m1"], ["unreadable", "m2"]]


def test_an_unknown_shape_is_told_by_its_names_and_not_by_its_values() -> None:
    with pytest.raises(EventError, match="card") as caught:
        decode_event({"card": "4111-1111"})
    assert "4111" not in str(caught.value)


@given(st.text(min_size=1).filter(lambda key: not any("\ud800" <= c <= "\udfff" for c in key)))
def test_any_key_survives_the_encoding_of_s3_events(key: str) -> None:
    record = {"eventSource": "aws:s3", "s3": {"bucket": {"name": "b"}, "object": {"key": quote_plus(key)}}}
    assert decode_event({"Records": [record]}).hints == (ObjectHint("b", key),)


STEP = {"run": "run-1", "bucket": "landing", "key": "incoming/a.csv", "version": "v1"}


def test_a_step_of_the_state_machine_is_decoded() -> None:
    found = decode_step({"penstock": {"step": "load", **STEP, "chunk": 3}})
    assert found == Step("load", "run-1", "landing", "incoming/a.csv", "v1", chunk=3)
    found = decode_step({"penstock": {"step": "decide", **STEP, "partition": 0}})
    assert found == Step("decide", "run-1", "landing", "incoming/a.csv", "v1", partition=0)
    failed = {"step": "fail", **STEP, "error": {"Error": "ServiceError", "Cause": "it broke"}}
    found = decode_step({"penstock": failed})
    assert found is not None
    assert found.error == "ServiceError: it broke"


def test_an_order_to_replay_a_run_comes_straight_to_the_function_too() -> None:
    order = ReplayOrder("2026-b", "2026-a", "rejects/orders/2026-a/corrections-2026-b.json")
    event = json.loads(encode_replay(order))
    assert decode_step(event) is None
    assert decode_event(event).hints == (order,)


def test_what_is_no_step_is_left_to_the_other_shapes() -> None:
    assert decode_step({"Records": []}) is None
    assert decode_step([]) is None


@pytest.mark.parametrize(
    "asked",
    [
        None,
        {},
        {"step": "dance", **STEP},
        {"step": "cut", **STEP, "run": ""},
        {"step": "load", **STEP},
        {"step": "survey", **STEP, "chunk": -1},
        {"step": "load", **STEP, "chunk": "3"},
    ],
)
def test_a_step_that_is_not_complete_is_an_error(asked: object) -> None:
    with pytest.raises(EventError, match="not complete"):
        decode_step({"penstock": asked})


def test_what_a_schedule_asks_of_the_sweep_is_decoded() -> None:
    assert decode_sweep({"penstock": {"sweep": {"kind": "tick"}}}) == SweepOrder("tick")
    full = {"kind": "full", "at": "1970-01-02T00:00:00Z", "time_zone": "Asia/Tokyo", "expect": ["a.csv"]}
    found = decode_sweep({"penstock": {"sweep": full}})
    assert found == SweepOrder("full", 86_400.0, "Asia/Tokyo", ("a.csv",))


def test_a_time_that_the_scheduler_did_not_write_out_is_none() -> None:
    full = {"kind": "full", "at": "<aws.scheduler.scheduled-time>", "time_zone": "UTC", "expect": []}
    assert decode_sweep({"penstock": {"sweep": full}}) == SweepOrder("full")


@pytest.mark.parametrize(
    "event",
    [
        None,
        {"penstock": {"sweep": "tick"}},
        {"penstock": {"sweep": {"kind": "half"}}},
        {"penstock": {"sweep": {"kind": "full"}}},
        {"penstock": {"sweep": {"kind": "full", "time_zone": "UTC", "expect": "a.csv"}}},
        {"Records": []},
    ],
)
def test_what_is_no_order_for_the_sweep_is_an_error(event: object) -> None:
    with pytest.raises(EventError, match="no order for the sweep"):
        decode_sweep(event)
