"""The fast path: a run of records that are plainly well-formed, taken at once.

It takes only what the careful scan would call a good record, and only records that are canonical already but for
their terminators and their encoding: the due number of cells, no newline within quotes, no escape in use, no NUL, no
byte that does not decode. It stops at the first byte of any other record. A property of the tests holds it to that.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from penstock.engine.grammar import CR, LF, Grammar, Newline, one_of
from penstock.engine.skeleton import Skeleton
from penstock.plan.model import Encoding

_NUL = b"\0"
_ACCIDENTS = re.compile(rb"\r++\n")
_END: dict[Newline, bytes] = {"lf": rb"\r*+\n", "cr": rb"\r"}
_MOST = 1_000_000_000  # more repetitions than this a pattern does not count
_WHOLE = 16_384
"""From how many bytes on the check of a stretch by its skeleton is worth its start."""


class Run(NamedTuple):
    r"""Records that end before ``end``, each on one physical line.

    ``text`` is canonical, each ended by ``\n``; it is ``None`` where that is what the data holds.
    """

    end: int
    rows: int
    text: bytes | None


class Spanning(NamedTuple):
    """One record that may span lines within its quotes: its content ends at ``end``.

    ``text`` is canonical; it is ``None`` where that is what the data holds.
    """

    end: int
    next: int
    text: bytes | None


class RunMatcher:
    """The fast path for one grammar, encoding, number of cells, and kind of newline."""

    def __init__(self, grammar: Grammar, encoding: Encoding, width: int, newline: Newline) -> None:
        self._grammar = grammar
        self._encoding = encoding
        self._width = width
        self.newline = LF if newline == "lf" else CR
        self._pattern = re.compile(_run_pattern(grammar, width, newline))
        self._spanning = re.compile(_spanning_pattern(grammar, width, newline)) if grammar.quote else None
        crs = min(grammar.limit, _MOST)
        self._blanks = re.compile(rb"(?:\r{0,%d}+\n)++" % crs if newline == "lf" else rb"\r++")
        self._skeleton = Skeleton(grammar, width, newline)

    def take(self, data: bytes, pos: int, stop: int) -> Run | None:
        """Take the run of records that begins at ``pos`` and ends before ``stop``; ``None`` where there is none."""
        end = data.rfind(self.newline, pos, stop) + 1
        if end <= pos:
            return None
        if end - pos < _WHOLE or not self._holds(data[pos:end]):
            found = self._pattern.match(data, pos, end)
            # Before 3.11.5 CPython may end a run within the record that ends it (gh-106052), before its newline.
            end = data.rfind(self.newline, pos, found.end()) + 1 if found else pos
        end = self._up_to_too_long(data, pos, end)
        end = self._up_to_undecodable(data, pos, end)
        if end <= pos:
            return None
        return self.run_of(data, pos, end, data.count(self.newline, pos, end))

    def run_of(self, data: bytes, pos: int, end: int, rows: int) -> Run:
        """Give the run of the rows, known to be plain, that ``data`` holds from ``pos`` to ``end``."""
        return Run(end, rows, self._rewritten(data[pos:end]))

    def take_blanks(self, data: bytes, pos: int, stop: int) -> tuple[int, int]:
        """Take the empty lines at ``pos`` that end before ``stop``: where they end, and how many they are."""
        found = self._blanks.match(data, pos, stop)
        end = data.rfind(self.newline, pos, found.end()) + 1 if found else pos
        return end, data.count(self.newline, pos, end)

    def take_spanning(self, data: bytes, pos: int) -> Spanning | None:
        """Take one record that may have newlines within its quotes; ``None`` where there is no such record."""
        bound = min(len(data), pos + self._grammar.limit + 1)
        found = self._spanning.match(data, pos, bound) if self._spanning else None
        if found is None:
            return None
        content = data[pos : found.start(1)]
        if self._up_to_undecodable(content, 0, len(content)) < len(content):
            return None
        verbatim = found[1] == LF and (self._encoding == "utf-8" or content.isascii())
        return Spanning(found.start(1), found.end(), None if verbatim else self._in_utf_8(content) + LF)

    def _holds(self, stretch: bytes) -> bool:
        """Tell that a stretch of whole lines is plain by its skeleton."""
        if self.newline == CR:
            return self._skeleton.holds(stretch)
        return self._skeleton.holds(stretch.replace(CR + LF, LF) if CR in stretch else stretch)

    def _up_to_too_long(self, data: bytes, pos: int, end: int) -> int:
        """Cut the run before its first record that is longer than the limit.

        All records between a record's start and the last newline within the limit from there are short enough.
        """
        start = pos
        while end - start > self._grammar.limit:
            newline = data.rfind(self.newline, start, min(start + self._grammar.limit + 1, end))
            if newline < 0:
                return start
            start = newline + 1
        return end

    def _up_to_undecodable(self, data: bytes, pos: int, end: int) -> int:
        run = data[pos:end]
        try:
            _ = run.isascii() or run.decode(self._encoding)
        except UnicodeDecodeError as error:
            return max(pos, data.rfind(self.newline, pos, pos + error.start) + 1)
        return end

    def _rewritten(self, run: bytes) -> bytes | None:
        """Give the run in UTF-8, every record ended by LF; ``None`` where it is already. It has no other CR or LF."""
        if self.newline == LF and CR not in run and (self._encoding == "utf-8" or run.isascii()):
            return None
        text = self._in_utf_8(run)
        if self.newline == CR:
            return text.replace(CR, LF)
        text = text.replace(CR + LF, LF)
        return _ACCIDENTS.sub(LF, text) if CR in text else text

    def _in_utf_8(self, text: bytes) -> bytes:
        return text if self._encoding == "utf-8" or text.isascii() else text.decode(self._encoding).encode()


def _outside_signs(grammar: Grammar) -> bytes:
    """Give the bytes that an unquoted cell of a canonical record does not hold."""
    escape = b"" if grammar.quote else grammar.escape
    return grammar.delimiter + grammar.emitted + escape + CR + LF + _NUL


def _run_pattern(grammar: Grammar, width: int, newline: Newline) -> bytes:
    """Give the pattern of a run. All of it is possessive: it never goes back, and keeps nothing per record.

    A possessive group of CPython before 3.11.5 keeps the beginning of a repetition that failed (gh-106052), as far as
    its last repeat or choice began. So no group with an open number of repetitions has a repetition that fails behind
    such a place, but the outermost; the caller cuts off what that kept.
    """
    record = _record_pattern(grammar, width, not_quoted=grammar.quote + grammar.escape + _NUL + CR + LF)
    return b"(?:" + record + _END[newline] + b")++"


def _spanning_pattern(grammar: Grammar, width: int, newline: Newline) -> bytes:
    """Give the pattern of one record whose quoted cells may hold newlines; its terminator is the only group."""
    record = _record_pattern(grammar, width, not_quoted=grammar.quote + grammar.escape + _NUL)
    return record + b"(" + _END[newline] + b")"


def _record_pattern(grammar: Grammar, width: int, *, not_quoted: bytes) -> bytes:
    unquoted = one_of(_outside_signs(grammar), but=True)
    quoted = b""
    if grammar.quote:
        quote = one_of(grammar.quote)
        inside = one_of(not_quoted, but=True)
        quoted = quote + inside + b"*+" + quote + b"|"
        if grammar.doubles:
            doubled = quote + b"(?:" + inside + b"++|" + quote + quote + b")*+" + quote + b"|"
            quoted = quote + inside + b"*+" + quote + b"(?!" + quote + b")|" + doubled
    cell = b"(?! )" * grammar.skips_spaces + b"(?:" + quoted + unquoted
    first = cell + (b"++)" if width == 1 else b"*+)")  # an empty line is a blank record, never a row
    rest = b"(?:" + one_of(grammar.delimiter) + cell + b"*+)){%d}+" % (width - 1) if width > 1 else b""
    comment = b"(?!" + one_of(grammar.comment) + b")" if grammar.comment else b""
    return comment + first + rest
