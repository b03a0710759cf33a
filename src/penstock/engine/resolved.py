"""What a judge gives for a batch: the writes, and the rejects with their reasons, in file order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from penstock import verdicts
from penstock.engine.batch import Batch
from penstock.engine.result import PUT, Reason, Reject, WriteBatch
from penstock.engine.size import ITEM_BYTES, item_size

TOO_LARGE = Reason(verdicts.ITEM_ERROR, None, "the item is larger than the 400 KB that DynamoDB takes")
REPEATED = Reason(verdicts.PRIMARY_KEY, None, "an earlier row of the file has this key")
REPEATED_ITEM = Reason(
    verdicts.PRIMARY_KEY, None, "an earlier row of the file, or another item of this row, has one of its keys"
)
_PUT: Final = PUT.encode()

Reasons = Mapping[int, tuple[Reason, ...]]
"""Why rows of a batch are rejected, by their number in it."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """What a batch gives: its writes and its rejects, in file order, and how many rows are loaded.

    ``unchanged`` counts the items of these rows that need no write.
    """

    batches: tuple[WriteBatch, ...]
    rejects: tuple[Reject, ...]
    rows: int
    unchanged: int


def is_too_large(request: bytes) -> bool:
    """Tell whether a put's item is too large. Its JSON is never shorter than what DynamoDB counts."""
    return (
        len(request) > ITEM_BYTES
        and request.startswith(_PUT)
        and item_size(request[len(_PUT) : -2]) > ITEM_BYTES
    )


def merge_rejects(batch: Batch, reasons: Reasons) -> Iterator[Reject]:
    """Bring the records that are no rows and the rows that were rejected into file order."""
    rows = sorted(reasons)
    rejected = [((row, 1), place, reasons[row]) for row, place in zip(rows, batch.locate(rows), strict=True)]
    records = [
        ((error.before, 0), error.location, (Reason(error.code, None, error.message),))
        for error in batch.errors
    ]
    for _, place, found in sorted(records + rejected, key=lambda entry: entry[0]):
        yield Reject(place.line, place.offset, place.length, place.raw, place.sha256, found)
