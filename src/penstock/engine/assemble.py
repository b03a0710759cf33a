"""Batches put together from what was taken: runs of plain records, single records, and errors."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from dataclasses import dataclass
from hashlib import sha256

from penstock.engine.batch import RAW_LIMIT, Location, Position, RecordError
from penstock.engine.grammar import CR, LF, Grammar
from penstock.engine.runs import Run, Spanning

_BOM = "\ufeff".encode()
_MANY = 32_768
"""How many pieces of text and errors a batch holds, so that its memory is that of its bytes."""
_PARTS = 4
"""How many times as many parts it holds, which are smaller."""


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of a batch, in columns: each is a run of records of one line each, or a single record.

    Of each part the number of rows before it, its start in the data, the line of its first row, and the end of its
    content: -1 for a run, whose lines end where their newlines stand.
    """

    before: array[int]
    start: array[int]
    line: array[int]
    end: array[int]

    @classmethod
    def none(cls) -> Parts:
        return cls(array("q"), array("q"), array("q"), array("q"))

    def add(self, before: int, start: int, line: int, end: int) -> None:
        self.before.append(before)
        self.start.append(start)
        self.line.append(line)
        self.end.append(end)


@dataclass(frozen=True, slots=True)
class RecordBatch:
    """A :class:`~penstock.engine.batch.Batch` that finds its rows again in the bytes they were taken from."""

    text: bytes
    rows: int
    quote: str
    errors: tuple[RecordError, ...]
    blanks: int
    recovered: tuple[int, ...]
    first: Position
    end: Position
    _data: bytes
    _base: int
    _newline: bytes
    _parts: Parts

    def locate(self, rows: list[int]) -> list[Location]:
        """Tell where the given rows (ascending, 0-based in this batch) are, with their raw bytes."""
        found: list[Location] = []
        part, row, start = -1, 0, 0
        for wanted in rows:
            here = bisect_right(self._parts.before, wanted) - 1
            if here != part:
                part, row, start = here, self._parts.before[here], self._parts.start[here]
            for _ in range(wanted - row):
                start = self._data.index(self._newline, start) + 1
            row = wanted
            line = self._parts.line[part] + wanted - self._parts.before[part]
            found.append(place(self._data[start : self._end(part, start)], line, self._base + start))
        return found

    def find(self, offsets: list[int]) -> list[tuple[int, int] | None]:
        """Tell which rows begin at the given offsets of the file (ascending), and how long they are; None where none does."""
        found: list[tuple[int, int] | None] = []
        parts, part, row, reached = self._parts, -1, 0, 0
        for offset in offsets:
            start = offset - self._base
            here = bisect_right(parts.start, start) - 1
            if here < 0 or (start > parts.start[here] and not self._ends_before(here, start)):
                found.append(None)
                continue
            if here != part:
                part, row, reached = here, parts.before[here], parts.start[here]
            row += self._data.count(self._newline, reached, start)
            reached = start
            after = parts.before[part + 1] if part + 1 < len(parts.before) else self.rows
            found.append((row, self._end(part, start) - start) if row < after else None)
        return found

    def _ends_before(self, part: int, start: int) -> bool:
        """Tell whether a line of a run ends where ``start`` is."""
        return self._parts.end[part] < 0 and self._data[start - 1 : start] == self._newline

    def _end(self, part: int, start: int) -> int:
        """Give the end of the content of the row that begins at ``start``."""
        if self._parts.end[part] >= 0:
            return self._parts.end[part]
        end = self._data.index(self._newline, start)
        while (
            self._newline == LF and self._data[end - 1 : end] == CR
        ):  # of a run, no row ends in a CR of its own
            end -= 1
        return end

    def lines(self) -> list[tuple[int, int]]:
        """Give ``(row, line)`` for the first row and for each row whose line is not the one before's plus one."""
        found: list[tuple[int, int]] = []
        shift = None
        for row, line in zip(self._parts.before, self._parts.line, strict=True):
            if line - row != shift:
                shift = line - row
                found.append((row, line))
        return found


class Assembly:
    """A batch in the making, all of whose rows lie in ``data``, which begins at ``base`` in the file."""

    def __init__(self, grammar: Grammar, data: bytes, base: int) -> None:
        self._grammar = grammar
        self.data = data
        self._base = base
        self._view = memoryview(data)
        self._pieces: list[bytes | memoryview] = []
        self._spans = (0, 0)  # the data that is text as it stands, and not yet a piece
        self._run_end = -1  # where the run ends that was added last, if nothing was added since
        self._parts = Parts.none()
        self._errors: list[RecordError] = []
        self._recovered: list[int] = []
        self._rows = 0
        self._blanks = 0

    @property
    def empty(self) -> bool:
        return not (self._rows or self._errors or self._blanks)

    @property
    def rows(self) -> int:
        return self._rows

    @property
    def full(self) -> bool:
        objects = max(len(self._pieces) + len(self._errors), len(self._recovered))
        return objects >= _MANY or len(self._parts.before) >= _PARTS * _MANY

    def add_run(self, run: Run, start: int, line: int) -> None:
        """Add a run. One that follows another directly becomes a part of it, and nothing is copied here."""
        if start != self._run_end:
            self._parts.add(self._rows, start, line, -1)
        self._run_end = run.end
        self._rows += run.rows
        self._add_text(run.text, start, run.end)

    def add_spanning(self, record: Spanning, start: int, line: int) -> None:
        """Add a single record, which may span lines."""
        self._add_single(start, line, record.end)
        self._add_text(record.text, start, record.next)

    def add_cells(self, cells: list[bytes], start: int, line: int, end: int) -> None:
        """Add a single record by its cells in UTF-8; they are all quoted."""
        quote = self._grammar.emitted
        quoted = [quote + cell.replace(quote, quote + quote) + quote for cell in cells]
        self._add_single(start, line, end)
        self._add_text(self._grammar.delimiter.join(quoted) + LF, start, end)

    def _add_single(self, start: int, line: int, end: int) -> None:
        self._parts.add(self._rows, start, line, end)
        self._run_end = -1
        self._rows += 1

    def _add_text(self, text: bytes | None, start: int, end: int) -> None:
        """Add canonical text; ``None`` is what the data holds from ``start`` to ``end``."""
        if text is None and start == self._spans[1]:
            self._spans = (self._spans[0], end)
            return
        self._close_span()
        if text is None:
            self._spans = (start, end)
        else:
            self._pieces.append(text)

    def _close_span(self) -> None:
        start, end = self._spans
        if start < end:
            self._pieces.append(self._view[start:end])
        self._spans = (0, 0)

    def add_blanks(self, count: int) -> None:
        self._blanks += count

    def add_error(self, code: str, message: str, location: Location) -> None:
        self._errors.append(RecordError(self._rows, code, message, location))

    def add_recovered(self, lines: range) -> None:
        self._recovered.extend(lines)

    def finish(self, first: Position, end: Position) -> RecordBatch:
        self._close_span()
        return RecordBatch(
            text=guard_mark(b"".join(self._pieces), self._grammar.delimiter, self._grammar.emitted),
            rows=self._rows,
            quote=self._grammar.emitted.decode(),
            errors=tuple(self._errors),
            blanks=self._blanks,
            recovered=tuple(self._recovered),
            first=first,
            end=end,
            _data=self.data,
            _base=self._base,
            _newline=CR if end.newline == "cr" else LF,
            _parts=self._parts,
        )


def guard_mark(text: bytes, delimiter: bytes, quote: bytes) -> bytes:
    """Quote the first cell where it begins with U+FEFF: a reader would take it for a byte-order mark and drop it."""
    if not text.startswith(_BOM):
        return text
    ends = (text.find(delimiter), text.find(LF))
    end = min(end for end in ends if end >= 0)
    return quote + text[:end] + quote + text[end:]


def place(content: bytes, line: int, offset: int) -> Location:
    """Give the location of a record or line whose bytes are all here."""
    if len(content) <= RAW_LIMIT:
        return Location(line, offset, len(content), content)
    return Location(line, offset, len(content), content[:RAW_LIMIT], sha256(content).hexdigest())


class LongLine:
    """A line that is taken piece by piece: its length, its first bytes and its digest, in bounded memory.

    CRs at the end of what was added so far are only counted: they belong to the line if anything but an LF follows.
    """

    def __init__(self) -> None:
        self._kept = bytearray()
        self._digest = sha256()
        self._length = 0
        self._crs = 0

    def add(self, piece: bytes) -> None:
        content = piece.rstrip(CR)
        if content:
            self.keep_crs()
            self._add(content)
        self._crs += len(piece) - len(content)

    def keep_crs(self) -> None:
        """Take the CRs at the end as part of the line."""
        while self._crs:
            count = min(self._crs, RAW_LIMIT)
            self._add(CR * count)
            self._crs -= count

    def _add(self, content: bytes) -> None:
        self._kept += content[: RAW_LIMIT - len(self._kept)]
        self._digest.update(content)
        self._length += len(content)

    def location(self, line: int, offset: int) -> Location:
        digest = self._digest.hexdigest() if self._length > RAW_LIMIT else None
        return Location(line, offset, self._length, bytes(self._kept), digest)
