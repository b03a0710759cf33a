"""Requests under way side by side.

Whoever sends them is one thread that starts requests and waits for answers in whatever order they come.
:class:`~penstock.aws.table.wire.WireFlights` does it on bare connections, :class:`ThreadedFlights` with a thread for each request
for whatever can only send one and wait.
"""

from __future__ import annotations

import queue
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, NamedTuple, Protocol, runtime_checkable

from botocore.exceptions import ConnectionError as UnreachableError
from botocore.exceptions import HTTPClientError

MOST_THREADS: Final = 32


class Answer(NamedTuple):
    """What the service answered: the HTTP status and the body."""

    status: int
    body: bytes


Landing = tuple[Any, Answer | None]
"""The tag of a request and its answer: None where none came, and whether it was applied is not known."""


class Flights(Protocol):
    """Requests of one operation under way. For one thread."""

    @property
    def under_way(self) -> int:
        """How many were started and not yet given back by :meth:`land`."""
        ...

    def refresh(self) -> None:
        """Drop what did not last since the last request."""
        ...

    def has_room(self) -> bool:
        """Tell whether another can be started now."""
        ...

    def start(self, tag: Any, body: bytes) -> None:
        """Send a request; :meth:`land` gives its answer with its tag. Only where there is room."""
        ...

    def land(self, seconds: float, *, more: bool) -> list[Landing]:
        """Wait for answers, at most so long; ``more`` tells whether there is more to start as soon as there is room.

        Gives what has come, which is nothing where the time was up or room was made.
        """
        ...

    def close(self) -> None:
        """End it. What is still under way is not waited for."""
        ...


class Sends(Protocol):
    """Sends one request and waits for its answer. Safe in threads."""

    def send(self, operation: str, body: bytes) -> Answer: ...


@runtime_checkable
class Launches(Protocol):
    """Has a way of its own to have several requests under way."""

    def launch(self, lanes: int, operation: str) -> Flights: ...


class ThreadedFlights:
    """Flights of a sender that waits for each answer: a thread each. See :class:`Flights`."""

    def __init__(self, sender: Sends, lanes: int, operation: str) -> None:
        self._sender = sender
        self._operation = operation
        self._lanes = min(lanes, MOST_THREADS)
        self._pool = ThreadPoolExecutor(self._lanes, thread_name_prefix="write")
        self._landed: queue.SimpleQueue[tuple[Any, Answer | BaseException | None]] = queue.SimpleQueue()
        self.under_way = 0

    def refresh(self) -> None:
        """Nothing is kept here; the sender minds its connections."""

    def has_room(self) -> bool:
        return self.under_way < self._lanes

    def start(self, tag: Any, body: bytes) -> None:
        self.under_way += 1
        self._pool.submit(self._send, tag, body)

    def _send(self, tag: Any, body: bytes) -> None:
        try:
            self._landed.put((tag, self._sender.send(self._operation, body)))
        except (HTTPClientError, UnreachableError):
            self._landed.put((tag, None))
        except BaseException as error:  # noqa: BLE001 -- raised again, where the answers are waited for
            self._landed.put((tag, error))

    def land(self, seconds: float, *, more: bool) -> list[Landing]:  # noqa: ARG002 -- threads are there already
        found: list[Landing] = []
        try:
            tag, answer = self._landed.get(timeout=min(max(seconds, 0.0), 60.0))
            while not isinstance(answer, BaseException):
                found.append((tag, answer))
                tag, answer = self._landed.get_nowait()
        except queue.Empty:
            self.under_way -= len(found)
            return found
        self.under_way -= len(found)
        if found:
            self._landed.put((tag, answer))  # raised the next time; what was answered is given first
            return found
        self.under_way -= 1
        raise answer

    def close(self) -> None:
        """Close the threads. They end with the request that they have under way, and it is waited for."""
        self._pool.shutdown()
