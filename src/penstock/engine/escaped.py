"""Lines of a file without quotes that go on behind escaped newlines, looked through once and not for each line again.

A record that never ends is rejected as the line it began on, and so is the one that begins with the next line. The
careful scan looks a whole ``max_record_bytes`` ahead for each of them, and finds for each the same: no newline that
is not escaped, or the same one. A property of the tests holds what is said here to what that scan says.
"""

from __future__ import annotations

import re

from penstock.engine.grammar import CR, LF, Grammar, Newline, skip, skip_crs
from penstock.engine.scan import Broken, bare_newline, too_long


class EscapedLines:
    """What is known of the newlines ahead in one file, whose dialect has an escape and no quote."""

    def __init__(self, grammar: Grammar) -> None:
        self._limit = grammar.limit
        escape = re.escape(grammar.escape)
        self._goes_on = re.compile(rb"(?:[^\r\n%b]++|%b.)*+" % (escape, escape), re.DOTALL)
        self._first = self._clear = 0  # between these bytes of the file each newline is escaped

    def judge(self, data: bytes, pos: int, base: int, newline: Newline | None) -> Broken | None:
        """Judge the record that begins with the line at ``pos``; None where that takes the careful scan.

        ``data`` begins at ``base`` in the file.
        """
        if newline is None or not self._first <= base + pos < self._clear:
            return None
        bound = min(len(data), pos + self._limit + 1)
        at = skip(self._goes_on, data, min(self._clear - base, bound), bound)
        self._clear = max(self._clear, base + at)
        sign = data[at : min(at + 1, bound)]
        if sign == CR and newline == "lf":
            after = skip_crs(data, at, bound)
            is_bare = after < bound and data[after] != LF[0]
            return bare_newline(newline, at) if is_bare else None
        if sign == LF and newline == "cr":
            return bare_newline(newline, at)
        if sign in (CR, LF) or bound <= pos + self._limit:
            return None
        return too_long(self._limit, pos + self._limit)

    def note_broken(self, data: bytes, pos: int, base: int) -> None:
        """Note how far the record at ``pos`` goes, which the careful scan found to be broken."""
        bound = min(len(data), pos + self._limit + 1)
        self._first, self._clear = base + pos, base + skip(self._goes_on, data, pos, bound)
