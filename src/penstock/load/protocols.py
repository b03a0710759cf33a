"""What a run needs from outside: an object to read, a place for items, a place for rejects.

Each protocol has two implementations: files (:mod:`penstock.load.files`), and AWS (:mod:`penstock.aws`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from penstock.engine.result import Reject, WriteBatch


class Refused(NamedTuple):
    """A request that the service refused for what it holds. The message names no value."""

    row: int
    message: str


@dataclass(frozen=True, slots=True)
class Written:
    """What became of requests: each is in one of the counts, or refused.

    ``unchanged`` found just that item in the table, and ``outdated`` a newer one: they are of rows that compete
    (:mod:`penstock.engine.newest`).
    """

    puts: int = 0
    deletes: int = 0
    unchanged: int = 0
    outdated: int = 0
    refused: tuple[Refused, ...] = ()

    @property
    def requests(self) -> int:
        """How many there were."""
        return self.puts + self.deletes + self.unchanged + self.outdated + len(self.refused)


def all_written(batches: Sequence[WriteBatch]) -> Written:
    """Give what became of requests each of which was done."""
    deletes = sum(batch.deletes for batch in batches)
    return Written(sum(len(batch.rows) for batch in batches) - deletes, deletes)


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

    def write(self, batches: Sequence[WriteBatch]) -> Written:
        """Write all, and return when every request is acknowledged; say what became of them.

        Raises :class:`~penstock.errors.ServiceError` where the service makes no progress.
        """
        ...


class RejectWriter(Protocol):
    """Where rejects go, in file order."""

    def write(self, rejects: Sequence[Reject]) -> None: ...
