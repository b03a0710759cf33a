"""Bytes to records: the reader that never depends on how a file was cut.

Blocks of any size go in; batches of verified records come out, and with them every record that is no row, each with
its line, offset, length and raw bytes. The fast path (:mod:`penstock.engine.runs`) takes what is plainly well-formed,
the careful scan (:mod:`penstock.engine.scan`) takes one record of anything else, and the fast path goes on behind it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator

from penstock.engine.assemble import Assembly, LongLine, RecordBatch, place
from penstock.engine.batch import Location, Position
from penstock.engine.cursor import ByteTally, Cursor, Share
from penstock.engine.escaped import EscapedLines
from penstock.engine.fast import FastPath, KnownRuns
from penstock.engine.grammar import CR, Grammar, Newline, take_line
from penstock.engine.header import Header, refuse_header
from penstock.engine.lines import LineJudge, misfit, misread
from penstock.engine.runs import RunMatcher
from penstock.engine.scan import Broken, Record, take_record
from penstock.engine.window import Window
from penstock.errors import EngineError
from penstock.plan.model import Dialect

__all__ = ["ByteTally", "Header", "KnownRuns", "RecordReader"]

_BOM = "\ufeff".encode()


class RecordReader:
    """Reads one file, or a part of it, once: :meth:`read_header` where it has a header, then :meth:`batches`.

    ``start`` is where an earlier reader of the file was: the blocks begin at its offset, and neither a byte-order mark
    nor a header is due there. ``stop`` is the offset of another such place: reading ends exactly there. A verdict
    may need bytes beyond it, so the blocks go on to the file's end, and are taken only as they are needed.

    ``known`` is what readers of the same bytes have found before and what this one will have: long runs of plain records
    are then not checked again.
    """

    def __init__(
        self,
        blocks: Iterable[bytes],
        dialect: Dialect,
        *,
        start: Position | None = None,
        stop: int | None = None,
        known: KnownRuns | None = None,
    ) -> None:
        newline = None if dialect.line_terminator == "auto" else dialect.line_terminator
        begin = start or Position(0, 1, 0, newline, -1)
        self._cursor = Cursor(Window(blocks, begin.offset), begin)
        self._window = self._cursor.window
        self._grammar = Grammar.of(dialect)
        self._encoding = dialect.encoding
        self._stop = sys.maxsize if stop is None else stop
        self._begun = start is not None
        self._fast: FastPath | None = None
        goes_on = self._grammar.escape and not self._grammar.quote
        self._escaped = EscapedLines(self._grammar) if goes_on else None
        self._known: KnownRuns = {} if known is None else known

    @property
    def tally(self) -> ByteTally:
        """The bytes taken so far; those of the whole file or part once :meth:`batches` is exhausted."""
        return self._cursor.tally

    @property
    def position(self) -> Position:
        """The place reached: after the header, after the batch given last, or at the end."""
        return self._cursor.position

    @property
    def newline(self) -> Newline | None:
        """The file's kind of newline, or ``None`` while it has shown none."""
        return self._cursor.newline

    def read_header(self) -> Header | None:
        """Take the first record that is no comment, an empty line included; ``None`` where the file has none.

        Raises :class:`~penstock.errors.DataError` where it breaks the grammar or the encoding.
        """
        self._begin()
        window = self._window
        while window.left or window.fill():
            if not window.left or self._take_comment():
                continue
            found = self._scan()
            if isinstance(found, Broken):
                raise refuse_header(found.code, found.message, self._take_line("header"))
            if found is not None:
                return self._header(found)
            window.fill()
        return None

    def batches(self, width: int) -> Iterator[RecordBatch]:
        """Take the rest of the file or part, a batch per block or so; ``width`` is the number of cells due.

        Cutting the file differently cuts the batches differently, and nothing else. Each batch begins where the one
        before it ended. Raises :class:`~penstock.errors.EngineError` where no record begins at ``stop``.
        """
        self._begin()
        window, first = self._window, self.position
        while window.offset < self._stop and (window.left or window.fill()):
            assembly = Assembly(self._grammar, window.data, window.base)
            short = not self._assemble(assembly, width)
            self._cursor.row += assembly.rows
            ready = [] if assembly.empty else [assembly.finish(first, self.position)]
            del assembly
            while ready:
                first = ready[0].end
                yield ready.pop()  # nothing here keeps a batch while the next is read
            if short:
                window.fill()
        if window.offset != self._stop < sys.maxsize:
            raise EngineError(
                f"no record begins at byte {self._stop}, where this part of the file was to end: the file, or the "
                "contract's dialect, is not the one that was cut into parts. Load the file again from its beginning"
            )

    def _assemble(self, assembly: Assembly, width: int) -> bool:
        """Take what is there into one batch; tell whether its end leaves the next record decidable."""
        window = self._window
        while (
            window.left and window.data is assembly.data and not assembly.full and window.offset < self._stop
        ):
            if self._take_fast(assembly, width) or self._take_comment():
                continue
            found = self._scan()
            if found is None:
                return False
            if isinstance(found, Broken):
                self._reject_line(assembly, found)
            else:
                self._take_record(assembly, found, width)
        return True

    def _take_fast(self, assembly: Assembly, width: int) -> bool:
        """Take what shows itself without the careful scan; tell whether anything was taken."""
        newline = self._cursor.newline
        if newline is None:
            return False
        if self._fast is None:
            runs = RunMatcher(self._grammar, self._encoding, width, newline)
            lines = LineJudge(self._grammar, self._encoding, width, newline)
            self._fast = FastPath(self._cursor, runs, lines, self._stop, self._known)
        return self._fast.take(assembly)

    def _begin(self) -> None:
        """Drop a byte-order mark, once."""
        window = self._window
        while not self._begun and window.left < len(_BOM) and window.fill():
            pass
        if not self._begun and window.data.startswith(_BOM):
            self._cursor.advance(len(_BOM), "bom")
        self._begun = True

    def _scan(self) -> Record | Broken | None:
        window, newline, escaped = self._window, self._cursor.newline, self._escaped
        if escaped and (known := escaped.judge(window.data, window.pos, window.base, newline)):
            return known
        found = take_record(self._grammar, window.data, window.pos, newline, at_end=window.at_end)
        if escaped and isinstance(found, Broken):
            escaped.note_broken(window.data, window.pos, window.base)
        return found

    def _take_record(self, assembly: Assembly, record: Record, width: int) -> None:
        """Take a record of the careful scan: a blank line, a row, or one whose encoding or width is wrong."""
        window, cursor = self._window, self._cursor
        content = window.data[window.pos : record.end]
        fault = misread(content, self._encoding) or misfit(len(record.cells), width)
        if not content:
            assembly.add_blanks(1)
        elif fault:
            assembly.add_error(fault[0], fault[1], place(content, cursor.line, window.offset))
        else:
            utf_8 = self._encoding == "utf-8" or content.isascii()
            cells = record.cells if utf_8 else [cell.decode(self._encoding).encode() for cell in record.cells]
            assembly.add_cells(cells, window.pos, cursor.line, record.end)
            cursor.note_recovered(assembly, window.pos)
        if self._fast:
            self._fast.look_for(record.next - window.pos)
        cursor.newline = record.newline
        cursor.pass_lines(record.next, "records")

    def _reject_line(self, assembly: Assembly, broken: Broken) -> None:
        """Reject a record as the physical line it began on; what follows that line is read as if nothing had been."""
        self._cursor.break_to(self._window.base + broken.at)
        assembly.add_error(broken.code, broken.message, self._take_line("records"))

    def _header(self, record: Record) -> Header:
        window = self._window
        content = window.data[window.pos : record.end]
        location = place(content, self._cursor.line, window.offset)
        fault = misread(content, self._encoding)
        if fault:
            raise refuse_header(fault[0], fault[1], location)
        self._cursor.newline = record.newline
        self._cursor.pass_lines(record.next, "header")
        cells = tuple(cell.decode(self._encoding) for cell in record.cells)
        return Header(cells if content else (), location)

    def _take_comment(self) -> bool:
        window, sign = self._window, self._grammar.comment
        if not sign or not window.data.startswith(sign, window.pos):
            return False
        self._take_line("comments")
        return True

    def _take_line(self, share: Share) -> Location:
        """Take a physical line of any length, reading on where it is longer than what is there."""
        window, cursor, line, offset = self._window, self._cursor, LongLine(), self._window.offset
        while True:
            found = take_line(
                self._grammar, window.data, window.pos, self._cursor.newline, at_end=window.at_end
            )
            if found is not None:
                break
            # While the kind of newline is open, a CR and what follows it must stay together.
            cr = window.data.find(CR, window.pos) if cursor.newline is None else -1
            certain = cr if cr >= 0 else len(window.data)
            line.add(window.data[window.pos : certain])
            cursor.advance(certain, share)
            window.fill()
        line.add(window.data[window.pos : found.end])
        if found.next == found.end:
            line.keep_crs()
        cursor.newline = found.newline
        cursor.advance(found.next, share)
        cursor.line += 1
        return line.location(cursor.line - 1, offset)
