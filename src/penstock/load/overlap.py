"""Doing things side by side, in order: batches judged on several cores, and one written while the next is judged.

Little is ever in flight, because every batch in flight is memory.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Thread
from types import TracebackType
from typing import Any, Final, Self, TypeVar

A = TypeVar("A")
B = TypeVar("B")

_MOST_LANES: Final = 2
"""More batches at once would take more memory than they save time: reading and sending take the rest of the cores."""


def usable_lanes() -> int:
    """How many batches are judged at once: one for each core that this process may use, up to two."""
    if hasattr(os, "sched_getaffinity"):
        return min(_MOST_LANES, len(os.sched_getaffinity(0)))
    return min(_MOST_LANES, os.cpu_count() or 1)


def map_in_order(work: Callable[[A], B], inputs: Iterable[A], lanes: int) -> Generator[B, None, None]:
    """Give ``work`` of each input, in order, of which up to ``lanes`` are at work while the next input is made."""
    pending: deque[Future[B]] = deque()
    with ThreadPoolExecutor(lanes, thread_name_prefix="judge") as pool:
        try:
            for entry in inputs:
                pending.append(pool.submit(work, entry))
                del entry  # whoever works on it has it; nobody else is to keep it in memory
                if len(pending) >= lanes:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()


class Follower:
    """Does one thing at a time behind its caller's back. A context manager; leaving it waits for the last thing.

    What a thing raises is raised by the next call of :meth:`do`, or :meth:`wait`; after an error nothing more is done.
    Somebody who interrupts the process (Ctrl-C) does not wait: a write that is held back can take minutes.
    """

    def __init__(self) -> None:
        self._last: Future[Any] | None = None

    def do(self, work: Callable[[], Any]) -> None:
        """Wait for the thing before, and begin this one."""
        self.wait()
        self._last = Future()
        Thread(target=_fulfil, args=(self._last, work), name="follow", daemon=True).start()

    def wait(self) -> None:
        """Wait until everything is done."""
        last, self._last = self._last, None
        if last is not None:
            last.result()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.wait()
        elif isinstance(error, Exception) and self._last is not None:
            self._last.exception()  # wait; the first error is the one to tell


def _fulfil(promise: Future[Any], work: Callable[[], Any]) -> None:
    try:
        promise.set_result(work())
    except BaseException as error:  # noqa: BLE001 -- whoever waits for it is to have it, whatever it is
        promise.set_exception(error)
