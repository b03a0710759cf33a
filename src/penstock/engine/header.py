"""The header record of a file."""

from __future__ import annotations

from dataclasses import dataclass

from penstock import verdicts
from penstock.engine.batch import Location
from penstock.errors import DataError

_UTF_16 = "the file begins with a byte-order mark of UTF-16: save it as UTF-8 and put it again"
_OTHER_FILES = {
    b"\xff\xfe": _UTF_16,
    b"\xfe\xff": _UTF_16,
    b"PK\x03\x04": "the file is a ZIP archive, as a spreadsheet's own format is: save it as CSV and put it again",
    b"\x1f\x8b": "the file is packed by gzip: give it a name that ends in .gz",
}
"""What to do about files that are no CSV, by their first bytes."""


@dataclass(frozen=True, slots=True)
class Header:
    """The names in a file's header, as written. An empty line has no cells: ``()``."""

    cells: tuple[str, ...]
    location: Location


def refuse_header(code: str, message: str, location: Location) -> DataError:
    """Give the error of a header that breaks the grammar or the encoding, with what to do about it."""
    advice = "mend the header and put the file again"
    other = [advice for mark, advice in _OTHER_FILES.items() if location.raw.startswith(mark)]
    if location.offset == 0 and other:
        advice = other[0]
    elif code == verdicts.ENCODING_ERROR:
        advice = "check the dialect's encoding, or save the file in it"
    return DataError(code, f"line {location.line}: the header can't be read: {message}; {advice}")
