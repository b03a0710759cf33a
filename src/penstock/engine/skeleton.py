"""Whole stretches of records checked at once, by their skeleton: the signs of the grammar, and nothing else of them.

The answer is yes or no for all of a stretch, several times as fast as a pattern gives it record by record. No means
only that the pattern has to look.
"""

from __future__ import annotations

from operator import itemgetter

from penstock.engine.grammar import CR, LF, SPACE, Grammar, Newline

_NUL = b"\0"
_FIRST, _LAST = itemgetter(0), itemgetter(-1)
_FEW = 8
"""Quotes in a line up to which taking it apart at them is faster than the pattern."""


class Skeleton:
    """The skeleton of plain records of one grammar, width and kind of newline."""

    def __init__(self, grammar: Grammar, width: int, newline: Newline) -> None:
        self._newline = LF if newline == "lf" else CR
        self._width = width
        self._other = CR if newline == "lf" else LF
        self._quote = quote = grammar.quote if width > 1 else b""
        self._edges = {*grammar.delimiter, *self._newline}
        self._between = quote + grammar.delimiter + quote
        self._emitted = grammar.emitted
        self._escape = grammar.escape
        escape = b"" if grammar.quote else grammar.escape
        self._bare = grammar.delimiter * (width - 1) + self._newline
        self._but_bare = _all_but(grammar.delimiter + grammar.emitted + escape + CR + LF + _NUL)
        self._quoted = (quote * 2 + grammar.delimiter) * (width - 1) + quote * 2 + self._newline
        self._but_quoted = _all_but(quote + grammar.delimiter + self._newline)
        self._marked = quote + _NUL * (width - 1) + quote + self._newline
        self._but_marked = _all_but(quote + _NUL + self._newline)
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
        if not self._quote or (self._escape and self._escape in text):
            return False
        return (text.startswith(self._quote) and self._all_quoted(text)) or self._some_quoted(text)

    def _some_quoted(self, text: bytes) -> bool:
        """Tell that every line is plain where a few of its cells are quoted, with no quote or newline inside.

        Every second piece between quotes is a quoted cell, if what stands before and after each is a delimiter or a
        line's end. The others have to be bare.
        """
        if text.count(self._quote) > _FEW * text.count(self._newline):
            return False
        pieces = text.split(self._quote)
        between = pieces[2:-1:2]
        if len(pieces) % 2 == 0 or b"" in between:
            return False
        around = {
            *map(_FIRST, between),
            *map(_LAST, between),
            *pieces[-1][:1],
            *(pieces[0] or self._newline)[-1:],
        }
        if not around <= self._edges:
            return False
        quoted = b"".join(pieces[1::2])
        if self._newline in quoted or self._other in quoted or _NUL in quoted:
            return False
        return pieces[-1].endswith(self._newline) and self._all_bare(b"".join(pieces[::2]))

    def _all_bare(self, text: bytes) -> bool:
        """Tell that every line has as many delimiters as are due, where nothing is quoted."""
        signs = text.translate(None, self._but_bare)
        if signs != self._bare * (len(signs) // self._width):
            return False
        return not any(pair in text for pair in self._pairs)

    def _all_quoted(self, text: bytes) -> bool:
        """Tell that every cell is quoted, with no quote or newline inside."""
        if _NUL in text or self._other in text:
            return False
        signs = text.translate(None, self._but_quoted)
        lines = len(signs) // len(self._quoted)
        if signs == self._quoted * lines:
            between_cells = text.count(self._between)
            return between_cells == lines * (self._width - 1) and self._all_enclosed(text, lines)
        return self._all_marked(text)

    def _all_marked(self, text: bytes) -> bool:
        """Tell the same where cells hold delimiters.

        Between two cells stands quote, delimiter, quote; between two records quote, newline, quote. Where no quote is
        left but those, the first and the last, there is only one way to read the text. NUL, which no record may
        hold, stands for the first of the two.
        """
        marked = text.replace(self._between, _NUL)
        signs = marked.translate(None, self._but_marked)
        lines = len(signs) // len(self._marked)
        return signs == self._marked * lines and self._all_enclosed(marked, lines)

    def _all_enclosed(self, text: bytes, lines: int) -> bool:
        """Tell that every line begins and ends with a quote."""
        end = self._quote + self._newline
        return (
            text.startswith(self._quote) and text.endswith(end) and text.count(end + self._quote) == lines - 1
        )


def _all_but(signs: bytes) -> bytes:
    return bytes(byte for byte in range(256) if byte not in signs)
