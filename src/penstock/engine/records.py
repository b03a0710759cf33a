"""Bytes to records: the reader that never depends on how a file was cut.

Blocks of any size go in; batches of verified records come out, and with them every record that is no row, each with
its line, offset, length and raw bytes. The fast path (:mod:`penstock.engine.runs`) takes what is plainly well-formed,
the careful scan (:mod:`penstock.engine.scan`) takes one record of anything else, and the fast path goes on behind it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from penstock.engine.assemble import Assembly, LongLine, RecordBatch, place
from penstock.engine.batch import Location, Position
from penstock.engine.grammar import CR, LF, Grammar, Newline, take_line
from penstock.engine.header import Header, refuse_header
from penstock.engine.lines import BLANK, OPEN, ROW, LineJudge, misfit, misread
from penstock.engine.runs import Run, RunMatcher
from penstock.engine.scan import Broken, Record, take_record
from penstock.engine.window import Window
from penstock.errors import EngineError
from penstock.plan.model import Dialect

__all__ = ["ByteTally", "Header", "KnownRuns", "RecordReader"]

_BOM = "\ufeff".encode()
_NEAR, _FAR = 1_024, 262_144
"""How far the fast path looks behind a record it did not take, and at most. It looks further each time it takes something."""
_SUSPECT = 16_384
"""How far it looks where the rows may be the text of a broken field: each of them is noted."""
_PLAIN = 4
"""How many plain rows in a row end the taking of single lines."""

KnownRuns = dict[int, tuple[int, int]]
"""Runs of plain records, by the offset at which they begin: the offset at which they end, and how many they are."""
_LONG = 131_072
"""From how many bytes on a run is worth knowing."""
_MOST_KNOWN = 50_000
"""How many are known: those of some ten gigabytes, in as many megabytes."""

Share = Literal["bom", "header", "comments", "records"]


@dataclass(frozen=True, slots=True)
class ByteTally:
    """The bytes of a file, terminators included, by what they belong to. They add up to the file's size."""

    bom: int
    header: int
    comments: int
    records: int


@dataclass(frozen=True, slots=True)
class _Fast:
    """What is known once the width and the kind of newline are."""

    runs: RunMatcher
    lines: LineJudge


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
        self._window = Window(blocks, begin.offset)
        self._grammar = Grammar.of(dialect)
        self._encoding = dialect.encoding
        self._newline: Newline | None = begin.newline
        self._line = begin.line
        self._row = begin.row
        self._stop = sys.maxsize if stop is None else stop
        self._shares: dict[Share, int] = {"bom": 0, "header": 0, "comments": 0, "records": 0}
        self._begun = start is not None
        self._broken_to = begin.broken_to
        self._fast: _Fast | None = None
        self._reach = sys.maxsize
        self._known: KnownRuns = {} if known is None else known

    @property
    def tally(self) -> ByteTally:
        """The bytes taken so far; those of the whole file or part once :meth:`batches` is exhausted."""
        return ByteTally(**self._shares)

    @property
    def position(self) -> Position:
        """The place reached: after the header, after the batch given last, or at the end."""
        offset = self._window.offset
        broken_to = self._broken_to if self._broken_to >= offset else -1
        return Position(offset, self._line, self._row, self._newline, broken_to)

    @property
    def newline(self) -> Newline | None:
        """The file's kind of newline, or ``None`` while it has shown none."""
        return self._newline

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
            self._row += assembly.rows
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
            if self._take_plain(assembly, width) or self._take_comment():
                continue
            found = self._scan()
            if found is None:
                return False
            if isinstance(found, Broken):
                self._reject_line(assembly, found)
            else:
                self._take_record(assembly, found, width)
        return True

    def _begin(self) -> None:
        """Drop a byte-order mark, once."""
        window = self._window
        while not self._begun and window.left < len(_BOM) and window.fill():
            pass
        if not self._begun and window.data.startswith(_BOM):
            self._advance(len(_BOM), "bom")
        self._begun = True

    def _scan(self) -> Record | Broken | None:
        window = self._window
        return take_record(self._grammar, window.data, window.pos, self._newline, at_end=window.at_end)

    def _take_plain(self, assembly: Assembly, width: int) -> bool:
        """Take what shows itself without the careful scan; tell whether anything was taken."""
        if self._newline is None:
            return False
        if self._fast is None:
            self._fast = _Fast(
                RunMatcher(self._grammar, self._encoding, width, self._newline),
                LineJudge(self._grammar, self._encoding, width, self._newline),
            )
        window, fast = self._window, self._fast
        bound = min(len(window.data), self._stop - window.base)
        reach = self._reach if window.offset > self._broken_to else min(self._reach, _SUSPECT)
        if run := self._recall(fast, bound) or self._take_run(fast, min(bound, window.pos + reach)):
            self._add_run(assembly, run)
            self._line += run.rows
            self._advance(run.end, "records")
            self._reach = max(self._reach, min(4 * self._reach, _FAR))
            return True
        self._reach = _NEAR
        blank, count = fast.runs.take_blanks(window.data, window.pos, bound)
        if count:
            assembly.add_blanks(count)
            self._pass(blank, "records")
            return True
        if self._take_lines(assembly, fast, bound):
            return True
        return self._take_spanning(assembly, fast)

    def _take_run(self, fast: _Fast, stop: int) -> Run | None:
        window = self._window
        run = fast.runs.take(window.data, window.pos, stop)
        if run and run.end - window.pos >= _LONG and len(self._known) < _MOST_KNOWN:
            self._known[window.offset] = (window.base + run.end, run.rows)
        return run

    def _recall(self, fast: _Fast, bound: int) -> Run | None:
        """Take the run that an earlier reader found here, if it is all there."""
        window = self._window
        end, rows = self._known.get(window.offset, (-1, 0))
        if not 0 <= end - window.base <= bound:
            return None
        return fast.runs.run_of(window.data, window.pos, end - window.base, rows)

    def _take_spanning(self, assembly: Assembly, fast: _Fast) -> bool:
        """Take records that span lines, and one more; tell whether any was taken."""
        window, spans, begun = self._window, True, self._window.pos
        while spans and not assembly.full and window.offset < self._stop:
            record = fast.runs.take_spanning(window.data, window.pos)
            if record is None:
                break
            line = self._line
            assembly.add_spanning(record, window.pos, line)
            self._note_recovered(assembly, window.pos)
            self._pass_record(record.next)
            spans = self._line > line + 1
        return window.pos > begun

    def _add_run(self, assembly: Assembly, run: Run) -> None:
        assembly.add_run(run, self._window.pos, self._line)
        self._note_recovered(assembly, run.end - 1)

    def _take_lines(self, assembly: Assembly, fast: _Fast, bound: int) -> bool:
        """Take records line by line, until one is open or some in a row are plain; tell whether any was taken."""
        window, data, begun = self._window, self._window.data, self._window.pos
        plain = 0
        while plain < _PLAIN and not assembly.full:
            pos = window.pos
            end = data.find(fast.runs.newline, pos, bound)
            content = data[pos:end] if self._newline == "cr" else data[pos:end].rstrip(CR)
            found = fast.lines.judge(content, end - pos) if end >= 0 else OPEN
            if found is OPEN:
                break
            if found is ROW:
                self._add_run(assembly, fast.runs.run_of(data, pos, end + 1, 1))
                plain += 1
            elif found is BLANK:
                assembly.add_blanks(1)
            elif isinstance(found, tuple):
                code, message, at = found
                if at >= 0:
                    self._broken_to = max(self._broken_to, window.base + pos + at)
                assembly.add_error(code, message, place(content, self._line, window.base + pos))
                plain = 0
            self._line += 1
            window.pos = end + 1
        self._shares["records"] += window.pos - begun
        return window.pos > begun

    def _note_recovered(self, assembly: Assembly, stop: int) -> None:
        """Note those of the next rows that begin where a broken field may still go on: one, and one for each newline before ``stop``."""
        window = self._window
        if window.offset <= self._broken_to:
            sign = CR if self._newline == "cr" else LF
            others = window.data.count(sign, window.pos, min(stop, self._broken_to - window.base))
            assembly.add_recovered(range(self._line, self._line + 1 + others))

    def _take_record(self, assembly: Assembly, record: Record, width: int) -> None:
        """Take a record of the careful scan: a blank line, a row, or one whose encoding or width is wrong."""
        window = self._window
        content = window.data[window.pos : record.end]
        fault = misread(content, self._encoding) or misfit(len(record.cells), width)
        if not content:
            assembly.add_blanks(1)
        elif fault:
            assembly.add_error(fault[0], fault[1], place(content, self._line, window.offset))
        else:
            utf_8 = self._encoding == "utf-8" or content.isascii()
            cells = record.cells if utf_8 else [cell.decode(self._encoding).encode() for cell in record.cells]
            assembly.add_cells(cells, window.pos, self._line, record.end)
            self._note_recovered(assembly, window.pos)
        self._newline = record.newline
        self._pass_record(record.next)

    def _reject_line(self, assembly: Assembly, broken: Broken) -> None:
        """Reject a record as the physical line it began on; what follows that line is read as if nothing had been."""
        self._broken_to = max(self._broken_to, self._window.base + broken.at)
        assembly.add_error(broken.code, broken.message, self._take_line("records"))

    def _header(self, record: Record) -> Header:
        window = self._window
        content = window.data[window.pos : record.end]
        location = place(content, self._line, window.offset)
        fault = misread(content, self._encoding)
        if fault:
            raise refuse_header(fault[0], fault[1], location)
        self._newline = record.newline
        self._pass(record.next, "header")
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
        window, line, offset = self._window, LongLine(), self._window.offset
        while True:
            found = take_line(self._grammar, window.data, window.pos, self._newline, at_end=window.at_end)
            if found is not None:
                break
            # While the kind of newline is open, a CR and what follows it must stay together.
            cr = window.data.find(CR, window.pos) if self._newline is None else -1
            certain = cr if cr >= 0 else len(window.data)
            line.add(window.data[window.pos : certain])
            self._advance(certain, share)
            window.fill()
        line.add(window.data[window.pos : found.end])
        if found.next == found.end:
            line.keep_crs()
        self._newline = found.newline
        self._advance(found.next, share)
        self._line += 1
        return line.location(self._line - 1, offset)

    def _pass_record(self, following: int) -> None:
        """Leave a single record behind; the fast path looks for plain ones again, at least as long as this one."""
        self._reach = max(_NEAR, 4 * (following - self._window.pos))
        self._pass(following, "records")

    def _pass(self, following: int, share: Share) -> None:
        """Leave records behind, with all the physical lines that they span."""
        sign = CR if self._newline == "cr" else LF
        self._line += self._window.data.count(sign, self._window.pos, following)
        self._advance(following, share)

    def _advance(self, pos: int, share: Share) -> None:
        self._shares[share] += pos - self._window.pos
        self._window.pos = pos
