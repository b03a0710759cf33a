"""A notice says what happened and nothing that a key says, and it is never too large to be sent."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import pytest

from penstock.aws.log import Log
from penstock.aws.notify import notify_missing, notify_people
from penstock.aws.runs import Run

KEY = "incoming/a\nRun:      other\r\n\x1b[2J\u202egpj\t\0.csv"


class Topic:
    """A topic that takes what SNS takes (API reference, "Publish")."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str]] = []

    def publish(self, TopicArn: str, Subject: str, Message: str) -> None:
        assert TopicArn == "arn"
        assert 0 < len(Subject) < 100
        assert Subject.isascii()
        assert Subject.isprintable()
        assert len(Message.encode()) <= 262_144
        self.sent.append((Subject, Message))


def run(key: str, reason: str) -> Run:
    return Run("r-1", "orders", "landing", key, "v1", "2026-01-01T00:00:00Z", "rejected", reason=reason)


LOG = Log(io.StringIO(), lambda: 0.0)


def test_a_key_can_not_write_lines_of_a_notice() -> None:
    topic: Any = Topic()
    notify_people(topic, "arn", run(KEY, "why\nSee the run: x"), LOG)
    [(_, message)] = topic.sent
    first, _, reason, _, _, ran = message.splitlines()[:6]
    assert first.endswith(r"s3://landing/incoming/a\nRun:      other\r\n\x1b[2J\u202egpj\t\x00.csv")
    assert reason == r"Reason:   why\nSee the run: x"
    assert ran == "Run:      r-1 (attempt 1)"


@pytest.mark.parametrize("key", ["k" * 1024, "é" * 512, "\0" * 1024])
def test_a_notice_of_a_long_key_and_reason_is_sent(key: str) -> None:
    topic: Any = Topic()
    notify_people(topic, "arn", run(key, "x" * 400_000), LOG)
    assert len(topic.sent) == 1


def test_of_many_missing_files_the_first_are_named_and_the_rest_counted() -> None:
    topic: Any = Topic()
    assert notify_missing(topic, "arn", "orders", [f"s3://b/{n}{KEY}{'x' * 900}" for n in range(1000)], LOG)
    [(_, message)] = topic.sent
    assert "and 950 more\n" in message


def test_of_a_query_what_its_result_came_to_is_told_beside_the_records() -> None:
    topic: Any = Topic()
    refused = replace(
        run("a.csv", "why"), counts={"read": 5, "withheld": 5}, result={"read": 2, "rejected": 2}
    )
    notify_people(topic, "arn", refused, LOG)
    [(_, message)] = topic.sent
    assert "Records:  read 5, withheld 5\nResult:   read 2, rejected 2\n" in message
