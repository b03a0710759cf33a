"""How a sample file is written: its encoding, its dialect, its header, its records."""

from __future__ import annotations

import csv
import gzip
import io
import itertools
import re
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from penstock.errors import UsageError

SAMPLE_BYTES = 10_000_000
SAMPLE_RECORDS = 100_000
DELIMITERS = (",", ";", "\t", "|")

_GZIP = b"\x1f\x8b"
_UTF8_MARK = b"\xef\xbb\xbf"
_OTHER_MARKS = (b"\xff\xfe", b"\xfe\xff")
_VALUE = re.compile(r"[+-]?[0-9.,:/ -]*[0-9][0-9.,:/ %-]*")


@dataclass(frozen=True, slots=True)
class Sniffed:
    """A sample, read. ``rows`` all have as many cells as ``names``; ``unsure`` says what was a guess, in sentences."""

    delimiter: str
    quote: str
    encoding: str
    header: bool
    names: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    whole: bool
    unsure: tuple[str, ...]


def sniff(sample: Path) -> Sniffed:
    """Read the beginning of a file, plain or gzipped, and find out how it is written.

    Raises UsageError if it can't be read, is empty, or is no text in an encoding that is a superset of ASCII.
    """
    data, whole = _read_bytes(sample)
    text, encoding, unsure = _decode(sample, data, whole=whole)
    lines = text if whole else text[: text.rfind("\n") + 1] or text
    delimiter, quote = _find_delimiter(lines), '"'
    if '"' not in lines and re.search(
        rf"(^|{re.escape(delimiter)})'[^'\n]*'({re.escape(delimiter)}|$)", lines, re.MULTILINE
    ):
        quote = "'"
        unsure.append("cells are in single quotes; is that the quote character?")
    records = list(itertools.islice(_records(lines, delimiter, quote), SAMPLE_RECORDS))
    if not records:
        raise UsageError(f"{sample}: holds no records to make a contract from")
    header = _has_header(records)
    width = len(records[0]) if header else Counter(map(len, records)).most_common(1)[0][0]
    body = records[1:] if header else records
    rows = tuple(tuple(record) for record in body if len(record) == width)
    if len(rows) < len(body):
        unsure.append(
            f"{len(body) - len(rows)} of {len(body)} records have not {width} cells; they would be rejected"
        )
    if width == 1:
        unsure.append("there is one column; is the delimiter right?")
    names = tuple(records[0]) if header else tuple(f"column_{number}" for number in range(1, width + 1))
    return Sniffed(delimiter, quote, encoding, header, names, rows, whole, tuple(unsure))


def _read_bytes(sample: Path) -> tuple[bytes, bool]:
    """The first bytes of the file, unpacked, and whether they are all of it."""
    try:
        with sample.open("rb") as file:
            packed = file.read(2) == _GZIP
            file.seek(0)
            data = (gzip.GzipFile(fileobj=file) if packed else file).read(SAMPLE_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{sample}: can't be read: {error.strerror or error}") from error
    except (EOFError, zlib.error) as error:
        raise UsageError(f"{sample}: is not a whole gzip file: {error}") from error
    if not data.strip():
        raise UsageError(
            f"{sample}: is empty; a contract needs a sample with a header, better with records too"
        )
    return data[:SAMPLE_BYTES], len(data) <= SAMPLE_BYTES


def _decode(sample: Path, data: bytes, *, whole: bool) -> tuple[str, str, list[str]]:
    if data.startswith(_OTHER_MARKS):
        raise UsageError(f"{sample}: is UTF-16, which is not a superset of ASCII; convert it to UTF-8")
    if b"\0" in data:
        raise UsageError(
            f"{sample}: is not text, it holds NUL bytes; save a spreadsheet as CSV, and UTF-16 as UTF-8"
        )
    try:
        return data.removeprefix(_UTF8_MARK).decode(), "utf-8", []
    except UnicodeDecodeError as error:
        # A character may be cut where the sample ends.
        if not whole and error.start >= len(data) - 4:
            return data[: error.start].removeprefix(_UTF8_MARK).decode(), "utf-8", []
    for encoding in ("cp1252", "latin-1"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        return text, encoding, [f"the encoding: the sample is not UTF-8 and could be {encoding}"]
    raise AssertionError("every byte is a character of latin-1")


def _records(text: str, delimiter: str, quote: str) -> Iterator[list[str]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, quotechar=quote)
    while True:
        try:
            record = next(reader)
        except StopIteration:
            return
        except csv.Error:
            return  # a cell longer than any that a sample needs: what came before is enough
        if record and (len(record) > 1 or record[0]):
            yield record


def _find_delimiter(text: str) -> str:
    """The delimiter that gives most records the same number of cells, the more cells the better."""

    def score(delimiter: str) -> tuple[float, int]:
        widths = Counter(len(record) for record in itertools.islice(_records(text, delimiter, '"'), 200))
        if not widths:
            return 0.0, 0
        width, count = max(widths.items(), key=lambda item: (item[1], item[0]))
        return (round(count / widths.total(), 1), width) if width > 1 else (0.0, 1)

    return max(DELIMITERS, key=score)


def _has_header(records: list[list[str]]) -> bool:
    """Whether the first record names columns: all different, none of them a value.

    Where all cells are words nothing tells a header from a record; there mostly is one.
    """
    first, body = records[0], records[1:]
    if any(_VALUE.fullmatch(cell.strip()) for cell in first):
        return False
    if len(set(first)) < len(first) or not any(first):
        return False
    columns = [{record[index] for record in body if len(record) == len(first)} for index in range(len(first))]
    return not any(cell and cell in column for cell, column in zip(first, columns, strict=True))
