"""The fast path: a run of records that are plainly well-formed, taken at once.

It takes only what the careful scan would call a good record, and only records that are canonical already but for
their terminators and their encoding: the due number of cells, no newline within quotes, no escape in use, no NUL, no
byte that does not decode. It stops at the first byte of any other record. A property of the tests holds it to that.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from penstock.engine.grammar import CR, LF, SPACE, Grammar, Newline, one_of
from penstock.plan.model import Encoding

_NUL = b"\0"
_ACCIDENTS = re.compile(rb"\r++\n")
_END: dict[Newline, bytes] = {"lf": rb"\r*+\n", "cr": rb"\r"}
_MOST = 1_000_000_000  # more repetitions than this a pattern does not count
_WHOLE = 65_536
"""From how many bytes on the check of a stretch without quotes, all at once, is worth its start."""

_POSSESSIVE = re.match(rb"(?:ab?c)++", b"aca")
_GROUPS_ARE_SOUND = _POSSESSIVE is not None and _POSSESSIVE.end() == 2
"""CPython before 3.11.5 lets a possessive group keep half of a repetition that failed (gh-106052). The patterns would
then take what is no record; without them the careful scan takes all, and the same, more slowly.
"""


class Run(NamedTuple):
    r"""Records that end before ``end``, each on one physical line; ``text`` is canonical, each ended by ``\n``."""

    end: int
    rows: int
    text: bytes


class Spanning(NamedTuple):
    """One record that may span lines within its quotes: its content ends at ``end``; ``text`` is canonical."""

    end: int
    next: int
    text: bytes


class RunMatcher:
    """The fast path for one grammar, encoding, number of cells, and kind of newline."""

    def __init__(self, grammar: Grammar, encoding: Encoding, width: int, newline: Newline) -> None:
        self._grammar = grammar
        self._encoding = encoding
        self._width = width
        self._newline = LF if newline == "lf" else CR
        self._pattern = re.compile(_run_pattern(grammar, width, newline))
        self._spanning = re.compile(_spanning_pattern(grammar, width, newline)) if grammar.quote else None
        crs = min(grammar.limit, _MOST)
        self._blanks = re.compile(rb"(?:\r{0,%d}+\n)++" % crs if newline == "lf" else rb"\r++")
        outside = _outside_signs(grammar)
        signs = outside.replace(CR, b"") if newline == "lf" else outside  # the CRs are counted
        self._others = bytes(byte for byte in range(256) if byte not in signs)
        self._skeleton = grammar.delimiter * (width - 1) + self._newline
        self._first = (
            grammar.comment + SPACE * grammar.skips_spaces + (CR + LF if width == 1 else b"")
        )  # no plain record begins with these
        pairs = [self._newline + bytes([sign]) for sign in self._first]
        self._pairs = [*pairs, *([grammar.delimiter + SPACE] if grammar.skips_spaces else [])]

    def take(self, data: bytes, pos: int, stop: int) -> Run | None:
        """Take the run of records that begins at ``pos`` and ends before ``stop``; ``None`` where there is none."""
        end = self._take_whole(data, pos, stop) if stop - pos >= _WHOLE else pos
        if end == pos and _GROUPS_ARE_SOUND:
            found = self._pattern.match(data, pos, stop)
            end = found.end() if found else pos
        end = self._up_to_too_long(data, pos, end)
        if end == pos:
            return None
        text = self._decoded(data[pos:end])
        if text is None:
            end = self._up_to_undecodable(data, pos, end)
            if end == pos:
                return None
            text = self._decoded(data[pos:end])
            assert text is not None
        return Run(end, data.count(self._newline, pos, end), self._with_lf(text))

    def take_blanks(self, data: bytes, pos: int, stop: int) -> tuple[int, int]:
        """Take the empty lines at ``pos`` that end before ``stop``: where they end, and how many they are."""
        found = self._blanks.match(data, pos, stop) if _GROUPS_ARE_SOUND else None
        end = found.end() if found else pos
        return end, data.count(self._newline, pos, end)

    def take_spanning(self, data: bytes, pos: int) -> Spanning | None:
        """Take one record that may have newlines within its quotes; ``None`` where there is no such record."""
        bound = min(len(data), pos + self._grammar.limit + 1)
        found = self._spanning.match(data, pos, bound) if self._spanning and _GROUPS_ARE_SOUND else None
        if found is None:
            return None
        text = self._decoded(data[pos : found.start(1)])
        return None if text is None else Spanning(found.start(1), found.end(), text + LF)

    def _take_whole(self, data: bytes, pos: int, stop: int) -> int:
        """Check a stretch without quotes by its skeleton: its delimiters and newlines, and nothing else of the grammar's signs.

        It is all or nothing, and ten times as fast as the pattern.
        """
        end = data.rfind(self._newline, pos, stop) + 1
        if end <= pos or data.find(self._grammar.emitted, pos, end) >= 0:
            return pos
        if self._newline == LF and data.count(CR, pos, end) != data.count(CR + LF, pos, end):
            return pos
        skeleton = data[pos:end].translate(None, self._others)
        if skeleton != self._skeleton * (len(skeleton) // self._width):
            return pos
        if data[pos] in self._first or any(data.find(pair, pos, end) >= 0 for pair in self._pairs):
            return pos
        return end

    def _up_to_too_long(self, data: bytes, pos: int, end: int) -> int:
        """Cut the run before its first record that is longer than the limit.

        All records between a record's start and the last newline within the limit from there are short enough.
        """
        start = pos
        while end - start > self._grammar.limit:
            newline = data.rfind(self._newline, start, min(start + self._grammar.limit + 1, end))
            if newline < 0:
                return start
            start = newline + 1
        return end

    def _decoded(self, run: bytes) -> bytes | None:
        """Give the run in UTF-8, or ``None`` where it does not decode."""
        if run.isascii():
            return run
        try:
            text = run.decode(self._encoding)
        except UnicodeDecodeError:
            return None
        return run if self._encoding == "utf-8" else text.encode()

    def _up_to_undecodable(self, data: bytes, pos: int, end: int) -> int:
        try:
            data[pos:end].decode(self._encoding)
        except UnicodeDecodeError as error:
            return max(pos, data.rfind(self._newline, pos, pos + error.start) + 1)
        return end

    def _with_lf(self, text: bytes) -> bytes:
        """End every record by LF. No record of a run holds a CR or LF anywhere else."""
        if self._newline == CR:
            return text.replace(CR, LF)
        if CR in text:
            text = text.replace(CR + LF, LF)
        return _ACCIDENTS.sub(LF, text) if CR in text else text


def _outside_signs(grammar: Grammar) -> bytes:
    """Give the bytes that an unquoted cell of a canonical record does not hold."""
    escape = b"" if grammar.quote else grammar.escape
    return grammar.delimiter + grammar.emitted + escape + CR + LF + _NUL


def _run_pattern(grammar: Grammar, width: int, newline: Newline) -> bytes:
    """Give the pattern of a run. All of it is possessive: it never goes back, and keeps nothing per record."""
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
        inside = one_of(not_quoted, but=True) + b"*+"
        doubled = b"(?:" + quote + inside + quote + b")*+" if grammar.doubles else b""
        quoted = quote + inside + quote + doubled + b"|"
    cell = b"(?! )" * grammar.skips_spaces + b"(?:" + quoted + unquoted
    first = cell + (b"++)" if width == 1 else b"*+)")  # an empty line is a blank record, never a row
    rest = b"(?:" + one_of(grammar.delimiter) + cell + b"*+)){%d}+" % (width - 1) if width > 1 else b""
    comment = b"(?!" + one_of(grammar.comment) + b")" if grammar.comment else b""
    return comment + first + rest
