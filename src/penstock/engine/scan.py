"""The careful scan of one record: the reference in production.

Whatever the fast path of :mod:`penstock.engine.runs` does not take is judged here. Nothing is decided that bytes not
yet seen could change: then the answer is ``None``, and the caller comes again with more. The record is judged by its
first ``max_record_bytes`` + 1 bytes: what shows itself there first is the verdict.
"""

from __future__ import annotations

import re
from typing import NamedTuple, NoReturn

from penstock import verdicts
from penstock.engine.grammar import CR, LF, Grammar, Newline, find_lf, skip, skip_crs

_SPACES = re.compile(rb" *+")
BARE_QUOTE = "a quote inside an unquoted field"
CLOSED_QUOTE = "text after a closing quote"


class Record(NamedTuple):
    """A record that follows the grammar: ``data[start:end]``, and what follows it begins at ``next``.

    ``cells`` is what its cells hold, and ``ends`` where each ends as it is written.
    """

    end: int
    next: int
    newline: Newline | None
    cells: list[bytes]
    ends: list[int]


class Broken(NamedTuple):
    """A record that does not follow the grammar. ``at`` is where that showed itself; it may be the end of the data."""

    code: str
    message: str
    at: int


class _BrokenError(Exception):
    """Leaves the scan of a record that does not follow the grammar."""

    def __init__(self, found: Broken) -> None:
        super().__init__()
        self.found = found


class _ShortError(Exception):
    """Leaves the scan of a record whose verdict needs more bytes."""


def take_record(
    grammar: Grammar, data: bytes, start: int, newline: Newline | None, *, at_end: bool
) -> Record | Broken | None:
    """Take the record that begins at ``start``; ``None`` where its verdict is not certain yet.

    ``newline`` is the file's kind where it is known; where it is not, the record's end decides it. ``at_end`` says that
    ``data`` ends where the file does.
    """
    try:
        return _Scan(grammar, data, start, newline, at_end=at_end).record()
    except _BrokenError as error:
        return error.found
    except _ShortError:
        return None


def too_long(limit: int, at: int) -> Broken:
    """Give the verdict on a record that does not end within the limit."""
    return Broken(verdicts.RECORD_TOO_LONG, f"the record is longer than max_record_bytes ({limit})", at)


def bare_newline(newline: Newline | None, at: int, cell: int | None = None) -> Broken:
    """Give the verdict on a record that meets the other kind of newline, after a cell (not told where there are no quotes)."""
    what = (
        "a bare CR in a file whose lines end in LF"
        if newline == "lf"
        else "an LF in a file whose lines end in CR"
    )
    return Broken(verdicts.QUOTE_ERROR, what if cell is None else f"{what}, after cell {cell}", at)


class _Scan:
    """A place in a record, moved forward from cell to cell."""

    def __init__(
        self, grammar: Grammar, data: bytes, start: int, newline: Newline | None, *, at_end: bool
    ) -> None:
        self._grammar = grammar
        self._data = data
        self._start = start
        self._pos = start
        self._newline = newline
        self._at_end = at_end
        self._last = start + grammar.limit  # the record must end here at the latest
        self._bound = min(len(data), self._last + 1)
        self._cells: list[bytes] = []
        self._ends: list[int] = []

    def record(self) -> Record:
        quote, delimiter = self._grammar.quote, self._grammar.delimiter
        while True:
            if self._grammar.skips_spaces:
                self._pos = skip(_SPACES, self._data, self._pos, self._bound)
            quoted = bool(quote) and self._data[self._pos : min(self._pos + 1, self._bound)] == quote
            self._cells.append(self._quoted() if quoted else self._unquoted())
            self._ends.append(self._pos)
            if self._pos == self._bound:
                return self._end_of_file()
            sign = self._data[self._pos : self._pos + 1]
            if sign != delimiter:
                return self._newline_at(sign)
            self._pos += 1

    def _quoted(self) -> bytes:
        """Take a quoted cell; the place is then at what follows the closing quote."""
        grammar, data = self._grammar, self._data
        parts: list[bytes] = []
        pos = self._pos + 1
        while True:
            mark = grammar.inside.search(data, pos, self._bound)
            if mark is None:
                self._never_closed()
            at = mark.start()
            parts.append(data[pos:at])
            pos = at + 2
            if data[at] != grammar.quote[0]:  # the escape: the byte after it is text, whatever it is
                if at + 1 == self._bound:
                    self._never_closed()
                parts.append(data[at + 1 : at + 2])
            elif grammar.doubles and data[at + 1 : min(at + 2, self._bound)] == grammar.quote:
                parts.append(grammar.quote)
            else:
                self._pos = at + 1
                self._after_quote()
                return b"".join(parts)

    def _after_quote(self) -> None:
        if self._pos < self._bound and self._data[self._pos] not in self._grammar.delimiter + CR + LF:
            self._break(CLOSED_QUOTE)

    def _unquoted(self) -> bytes:
        """Take an unquoted cell; the place is then at a delimiter, a newline or the bound."""
        grammar, data = self._grammar, self._data
        parts: list[bytes] = []
        while True:
            stop = grammar.outside.search(data, self._pos, self._bound)
            at = stop.start() if stop else self._bound
            parts.append(data[self._pos : at])
            self._pos = at
            sign = data[at : at + 1] if stop else b""
            if sign and sign == grammar.quote:
                self._break(BARE_QUOTE)
            if not sign or sign != grammar.escape:
                return b"".join(parts)
            if at + 1 == self._bound:
                self._need_more()
                self._break("an escape character with nothing after it")
            parts.append(data[at + 1 : at + 2])
            self._pos = at + 2

    def _newline_at(self, sign: bytes) -> Record:
        """End the record at the CR or LF here, if it ends there."""
        pos = self._pos
        if self._newline == "cr":
            if sign == LF:
                self._break_newline()
            return self._ended(pos, pos + 1, "cr")
        if sign == LF:
            return self._ended(pos, pos + 1, "lf")
        if self._newline is None:
            return self._first_newline()
        after = skip_crs(self._data, pos, self._bound)
        if after == self._bound:
            self._need_more()
        if self._data[after : after + 1] != LF:
            self._break_newline()
        return self._ended(pos, after + 1, "lf")

    def _first_newline(self) -> Record:
        """End the record at the first CR outside quotes, and with it decide the file's kind."""
        found = find_lf(self._grammar, self._data, self._pos, at_end=self._at_end)
        if found is None:
            raise _ShortError
        if found < 0:
            return self._ended(self._pos, self._pos + 1, "cr")
        if found > self._last:
            self._too_long()
        return self._ended(self._pos, found + 1, "lf")

    def _end_of_file(self) -> Record:
        self._need_more()
        return self._ended(self._pos, self._pos, self._newline)

    def _ended(self, end: int, following: int, newline: Newline | None) -> Record:
        return Record(end, following, newline, self._cells, self._ends)

    def _need_more(self) -> None:
        """Return at the end of the file; elsewhere the bytes so far leave the verdict open, or pass the limit."""
        if self._bound > self._last:
            self._too_long()
        if not self._at_end:
            raise _ShortError

    def _too_long(self) -> NoReturn:
        raise _BrokenError(too_long(self._grammar.limit, self._last))

    def _never_closed(self) -> NoReturn:
        """Tell an unclosed quote from one long line: only the first has taken in the lines that follow."""
        if self._bound > self._last:
            signs = {"lf": (LF,), "cr": (CR,), None: (LF, CR)}[self._newline]
            if all(self._data.find(sign, self._start, self._bound) < 0 for sign in signs):
                self._too_long()
            limit = self._grammar.limit
            self._break(f"a quote that is not closed within max_record_bytes ({limit})", self._last)
        self._need_more()
        self._break("a quote that is never closed", self._bound)

    def _break(self, what: str, at: int | None = None) -> NoReturn:
        """Leave with a quote-error of the cell being taken."""
        message = f"{what}, in cell {len(self._cells) + 1}"
        raise _BrokenError(Broken(verdicts.QUOTE_ERROR, message, self._pos if at is None else at))

    def _break_newline(self) -> NoReturn:
        """Leave with a quote-error at a newline, which stands after a cell that was taken."""
        cell = len(self._cells) if self._grammar.quote else None
        raise _BrokenError(bare_newline(self._newline, self._pos, cell))
