"""An object some of whose records are replaced by what a person made of them; the object itself stays as it is."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from itertools import accumulate
from typing import Final, NamedTuple, cast

from penstock import verdicts
from penstock.engine.batch import Position
from penstock.engine.bind import Binding
from penstock.engine.grammar import Newline
from penstock.engine.records import RecordReader
from penstock.engine.result import Reason
from penstock.load.blocks import cut_blocks
from penstock.load.protocols import ObjectSource
from penstock.plan.model import Dialect

MOST_BYTES: Final = 16 << 20
"""How much the corrections of a run may come to: they are in memory while it is replayed."""


class Correction(NamedTuple):
    """What is to be read in the place of a record: of the ``length`` bytes from ``offset`` on, its terminator left out."""

    offset: int
    length: int
    content: bytes


class CorrectedSource:
    """An object with its corrections, given in its order; see :class:`~penstock.load.protocols.ObjectSource`.

    Its offsets are those of what is read; :meth:`shift` tells where a record of the object begins here. An object whose last
    record is emptied, and had no newline, ends with one here: without it there would be no empty line.
    """

    def __init__(
        self, source: ObjectSource, corrections: Sequence[Correction], newline: Newline | None = "lf"
    ) -> None:
        self._source = source
        self._corrections = corrections
        self._newline = b"\r" if newline == "cr" else b"\n"
        # By how much the object has grown before each correction, and after the last.
        grown = accumulate((len(found.content) - found.length for found in corrections), initial=0)
        self._grown = array("q", grown)
        self._offsets = array("q", (found.offset for found in corrections))
        self._ends = array("q", (self.shift(found.offset) + len(found.content) for found in corrections))

    @property
    def key(self) -> str:
        return self._source.key

    @property
    def last_modified(self) -> str:
        return self._source.last_modified

    def shift(self, offset: int) -> int:
        """Give where the record that begins at ``offset`` of the object begins here."""
        return offset + self._grown[bisect_left(self._offsets, offset)]

    def blocks(self, size: int, start: int = 0) -> Iterator[bytes]:
        """Give the corrected bytes from ``start`` on, in blocks of ``size``."""
        return cut_blocks(self._pieces(size, start), size)

    def _pieces(self, size: int, start: int) -> Iterator[bytes]:
        number = bisect_right(self._ends, start)
        place = start - self._grown[number]
        if number < len(self._corrections):
            found = self._corrections[number]
            within = start - self.shift(found.offset)
            if within > 0:
                yield found.content[within:]
                number, place = number + 1, found.offset + found.length
        # Closing it ends the reading, which may be ahead.
        blocks = cast("Generator[bytes, None, None]", self._source.blocks(size, place))
        with closing(blocks):
            yield from self._replace(blocks, number, place)

    def _replace(self, blocks: Iterator[bytes], number: int, base: int) -> Iterator[bytes]:
        """Give the object's blocks, which begin at ``base`` of it, with the corrections from the ``number``-th on."""
        reached = base
        for block in blocks:
            end = base + len(block)
            while number < len(self._corrections) and self._corrections[number].offset < end:
                found = self._corrections[number]
                yield block[max(0, reached - base) : found.offset - base]
                yield found.content
                reached = found.offset + found.length
                number += 1
            if reached < end:
                yield block[max(0, reached - base) :]
            reached, base = max(reached, end), end
        if self._corrections:
            last = self._corrections[-1]
            if not last.content and last.offset + last.length == base:
                yield self._newline


def find_fault(dialect: Dialect, binding: Binding, newline: Newline | None, content: bytes) -> Reason | None:
    """Tell why a correction can't be read in the place of a record, if it can't: it has to be one record by itself.

    What is open at its end would take in the records after it; several would move what is known of those by their number.
    A record that is wrong otherwise is one, and is judged like all others.
    """
    start = Position(0, 1, 0, newline, -1)
    records = 0
    for batch in RecordReader([content], dialect, start=start).batches(binding.width):
        records += batch.rows + len(batch.errors) + batch.blanks
        for error in batch.errors:
            if error.code == verdicts.QUOTE_ERROR:
                return Reason(error.code, None, f"of its correction: {error.message}")
    if records != 1 and content:  # no bytes are an empty line
        return Reason(verdicts.QUOTE_ERROR, None, f"its correction holds {records} records where one is due")
    return None
