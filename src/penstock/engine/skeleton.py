"""Whole stretches of records checked at once, by their skeleton: the signs of the grammar, and nothing else of them.

The answer is yes or no for all of a stretch, several times as fast as a pattern gives it record by record. No means
only that the pattern has to look.
"""

from __future__ import annotations

from penstock.engine.grammar import CR, LF, SPACE, Grammar, Newline

_NUL = b"\0"


class Skeleton:
    """The skeleton of plain records of one grammar, width and kind of newline."""

    def __init__(self, grammar: Grammar, width: int, newline: Newline) -> None:
        self._newline = LF if newline == "lf" else CR
        self._width = width
        self._delimiter = grammar.delimiter
        self._quote = grammar.quote if width > 1 else b""
        self._emitted = grammar.emitted
        self._escape = grammar.escape
        escape = b"" if grammar.quote else grammar.escape
        self._bare = grammar.delimiter * (width - 1) + self._newline
        self._but_bare = _all_but(grammar.delimiter + grammar.emitted + escape + CR + LF + _NUL)
        self._closed = grammar.quote + _NUL * (width - 1) + grammar.quote + self._newline
        self._but_closed = _all_but(grammar.quote + _NUL + self._newline)
        # No plain record begins with these.
        first = grammar.comment + SPACE * grammar.skips_spaces + (CR + LF if width == 1 else b"")
        self._first = first
        pairs = [self._newline + bytes([sign]) for sign in first]
        self._pairs = [*pairs, *([grammar.delimiter + SPACE] if grammar.skips_spaces else [])]

    def holds(self, text: bytes) -> bool:
        """Tell that every line of ``text`` is a plain record. CRs before LFs are gone from it, and it ends in a newline."""
        if text[0] in self._first:
            return False
        if self._emitted not in text:
            return self._all_bare(text)
        return bool(self._quote) and text.startswith(self._quote) and self._all_quoted(text)

    def _all_bare(self, text: bytes) -> bool:
        """Tell that every line has as many delimiters as are due, where nothing is quoted."""
        signs = text.translate(None, self._but_bare)
        if signs != self._bare * (len(signs) // self._width):
            return False
        return not any(pair in text for pair in self._pairs)

    def _all_quoted(self, text: bytes) -> bool:
        """Tell that every cell is quoted, with no quote or newline inside.

        Between two cells stands quote, delimiter, quote; between two records quote, newline, quote. Where no quote is
        left but those, the first and the last, there is only one way to read the text. NUL, which no record may
        hold, stands for the first of the two.
        """
        quote, newline = self._quote, self._newline
        other = CR if newline == LF else LF
        if _NUL in text or other in text or (self._escape and self._escape in text):
            return False
        marked = text.replace(quote + self._delimiter + quote, _NUL)
        signs = marked.translate(None, self._but_closed)
        lines = len(signs) // len(self._closed)
        if signs != self._closed * lines:
            return False
        between = marked.count(quote + newline + quote)
        return marked.startswith(quote) and marked.endswith(quote + newline) and between == lines - 1


def _all_but(signs: bytes) -> bytes:
    return bytes(byte for byte in range(256) if byte not in signs)
