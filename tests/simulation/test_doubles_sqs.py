"""The double of SQS does what the embedded one does with messages that come back: the same tests for both."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

import pytest
from botocore.exceptions import ClientError
from embedded_aws import make_world
from virtual_lambda import Message, VirtualFunction, VirtualQueue, VirtualSQS
from virtual_time import Schedule
from virtual_wire import Wire

from penstock.aws.hint import QueuedHints

TRIES = 2
SECONDS = 1


class Queue(Protocol):
    """A queue whose messages come back after a while, and are dead letters after two tries."""

    hints: QueuedHints

    def receive(self) -> list[str]:
        """Receive what is visible, and give the keys of the objects that it tells of."""
        ...

    def delete(self) -> None:
        """Delete what was received last."""
        ...

    def wait(self) -> None: ...
    def dead(self) -> int: ...


def _key(body: str) -> str:
    return str(json.loads(body)["Records"][0]["s3"]["object"]["key"])


@dataclass
class Double:
    queue: VirtualQueue
    hints: QueuedHints
    last: list[Message] = field(default_factory=list)

    def receive(self) -> list[str]:
        self.last = self.queue.receive(10)
        return sorted(_key(message.body) for message in self.last)

    def delete(self) -> None:
        for message in self.last:
            self.queue.delete(message)

    def wait(self) -> None:
        schedule = self.queue.function.wire.schedule
        schedule.run(schedule.now + SECONDS + 0.1)

    def dead(self) -> int:
        return len(self.queue.dead)


@dataclass
class Embedded:
    client: Any
    url: str
    letters: str
    hints: QueuedHints
    last: list[str] = field(default_factory=list)

    def receive(self) -> list[str]:
        found = self.client.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10).get("Messages", [])
        self.last = [message["ReceiptHandle"] for message in found] or self.last
        return sorted(_key(message["Body"]) for message in found)

    def delete(self) -> None:
        for handle in self.last:
            self.client.delete_message(QueueUrl=self.url, ReceiptHandle=handle)

    def wait(self) -> None:
        # Rather than let a second pass, which on a busy computer has passed when a message is still to be invisible.
        for handle in self.last:
            with suppress(ClientError):  # it was deleted
                self.client.change_message_visibility(
                    QueueUrl=self.url, ReceiptHandle=handle, VisibilityTimeout=0
                )

    def dead(self) -> int:
        return len(
            self.client.receive_message(QueueUrl=self.letters, MaxNumberOfMessages=10).get("Messages", [])
        )


@pytest.fixture(params=["double", pytest.param("embedded", marks=pytest.mark.aws)])
def queue(request: pytest.FixtureRequest) -> Iterator[Queue]:
    if request.param == "double":
        function = VirtualFunction(Wire(Schedule(1)), lambda _event, _name: {}, 30.0)
        made = VirtualQueue(function, SECONDS, most_receives=TRIES, concurrency=0)  # nobody is called here
        yield Double(made, QueuedHints(VirtualSQS(made), "queue"))
        return
    with make_world(request.getfixturevalue("server")) as world, closing(world.connections.sqs) as sqs:
        letters = sqs.create_queue(QueueName="letters")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=letters, AttributeNames=["QueueArn"])["Attributes"][
            "QueueArn"
        ]
        policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": TRIES})
        attributes = {"VisibilityTimeout": "600", "RedrivePolicy": policy}
        url = sqs.create_queue(QueueName="orders", Attributes=attributes)["QueueUrl"]
        yield Embedded(sqs, url, letters, QueuedHints(sqs, url))


def test_a_message_is_invisible_once_received_and_comes_back(queue: Queue) -> None:
    queue.hints.send([("landing", "a.csv"), ("landing", "b.csv")])
    assert queue.receive() == ["a.csv", "b.csv"]
    assert queue.receive() == []
    queue.wait()
    assert queue.receive() == ["a.csv", "b.csv"]


def test_a_message_that_is_deleted_does_not_come_back(queue: Queue) -> None:
    queue.hints.send([("landing", "a.csv")])
    queue.receive()
    queue.delete()
    queue.wait()
    assert queue.receive() == []
    assert queue.dead() == 0


def test_a_message_received_too_often_is_a_dead_letter(queue: Queue) -> None:
    queue.hints.send([("landing", "a.csv")])
    for _ in range(TRIES):
        assert queue.receive() == ["a.csv"]
        queue.wait()
    assert queue.receive() == []
    assert queue.dead() == 1
