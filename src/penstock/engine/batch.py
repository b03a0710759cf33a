"""What the record grammar hands to the judge: a batch of verified records, and the records that never became rows.

Offsets are 0-based bytes of the uncompressed object; lines are 1-based physical lines, the header counted; lengths
leave the terminator out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

from penstock.engine.grammar import Newline

RAW_LIMIT = 65_536
"""Bytes of a rejected record that are kept; of a longer one the SHA-256 is kept too."""


class Location(NamedTuple):
    """Where a record is. ``raw`` is cut at :data:`RAW_LIMIT`; ``sha256`` (hex, of all its bytes) is set where it was."""

    line: int
    offset: int
    length: int
    raw: bytes
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Position:
    """A place between two records, and all that reading on from there must know of what came before.

    The next record, or the comments before it, begins at ``offset`` on ``line``; ``row`` rows precede it in the file. ``newline``
    is the file's kind, None while it has shown none. Rows that begin at or before ``broken_to`` may be the text of a
    broken field; it is -1 where none can be.
    """

    offset: int
    line: int
    row: int
    newline: Newline | None
    broken_to: int


class RecordError(NamedTuple):
    """A record that is no row: it breaks the grammar, its encoding, or its width.

    ``before`` is the number of rows of its batch that precede it, so that file order can be kept.
    """

    before: int
    code: str
    message: str
    location: Location


class Batch(Protocol):
    r"""Some consecutive records of a file.

    ``text`` is canonical CSV in UTF-8: ``rows`` records, each of the width asked for and ended by ``\n``,
    cells quoted by the dialect's quote character or ``"``, quotes doubled; it holds no comments,
    no empty lines and no records that are in ``errors``.
    """

    @property
    def text(self) -> bytes: ...
    @property
    def rows(self) -> int: ...
    @property
    def quote(self) -> str:
        """The quote character that ``text`` uses, whether or not the dialect has one."""
        ...

    @property
    def errors(self) -> tuple[RecordError, ...]: ...
    @property
    def blanks(self) -> int:
        """Empty lines: records of no cell at all."""
        ...

    @property
    def recovered(self) -> tuple[int, ...]:
        """Lines of the rows that may be the text of a broken field before them."""
        ...

    @property
    def first(self) -> Position:
        """Where the batch begins: the ``end`` of the one before it."""
        ...

    @property
    def end(self) -> Position:
        """Where a reader that has taken this batch goes on."""
        ...

    def locate(self, rows: list[int]) -> list[Location]:
        """Tell where the given rows (ascending, 0-based in this batch) are, with their raw bytes."""
        ...

    def lines(self) -> list[tuple[int, int]]:
        """Give ``(row, line)`` for the first row and for each row whose line is not the one before's plus one."""
        ...
