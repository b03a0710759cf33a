"""Rejects as a CSV file that is safe to open in a spreadsheet.

A spreadsheet takes a cell that begins with certain characters for a formula, and a file of wrong rows may hold
anything: https://owasp.org/www-community/attacks/CSV_Injection. An apostrophe in front makes it text.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from penstock.engine.result import Reject
from penstock.errors import ServiceError

COLUMNS: Final = ("line", "offset", "codes", "reasons", "raw")
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001 -- the wide ones too


def write_spreadsheet(path: Path, rejects: Iterable[Reject]) -> int:
    """Write rejects as CSV (RFC 4180, UTF-8 with a byte-order mark), and give their number.

    Raises :class:`~penstock.errors.ServiceError` where the file can't be written.
    """
    number = 0
    try:
        with path.open("w", encoding="utf-8-sig", newline="") as file:
            writer = csv.writer(file, quoting=csv.QUOTE_ALL)
            writer.writerow(COLUMNS)
            for reject in rejects:
                writer.writerow([str(reject.line), str(reject.offset), *map(neutralize, _texts(reject))])
                number += 1
    except OSError as error:
        raise ServiceError(
            f"{path.as_posix()} can't be written: {error.strerror}. Name another file."
        ) from error
    return number


def neutralize(cell: str) -> str:
    """Put an apostrophe before what a spreadsheet could take for a formula."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def _texts(reject: Reject) -> tuple[str, str, str]:
    codes = "; ".join(dict.fromkeys(reason.code for reason in reject.errors))
    reasons = "; ".join(
        reason.message if reason.field is None else f"{reason.field}: {reason.message}"
        for reason in reject.errors
    )
    return codes, reasons, reject.raw.decode("utf-8", "backslashreplace")
