"""The demo's files, made of the real ones: a part that is as it was published, and a dirty one.

Files get dirty in known ways: the edits are listed here one by one. Each names the row by its runway's id and says
which verdict it should meet.
"""

from __future__ import annotations

import csv
import gzip
from dataclasses import dataclass
from typing import Final

ROWS: Final = 2000


@dataclass(frozen=True, slots=True)
class Edit:
    """One edit: ``old`` becomes ``new``, once, in the row of a runway. ``code`` is the verdict, None where none is due."""

    runway: str
    what: str
    old: bytes
    new: bytes
    code: str | None


EDITS: Final = (
    Edit("255155", "a quote that is never closed", b',"S",', b',"S,', "quote-error"),
    Edit("246648", "words in a length", b",3300,", b",about 3300,", "type-error"),
    Edit("255011", "one cell too many", b',"36",,,,,', b',"36",,,,,,"see notice"', "extra-cell"),
    Edit("255474", "a word in another encoding", b'"ASPH-G"', b'"Pi\xe7arra"', "encoding-error"),
    Edit("343407", "no airport, which is the key", b'"08TT"', b"", "constraint-error"),
    Edit("254280", "one cell too few", b",260", b"", "missing-cell"),
    Edit("240596", "a latitude of 135 degrees", b",35.18280", b",135.18280", "constraint-error"),
    Edit("249474", "a yes where 0 or 1 is due", b',0,0,"13W"', b',no,0,"13W"', "type-error"),
    Edit("250414", "an empty line after it", b',"30",,,,,', b',"30",,,,,\n', None),
)
REPEATED: Final = Edit("253429", "a runway twice: the later row stands", b",2600,80,", b",2600,90,", None)


def keep_lighted(runways: bytes) -> bytes:
    """Give the rows of the lighted runways of a gzipped file, byte for byte, gzipped."""
    header, *rows = gzip.decompress(runways).splitlines(keepends=True)
    column = next(csv.reader([header.decode()])).index("lighted")
    cells = csv.reader(row.decode() for row in rows)
    kept = [row for row, found in zip(rows, cells, strict=True) if found[column] == "1"]
    return gzip.compress(b"".join([header, *kept]), mtime=0)


def make_dirty(clean: bytes) -> bytes:
    """Give the first rows of a gzipped runways file with the edits made and one row repeated at the end, gzipped.

    Raises ValueError where an edit does not fit the file.
    """
    header, *rows = gzip.decompress(clean).splitlines()[: ROWS + 1]
    by_runway = {edit.runway.encode(): edit for edit in EDITS}
    dirty = [_make(by_runway.pop(row.partition(b",")[0], None), row) for row in rows]
    if by_runway:
        raise ValueError(f"no such runways in the first {ROWS} rows: {sorted(by_runway)}")
    again = [_make(REPEATED, row) for row in rows if row.startswith(REPEATED.runway.encode() + b",")]
    return gzip.compress(b"\n".join([header, *dirty, *again]) + b"\n", mtime=0)


def _make(edit: Edit | None, row: bytes) -> bytes:
    if edit is None:
        return row
    if row.count(edit.old) != 1:
        raise ValueError(f"the row of runway {edit.runway} does not hold {edit.old!r} once")
    return row.replace(edit.old, edit.new)
