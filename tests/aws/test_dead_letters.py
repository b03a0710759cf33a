"""What a dead letter says, of each kind that there is."""

import json
from typing import Any

import pytest

from penstock.aws.dead_letters import DeadLetter, read_letter

EVENT = {
    "Records": [
        {
            "eventSource": "aws:s3",
            "eventName": "ObjectCreated:Put",
            "s3": {"bucket": {"name": "landing"}, "object": {"key": "in/a+b.csv"}},
        }
    ]
}


def letter(body: object) -> DeadLetter:
    message: dict[str, Any] = {
        "MessageId": "m1",
        "ReceiptHandle": "r1",
        "Body": body if isinstance(body, str) else json.dumps(body),
        "Attributes": {"ApproximateReceiveCount": "6", "SentTimestamp": "1795413600000"},
    }
    return read_letter(message)


def record(error: dict[str, str], payload: object = EVENT) -> dict[str, Any]:
    """What Lambda keeps of a call that failed."""
    return {
        "version": "1.0",
        "requestContext": {"condition": "RetriesExhausted", "approximateInvokeCount": 3},
        "requestPayload": payload,
        "responseContext": {"statusCode": 200, "functionError": "Unhandled"},
        "responsePayload": error,
    }


def test_a_message_of_the_queue_names_its_objects_and_keeps_its_body() -> None:
    found = letter(EVENT)
    assert (found.objects, found.reason, found.receives) == ((("landing", "in/a b.csv"),), None, 6)
    assert json.loads(found.event) == EVENT
    assert found.sent_at == "2026-11-23T06:00:00Z"


@pytest.mark.parametrize("body", ["4111-1111", "[]", '{"what": "4111-1111"}', "[" * 100_000])
def test_what_is_no_event_says_so_and_nothing_of_what_it_holds(body: str) -> None:
    found = letter(body)
    assert found.objects == ()
    assert found.reason is not None
    assert "4111" not in found.reason
    assert found.event == body


def test_an_order_to_replay_a_run_says_so() -> None:
    found = letter({"penstock": {"replay": "run-1", "id": "run-2", "corrections": None}})
    assert (found.replays, found.objects, found.reason) == ("run-1", (), None)


def test_a_record_of_a_failed_call_holds_the_event() -> None:
    found = letter(record({"errorType": "NotLoadedError", "errorMessage": "Not everything was loaded"}))
    assert (found.objects, found.reason) == ((("landing", "in/a b.csv"),), None)
    assert json.loads(found.event) == EVENT


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            {"errorType": "EventError", "errorMessage": "This event is of no shape"},
            "This event is of no shape",
        ),
        ({"errorType": "Sandbox.Timedout", "errorMessage": "timed out after 30 s"}, "timed out after 30 s"),
        ({"errorType": "ValueError", "errorMessage": "4111-1111"}, "The function stopped with ValueError"),
        ({}, "RetriesExhausted"),
    ],
)
def test_a_record_says_why_the_call_failed_and_quotes_no_error_but_our_own(
    error: dict[str, str], said: str
) -> None:
    reason = str(letter(record(error)).reason)
    assert said in reason
    assert "4111" not in reason
