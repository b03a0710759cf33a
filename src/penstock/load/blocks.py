"""Bytes as they arrive made into blocks of one size, unpacked on the way where they are gzip (RFC 1952)."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Event

from penstock.errors import DataError
from penstock.verdicts import SOURCE_ERROR

_GZIP = 16 + zlib.MAX_WBITS
_PIECE = 1 << 20
"""Bytes unpacked at a time: a small packed block can hold gigabytes, and memory must not follow it."""
_SMALL = 1 << 16
"""Less than this is given together with what follows: a million pieces of a byte take a hundred times their bytes."""


@dataclass(frozen=True, slots=True)
class GzipLimits:
    """What a packed file may become.

    ``ratio`` is bytes out for a byte in, and counts from ``spared`` bytes out on. Deflate can't pass 1,032, and what
    comes near it repeats one line over and over; records with keys of their own stay far below 1,000. ``size`` is
    bytes out; None is no limit, for memory does not grow with it, and time is bounded by handing over. ``member`` is bytes
    out for a member, from ``spared_members`` on: to begin one takes as long as to unpack some kilobytes.
    """

    ratio: int = 1_000
    spared: int = 10_000_000
    size: int | None = None
    member: int = 16
    spared_members: int = 10_000


DEFAULT_LIMITS = GzipLimits()


def read_ahead(blocks: Iterator[bytes], given_up: Event) -> Iterator[bytes]:
    """Give the same blocks, each read by a thread while the one before it is used.

    At most one block is there before it is asked for. When this iterator is closed, ``given_up`` is set, so that the
    reading may end at once, and the thread has ended.
    """
    with ThreadPoolExecutor(1, "read-ahead") as thread:
        coming = thread.submit(next, blocks, None)
        try:
            while True:
                if (block := coming.result()) is None:
                    return
                coming, ready = thread.submit(next, blocks, None), [block]
                del block
                yield ready.pop()  # nothing here keeps the block while it is used
        finally:
            given_up.set()
            coming.exception()  # waits; what happens to a block that nobody asked for is nobody's


def cut_blocks(pieces: Iterable[bytes], size: int) -> Iterator[bytes]:
    """Give the same bytes in blocks of ``size``; the last is shorter, and none is empty."""
    kept: list[bytes | memoryview] = []
    missing = size
    for piece in pieces:
        rest = memoryview(piece)
        while len(rest) >= missing:
            kept.append(rest[:missing])
            rest = rest[missing:]
            block = [piece if len(piece) == size == missing else b"".join(kept)]
            kept.clear()
            missing = size
            yield block.pop()  # nothing keeps the block while it is used
        if rest:
            kept.append(rest)
            missing -= len(rest)
    if kept:
        yield b"".join(kept)


def skip_bytes(pieces: Iterable[bytes], count: int) -> Iterator[bytes]:
    """Give the same bytes without the first ``count``."""
    for piece in pieces:
        if count < len(piece):
            yield piece[count:]
        count = max(0, count - len(piece))


def unpack_gzip(pieces: Iterable[bytes], name: str, limits: GzipLimits = DEFAULT_LIMITS) -> Iterator[bytes]:
    """Unpack a gzip file of any number of members, in bounded memory.

    Zero bytes after a member are padding; anything else there is damage, as is an end within a member. Both raise
    :class:`~penstock.errors.DataError`, naming the file by ``name``; so does passing a limit. No bytes at all unpack
    to none.
    """
    return _join_small(_unpack_members(pieces, name, limits))


def _join_small(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Give the same bytes with small pieces joined."""
    small = bytearray()
    for piece in pieces:
        if not small and len(piece) >= _SMALL:
            yield piece
            continue
        small += piece
        if len(small) >= _SMALL:
            yield bytes(small)
            small.clear()
    if small:
        yield bytes(small)


def _unpack_members(pieces: Iterable[bytes], name: str, limits: GzipLimits) -> Iterator[bytes]:
    member = None
    members = packed = unpacked = 0
    try:
        for piece in pieces:
            packed += len(piece)
            rest = piece
            while rest:
                if member is None:
                    rest = rest.lstrip(b"\0") if members else rest
                    if not rest:
                        break
                    member = zlib.decompressobj(_GZIP)
                for found in _unpack(member, rest):
                    unpacked += len(found)
                    _check(limits, name, packed - len(member.unconsumed_tail), unpacked)
                    yield found
                rest = member.unused_data
                if member.eof:
                    member = None
                    members += 1
                    _check_members(limits, name, members, unpacked)
    except zlib.error as error:
        raise DataError(
            SOURCE_ERROR,
            f"{name} is not whole gzip data ({error}). Pack it again, or drop .gz from its name if it is not packed.",
        ) from error
    if member is not None:
        raise DataError(
            SOURCE_ERROR, f"{name} ends within its gzip data: it was cut. Send the whole file again."
        )


def _check(limits: GzipLimits, name: str, packed: int, unpacked: int) -> None:
    if unpacked > limits.spared and unpacked > limits.ratio * packed:
        raise DataError(
            SOURCE_ERROR,
            f"{name} unpacks to more than {limits.ratio:,} times its size, as files do that are made to overwhelm who "
            "unpacks them. If it is what it should be, unpack it and send it without .gz.",
        )
    if limits.size is not None and unpacked > limits.size:
        raise DataError(
            SOURCE_ERROR,
            f"{name} unpacks to more than the {limits.size:,} bytes that are allowed. Send it in several files.",
        )


def _check_members(limits: GzipLimits, name: str, members: int, unpacked: int) -> None:
    if members > limits.spared_members and unpacked < limits.member * members:
        raise DataError(
            SOURCE_ERROR,
            f"{name} is packed in more than {limits.spared_members:,} parts of less than {limits.member} bytes each, as files are "
            "that are made to overwhelm who unpacks them. Pack it in one part.",
        )


def _unpack(member: zlib._Decompress, packed: bytes) -> Iterator[bytes]:
    while packed and not member.eof:
        found = member.decompress(packed, _PIECE)
        packed = member.unconsumed_tail
        if found:
            yield found
    while not member.eof and (found := member.decompress(b"", _PIECE)):
        yield found
