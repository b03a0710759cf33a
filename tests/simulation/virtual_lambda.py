"""Lambda in memory: invocations with an end, asynchronous calls that are tried again, and a queue that calls a function.

An invocation that dies is told of to whoever called it, at the moment at which Lambda would know.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from virtual_time import Actor, Killed
from virtual_wire import Wire

_RETRIES: Final = (60.0, 120.0)
"""Seconds before an asynchronous call is tried again (Lambda guide, "Asynchronous invocation")."""


@dataclass(frozen=True)
class Result:
    """How an invocation ended: with an answer, or with an error's kind and message."""

    answer: Any = None
    kind: str | None = None
    message: str = ""

    @property
    def cause(self) -> str:
        """What Step Functions says of it."""
        return json.dumps({"errorMessage": self.message, "errorType": self.kind, "stackTrace": []})


Done = Callable[[Result], None]


@dataclass
class VirtualFunction:
    """A function. ``work`` is its handler: it gets the event, and a name for the invocation."""

    wire: Wire
    work: Callable[[Mapping[str, Any], str], Any]
    seconds: float
    skew: float = 0.0
    """How far the clock of an invocation may be wrong."""
    invocations: int = 0
    errors: list[tuple[str, BaseException]] = field(default_factory=list)

    def invoke(self, event: Mapping[str, Any], done: Done, name: str = "") -> None:
        """Begin an invocation; ``done`` is told how it ended."""
        schedule = self.wire.schedule
        self.invocations += 1
        actor = Actor(
            f"{name or 'loader'}-{self.invocations}",
            end=schedule.now + self.seconds,
            skew=schedule.dice.uniform(-self.skew, self.skew),
        )
        schedule.note(actor.name, "is called")

        def live() -> None:
            result: Result | None = None
            try:
                result = Result(json.loads(json.dumps(self.work(event, actor.name))))
            except Killed:
                result = None
            except Exception as error:  # noqa: BLE001 -- Lambda tells of any
                if actor.killed:
                    result = None
                else:
                    self.errors.append((actor.name, error))
                    result = Result(kind=type(error).__name__, message=str(error))
            finally:
                died = self._explain_death(actor, schedule.now)
                schedule.at(self.wire.latency(), lambda: done(result or died))

        schedule.start(actor, live)

    def _explain_death(self, actor: Actor, now: float) -> Result:
        if now >= actor.end:
            return Result(kind="Sandbox.Timedout", message=f"Task timed out after {self.seconds:.2f} seconds")
        return Result(kind="Runtime.ExitError", message="Runtime exited with error: signal: killed")


@dataclass
class AsynchronousCalls:
    """Calls nobody waits for: tried again twice, and then kept with the dead letters. Lambda delivers once at least."""

    function: VirtualFunction
    dead: list[Mapping[str, Any]] = field(default_factory=list)

    def call(self, event: Mapping[str, Any], name: str) -> None:
        wire = self.function.wire
        self._try(event, name, 0)
        if wire.happens(wire.faults.doubled):
            self._try(event, f"{name}-again", 0)

    def _try(self, event: Mapping[str, Any], name: str, tries: int) -> None:
        def done(result: Result) -> None:
            if result.kind is None:
                return
            if tries == len(_RETRIES):
                self.dead.append(event)
                return
            self.function.wire.schedule.at(_RETRIES[tries], lambda: self._try(event, name, tries + 1))

        self.function.invoke(event, done, name)


@dataclass(eq=False)
class Message:
    """A message of a queue. ``visible_at`` is when it may be received."""

    id: str
    body: str
    visible_at: float
    received: int = 0
    deleted: bool = False


@dataclass
class VirtualQueue:
    """A queue of SQS, its dead letters, and the event source mapping that calls a function with what it holds."""

    function: VirtualFunction
    visibility: float
    most_receives: int = 5
    batch_size: int = 1
    concurrency: int = 2
    messages: list[Message] = field(default_factory=list)
    dead: list[Message] = field(default_factory=list)
    busy: int = 0
    made: int = 0

    def send(self, body: Mapping[str, Any] | str, delay: float = 0.0) -> None:
        """Put a message into the queue."""
        schedule = self.function.wire.schedule
        self.made += 1
        text = body if isinstance(body, str) else json.dumps(body)
        self.messages.append(Message(f"message-{self.made}", text, schedule.now + delay))
        schedule.at(delay, self.poll)

    def poll(self) -> None:
        """Call the function with what is visible, as often as it may be called at once."""
        schedule = self.function.wire.schedule
        while self.busy < self.concurrency:
            batch = self.receive(self.batch_size)
            if not batch:
                return
            self.busy += 1
            records = [self._record(message) for message in batch]
            delay = self.function.wire.latency()
            schedule.at(delay, lambda batch=batch, records=records: self._call(batch, records))  # type: ignore[misc]  # bound now

    def receive(self, most: int) -> list[Message]:
        """Receive messages; they are not visible for a while. What was received too often goes to the dead letters."""
        wire = self.function.wire
        now = wire.schedule.now
        visible = [message for message in self.messages if message.visible_at <= now]
        wire.schedule.dice.shuffle(visible)
        found: list[Message] = []
        for message in visible:
            if message.received >= self.most_receives:
                self.messages.remove(message)
                self.dead.append(message)
                continue
            if len(found) < most:
                found.append(message)
                message.received += 1
                # At times a message is given to two at once: SQS promises once at least.
                if not wire.happens(wire.faults.doubled):
                    message.visible_at = now + self.visibility
                    wire.schedule.at(self.visibility, self.poll)
        return found

    def _call(self, batch: list[Message], records: list[dict[str, Any]]) -> None:
        self.function.invoke({"Records": records}, lambda result: self._end(batch, result))

    def _end(self, batch: list[Message], result: Result) -> None:
        """Delete what was worked off. Of a failure the messages come back when they are visible again."""
        wire = self.function.wire
        self.busy -= 1
        lost = wire.happens(wire.faults.lost)  # what the function answered, or the request to delete
        failed = [entry["itemIdentifier"] for entry in (result.answer or {}).get("batchItemFailures", ())]
        known = {message.id for message in batch}
        whole = result.kind is not None or lost or any(entry not in known for entry in failed)
        for message in batch:
            if not whole and message.id not in failed:
                self.delete(message)
        self.poll()

    def delete(self, message: Message) -> None:
        if message in self.messages:
            self.messages.remove(message)

    def _record(self, message: Message) -> dict[str, Any]:
        return {
            "messageId": message.id,
            "body": message.body,
            "eventSource": "aws:sqs",
            "attributes": {"ApproximateReceiveCount": str(message.received)},
        }


@dataclass(frozen=True)
class VirtualSQS:
    """A client of SQS that sends to a :class:`VirtualQueue`; at times it does not take all of a batch."""

    queue: VirtualQueue

    def send_message_batch(self, *, QueueUrl: str, Entries: list[dict[str, str]]) -> dict[str, Any]:
        wire = self.queue.function.wire

        def effect() -> dict[str, Any]:
            assert 0 < len(Entries) <= 10
            left = [entry for entry in Entries if wire.happens(wire.faults.partial)]
            for entry in Entries:
                if entry not in left:
                    self.queue.send(entry["MessageBody"])
            return {"Failed": [{"Id": entry["Id"]} for entry in left]} if left else {}

        return wire.call("sqs", "SendMessageBatch", {}, effect, f"{len(Entries)} messages")


@dataclass(frozen=True)
class VirtualInvoker:
    """A client of Lambda that calls a function asynchronously."""

    calls: AsynchronousCalls

    def invoke(self, *, FunctionName: str, InvocationType: str, Payload: bytes) -> dict[str, Any]:
        def effect() -> dict[str, Any]:
            assert InvocationType == "Event"
            self.calls.call(json.loads(Payload), "loader")
            return {"StatusCode": 202}

        return self.calls.function.wire.call("lambda", "Invoke", {}, effect, FunctionName)
