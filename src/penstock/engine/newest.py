"""Rows that compete by a value: what stands in an item so that, of all rows of a key, the greatest is known.

Where a contract names such a value (``load.newest_by``), rows are ordered by the value and then by a digest of their
item. So the order is total, and it is known from two items alone which of them stays, whatever came when. A row
that deletes leaves a tombstone, an item of its key and its value, or an older row that came later would bring the item
back. Its digest is greater than any other: at one value, a delete wins.

In a request the value stands right behind the partition key, and the digest at the end; a tombstone's digest stands
before everything.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from typing import Final

from penstock.engine.result import PUT

DIGEST: Final = "penstock_digest"
DELETED: Final = "penstock_deleted"
DIGITS: Final = 32
"""Hexadecimal digits of a digest: 128 bits of a SHA-256."""
TOMBSTONE_DIGEST: Final = "~"
"""Behind all hexadecimal digits, by its byte."""

_MARKS: Final = f'"{DELETED}":{{"BOOL":true}},"{DIGEST}":{{"S":"{TOMBSTONE_DIGEST}"}},'
TOMBSTONE: Final = f"{PUT}{{{_MARKS}"
"""How the request of a tombstone begins. No other request does: an item begins with its partition key."""

_PUT: Final = PUT.encode()
_TOMBSTONE: Final = TOMBSTONE.encode()
_BEFORE_DIGEST: Final = f',"{DIGEST}":{{"S":"'.encode()
_AFTER_DIGEST: Final = b'"}}}}'
_AFTER_ITEM: Final = b"}}}"
_DECODER: Final = json.JSONDecoder()


def is_tombstone(request: str | bytes) -> bool:
    """Tell whether a request puts a tombstone."""
    return request.startswith(TOMBSTONE) if isinstance(request, str) else request.startswith(_TOMBSTONE)


def seal_request(request: bytes) -> bytes:
    """Give a request with the digest of its item, which is whole; a tombstone has its own."""
    if request.startswith(_TOMBSTONE):
        return request
    digest = sha256(request[len(_PUT) : -2]).hexdigest()[:DIGITS].encode()
    return b"".join((request[: -len(_AFTER_ITEM)], _BEFORE_DIGEST, digest, _AFTER_DIGEST))


@dataclass(frozen=True, slots=True)
class Competing:
    """A request's item, and what it competes by, all as DynamoDB JSON but the digest. ``value`` is None where it has none."""

    item: str
    value: str | None
    digest: str

    @property
    def deletes(self) -> bool:
        """Whether it is a tombstone."""
        return self.digest == TOMBSTONE_DIGEST


def read_request(request: str, partition: str, newest_by: str) -> Competing:
    """Take a sealed request apart. The names are those of the partition key and of what decides."""
    item = request[len(PUT) : -2]
    if request.startswith(TOMBSTONE):
        digest, start = TOMBSTONE_DIGEST, len(_MARKS) + 1
    else:
        start, end = 1, len(item) - 3
        digest = item[end - DIGITS : end]
    _, behind_key = _DECODER.raw_decode(item, start + len(_lead(partition)))
    at = behind_key + 1 + len(_lead(newest_by))
    if item[behind_key + 1 : at] != _lead(newest_by):
        return Competing(item, None, digest)
    _, end = _DECODER.raw_decode(item, at)
    return Competing(item, item[at:end], digest)


@cache
def _lead(name: str) -> str:
    """Give what stands before an attribute's value."""
    return f"{json.dumps(name, ensure_ascii=False)}:"
