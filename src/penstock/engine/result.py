"""What the engine gives: writes for the table, and rejects with their reasons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

BATCH_REQUESTS: Final = 25
"""The most puts and deletes that a BatchWriteItem takes."""

SEPARATOR: Final = ",\n"
"""What stands between the requests of a batch, and nowhere in one: JSON holds a newline in a text as an escape."""

PUT: Final = '{"PutRequest":{"Item":'
DELETE: Final = '{"DeleteRequest":{"Key":'
"""How a request begins; its item or key, as DynamoDB JSON, and ``}}`` follow."""


@dataclass(frozen=True, slots=True)
class WriteBatch:
    """Some puts and deletes, up to :data:`BATCH_REQUESTS`, as the JSON in which BatchWriteItem takes them.

    ``requests`` are joined by :data:`SEPARATOR`. ``rows`` gives the row of each request, in order; rows (records that
    passed the grammar) are counted from 0 in the file. ``deletes`` is how many of the requests are deletes, or tombstones.
    No two requests of a file have one key, unless rows compete (:mod:`penstock.engine.newest`).
    """

    requests: str
    rows: Sequence[int]
    deletes: int


@dataclass(frozen=True, slots=True)
class Reason:
    """One error of a rejected record. ``field`` is None where the whole record is at fault."""

    code: str
    field: str | None
    message: str


Withheld = Literal["nothing", "cells", "record"]
"""What a reject does not tell of its record, because it is sensitive: some of its cells, or all of it."""


@dataclass(frozen=True, slots=True)
class Reject:
    """A rejected record with all its reasons; see :class:`~penstock.engine.batch.Location` for the positions.

    In the place of what is ``withheld``, ``raw`` has :data:`~penstock.engine.withhold.MARK`. Where the record is one ``of`` a
    query's result, the positions are those in the file of the result. ``key`` and ``version`` are there where many objects are
    loaded as one: they tell which of them the record is of.
    """

    line: int
    offset: int
    length: int
    raw: bytes
    sha256: str | None
    errors: tuple[Reason, ...]
    withheld: Withheld = "nothing"
    of: Literal["object", "result"] = "object"
    key: str | None = None
    version: str | None = None
