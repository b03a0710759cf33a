"""Batches within the limits of BatchWriteItem: put in an order that spreads them, taken apart, joined, and framed.

The limits are those of BatchWriteItem in the DynamoDB API reference: at most 25 puts and deletes, at most 16 MB, no two
of one key.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from penstock.engine.result import BATCH_REQUESTS, DELETE, SEPARATOR, WriteBatch

BATCH_BYTES: Final = 16_000_000
_GOLDEN: Final = (math.sqrt(5) - 1) / 2


def spread(count: int) -> Iterator[int]:
    """Give the numbers below ``count``, each once, so that neighbours in time are far apart.

    Any few in a row are spread evenly over the whole (multiples of the golden ratio are, see Knuth, TAOCP 3, 6.4), so that
    of a file sorted by partition key no one partition gets many writes at once.
    """
    step = max(1, round(count * _GOLDEN))
    while math.gcd(step, count) != 1:
        step += 1
    return (turn * step % count for turn in range(count))


def split_batch(batch: WriteBatch) -> list[str]:
    """Give the requests of a batch one by one."""
    return batch.requests.split(SEPARATOR)


def make_batch(requests: Sequence[str], rows: Sequence[int]) -> WriteBatch:
    """Join requests into a batch."""
    deletes = sum(request.startswith(DELETE) for request in requests)
    return WriteBatch(SEPARATOR.join(requests), tuple(rows), deletes)


def halve_batch(batch: WriteBatch) -> tuple[WriteBatch, WriteBatch]:
    """Split a batch of two requests or more in the middle."""
    requests = split_batch(batch)
    middle = len(requests) // 2
    return make_batch(requests[:middle], batch.rows[:middle]), make_batch(
        requests[middle:], batch.rows[middle:]
    )


def merge_batches(batches: Iterable[WriteBatch]) -> Iterator[WriteBatch]:
    """Join small batches into as few as the limits allow, in order. A single request past them stays alone."""
    requests: list[str] = []
    rows: list[int] = []
    size = 0
    for batch in batches:
        for request, row in zip(split_batch(batch), batch.rows, strict=True):
            length = _count_bytes(request)
            if requests and (len(requests) == BATCH_REQUESTS or size + length > BATCH_BYTES):
                yield make_batch(requests, rows)
                requests, rows, size = [], [], 0
            requests.append(request)
            rows.append(row)
            size += length
    if requests:
        yield make_batch(requests, rows)


def fit_batches(batches: Sequence[WriteBatch]) -> Sequence[WriteBatch]:
    """Give batches that are each within the limit of a request: the same ones, but for those that are too large."""
    if not any(_is_large(batch) for batch in batches):
        return batches
    fitting: list[WriteBatch] = []
    for batch in batches:
        fitting.extend(merge_batches([batch]) if _is_large(batch) else [batch])
    return fitting


def _is_large(batch: WriteBatch) -> bool:
    # A character is at most four bytes of UTF-8; hardly any batch needs to be counted.
    return 4 * len(batch.requests) > BATCH_BYTES and _count_bytes(batch.requests) > BATCH_BYTES


def _count_bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())


class Frame:
    """What stands around a batch's requests in the body of a BatchWriteItem request to a table."""

    __slots__ = ("_after", "_before")

    def __init__(self, table: str) -> None:
        self._before = f'{{"RequestItems":{{{json.dumps(table)}:['.encode()
        self._after = b']},"ReturnConsumedCapacity":"TOTAL"}'

    def body(self, batch: WriteBatch) -> bytes:
        return b"%b%b%b" % (self._before, batch.requests.encode(), self._after)
