"""The judge: a batch of records through the plan's SQL, to verdicts, keys and requests.

Most rows of most files are plain: every cell in its usual spelling, and nothing wrong. They go a short way, by one
statement that decides them and writes their requests. All others go the long way, which alone tells what is wrong with
a row. Both come to the same end with a plain row (the tests hold them to it), so that nobody can tell which way it went.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from pathlib import Path
from typing import Any

import duckdb

from penstock import verdicts
from penstock.engine import entries, statements
from penstock.engine.batch import Batch
from penstock.engine.bind import Binding
from penstock.engine.decide import Decision, Tally
from penstock.engine.pack import Packer
from penstock.engine.resolved import (
    REPEATED,
    REPEATED_ITEM,
    TOO_LARGE,
    Reasons,
    Resolved,
    is_too_large,
    merge_rejects,
)
from penstock.engine.result import Reason
from penstock.engine.size import ITEM_BYTES
from penstock.engine.ways import FETCHED, Ways, check_count, fetch_rows
from penstock.plan.model import Plan

Held = dict[int, tuple[bytes | None, ...] | list[bytes]]
"""Good rows that wait for those before them, by their number in the batch: the requests of one row, or those of a run
of rows of one request each."""


@dataclass(slots=True)
class Judge:
    """A plan bound to one file, on a connection of its own. Each batch is scanned, surveyed or resolved.

    The tables that the whole file shares must be there (:func:`~penstock.engine.decide.prepare_tables`). ``scratch`` is
    a folder of the judge's own, in which the text of one batch lies while it is read. ``packer`` makes of good rows what
    is written: by default requests for a table.
    """

    connection: duckdb.DuckDBPyConnection
    plan: Plan
    binding: Binding
    scratch: Path
    tally: Tally = field(default_factory=Tally)
    packer: type[Packer] = Packer
    _ways: Ways = field(init=False)

    def __post_init__(self) -> None:
        self._ways = Ways(self.connection, self.plan, self.binding, self.scratch / "batch.csv")

    def scan(self, batch: Batch) -> None:
        """Note a hash of the keys of all rows that can be good, and judge no more than that takes.

        A row may be noted that is not good after all: its key then looks repeated where it is not.
        """
        if not batch.rows or self._compete_all:
            return
        self._ways.read(batch)
        others = self._note(batch, statements.short_scan)
        if others:
            self._ways.go_long(statements.long_scan, others, batch.rows)
        self._ways.execute(statements.copy_hashes)
        self._forget()

    def survey(self, batch: Batch) -> None:
        """Judge a batch without making its requests: count its verdicts, and note its keys."""
        self._count_records(batch)
        if not batch.rows:
            return
        self._ways.read(batch)
        keeps = self.plan.manifest is not None
        others = self._note(batch, entries.short_entries if keeps else statements.short_survey)
        if others:
            self.connection.execute("DELETE FROM noted WHERE plain IS NOT TRUE")
            self._ways.go_long(entries.long_entries if keeps else statements.long_survey, others, batch.rows)
            self._count_verdicts(len(others))
        self.tally.filtered += self._one("SELECT count(*) FILTER (filtered) FROM noted")
        self._copy_noted(batch)

    def _copy_noted(self, batch: Batch) -> None:
        """Copy what was noted of a batch's rows to where that of the whole file is."""
        if self.plan.manifest is not None:
            (keyless,) = self._ways.execute(entries.count_keyless).fetchone() or (0,)
            self.tally.keyless += keyless
            self._ways.execute(entries.copy_entries, parameter=batch.first.row)
        elif not self._compete_all:
            self._ways.execute(statements.copy_keys, parameter=batch.first.row)
        self._forget()

    def resolve(self, batch: Batch, decision: Decision) -> Resolved:
        """Judge a batch, and make the writes and the rejects that the decision leaves."""
        self._count_records(batch)
        if not batch.rows:
            return Resolved((), tuple(merge_rejects(batch, {})), 0, 0)
        self._ways.read(batch)
        rows = range(batch.first.row, batch.first.row + batch.rows)
        reasons = self._repeated(rows) if decision.repeated else {}
        packer = self._make_packer(rows, decision)
        held, others = self._pack_plain(batch, packer, reasons)
        if others:
            self._pack_others(batch, packer, reasons, held, others)
        tally = self.tally
        tally.rejected += len(reasons)
        tally.errors.update(reason.code for found in reasons.values() for reason in found)
        tally.superseded += packer.superseded
        return Resolved(
            packer.finish(), tuple(merge_rejects(batch, reasons)), packer.written, packer.unchanged
        )

    def _note(self, batch: Batch, sql: Any) -> Sequence[int]:
        """Note what the short way says of a batch; give the rows that are not plain."""
        if not self._ways.tries_short:
            return range(batch.rows)
        self._ways.execute(sql)
        check_count(self._one("SELECT count(*) FROM noted"), batch.rows)
        found = self.connection.execute("SELECT n FROM noted WHERE plain IS NOT TRUE").fetchall()
        self._ways.note_others(len(found), batch.rows)
        return [n for (n,) in found]

    def _pack_plain(self, batch: Batch, packer: Packer, reasons: Reasons) -> tuple[Held, Sequence[int]]:
        """Pack the plain rows up to the first that is not; give the plain ones after it, and all that are not plain."""
        held: Held = {}
        if not self._ways.tries_short:
            return held, range(batch.rows)
        others: list[int] = []
        single = len(self.plan.items) == 1
        counted = 0
        result = self._ways.execute(statements.short_requests)
        while rows := result.fetchmany(FETCHED):
            n, counted = counted, counted + len(rows)
            if single and not reasons and not packer.lost and not packer.same:
                self._pack_runs(n, rows, packer, held, others)
                continue
            for place, (filtered, *made) in enumerate(rows, n):
                if filtered is None or any(request and len(request) > ITEM_BYTES for request in made):
                    others.append(place)
                elif filtered:
                    self.tally.filtered += 1
                elif place in reasons:
                    continue
                elif others:
                    held[place] = tuple(made)
                else:
                    packer.take(place, made)
        check_count(counted, batch.rows)
        self._ways.note_others(len(others), batch.rows)
        return held, others

    def _pack_runs(
        self, n: int, rows: Sequence[tuple[Any, ...]], packer: Packer, held: Held, others: list[int]
    ) -> None:
        """Pack rows of one request each, from the ``n``-th on: a run at a time, up to each that has none."""
        requests = [row[1] for row in rows]
        odd: list[int] = []
        if None in requests or max(map(len, requests)) > ITEM_BYTES:
            odd = [i for i, request in enumerate(requests) if request is None or len(request) > ITEM_BYTES]
        start = 0
        for i in [*odd, len(rows)]:
            if i > start and others:
                held[n + start] = requests[start:i]
            elif i > start:
                packer.take_run(n + start, requests[start:i])
            if i < len(rows):
                filtered = rows[i][0]
                self.tally.filtered += bool(filtered)
                if not filtered:
                    others.append(n + i)
            start = i + 1

    def _pack_others(
        self,
        batch: Batch,
        packer: Packer,
        reasons: dict[int, tuple[Reason, ...]],
        held: Held,
        others: Sequence[int],
    ) -> None:
        """Judge the rows that are not plain, and pack them and those held back, in order; add to the reasons."""
        known: dict[tuple[int, ...], tuple[Reason, ...]] = {}
        result = self._ways.go_long(statements.long_requests, others, batch.rows)
        counted = 0
        for n, blank, errors, filtered, *made in fetch_rows(result):
            counted += 1
            if blank:
                self.tally.blank += 1
            elif errors is not None:
                found = tuple(errors)
                if found not in known:
                    known[found] = self._explain(found)
                reasons[n] = known[found]
            elif filtered:
                self.tally.filtered += 1
            elif any(request and is_too_large(request) for request in made):
                reasons[n] = (TOO_LARGE,)
            elif n not in reasons:
                held[n] = tuple(made)
        check_count(counted, len(others))
        _pack_held(packer, held)

    def _explain(self, errors: tuple[int, ...]) -> tuple[Reason, ...]:
        checks = (self.plan.checks[e] for e in errors)
        return tuple(Reason(check.code, check.field, check.message) for check in checks)

    def _count_records(self, batch: Batch) -> None:
        tally = self.tally
        tally.read += batch.rows + len(batch.errors) + batch.blanks
        tally.blank += batch.blanks
        tally.rejected += len(batch.errors)
        tally.keyless += len(batch.errors)
        tally.errors.update(error.code for error in batch.errors)
        tally.recover(batch.recovered)

    def _count_verdicts(self, due: int) -> None:
        """Count what the long way noted of rows; those that are too large for DynamoDB are rejected too."""
        tally = self.tally
        counted, blank, rejected, large = self._row(
            "SELECT count(*), count(*) FILTER (blank), count(*) FILTER (errors IS NOT NULL AND NOT blank), "
            "count(*) FILTER (large) FROM noted WHERE plain IS NULL"
        )
        check_count(counted, due)
        too_large = self._find_too_large() if large else []
        tally.blank += blank
        tally.rejected += rejected + len(too_large)
        found = self.connection.execute(
            "SELECT e, count(*) FROM (SELECT unnest(errors) AS e FROM noted WHERE NOT blank) GROUP BY e"
        ).fetchall()
        for number, count in found:
            tally.errors[self.plan.checks[number].code] += count
        tally.errors[verdicts.ITEM_ERROR] += len(too_large)
        if too_large:
            self._set_aside(too_large)

    def _set_aside(self, rows: Sequence[int]) -> None:
        """Note of rows that they are rejected for what no statement has noted."""
        self.connection.execute(
            "UPDATE noted SET rejected = TRUE WHERE n IN (SELECT unnest(?::BIGINT[]))", [list(rows)]
        )

    def _find_too_large(self) -> list[int]:
        """Measure exactly the items that may be too large; give the rows of those that are."""
        found = self._ways.execute(statements.exact_puts, True).fetchall()
        return sorted({n for n, *made in found if any(request and is_too_large(request) for request in made)})

    def _repeated(self, rows: range) -> dict[int, tuple[Reason, ...]]:
        """Give the reason of each row that is rejected for an earlier row's key."""
        found = self.connection.execute(
            "SELECT row - ? FROM repeated WHERE row >= ? AND row < ?", [rows.start, rows.start, rows.stop]
        ).fetchall()
        reason = REPEATED if len(self.plan.items) == 1 else REPEATED_ITEM
        return {n: (reason,) for (n,) in found}

    def _items_in(self, table: str, rows: range) -> dict[int, tuple[int, ...]]:
        """Give the items of each row that a table names. Where it names all rows, these are many: little is made of each."""
        found = self.connection.execute(
            f"SELECT row - ?, item FROM {table} WHERE row >= ? AND row < ?",
            [rows.start, rows.start, rows.stop],
        )
        named: dict[int, tuple[int, ...]] = {}
        known: dict[tuple[int, ...], tuple[int, ...]] = {}
        for n, item in fetch_rows(found):
            items = (*named.get(n, ()), item)
            named[n] = known.setdefault(items, items)
        return named

    @property
    def _compete_all(self) -> bool:
        """Whether rows of one key compete in the table, and none loses by its place in the file."""
        return self.plan.on_duplicate == "newest"

    def _make_packer(self, rows: range, decision: Decision) -> Packer:
        table = self.plan.table
        return self.packer(
            rows.start,
            self._items_in("losers", rows) if decision.losers else {},
            self._items_in("unchanged", rows) if decision.unchanged else {},
            revision=None if table.newest_by is None else table.revision,
        )

    def _forget(self) -> None:
        self.connection.execute("DELETE FROM noted")

    def _row(self, sql: str) -> tuple[Any, ...]:
        found = self.connection.execute(sql).fetchone()
        assert found is not None
        return found

    def _one(self, sql: str) -> Any:
        return self._row(sql)[0]


def _pack_held(packer: Packer, held: Held) -> None:
    for n, kept in sorted(held.items(), key=itemgetter(0)):
        if isinstance(kept, list):
            packer.take_run(n, kept)
        else:
            packer.take(n, kept)
