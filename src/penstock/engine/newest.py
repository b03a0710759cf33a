"""Rows that compete by a value: what stands in an item so that, of all rows of a key, the greatest is known.

Where a contract names such a value (``load.newest_by``), rows are ordered by the value and then by a digest: the
contract's revision, and behind it a hash of the item. So the order is total, and it is known from two items alone
which of them stays, whatever came when. A row that deletes leaves a tombstone, an item of its key and its value, or an
older row that came later would bring the item back. Its digest is greater than any other of its revision: at one value,
a delete wins.

In a request the value stands right behind the partition key, and the digest at the end.
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
REVISION_DIGITS: Final = 3
DIGITS: Final = 32
"""How long a digest is: the revision's digits, and 116 bits of a SHA-256 in hexadecimal ones."""
GONE: Final = "~"
"""What stands for the hash in a tombstone: behind all hexadecimal digits, by its byte."""

_MARK: Final = f'"{DELETED}":{{"BOOL":true}},'
TOMBSTONE: Final = f"{PUT}{{{_MARK}"
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


def seal_request(request: bytes, revision: int = 0) -> bytes:
    """Give a request with the digest of its item, which is whole."""
    if request.startswith(_TOMBSTONE):
        hashed = GONE
    else:
        hashed = sha256(request[len(_PUT) : -2]).hexdigest()[: DIGITS - REVISION_DIGITS]
    digest = f"{revision:0{REVISION_DIGITS}d}{hashed}".encode()
    return b"".join((request[: -len(_AFTER_ITEM)], _BEFORE_DIGEST, digest, _AFTER_DIGEST))


@dataclass(frozen=True, slots=True)
class Competing:
    """A request's item, and what it competes by, all as DynamoDB JSON but the digest. ``value`` is None where it has none."""

    item: str
    value: str | None
    digest: str


def read_request(request: str, partition: str, newest_by: str) -> Competing:
    """Take a sealed request apart. The names are those of the partition key and of what decides."""
    item = request[len(PUT) : -2]
    start, length = 1, DIGITS
    if request.startswith(TOMBSTONE):
        start, length = 1 + len(_MARK), REVISION_DIGITS + len(GONE)
    end = len(item) - len('"}}')
    digest = item[end - length : end]
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
