"""The grammar's signs, and what ends a physical line.

RFC 4180 (https://www.rfc-editor.org/rfc/rfc4180), strictly, with the choices of CSV Dialect
(https://specs.frictionlessdata.io/csv-dialect/); ``docs/grammar.md`` lists every decision.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, NamedTuple

from penstock.plan.model import Dialect

Newline = Literal["lf", "cr"]
"""What ends the records of a file. A CR LF is an LF with a CR that belongs to the terminator."""

LF, CR, SPACE = b"\n", b"\r", b" "
_CRS = re.compile(rb"\r*+")
_EITHER = re.compile(rb"[\r\n]")


class Line(NamedTuple):
    """A physical line: it ends before ``end``, where CRs of the terminator may precede; the next one begins at ``next``."""

    end: int
    next: int
    newline: Newline | None


@dataclass(frozen=True, slots=True)
class Grammar:
    """A dialect as bytes: each sign is one byte, or empty where the dialect has none.

    ``quote`` is what the file uses; ``emitted`` is what canonical text uses, which always has one.
    """

    delimiter: bytes
    quote: bytes
    emitted: bytes
    escape: bytes
    comment: bytes
    doubles: bool
    skips_spaces: bool
    limit: int
    outside: re.Pattern[bytes]  # what an unquoted field stops at
    inside: re.Pattern[bytes]  # what a quoted field stops at

    @classmethod
    def of(cls, dialect: Dialect) -> Grammar:
        """Make the grammar of a dialect. An escape that is the quote itself means doubled quotes."""
        delimiter, quote, escape, comment = (
            (sign or "").encode("ascii")
            for sign in (dialect.delimiter, dialect.quote_char, dialect.escape_char, dialect.comment_char)
        )
        doubles = dialect.double_quote or (bool(quote) and escape == quote)
        escape = b"" if escape == quote else escape
        return cls(
            delimiter=delimiter,
            quote=quote,
            emitted=quote or (b"'" if delimiter == b'"' else b'"'),
            escape=escape,
            comment=comment,
            doubles=doubles,
            skips_spaces=dialect.skip_initial_space,
            limit=dialect.max_record_bytes,
            outside=re.compile(one_of(delimiter + CR + LF + (quote or escape))),
            inside=re.compile(one_of((quote or b'"') + escape)),
        )


def one_of(signs: bytes, *, but: bool = False) -> bytes:
    """Give the regular expression of one byte of ``signs``, or, with ``but``, of any byte but those."""
    return b"[" + b"^" * but + b"".join(b"\\x%02x" % sign for sign in signs) + b"]"


def take_line(
    grammar: Grammar, data: bytes, start: int, newline: Newline | None, *, at_end: bool
) -> Line | None:
    """Take the physical line that begins at ``start``, whatever its quotes; ``None`` where its end is not there yet.

    ``at_end`` says that ``data`` ends where the file does. Where the file's kind of newline is not known, the line's
    own first CR or LF decides it.
    """
    if newline is None:
        return _take_first_line(grammar, data, start, at_end=at_end)
    found = data.find(LF if newline == "lf" else CR, start)
    if found < 0:
        return Line(len(data), len(data), newline) if at_end else None
    return Line(found, found + 1, newline)


def _take_first_line(grammar: Grammar, data: bytes, start: int, *, at_end: bool) -> Line | None:
    found = _EITHER.search(data, start)
    if found is None:
        return Line(len(data), len(data), None) if at_end else None
    end = found.start()
    if data[end] == LF[0]:
        return Line(end, end + 1, "lf")
    ending = find_lf(grammar, data, end, at_end=at_end)
    if ending is None:
        return None
    return Line(end, end + 1, "cr") if ending < 0 else Line(end, ending + 1, "lf")


def find_lf(grammar: Grammar, data: bytes, pos: int, *, at_end: bool) -> int | None:
    """Find the LF that follows the CR at ``pos``, only CRs between them: its index, -1 for none, ``None`` for not yet known.

    An LF more than ``max_record_bytes`` further on counts as none, so that the look-ahead has a bound.
    """
    reach = min(len(data), pos + grammar.limit + 1)
    after = skip(_CRS, data, pos, reach)
    if after < reach:
        return after if data[after] == LF[0] else -1
    return -1 if at_end or reach == pos + grammar.limit + 1 else None


def skip(pattern: re.Pattern[bytes], data: bytes, pos: int, stop: int) -> int:
    """Give the place after a match of ``pattern``, which matches always, if only nothing."""
    found = pattern.match(data, pos, stop)
    assert found is not None
    return found.end()


def skip_crs(data: bytes, pos: int, stop: int) -> int:
    """Give the place after the CRs at ``pos``."""
    return skip(_CRS, data, pos, stop)
