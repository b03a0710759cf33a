"""Packing: the requests of rows, as they come from the database, into batches for the writer."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Final

from penstock.engine.newest import is_tombstone, seal_request
from penstock.engine.result import BATCH_REQUESTS, DELETE, SEPARATOR, WriteBatch

BATCH_BYTES: Final = 15_000_000
"""BatchWriteItem takes 16 MB; what stands around the requests is less than the rest."""

_SMALL: Final = BATCH_BYTES // BATCH_REQUESTS
"""Requests of fewer bytes need not be measured."""
_MANY: Final = 2_000
_SEPARATOR: Final = SEPARATOR.encode()
_OPERATION: Final = itemgetter(2)
_DELETE: Final = DELETE[2].encode()
"""The first letter of a request's operation, which tells it."""

Row = Sequence[bytes | None]
"""The requests of a row, one for each of the plan's items; None where the row has it not."""


@dataclass(slots=True)
class Packer:
    """Takes the rows of one batch, in ascending order, and gives the batches to write.

    ``first_row`` is the file's row of the batch's first. ``lost`` tells of rows which of their items another row wins,
    ``same`` which are in the table as they are. ``written`` counts the rows that have an item, ``superseded`` those that
    would have had one, and ``unchanged`` the items that need no write. ``revision`` is that of the contract where rows of
    one key compete (:mod:`penstock.engine.newest`): each item has its digest then.
    """

    first_row: int
    lost: Mapping[int, Collection[int]]
    same: Mapping[int, Collection[int]]
    revision: int | None = None
    written: int = 0
    superseded: int = 0
    unchanged: int = 0
    _batches: list[WriteBatch] = field(default_factory=list)
    _requests: list[bytes] = field(default_factory=list)
    _rows: list[int] = field(default_factory=list)

    def take_run(self, n: int, requests: Sequence[bytes]) -> None:
        """Take rows from the ``n``-th of the batch on, of one request each, none of which loses."""
        self.written += len(requests)
        if self.revision is not None:
            requests = [seal_request(request, self.revision) for request in requests]
        start, first = 0, self.first_row + n
        if not self._requests and max(map(len, requests)) < _SMALL:
            start = len(requests) - len(requests) % BATCH_REQUESTS
            for i in range(0, start, BATCH_REQUESTS):
                rows = range(first + i, first + i + BATCH_REQUESTS)
                self._batches.append(self._batch(requests[i : i + BATCH_REQUESTS], rows))
        self._requests += requests[start:]
        self._rows += range(first + start, first + len(requests))
        self._cut(_MANY)

    def take(self, n: int, row: Row) -> None:
        """Take the ``n``-th row of the batch, which is good."""
        lost, same = self.lost.get(n, ()), self.same.get(n, ())
        left = [request for item, request in enumerate(row) if request is not None and item not in lost]
        if not left:
            self.superseded += 1
            return
        self.written += 1
        if same:
            wins = len(left)
            left = [
                request
                for item, request in enumerate(row)
                if request is not None and item not in {*lost, *same}
            ]
            self.unchanged += wins - len(left)
        if self.revision is not None:
            left = [seal_request(request, self.revision) for request in left]
        self._requests += left
        self._rows += [self.first_row + n] * len(left)
        self._cut(_MANY)

    def finish(self) -> tuple[WriteBatch, ...]:
        """Give all batches."""
        self._cut(1)
        if self._requests:
            self._batches.append(self._batch(self._requests, self._rows))
        self._requests, self._rows = [], []
        return tuple(self._batches)

    def _cut(self, least: int) -> None:
        """Make batches of the requests that are there, if they are so many; what may still grow is left."""
        requests, rows = self._requests, self._rows
        if len(requests) < least:
            return
        start = 0
        for end in _ends(requests):
            self._batches.append(self._batch(requests[start:end], rows[start:end]))
            start = end
        del requests[:start], rows[:start]

    def _batch(self, requests: Sequence[bytes], rows: Sequence[int]) -> WriteBatch:
        if self.revision is not None:
            deletes = sum(map(is_tombstone, requests))
        else:
            deletes = bytes(map(_OPERATION, requests)).count(_DELETE)
        return WriteBatch(_SEPARATOR.join(requests).decode(), rows, deletes)


def _ends(requests: Sequence[bytes]) -> Iterator[int]:
    """Tell where batches end, within the limits of DynamoDB. The last may have room for more."""
    if max(map(len, requests)) < _SMALL:
        yield from range(BATCH_REQUESTS, len(requests) + 1, BATCH_REQUESTS)
        return
    start = size = 0
    for place, request in enumerate(requests):
        if place - start == BATCH_REQUESTS or size + len(request) > BATCH_BYTES:
            yield place
            start, size = place, 0
        size += len(request) + len(_SEPARATOR)


class RowPacker(Packer):
    """Takes the rows of a plan whose one item is a row's text, and gives all of a batch's texts in one, of any length."""

    def take_run(self, n: int, requests: Sequence[bytes]) -> None:
        """Take the texts of rows from the ``n``-th of the batch on."""
        first = self.first_row + n
        self.written += len(requests)
        self._requests += requests
        self._rows += range(first, first + len(requests))

    def take(self, n: int, row: Row) -> None:
        """Take the ``n``-th row of the batch, which is good."""
        self.take_run(n, [text for text in row if text is not None])

    def finish(self) -> tuple[WriteBatch, ...]:
        """Give all texts: none of them deletes anything."""
        if not self._requests:
            return ()
        return (WriteBatch(_SEPARATOR.join(self._requests).decode(), self._rows, deletes=0),)
