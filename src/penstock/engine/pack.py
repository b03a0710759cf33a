"""Packing: the requests of rows, as they come from the database, into batches for the writer."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Final

from penstock.engine.result import BATCH_REQUESTS, DELETE, SEPARATOR, WriteBatch

BATCH_BYTES: Final = 15_000_000
"""BatchWriteItem takes 16 MB; what stands around the requests is less than the rest."""

_SEPARATOR: Final = SEPARATOR.encode()
_OPERATION: Final = itemgetter(2)
_DELETE: Final = DELETE[2].encode()
"""The first letter of a request's operation, which tells it."""

Row = Sequence[bytes | None]
"""The requests of a row, one for each of the plan's items; None where the row has it not."""


@dataclass(slots=True)
class Packer:
    """Takes the rows of one batch, in ascending order, and gives the batches to write.

    ``first_row`` is the file's row of the batch's first. ``lost`` tells of rows which of their items another row wins.
    ``written`` counts the rows that have a write, ``superseded`` those that would have had one.
    """

    first_row: int
    lost: Mapping[int, Collection[int]]
    written: int = 0
    superseded: int = 0
    _batches: list[WriteBatch] = field(default_factory=list)
    _requests: list[bytes] = field(default_factory=list)
    _rows: list[int] = field(default_factory=list)
    _size: int = 0

    def take_run(self, n: int, requests: Sequence[bytes]) -> None:
        """Take rows from the ``n``-th of the batch on, of one request each, none of which loses.

        It is done by the batch, not by the row, where they fill whole batches.
        """
        start = 0
        if not self._requests and max(map(len, requests)) * BATCH_REQUESTS < BATCH_BYTES:
            start = len(requests) - len(requests) % BATCH_REQUESTS
            first = self.first_row + n
            for i in range(0, start, BATCH_REQUESTS):
                rows = range(first + i, first + i + BATCH_REQUESTS)
                self._batches.append(_batch(requests[i : i + BATCH_REQUESTS], rows))
            self.written += start
        for i in range(start, len(requests)):
            self.take(n + i, (requests[i],))

    def take(self, n: int, row: Row) -> None:
        """Take the ``n``-th row of the batch, which is good."""
        lost = self.lost.get(n, ())
        left = [request for item, request in enumerate(row) if request is not None and item not in lost]
        if not left:
            self.superseded += 1
            return
        self.written += 1
        for request in left:
            if len(self._requests) == BATCH_REQUESTS or self._size + len(request) > BATCH_BYTES:
                self._close()
            self._requests.append(request)
            self._rows.append(self.first_row + n)
            self._size += len(request) + len(_SEPARATOR)

    def finish(self) -> tuple[WriteBatch, ...]:
        """Give all batches."""
        if self._requests:
            self._close()
        return tuple(self._batches)

    def _close(self) -> None:
        self._batches.append(_batch(self._requests, self._rows))
        self._requests, self._rows, self._size = [], [], 0


def _batch(requests: Sequence[bytes], rows: Sequence[int]) -> WriteBatch:
    text = _SEPARATOR.join(requests)
    deletes = bytes(map(_OPERATION, requests)).count(_DELETE)
    return WriteBatch(text.decode(), rows, deletes)
