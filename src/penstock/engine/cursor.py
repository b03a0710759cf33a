"""Where a reader is in a file, and what it counts on its way there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from penstock.engine.assemble import Assembly
from penstock.engine.batch import Position
from penstock.engine.grammar import CR, LF, Newline
from penstock.engine.window import Window

Share = Literal["bom", "header", "comments", "records"]


@dataclass(frozen=True, slots=True)
class ByteTally:
    """The bytes of a file, terminators included, by what they belong to. They add up to the file's size."""

    bom: int
    header: int
    comments: int
    records: int


class Cursor:
    """A place in a file; ``window`` holds the bytes from there on. Each byte passed is counted for what it belongs to."""

    def __init__(self, window: Window, begin: Position) -> None:
        self.window = window
        self.newline: Newline | None = begin.newline
        self.line = begin.line
        self.row = begin.row
        self._broken_to = (
            begin.broken_to
        )  # rows that begin at or before this offset may be the text of a broken field
        self._shares: dict[Share, int] = {"bom": 0, "header": 0, "comments": 0, "records": 0}

    @property
    def tally(self) -> ByteTally:
        return ByteTally(**self._shares)

    @property
    def position(self) -> Position:
        offset = self.window.offset
        return Position(offset, self.line, self.row, self.newline, self._broken_to if self.suspect else -1)

    @property
    def suspect(self) -> bool:
        """Whether the next row may be the text of a broken field."""
        return self.window.offset <= self._broken_to

    def break_to(self, offset: int) -> None:
        """Note that a record is broken, and that this showed itself at ``offset``."""
        self._broken_to = max(self._broken_to, offset)

    def note_recovered(self, assembly: Assembly, stop: int) -> None:
        """Note the next rows among the recovered: one, and one for each newline before ``stop``, as far as they are suspect."""
        if self.suspect:
            window, sign = self.window, CR if self.newline == "cr" else LF
            others = window.data.count(sign, window.pos, min(stop, self._broken_to - window.base))
            assembly.add_recovered(range(self.line, self.line + 1 + others))

    def pass_lines(self, following: int, share: Share) -> None:
        """Leave bytes behind, with all the physical lines that they span."""
        sign = CR if self.newline == "cr" else LF
        self.line += self.window.data.count(sign, self.window.pos, following)
        self.advance(following, share)

    def advance(self, pos: int, share: Share) -> None:
        """Leave bytes behind; their lines are counted elsewhere."""
        self._shares[share] += pos - self.window.pos
        self.window.pos = pos
