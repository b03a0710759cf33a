"""The judge of wide files: the fields that keys and expressions read row by row, all others cell by cell.

A statement over thousands of columns takes longer to plan than to run, and memory for 2,048 rows of each. So the columns are
taken apart first (:mod:`penstock.engine.columns`), and each row is put together again from what its parts come to. Nobody
can tell from the result.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import duckdb

from penstock.engine import entries, statements
from penstock.engine.batch import Batch
from penstock.engine.bind import Binding
from penstock.engine.cells import CellJudge, cell_plan, make_cell_tables
from penstock.engine.columns import Columns
from penstock.engine.decide import Decision
from penstock.engine.judge import Judge
from penstock.engine.newest import is_tombstone
from penstock.engine.pack import Packer
from penstock.engine.resolved import TOO_LARGE, Resolved, is_too_large, merge_rejects
from penstock.engine.result import DELETE, Reason
from penstock.engine.ways import Ways, check_count, fetch_rows
from penstock.plan.model import Plan, Wide

_DELETE = DELETE.encode()
_END = b"}}}"
"""The end of a request, after the last of an item's attributes."""


_TOGETHER = 300
"""Columns that are read together, declared or not: with more, reading takes memory for 2,048 rows of each."""


def open_judge(
    connection: duckdb.DuckDBPyConnection,
    plan: Plan,
    binding: Binding,
    scratch: Path,
    packer: type[Packer] = Packer,
) -> Judge:
    """Give the judge for a plan and a file: see :class:`~penstock.engine.judge.Judge`."""
    if plan.wide is None and binding.width <= _TOGETHER:
        return Judge(connection, plan, binding, scratch, packer=packer)
    if plan.wide is None:
        plan = replace(plan, wide=Wide(core=tuple(range(len(plan.fields))), kinds=()), plain=None)
    return WideJudge(connection, plan, binding, scratch, packer=packer)


@dataclass(slots=True)
class _Rest:
    """What the cells outside the core come to, by row: attributes for each item, and the numbers of failed checks."""

    attributes: list[list[list[bytes]]]
    cell_errors: dict[int, list[int]] = field(default_factory=dict)
    row_errors: dict[int, list[int]] = field(default_factory=dict)

    def take(self, item: int, row: int) -> list[bytes]:
        """Give the attributes of a row's item, and keep them no longer."""
        taken, self.attributes[item][row] = self.attributes[item][row], []
        return taken


@dataclass(slots=True)
class _Verdicts:
    """What a batch's rows come to: the requests of those that are good, and why others are rejected."""

    blank: int = 0
    filtered: int = 0
    reasons: dict[int, tuple[Reason, ...]] = field(default_factory=dict)
    good: dict[int, list[bytes | None]] = field(default_factory=dict)


class WideJudge(Judge):
    """A judge for a plan of many fields."""

    _columns: Columns
    _cells: tuple[CellJudge, ...] | None

    def __post_init__(self) -> None:
        assert self.plan.wide is not None
        self._columns = Columns(self.plan, self.binding)
        core = replace(self.plan, fields=tuple(self.plan.fields[i] for i in self.plan.wide.core), wide=None)
        self._ways = Ways(self.connection, core, self._columns.core, self.scratch / "batch.csv")
        self._cells = None
        self._explained: dict[int, Reason] = {}

    def scan(self, batch: Batch) -> None:
        """Note a hash of the keys of all rows of which the core can be good."""
        if not batch.rows or self._compete_all:
            return
        self._ways.read(batch, self._columns.take_core(batch))
        self._ways.go_long(statements.long_scan, range(batch.rows), batch.rows)
        self._ways.execute(statements.copy_hashes)
        self._forget()

    def survey(self, batch: Batch) -> None:
        """Judge a batch, count its verdicts, and note its keys."""
        self._count_records(batch)
        if not batch.rows:
            return
        found = self._judge(batch)
        self._count(found)
        keeps = self.plan.manifest is not None
        self._ways.go_long(
            entries.long_entries if keeps else statements.long_survey, range(batch.rows), batch.rows
        )
        self._set_aside(list(found.reasons))
        if keeps:
            self._note_hashes(found.good)
        self._copy_noted(batch)

    def _note_hashes(self, good: dict[int, list[bytes | None]]) -> None:
        """Note the hashes of whole requests, in the place of those of what the core makes of them."""
        for k in range(len(self.plan.items)):
            hashes = {n: entries.hash_request(request) for n, made in good.items() if (request := made[k])}
            self.connection.execute(
                f"UPDATE noted SET e{k} = found.e FROM (SELECT unnest(?::BIGINT[]) AS n, unnest(?::BIGINT[]) AS e) AS found "
                "WHERE noted.n = found.n",
                [list(hashes), list(hashes.values())],
            )

    def resolve(self, batch: Batch, decision: Decision) -> Resolved:
        """Judge a batch, and make the writes and the rejects that the decision leaves."""
        self._count_records(batch)
        if not batch.rows:
            return Resolved((), tuple(merge_rejects(batch, {})), 0, 0)
        found = self._judge(batch)
        rows = range(batch.first.row, batch.first.row + batch.rows)
        if decision.repeated:
            found.reasons = {**self._repeated(rows), **found.reasons}
        packer = self._make_packer(rows, decision)
        for n in sorted(found.good.keys() - found.reasons.keys()):
            packer.take(n, found.good.pop(n))
        self._count(found)
        self.tally.superseded += packer.superseded
        return Resolved(
            packer.finish(), tuple(merge_rejects(batch, found.reasons)), packer.written, packer.unchanged
        )

    def _judge(self, batch: Batch) -> _Verdicts:
        """Judge a batch's rows, and put their requests together."""
        core, kinds = self._columns.take_apart(batch)
        rest = self._judge_cells(batch, kinds)
        self._ways.read(batch, core)
        result = self._ways.go_long(statements.long_verdicts, range(batch.rows), batch.rows)
        found, counted = _Verdicts(), 0
        for n, blank, errors, filtered, kept, deleted, *made in fetch_rows(result):
            counted += 1
            numbers = list(errors or ())
            if not deleted:
                numbers += rest.cell_errors.get(n, ())
                numbers += rest.row_errors.get(n, ()) if kept else ()
            if blank:
                found.blank += 1
            elif numbers:
                found.reasons[n] = tuple(map(self._reason, sorted(numbers)))
            elif filtered:
                found.filtered += 1
            else:
                requests = [_complete(request, rest.take(k, n)) for k, request in enumerate(made)]
                if any(request and is_too_large(request) for request in requests):
                    found.reasons[n] = (TOO_LARGE,)
                else:
                    found.good[n] = requests
        check_count(counted, batch.rows)
        return found

    def _judge_cells(self, batch: Batch, kinds: list[bytes]) -> _Rest:
        rest = _Rest([[[] for _ in range(batch.rows)] for _ in self.plan.items])
        if self._cells is None:
            self._cells = self._open_cells(batch.quote)
        for judge in self._cells:
            for row, attributes, cell_errors, row_errors in judge.judge(kinds.pop(0), batch.rows):
                for item in judge.kind.items:
                    rest.attributes[item][row].append(attributes)
                if cell_errors:
                    rest.cell_errors.setdefault(row, []).extend(cell_errors)
                if row_errors:
                    rest.row_errors.setdefault(row, []).extend(row_errors)
        return rest

    def _open_cells(self, quote: str) -> tuple[CellJudge, ...]:
        assert self.plan.wide is not None
        path = self.scratch / "cells.csv"
        connection, plan = self.connection.cursor(), cell_plan(self.plan)
        make_cell_tables(connection, plan, quote, path)
        bound = zip(self.plan.wide.kinds, self._columns.kinds, strict=True)
        return tuple(CellJudge(connection, plan, kind, columns, path) for kind, columns in bound)

    def _reason(self, number: int) -> Reason:
        """Explain a check, once: a row can have thousands."""
        if number not in self._explained:
            (self._explained[number],) = self._explain((number,))
        return self._explained[number]

    def _count(self, found: _Verdicts) -> None:
        self.tally.blank += found.blank
        self.tally.filtered += found.filtered
        self.tally.rejected += len(found.reasons)
        for reasons in found.reasons.values():
            self.tally.errors.update(reason.code for reason in reasons)


def _complete(request: bytes | None, attributes: list[bytes]) -> bytes | None:
    """Put the attributes into a put, behind those of the core; what deletes has none but its key and what it competes by."""
    if request is None or not attributes or request.startswith(_DELETE) or is_tombstone(request):
        return request
    assert request.endswith(_END)
    return b"".join((request[: -len(_END)], *attributes, _END))
