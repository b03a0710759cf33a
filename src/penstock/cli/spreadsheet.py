"""Rejects as a CSV file that is safe to open in a spreadsheet, and that file read back when somebody has corrected it.

A spreadsheet takes a cell that begins with certain characters for a formula, and a file of wrong rows may hold
anything: https://owasp.org/www-community/attacks/CSV_Injection. An apostrophe in front makes it text. A cell that begins with
an apostrophe gets another one, so that the first can be taken off every cell that has one.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from penstock.engine.result import Reject
from penstock.errors import ServiceError, UsageError

COLUMNS: Final = ("run", "line", "offset", "codes", "reasons", "raw")
_FORMULA: Final = ("=", "+", "-", "@")
_APART: Final = ("\t", "\r", "\n", "'")
_UNSEEN: Final = re.compile(r"[\s\x00-\x1f\x7f\xad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]*+")
"""What a spreadsheet, or whoever copies from it, may leave out before a sign."""
_DELIMITERS: Final = (",", ";", "\t")
"""What spreadsheets save CSV with, by the country."""
_MOST_CHARACTERS: Final = 32_767
"""What a cell of a spreadsheet holds; the rest of a longer one is lost when it is saved."""
_LONGEST_CELL: Final = 1 << 20
_ESCAPE: Final = re.compile(r"\\x[0-9a-f]{2}")
_SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class CorrectedRow:
    """A row of a file of rejects: which reject it is, and its record as it is there."""

    line: int
    offset: int
    raw: str


@dataclass(frozen=True, slots=True)
class CorrectedFile:
    """A file of rejects as somebody left it."""

    name: str
    run: str
    rows: tuple[CorrectedRow, ...]


def write_spreadsheet(path: Path, run: str, rejects: Iterable[Reject], encoding: str) -> int:
    """Write a run's rejects as CSV (RFC 4180, UTF-8 with a byte-order mark), and give their number.

    ``encoding`` is that of the records. Raises :class:`~penstock.errors.ServiceError` where the file can't be written.
    """
    number = 0
    try:
        with path.open("w", encoding="utf-8-sig", newline="") as file:
            writer = csv.writer(file, quoting=csv.QUOTE_ALL)
            writer.writerow(COLUMNS)
            for reject in rejects:
                cells = (*_reasons(reject), show_record(reject, encoding))
                writer.writerow([run, str(reject.line), str(reject.offset), *map(neutralize, cells)])
                number += 1
    except OSError as error:
        raise ServiceError(
            f"{path.as_posix()} can't be written: {error.strerror}. Name another file."
        ) from error
    return number


def neutralize(cell: str) -> str:
    """Put an apostrophe before what a spreadsheet could take for a formula, and before another apostrophe.

    Signs of other widths, such as the full-width ones of East Asian keyboards, count as the plain ones.
    """
    unseen = _UNSEEN.match(cell)
    assert unseen is not None
    sign = unicodedata.normalize("NFKC", cell[unseen.end() : unseen.end() + 1])
    return f"'{cell}" if cell.startswith(_APART) or sign.startswith(_FORMULA) else cell


def restore(cell: str) -> str:
    """Undo :func:`neutralize`."""
    return cell.removeprefix("'")


def show_record(reject: Reject, encoding: str) -> str:
    """Give a record as text; bytes that are none are written as escapes."""
    return reject.raw.decode(encoding, "backslashreplace")


def is_spreadsheet(path: Path) -> bool:
    """Tell by its first line whether a file is one of rejects."""
    try:
        with path.open("rb") as file:
            return _find_delimiter(file.readline(200).decode("utf-8-sig", "replace")) is not None
    except OSError:
        return False


def read_spreadsheet(path: Path) -> CorrectedFile:
    """Read a file of rejects back. Raises :class:`~penstock.errors.UsageError` where it is none, or was damaged."""
    name = path.as_posix()
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise UsageError(f"{name} can't be read: {error.strerror}.") from error
    except UnicodeDecodeError:
        raise UsageError(f"{name} is not UTF-8: save it as “CSV UTF-8”.") from None
    delimiter = _find_delimiter(text.partition("\n")[0])
    if delimiter is None:
        raise UsageError(
            f"{name} is no file of rejects: it has to begin with the columns {', '.join(COLUMNS)}, as `penstock rejects RUN "
            "--csv FILE` writes them."
        )
    rows, runs = [], set()
    for run, row in _read_rows(name, text, delimiter):
        rows.append(row)
        runs.add(run)
    if len(runs) != 1:
        raise UsageError(
            f"{name} holds rejects of {len(runs)} runs, and those of one can be put back at a time."
        )
    if len({row.offset for row in rows}) < len(rows):
        raise UsageError(f"{name} has a reject twice: leave one row for each.")
    return CorrectedFile(name, runs.pop(), tuple(rows))


def find_changes(
    corrected: CorrectedFile, rejects: Iterable[Reject], encoding: str
) -> dict[int, bytes | None]:
    """Give what a corrected file has in the place of a run's rejects, by their offsets: None where it changed nothing.

    Raises :class:`~penstock.errors.UsageError` where rows are not among the rejects, or can't be what was meant.
    """
    rows = {(row.line, row.offset): row for row in corrected.rows}
    changes: dict[int, bytes | None] = {}
    for reject in rejects:
        row = rows.pop((reject.line, reject.offset), None)
        if row is not None:
            changes[reject.offset] = _change(row, reject, encoding)
    if rows:
        lines = sorted(line for line, _ in rows)
        shown = ", ".join(map(str, lines[:_SHOWN])) + (" and more" if len(lines) > _SHOWN else "")
        raise UsageError(
            f"{corrected.name} has {len(rows)} rows that are not among the rejects of the run {corrected.run}, or are not any more "
            f"(lines {shown} of the run's file). Take them out. Nothing was done."
        )
    return changes


def _change(row: CorrectedRow, reject: Reject, encoding: str) -> bytes | None:
    """Give the bytes that a row stands for, or None where it is the record as it was."""
    shown, raw = show_record(reject, encoding), row.raw
    if _unify(raw) == _unify(shown):  # a spreadsheet may write the newlines within a cell anew
        return None
    why = None
    if reject.sha256 is not None:
        why = "is longer than what is kept of it, so that it can't be corrected here"
    elif len(raw) == _MOST_CHARACTERS and shown.startswith(raw):
        why = "was cut by the spreadsheet"
    elif _ESCAPE.search(raw) and not _is_text(reject.raw, encoding):
        why = rf"still has escapes (\x..) for bytes that are no text in {encoding}: write the letters that are meant"
    if why is not None:
        raise UsageError(f"The record of line {row.line} {why}. Nothing was done.")
    try:
        return raw.rstrip("\r\n").encode(encoding)
    except UnicodeEncodeError:
        raise UsageError(
            f"The record of line {row.line} has a letter that {encoding}, the encoding of the feed's files, does not have. "
            "Nothing was done."
        ) from None


def _read_rows(name: str, text: str, delimiter: str) -> Iterator[tuple[str, CorrectedRow]]:
    csv.field_size_limit(_LONGEST_CELL)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    next(reader)
    try:
        for cells in reader:
            if any(cells):
                run, line, offset, _, _, raw = cells
                yield run, CorrectedRow(int(line), int(offset), restore(raw))
    except (ValueError, csv.Error):
        raise UsageError(
            f"{name}, line {reader.line_num}: this is no row of a file of rejects: it needs the columns {', '.join(COLUMNS)}, and "
            "`run`, `line` and `offset` as they were written."
        ) from None


def _find_delimiter(header: str) -> str | None:
    """Tell what stands between the columns of a file of rejects; None where the header is another."""
    found = (delimiter for delimiter in _DELIMITERS if _split(header, delimiter) == list(COLUMNS))
    return next(found, None)


def _split(header: str, delimiter: str) -> list[str]:
    return next(csv.reader([header.strip("\r\n")], delimiter=delimiter), [])


def _reasons(reject: Reject) -> tuple[str, str]:
    codes = "; ".join(dict.fromkeys(reason.code for reason in reject.errors))
    reasons = "; ".join(
        reason.message if reason.field is None else f"{reason.field}: {reason.message}"
        for reason in reject.errors
    )
    # Where many files are loaded as one, a line says nothing without its file. Nobody replays these.
    return codes, reasons if reject.key is None else f"{reject.key}: {reasons}"


def _unify(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _is_text(raw: bytes, encoding: str) -> bool:
    try:
        raw.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True
