"""Tell the loader of objects, as S3 would: through the feed's queue, or straight to its function."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol
from urllib.parse import quote_plus

from penstock.aws.connect import Client
from penstock.aws.explain import AwsError, explain_error
from penstock.errors import ServiceError

BATCH = 10
"""How many messages SQS takes in a request."""

_ROUNDS = 5

Named = tuple[str, str]
"""A bucket and a key."""


class Hints(Protocol):
    """A way to the loader. ``request_dollars`` is the list price of one of its requests."""

    @property
    def request_dollars(self) -> float: ...

    def send(self, objects: Sequence[Named]) -> int:
        """Tell of objects, and give how many requests that took. Raises :class:`~penstock.errors.ServiceError`."""

    def pass_on(self, event: str) -> None:
        """Send an event as it is. Raises :class:`~penstock.errors.ServiceError`."""


@dataclass(frozen=True)
class QueuedHints:
    """Hints through an SQS queue. Needs sqs:SendMessage on it."""

    sqs: Client
    queue: str
    sleep: Callable[[float], None] = time.sleep
    request_dollars: ClassVar[float] = 0.40e-6

    def send(self, objects: Sequence[Named]) -> int:
        """Send a message for each object, ten a request; what the queue did not take is sent again."""
        return self._send_all([_write_event(*named) for named in objects])

    def pass_on(self, event: str) -> None:
        """Send a message."""
        self._send_all([event])

    def _send_all(self, bodies: Sequence[str]) -> int:
        requests = 0
        for start in range(0, len(bodies), BATCH):
            waiting = list(bodies[start : start + BATCH])
            for again in range(_ROUNDS):
                self.sleep(0.2 * again)
                requests += 1
                waiting = [waiting[index] for index in self._send(waiting)]
                if not waiting:
                    break
            else:
                raise ServiceError(
                    f"The queue {self.queue} did not take {len(waiting)} of a request's messages, {_ROUNDS} times. The next "
                    "sweep, or whoever sent them, sends them again."
                )
        return requests

    def _send(self, bodies: list[str]) -> Iterator[int]:
        """Send a batch, and give the places of those that the queue did not take."""
        entries = [{"Id": str(index), "MessageBody": body} for index, body in enumerate(bodies)]
        try:
            answer = self.sqs.send_message_batch(QueueUrl=self.queue, Entries=entries)
        except AwsError as error:
            raise explain_error(error, f"send to the queue {self.queue}", "sqs:SendMessage") from error
        return (int(failed["Id"]) for failed in answer.get("Failed", ()))


@dataclass(frozen=True)
class DirectHints:
    """Hints straight to the function, whose calls wait at Lambda. Needs lambda:InvokeFunction on it."""

    functions: Client
    function: str
    request_dollars: ClassVar[float] = 0.20e-6

    def send(self, objects: Sequence[Named]) -> int:
        """Call the function once for each object, so that each has a whole invocation's time."""
        for named in objects:
            self.pass_on(_write_event(*named))
        return len(objects)

    def pass_on(self, event: str) -> None:
        """Call the function."""
        try:
            self.functions.invoke(FunctionName=self.function, InvocationType="Event", Payload=event.encode())
        except AwsError as error:
            raise explain_error(
                error, f"call the function {self.function}", "lambda:InvokeFunction"
            ) from error


def _write_event(bucket: str, key: str) -> str:
    record: dict[str, Any] = {
        "eventSource": "aws:s3",
        "eventName": "Penstock:Sweep",
        "s3": {"bucket": {"name": bucket}, "object": {"key": quote_plus(key, safe="/")}},
    }
    return json.dumps({"Records": [record]})
