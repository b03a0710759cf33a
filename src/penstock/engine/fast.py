"""What shows itself without the careful scan: runs of plain records, empty lines, single lines, and rows that span lines."""

from __future__ import annotations

from penstock.engine.assemble import Assembly, place
from penstock.engine.cursor import Cursor
from penstock.engine.grammar import CR
from penstock.engine.lines import BLANK, OPEN, ROW, LineJudge
from penstock.engine.runs import Run, RunMatcher

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


class FastPath:
    """Takes records at a cursor by the run matcher and the line judge of its file, and none that begins at ``stop`` or later.

    ``known`` is what readers of the same bytes have found before and what this one will have.
    """

    def __init__(
        self, cursor: Cursor, runs: RunMatcher, lines: LineJudge, stop: int, known: KnownRuns
    ) -> None:
        self._cursor = cursor
        self._window = cursor.window
        self._runs = runs
        self._lines = lines
        self._stop = stop
        self._known = known
        self._reach = _FAR

    def take(self, assembly: Assembly) -> bool:
        """Take some records of one form; tell whether any was taken."""
        window, cursor = self._window, self._cursor
        bound = min(len(window.data), self._stop - window.base)
        reach = min(self._reach, _SUSPECT) if cursor.suspect else self._reach
        if run := self._recall(bound) or self._take_run(min(bound, window.pos + reach)):
            self._add_run(assembly, run)
            cursor.line += run.rows
            cursor.advance(run.end, "records")
            self._reach = max(self._reach, min(4 * self._reach, _FAR))
            return True
        self._reach = _NEAR
        return (
            self._take_blanks(assembly, bound)
            or self._take_lines(assembly, bound)
            or self._take_spanning(assembly)
        )

    def look_for(self, length: int) -> None:
        """Look far enough for plain records of a length in bytes, or longer ones."""
        self._reach = max(_NEAR, 4 * length)

    def _take_run(self, stop: int) -> Run | None:
        window = self._window
        run = self._runs.take(window.data, window.pos, stop)
        if run and run.end - window.pos >= _LONG and len(self._known) < _MOST_KNOWN:
            self._known[window.offset] = (window.base + run.end, run.rows)
        return run

    def _recall(self, bound: int) -> Run | None:
        """Take the run that an earlier reader found here, if it is all there."""
        window = self._window
        end, rows = self._known.get(window.offset, (-1, 0))
        if not 0 <= end - window.base <= bound:
            return None
        return self._runs.run_of(window.data, window.pos, end - window.base, rows)

    def _add_run(self, assembly: Assembly, run: Run) -> None:
        assembly.add_run(run, self._window.pos, self._cursor.line)
        self._cursor.note_recovered(assembly, run.end - 1)

    def _take_blanks(self, assembly: Assembly, bound: int) -> bool:
        end, count = self._runs.take_blanks(self._window.data, self._window.pos, bound)
        if count:
            assembly.add_blanks(count)
            self._cursor.pass_lines(end, "records")
        return count > 0

    def _take_lines(self, assembly: Assembly, bound: int) -> bool:
        """Take records line by line, until one is open or some in a row are plain; tell whether any was taken."""
        window, cursor, data, begun = self._window, self._cursor, self._window.data, self._window.pos
        plain = 0
        while plain < _PLAIN and not assembly.full:
            pos = window.pos
            end = data.find(self._runs.newline, pos, bound)
            content = data[pos:end] if cursor.newline == "cr" else data[pos:end].rstrip(CR)
            found = self._lines.judge(content, end - pos) if end >= 0 else OPEN
            if found is OPEN:
                break
            if found is ROW:
                self._add_run(assembly, self._runs.run_of(data, pos, end + 1, 1))
                plain += 1
            elif found is BLANK:
                assembly.add_blanks(1)
            elif isinstance(found, tuple):
                code, message, at = found
                if at >= 0:
                    cursor.break_to(window.base + pos + at)
                assembly.add_error(code, message, place(content, cursor.line, window.base + pos))
                plain = 0
            cursor.line += 1
            cursor.advance(end + 1, "records")
        return window.pos > begun

    def _take_spanning(self, assembly: Assembly) -> bool:
        """Take records that span lines, and one more; tell whether any was taken."""
        window, cursor, spans, begun = self._window, self._cursor, True, self._window.pos
        while spans and not assembly.full and window.offset < self._stop:
            record = self._runs.take_spanning(window.data, window.pos)
            if record is None:
                break
            line = cursor.line
            assembly.add_spanning(record, window.pos, line)
            cursor.note_recovered(assembly, window.pos)
            self.look_for(record.next - window.pos)
            cursor.pass_lines(record.next, "records")
            spans = cursor.line > line + 1
        return window.pos > begun
