"""What the engine gives: writes for the table, and rejects with their reasons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple


class Write(NamedTuple):
    """One put or delete.

    ``key`` is the item's key in canonical text, equal where DynamoDB's keys are equal; ``partition`` is its partition
    key alone; ``body`` is DynamoDB JSON: the item of a put, the key of a delete. ``row`` counts the file's rows
    (records that passed the grammar) from 0, ``item`` is the index of the item's plan in :attr:`Plan.items`.
    """

    row: int
    item: int
    operation: Literal["put", "delete"]
    partition: str
    key: str
    body: str


@dataclass(frozen=True, slots=True)
class Reason:
    """One error of a rejected record. ``field`` is None where the whole record is at fault."""

    code: str
    field: str | None
    message: str


@dataclass(frozen=True, slots=True)
class Reject:
    """A rejected record with all its reasons; see :class:`~penstock.engine.batch.Location` for the positions."""

    line: int
    offset: int
    length: int
    raw: bytes
    sha256: str | None
    errors: tuple[Reason, ...]
