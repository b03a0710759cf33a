"""The demo's alarm: what the functions log becomes metrics, one of them crosses a threshold, and whoever is subscribed hears."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from penstock.errors import ServiceError
from penstock.local.bridge.carry import Bridge
from penstock.local.project import Running
from penstock.stack.connect import explained
from penstock.watch.alarms import Alarm

_PATIENCE_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class AlarmHeard:
    """An alarm went off, and a queue that is subscribed to the topic was told."""

    alarm: Alarm


@dataclass(frozen=True)
class Ear:
    """A queue that is subscribed to the project's topic, and the bridge that carries metrics into CloudWatch."""

    running: Running
    queue: str
    bridge: Bridge


def listen(running: Running) -> Ear:
    """Subscribe a queue to the project's topic, and begin to measure."""
    with explained("subscribe a queue to the topic"):
        sqs, sns = running.connection.client("sqs"), running.connection.client("sns")
        queue = sqs.create_queue(QueueName="ear")["QueueUrl"]
        arn = running.names.arn("sqs", "ear")
        sns.subscribe(TopicArn=running.names.topic_arn, Protocol="sqs", Endpoint=arn)
        bridge = Bridge(running.connection, running.names, time.time())
        bridge.step()
    return Ear(running, queue, bridge)


def hear(ear: Ear, alarm: str) -> AlarmHeard:
    """Measure until an alarm is heard to go off. Raises :class:`ServiceError` where it does not within a minute."""
    begun = time.monotonic()
    while time.monotonic() - begun < _PATIENCE_SECONDS:
        with explained("look after the alarm"):
            ear.bridge.step()
            for told in _messages(ear):
                if (told.get("AlarmName"), told.get("NewStateValue")) == (alarm, "ALARM"):
                    return AlarmHeard(_read(told))
    raise ServiceError(f"The alarm {alarm} did not go off.")


def _messages(ear: Ear) -> Iterator[Mapping[str, Any]]:
    """Take what the queue holds; what is no JSON are notices to people."""
    sqs = ear.running.connection.client("sqs")
    ask = {"QueueUrl": ear.queue, "MaxNumberOfMessages": 10, "WaitTimeSeconds": 1}
    for message in sqs.receive_message(**ask).get("Messages", ()):
        sqs.delete_message(QueueUrl=ear.queue, ReceiptHandle=message["ReceiptHandle"])
        text = json.loads(message["Body"])["Message"]
        if text.startswith("{"):
            yield json.loads(text)


def _read(told: Mapping[str, Any]) -> Alarm:
    since, reason = told["StateChangeTime"], told["NewStateReason"]
    return Alarm(told["AlarmName"], None, "ALARM", since, reason, told["AlarmDescription"])
