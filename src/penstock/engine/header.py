"""The header record of a file."""

from __future__ import annotations

from dataclasses import dataclass

from penstock import verdicts
from penstock.engine.batch import Location
from penstock.errors import DataError

_UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class Header:
    """The names in a file's header, as written. An empty line has no cells: ``()``."""

    cells: tuple[str, ...]
    location: Location


def refuse_header(code: str, message: str, location: Location) -> DataError:
    """Give the error of a header that breaks the grammar or the encoding, with what to do about it."""
    advice = "mend the header and put the file again"
    if location.offset == 0 and location.raw.startswith(_UTF_16_MARKS):
        advice = "the file begins with a byte-order mark of UTF-16: save it as UTF-8 and put it again"
    elif code == verdicts.ENCODING_ERROR:
        advice = "check the dialect's encoding, or save the file in it"
    return DataError(code, f"line {location.line}: the header can't be read: {message}; {advice}")
