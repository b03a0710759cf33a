"""What a run needs from outside: an object to read, a place for items, a place for rejects.

Each protocol has two implementations: files (:mod:`penstock.load.files`), and AWS (:mod:`penstock.aws`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

from penstock.engine.result import Reject, WriteBatch


class Refused(NamedTuple):
    """A request that the service refused for what it holds. The message names no value."""

    row: int
    message: str


class ObjectSource(Protocol):
    """One version of one object. Every read gives the same bytes, or fails."""

    @property
    def key(self) -> str: ...
    @property
    def last_modified(self) -> str:
        """ISO 8601, UTC."""
        ...

    def blocks(self, size: int, start: int = 0) -> Iterator[bytes]:
        """Give the object's uncompressed bytes from ``start`` on, in blocks of ``size`` bytes (the last is shorter).

        There are none where ``start`` is the object's end or beyond. Closing the iterator early ends the reading.
        Raises :class:`~penstock.errors.DataError` where the object can't be unpacked, and
        :class:`~penstock.errors.ServiceError` where it can't be read.
        """
        ...


class ItemWriter(Protocol):
    """Where items go."""

    def write(self, batches: Sequence[WriteBatch]) -> list[Refused]:
        """Write all, and return when every request is acknowledged; give those refused for what they hold.

        Raises :class:`~penstock.errors.ServiceError` where the service makes no progress.
        """
        ...


class RejectWriter(Protocol):
    """Where rejects go, in file order."""

    def write(self, rejects: Sequence[Reject]) -> None: ...
