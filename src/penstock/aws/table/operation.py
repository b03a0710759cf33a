"""What a kind of request is to the writer: how writes are cut into requests, and what an answer says of them.

:class:`~penstock.aws.table.batch_write.BatchWrite` sends 25 writes at a time, :class:`~penstock.aws.table.competing_put.CompetingPut`
one, under a condition.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from penstock.aws.table.answers import INVALID
from penstock.aws.table.backlog import Parcel
from penstock.aws.table.flights import Answer
from penstock.aws.table.refusals import describe_refusal
from penstock.engine.result import WriteBatch

_ITEM_BYTES: Final = 1300
"""About how long DynamoDB JSON is where the item is 1 KB, one write unit. A guess."""


def estimate_units(length: int, items: int = 1) -> int:
    """Estimate the write units of each of some items, from the length of their JSON together."""
    return math.ceil(length / items / _ITEM_BYTES)


@dataclass(frozen=True, slots=True)
class Reading:
    """What an answer says of a request's writes.

    ``code`` is None where it acknowledges all but ``left``, or else the service's: ``left`` are all of them then. ``units``
    are the write units consumed. ``puts``, ``deletes``, ``unchanged`` and ``outdated`` are counted as in
    :class:`~penstock.load.protocols.Written`. ``refusal`` says why a write is refused, where one is; which, if there are
    several, is not known.
    """

    code: str | None = None
    left: WriteBatch | None = None
    units: float = 0.0
    puts: int = 0
    deletes: int = 0
    unchanged: int = 0
    outdated: int = 0
    refusal: str | None = None


def read_failure(batch: WriteBatch, code: str, content: Mapping[str, Any]) -> Reading:
    """Read an error that says of no write that it was made, from its code and content."""
    if code not in INVALID:
        return Reading(code, batch)
    message = str(content.get("message") or content.get("Message") or "")
    return Reading(code, batch, refusal=describe_refusal(message))


class Operation(Protocol):
    """An operation of DynamoDB by which items are written."""

    @property
    def name(self) -> str: ...
    @property
    def most(self) -> int:
        """The most writes in a request."""
        ...

    def cut(self, batches: Sequence[WriteBatch]) -> Sequence[WriteBatch]:
        """Cut batches into those that a request each takes."""
        ...

    def body(self, batch: WriteBatch) -> bytes:
        """Give the body of the request that writes a batch."""
        ...

    def read(self, parcel: Parcel, answer: Answer | None) -> Reading:
        """Read the answer to the request of a parcel; None is that none came."""
        ...
