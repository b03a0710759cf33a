"""Verdicts on single lines: of records that are no plain rows, most show what they are on their own line.

It says what the careful scan of :mod:`penstock.engine.scan` would say of the record that begins with the line, many
times as fast, or that it can't tell. A property of the tests holds it to that.
"""

from __future__ import annotations

import re
from enum import Enum
from functools import lru_cache

from penstock import verdicts
from penstock.engine.grammar import CR, LF, SPACE, Grammar, Newline, one_of
from penstock.engine.scan import BARE_QUOTE, CLOSED_QUOTE
from penstock.plan.model import Encoding


class Kind(Enum):
    """What a line is that holds no error; ``OPEN`` is one that the line alone does not tell."""

    ROW = "row"
    BLANK = "blank"
    OPEN = "open"


Fault = tuple[str, str, int]
"""Why a record is no row: code, message, and where in the record the grammar is broken, or -1 where it holds."""

ROW, BLANK, OPEN = Kind.ROW, Kind.BLANK, Kind.OPEN


class LineJudge:
    """Judges lines by one grammar, encoding, number of cells, and kind of newline."""

    def __init__(self, grammar: Grammar, encoding: Encoding, width: int, newline: Newline) -> None:
        self._encoding = encoding
        self._width = width
        self._limit = grammar.limit
        self._delimiter = grammar.delimiter
        self._quote = grammar.quote
        self._emitted = grammar.emitted
        self._doubles = grammar.doubles
        self._spaces = SPACE * grammar.skips_spaces
        self._doubtful = [sign for sign in (CR if newline == "lf" else LF, grammar.escape) if sign]
        odd = grammar.emitted + grammar.escape + self._spaces + CR + LF + b"\0"
        self._find_odd = re.compile(one_of(odd + bytes(range(0x80, 0x100)))).search
        self._comment = grammar.comment
        self._between = grammar.quote + grammar.delimiter + grammar.quote

    def judge(self, content: bytes, length: int) -> Kind | Fault:
        """Judge the record that begins with a line of ``length`` bytes, of which ``content`` is no part of a newline.

        A ``ROW`` is canonical but for its encoding, and its newline.
        """
        if length > self._limit or (self._comment and content.startswith(self._comment)):
            return OPEN
        if not content:
            return BLANK
        if self._find_odd(content):
            return self._judge_odd(content)
        return misfit(content.count(self._delimiter) + 1, self._width) or ROW

    def _judge_odd(self, content: bytes) -> Kind | Fault:
        """Judge a line that holds more than ASCII text and delimiters."""
        for sign in self._doubtful:
            if sign in content:
                return OPEN
        quoted = bool(self._quote) and self._quote in content
        spaced = bool(self._spaces) and SPACE in content
        if quoted and spaced:
            return OPEN
        cells = self._count_quoted(content) if quoted else content.count(self._delimiter) + 1
        if not isinstance(cells, int):
            return cells or OPEN
        canonical = not quoted and not spaced and self._emitted not in content
        return misread(content, self._encoding) or misfit(cells, self._width) or (ROW if canonical else OPEN)

    def _count_quoted(self, line: bytes) -> int | Fault | None:
        """Count the cells of a line with quotes; ``None`` where one of them does not close on it."""
        quote, between = self._quote, self._between
        if len(line) > 1 and line.startswith(quote) and line.endswith(quote):
            inner = line[1:-1]
            cells = inner.count(between) + 1
            if inner.count(quote) == 2 * (cells - 1):
                return cells  # all quotes but the first and the last are between two cells
        at, cells = 0, 1
        while (opening := line.find(quote, at)) >= 0:
            cells += line.count(self._delimiter, at, opening)
            if opening and (opening == at or line[opening - 1] != self._delimiter[0]):
                return verdicts.QUOTE_ERROR, f"{BARE_QUOTE}, in cell {cells}", opening
            closing = self._close(line, opening)
            if closing < 0:
                return None
            at = closing + 1
            if at < len(line) and line[at] != self._delimiter[0]:
                return verdicts.QUOTE_ERROR, f"{CLOSED_QUOTE}, in cell {cells}", at
        return cells + line.count(self._delimiter, at)

    def _close(self, line: bytes, opening: int) -> int:
        """Find the quote that closes what another opens; -1 where it is not on the line."""
        closing = line.find(self._quote, opening + 1)
        while closing >= 0 and self._doubles and line.startswith(self._quote, closing + 1):
            closing = line.find(self._quote, closing + 2)
        return closing


def misread(content: bytes, encoding: Encoding) -> Fault | None:
    """Tell what is wrong with a record's encoding, if anything is."""
    if not content.isascii():
        try:
            content.decode(encoding)
        except UnicodeDecodeError as error:
            message = f"byte {error.start + 1} of the record is not text in {encoding}"
            return verdicts.ENCODING_ERROR, message, -1
    nul = content.find(b"\0")
    if nul < 0:
        return None
    return verdicts.ENCODING_ERROR, f"byte {nul + 1} of the record is NUL", -1


@lru_cache(maxsize=1024)
def misfit(found: int, width: int) -> Fault | None:
    """Tell that a record has too few or too many cells."""
    if found == width:
        return None
    code = verdicts.MISSING_CELL if found < width else verdicts.EXTRA_CELL
    return code, f"{found} cells where {width} are due", -1
