"""Bytes as they arrive made into blocks of one size, unpacked on the way where they are gzip (RFC 1952)."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator

from penstock.errors import DataError
from penstock.verdicts import SOURCE_ERROR

_GZIP = 16 + zlib.MAX_WBITS
_PIECE = 1 << 20
"""Bytes unpacked at a time: a small packed block can hold gigabytes, and memory must not follow it."""


def cut_blocks(pieces: Iterable[bytes], size: int) -> Iterator[bytes]:
    """Give the same bytes in blocks of ``size``; the last is shorter, and none is empty."""
    kept = bytearray()
    for piece in pieces:
        kept += piece
        start = 0
        while len(kept) - start >= size:
            yield bytes(memoryview(kept)[start : start + size])
            start += size
        del kept[:start]
    if kept:
        yield bytes(kept)


def skip_bytes(pieces: Iterable[bytes], count: int) -> Iterator[bytes]:
    """Give the same bytes without the first ``count``."""
    for piece in pieces:
        if count < len(piece):
            yield piece[count:]
        count = max(0, count - len(piece))


def unpack_gzip(pieces: Iterable[bytes], name: str) -> Iterator[bytes]:
    """Unpack a gzip file of any number of members, in bounded memory.

    Zero bytes after a member are padding; anything else there is damage, as is an end within a member. Both raise
    :class:`~penstock.errors.DataError`, naming the file by ``name``. No bytes at all unpack to none.
    """
    member = None
    members = 0
    try:
        for piece in pieces:
            rest = piece
            while rest:
                if member is None:
                    rest = rest.lstrip(b"\0") if members else rest
                    if not rest:
                        break
                    member = zlib.decompressobj(_GZIP)
                yield from _unpack(member, rest)
                rest = member.unused_data
                if member.eof:
                    member = None
                    members += 1
    except zlib.error as error:
        raise DataError(
            SOURCE_ERROR,
            f"{name} is not whole gzip data ({error}). Pack it again, or drop .gz from its name if it is not packed.",
        ) from error
    if member is not None:
        raise DataError(
            SOURCE_ERROR, f"{name} ends within its gzip data: it was cut. Send the whole file again."
        )


def _unpack(member: zlib._Decompress, packed: bytes) -> Iterator[bytes]:
    while packed and not member.eof:
        found = member.decompress(packed, _PIECE)
        packed = member.unconsumed_tail
        if found:
            yield found
    while not member.eof and (found := member.decompress(b"", _PIECE)):
        yield found
