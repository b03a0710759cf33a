"""One run: an object is read twice, once to decide and once to load, and every record of it ends in one count."""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import duckdb

from penstock import verdicts
from penstock.engine.batch import Batch
from penstock.engine.bind import Binding, bind_by_order, bind_header
from penstock.engine.database import open_database
from penstock.engine.decide import Decision, Tally, decide, prepare_tables
from penstock.engine.judge import Judge, Resolved
from penstock.engine.records import RecordReader
from penstock.engine.result import Reason, Reject
from penstock.errors import DataError, EngineError, ServiceError
from penstock.load.protocols import ItemWriter, ObjectSource, RejectWriter
from penstock.load.report import Counts, ItemCounts, Report, Status
from penstock.plan.codec import plan_hash
from penstock.plan.model import Plan

CHUNK_BYTES = 8 * 2**20
"""How much of an object is judged at a time: enough that a statement's cost is small, little enough to stay in memory."""

MEMORY_MB = 512
"""What the database may use before it spills to the scratch folder."""

Progress = Callable[[str, int], None]
"""Called with ``survey`` or ``load`` and the bytes read so far in that pass."""


@dataclass(slots=True)
class Outcome:
    """What a run has written so far."""

    puts: int = 0
    deletes: int = 0
    loaded: int = 0
    refused: int = 0
    errors: Counter[str] = field(default_factory=Counter)


def run_object(  # noqa: PLR0913 -- what a run needs from outside, each by its name
    plan: Plan,
    source: ObjectSource,
    items: ItemWriter,
    rejects: RejectWriter,
    scratch: Path,
    *,
    chunk_size: int = CHUNK_BYTES,
    memory_mb: int = MEMORY_MB,
    run: str | None = None,
    progress: Progress | None = None,
) -> Report:
    """Load one object by a plan: decide over the whole of it, then write what wins and keep what is rejected.

    The report's status is ``done``, ``rejected`` (the data broke its contract) or ``failed`` (a service, or Penstock
    itself); bad data and failing services never raise. ``scratch`` is a folder for what does not fit into the
    ``memory_mb`` megabytes of the database; reading and writing take some 200 more.
    """
    started = time.monotonic()
    with tempfile.TemporaryDirectory(dir=scratch, prefix="run-") as folder:
        passes = _Passes(
            plan, source, Path(folder), chunk_size, memory_mb, progress or (lambda _name, _bytes: None)
        )
        report = _attempt(passes, items, rejects)
    seconds = round(time.monotonic() - started, 3)
    return replace(report, run=run, seconds=seconds, plan=plan_hash(plan))


@dataclass(slots=True)
class _Passes:
    """The two passes over one object, and what they have counted so far."""

    plan: Plan
    source: ObjectSource
    scratch: Path
    chunk_size: int
    memory_mb: int
    progress: Progress
    tally: Tally = field(default_factory=Tally)
    outcome: Outcome = field(default_factory=Outcome)
    binding: Binding = field(default_factory=lambda: Binding(()))
    bytes: int = 0

    def batches(self, name: str) -> Iterator[Batch]:
        """Read the object's records from the start; sets :attr:`binding` and, at the end, :attr:`bytes`."""
        seen = 0

        def watched() -> Iterator[bytes]:
            nonlocal seen
            for block in self.source.blocks(self.chunk_size):
                seen += len(block)
                self.progress(name, seen)
                yield block

        reader = RecordReader(watched(), self.plan.dialect)
        self.binding = self._bind(reader)
        yield from reader.batches(self.binding.width)
        tally = reader.tally
        if seen != tally.bom + tally.header + tally.comments + tally.records:
            raise EngineError(
                "not every byte of the object belongs to a record, a comment or the header: this is a defect, please report it"
            )
        self.bytes = seen

    def _bind(self, reader: RecordReader) -> Binding:
        if not self.plan.dialect.header:
            return bind_by_order(self.plan)
        header = reader.read_header()
        if header is None:
            raise DataError(
                verdicts.SOURCE_ERROR,
                "the file is empty where a header is due: send it again, with its header",
            )
        return bind_header(self.plan, header.cells)


def _attempt(passes: _Passes, items: ItemWriter, rejects: RejectWriter) -> Report:
    """Run both passes; turn what stops them into a report."""
    try:
        with open_database(passes.scratch, memory_mb=passes.memory_mb) as database:
            prepare_tables(database, passes.source.key, passes.source.last_modified)
            decision = _survey(passes, database)
            surveyed, passes.tally = passes.tally, Tally()
            _load(passes, database, decision, items, rejects)
        if not _agree(surveyed, passes.tally, decision):
            raise EngineError(
                "the second pass over the object counted other records than the first: run it again"
            )
        return _conclude(passes, decision)
    except DataError as error:
        return _report(passes, "rejected", Counts(), error.code, str(error))
    except (ServiceError, EngineError) as error:
        return _report(passes, "failed", _counts(passes, None), None, str(error))
    except duckdb.Error as error:
        # Its message can quote a cell, and a cell's value never leaves the rejects.
        reason = f"the database stopped with {type(error).__name__}: give the function more memory or /tmp, or report it"
        return _report(passes, "failed", _counts(passes, None), None, reason)


def _survey(passes: _Passes, database: duckdb.DuckDBPyConnection) -> Decision:
    judge: Judge | None = None
    row = 0
    for batch in passes.batches("survey"):
        judge = judge or Judge(database, passes.plan, passes.binding, passes.scratch, passes.tally)
        judge.survey(batch, row)
        row += batch.rows
    return decide(database, passes.plan, passes.tally)


def _load(
    passes: _Passes,
    database: duckdb.DuckDBPyConnection,
    decision: Decision,
    items: ItemWriter,
    rejects: RejectWriter,
) -> None:
    judge: Judge | None = None
    row = 0
    for batch in passes.batches("load"):
        judge = judge or Judge(database, passes.plan, passes.binding, passes.scratch, passes.tally)
        resolved = judge.resolve(batch, row, decision)
        refused: dict[int, Reject] = {}
        if decision.refused is None:
            refused = _write(passes, items, batch, row, resolved)
        found = resolved.rejects
        if refused:
            found = tuple(sorted((*found, *refused.values()), key=lambda reject: reject.offset))
        rejects.write(found)
        row += batch.rows
        del batch, resolved, found, refused  # the next batch is not made while this one is still in memory


def _write(
    passes: _Passes, items: ItemWriter, batch: Batch, first_row: int, resolved: Resolved
) -> dict[int, Reject]:
    """Write a batch's items; a row of which the service refuses one is rejected."""
    refused = items.write(resolved.batches)
    outcome = passes.outcome
    at_fault: dict[int, list[Reason]] = {}
    for row, message in refused:
        at_fault.setdefault(row, []).append(Reason(verdicts.ITEM_ERROR, None, message))
    deletes = sum(found.deletes for found in resolved.batches)
    requests = sum(len(found.rows) for found in resolved.batches)
    # A delete has no more than a key, which was judged: what the service refuses for what it holds is a put.
    outcome.puts += requests - deletes - len(refused)
    outcome.deletes += deletes
    outcome.loaded += resolved.rows - len(at_fault)
    outcome.refused += len(at_fault)
    outcome.errors[verdicts.ITEM_ERROR] += len(refused)
    rows = sorted(at_fault)
    places = batch.locate([row - first_row for row in rows])
    return {
        row: Reject(p.line, p.offset, p.length, p.raw, p.sha256, tuple(at_fault[row]))
        for row, p in zip(rows, places, strict=True)
    }


def _agree(first: Tally, second: Tally, decision: Decision) -> bool:
    if decision.repeated:  # the rows that repeat a key are known only after the first pass
        return first.read == second.read and first.good >= second.good
    return (first.read, first.rejected, first.filtered) == (second.read, second.rejected, second.filtered)


def _counts(passes: _Passes, decision: Decision | None) -> Counts:
    tally, outcome = passes.tally, passes.outcome
    refused = decision is not None and decision.refused is not None
    return Counts(
        read=tally.read,
        loaded=outcome.loaded,
        rejected=tally.rejected + outcome.refused,
        filtered=tally.filtered,
        superseded=0 if refused else tally.superseded,
        withheld=tally.good if refused else 0,
        blank=tally.blank,
    )


def _conclude(passes: _Passes, decision: Decision) -> Report:
    counts = _counts(passes, decision)
    if not counts.conserved:
        return _report(
            passes, "failed", counts, None, "the counts do not add up: this is a defect, please report it"
        )
    if decision.refused is not None:
        return _report(passes, "rejected", counts, *decision.refused)
    if counts.loaded == 0 and counts.rejected > 0:
        reason = f"nothing was loaded, and {counts.rejected} records were rejected"
        return _report(passes, "rejected", counts, verdicts.NOTHING_LOADED, reason)
    return _report(passes, "done", counts, None, None)


def _report(passes: _Passes, status: Status, counts: Counts, code: str | None, reason: str | None) -> Report:
    errors = passes.tally.errors + passes.outcome.errors
    if status == "rejected" and code is not None and not counts.read:
        errors = Counter({code: 1})
    return Report(
        feed=passes.plan.name,
        key=passes.source.key,
        status=status,
        counts=counts,
        items=ItemCounts(put=passes.outcome.puts, deleted=passes.outcome.deletes),
        errors=dict(sorted(errors.items())),
        recovered=tuple(passes.tally.recovered),
        recovered_count=passes.tally.recovered_count,
        undeclared=passes.binding.undeclared,
        code=code,
        reason=reason,
        bytes=passes.bytes,
    )
