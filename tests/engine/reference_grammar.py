"""The record grammar once more, byte by byte over the whole file: the judge of the reader in the tests.

Written from the grammar's sentences alone, for clarity and not for speed; it shares no code with the reader.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from penstock.plan.model import Dialect

CR, LF, SPACE, NUL = 0x0D, 0x0A, 0x20, 0
BOM = b"\xef\xbb\xbf"


class Good(NamedTuple):
    cells: list[bytes]
    end: int
    following: int
    kind: str | None


class Bad(NamedTuple):
    code: str
    at: int


class Found(NamedTuple):
    """A row (``cells`` is set) or an error (``code`` is set), with its place."""

    cells: tuple[str, ...] | None
    code: str | None
    line: int
    offset: int
    raw: bytes


@dataclass
class Reading:
    kind: str | None
    header: tuple[str, ...] | str | None = None  # a text is the code of a header that breaks the grammar
    found: list[Found] = field(default_factory=list)
    blanks: int = 0
    recovered: list[int] = field(default_factory=list)
    tally: dict[str, int] = field(
        default_factory=lambda: {"bom": 0, "header": 0, "comments": 0, "records": 0}
    )


def read(data: bytes, dialect: Dialect, width: int) -> Reading:
    """Read a whole file."""
    reading = Reading(None if dialect.line_terminator == "auto" else dialect.line_terminator)
    places: list[tuple[int, int]] = []  # index in found, offset: lines are known when the kind is
    recovered: list[int] = []
    broken_to = -1
    header_due = dialect.header
    pos = 0
    if data.startswith(BOM):
        pos = reading.tally["bom"] = len(BOM)
    while pos < len(data):
        start = pos
        if dialect.comment_char and data[pos] == ord(dialect.comment_char):
            _, pos, reading.kind = physical_line(data, pos, reading.kind, dialect)
            reading.tally["comments"] += pos - start
            continue
        share, header_was_due, header_due = ("header" if header_due else "records"), header_due, False
        record = one_record(data, pos, reading.kind, dialect)
        code: str | None = None
        cells: tuple[str, ...] | None = None
        if isinstance(record, Bad):
            end, pos, reading.kind = physical_line(data, pos, reading.kind, dialect)
            broken_to = max(broken_to, record.at)
            code = record.code
        else:
            end, pos, reading.kind = record.end, record.following, record.kind
            code, cells = judged(data[start:end], record.cells, dialect, None if header_was_due else width)
        reading.tally[share] += pos - start
        if header_was_due:
            reading.header = code or (() if end == start else cells)
            if code:
                return reading
        elif not isinstance(record, Bad) and end == start:
            reading.blanks += 1
        else:
            places.append((len(reading.found), start))
            reading.found.append(Found(None if code else cells, code, 0, start, data[start:end]))
            if not code and start <= broken_to:
                recovered.append(start)
    sign = b"\r" if reading.kind == "cr" else b"\n"
    for index, offset in places:
        reading.found[index] = reading.found[index]._replace(line=1 + data[:offset].count(sign))
    reading.recovered = [1 + data[:offset].count(sign) for offset in recovered]
    return reading


def judged(
    raw: bytes, cells: list[bytes], dialect: Dialect, width: int | None
) -> tuple[str | None, tuple[str, ...] | None]:
    """Judge the encoding, then the width."""
    try:
        raw.decode(dialect.encoding)
    except UnicodeDecodeError:
        return "encoding-error", None
    if NUL in raw:
        return "encoding-error", None
    if raw and width is not None and len(cells) < width:
        return "missing-cell", None
    if raw and width is not None and len(cells) > width:
        return "extra-cell", None
    return None, tuple(cell.decode(dialect.encoding) for cell in cells)


def one_record(  # noqa: C901 - a state machine is read best in one place
    data: bytes, start: int, kind: str | None, dialect: Dialect
) -> Good | Bad:
    """Read one record, a state machine over its bytes."""
    delimiter = ord(dialect.delimiter)
    quote = ord(dialect.quote_char) if dialect.quote_char else None
    escape = ord(dialect.escape_char) if dialect.escape_char else None
    doubles = dialect.double_quote
    if escape is not None and escape == quote:
        doubles, escape = True, None
    limit = dialect.max_record_bytes
    cells: list[bytes] = []
    cell = bytearray()
    state = "start"
    at = start
    while True:
        if at - start == limit + 1:
            newlines = {"lf": (LF,), "cr": (CR,), None: (LF, CR)}[kind]
            spans = any(byte in newlines for byte in data[start:at])
            unclosed = state in ("quoted", "escaped in quotes") and spans
            return Bad("quote-error" if unclosed else "record-too-long", at - 1)
        if at == len(data):
            if state in ("quoted", "escaped in quotes", "escaped"):
                return Bad("quote-error", at)
            return Good([*cells, bytes(cell)], at, at, kind)
        byte = data[at]
        if state == "quoted":
            if byte == quote:
                state = "closed"
            elif byte == escape:
                state = "escaped in quotes"
            else:
                cell.append(byte)
        elif state == "escaped in quotes":
            cell.append(byte)
            state = "quoted"
        elif state == "escaped":
            cell.append(byte)
            state = "plain"
        elif state == "start" and byte == SPACE and dialect.skip_initial_space:
            pass
        elif state == "start" and byte == quote:
            state = "quoted"
        elif state == "closed" and byte == quote and doubles:
            cell.append(byte)
            state = "quoted"
        elif byte == delimiter:
            cells.append(bytes(cell))
            cell = bytearray()
            state = "start"
        elif byte in (CR, LF):
            return ended([*cells, bytes(cell)], data, start, at, kind, limit)
        elif state == "closed" or byte == quote:
            return Bad("quote-error", at)
        elif byte == escape and quote is None:
            state = "escaped"
        else:
            cell.append(byte)
            state = "plain"
        at += 1


def ended(cells: list[bytes], data: bytes, start: int, at: int, kind: str | None, limit: int) -> Good | Bad:
    """End a record at a CR or LF outside quotes, or say why it does not end there."""
    if kind == "cr":
        return Good(cells, at, at + 1, kind) if data[at] == CR else Bad("quote-error", at)
    after = at
    reach = start + limit if kind == "lf" else at + limit  # an LF must stand here at the latest
    while after < len(data) and after <= reach and data[after] == CR:
        after += 1
    if after < len(data) and after <= reach and data[after] == LF:
        return (
            Good(cells, at, after + 1, "lf")
            if after - start <= limit
            else Bad("record-too-long", start + limit)
        )
    if kind is None:
        return Good(cells, at, at + 1, "cr")
    return Bad("record-too-long", start + limit) if after > reach else Bad("quote-error", at)


def physical_line(data: bytes, start: int, kind: str | None, dialect: Dialect) -> tuple[int, int, str | None]:
    """Give the end of a physical line's content, the start of the next one, and the file's kind."""
    for at in range(start, len(data)):
        if data[at] == LF and kind != "cr":
            end = at
            while kind == "lf" and end > start and data[end - 1] == CR:
                end -= 1
            return end, at + 1, "lf"
        if data[at] == CR and kind == "cr":
            return at, at + 1, kind
        if data[at] == CR and kind is None:
            after = at
            while after < len(data) and after <= at + dialect.max_record_bytes and data[after] == CR:
                after += 1
            if after < len(data) and after <= at + dialect.max_record_bytes and data[after] == LF:
                return at, after + 1, "lf"
            return at, at + 1, "cr"
    return len(data), len(data), kind
