"""One run of a feed with a query, in one process: rows are read, queried as a whole, and the result is loaded like an object.

    object ─ rows ─► files ─┐
    references ─► files ────┴─ query ─► result ─ survey, decide, load ─► items

Nothing is written before the query has ended, so whoever is cut off before that begins anew; what is cut off later goes on
with the result that is there.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from penstock.engine.decide import Tally
from penstock.engine.query import run_select, write_records
from penstock.engine.ways import check_count
from penstock.errors import CapacityError, DataError, EngineError, ServiceError
from penstock.load.checkpoint import KEEP_SECONDS, Checkpoint, Upkeep
from penstock.load.chunk import BATCH_BYTES, Stop, never
from penstock.load.conclude import report_refusal
from penstock.load.files import FileSource
from penstock.load.gathering import Gathering, read_source
from penstock.load.judges import MEMORY_MB
from penstock.load.protocols import ItemWriter, ObjectSource, RejectWriter
from penstock.load.references import find_missing, read_reference
from penstock.load.report import ItemCounts, Report, Status, failure_code
from penstock.load.result import (
    RESULT,
    Queried,
    ResultRejects,
    ResultSource,
    conclude_query,
    count_object,
    judge_rows,
    result_plan,
)
from penstock.load.rows import RowsRead
from penstock.load.run import Progress, run_object
from penstock.plan.codec import plan_hash
from penstock.plan.model import Plan, Query

QUERY_MB: Final = 1024
"""What the query may keep in memory before it spills, unless said otherwise."""

_SORTED: Final = "result.parquet"
SPILL_SHARE: Final = 0.7
"""Of the free disk, what the query may spill: the rest is for its result, which is packed."""


KeepQueried = Callable[[Queried], None]
"""Called now and then while nothing is in flight, as :data:`~penstock.load.checkpoint.Keep` is."""


def run_query(  # noqa: PLR0913 -- what a run needs from outside, each by its name
    plan: Plan,
    source: ObjectSource | Gathering,
    references: Mapping[str, ObjectSource],
    items: ItemWriter,
    rejects: RejectWriter,
    scratch: Path,
    *,
    batch_bytes: int = BATCH_BYTES,
    memory_mb: int = MEMORY_MB,
    query_mb: int = QUERY_MB,
    threads: int = 1,
    run: str | None = None,
    progress: Progress | None = None,
    resume: Queried | None = None,
    stop: Stop = never,
    keep: KeepQueried | None = None,
    keep_seconds: float = KEEP_SECONDS,
    upkeep: Upkeep | None = None,
    reason: str | None = None,
    counts: Path | None = None,
) -> Report | Queried:
    """Load one object, or many as one, by a plan with a query. ``references`` are the objects that are there, by their names in the query.

    The report's ``counts`` are of the object's records, its ``result`` of the query's rows; both add up, or the run has failed.
    An object that is refused, for its rejects, a reference, or because the query fails on its rows, loads nothing.
    ``reason`` says why this engine was taken. Of many objects, what each came to is written to the file ``counts``. The query has ``query_mb`` megabytes, and spills to ``scratch``.

    Where ``stop`` says so before the result is there, the run fails: nothing is written then. After that, and for
    everything else, see :func:`~penstock.load.run.run_object`; what is given and taken in the place of a checkpoint is :class:`Queried`.
    """
    assert plan.query is not None, "a plan without a query is for run_object"
    work = QueryRun(
        plan=plan,
        query=plan.query,
        source=source,
        references=references,
        rejects=rejects,
        scratch=scratch,
        batch_bytes=batch_bytes,
        memory_mb=memory_mb,
        query_mb=query_mb,
        threads=threads,
        stop=stop,
        progress=progress or (lambda _name, _bytes: None),
        counts=counts,
    )
    found = work.attempt() if resume is None else resume
    if isinstance(found, Queried):
        loading = _Loading(items, keep, keep_seconds, upkeep)
        found = _load_result(work, found, loading)
    if isinstance(found, Queried):
        return found
    return replace(found, run=run, plan=plan_hash(plan), engine="duckdb", engine_reason=reason)


@dataclass(slots=True)
class QueryRun:
    """A run at work, up to its result: what it takes is what :func:`run_query` says of it.

    ``read`` is how far its rows are read, ``undeclared`` the columns there that the schema does not declare. Where it failed,
    ``lacks`` tells that it takes more memory, disk or time than there is.
    """

    plan: Plan
    query: Query
    source: ObjectSource | Gathering
    references: Mapping[str, ObjectSource]
    rejects: RejectWriter
    scratch: Path
    batch_bytes: int
    memory_mb: int
    query_mb: int
    threads: int
    stop: Stop
    progress: Progress
    counts: Path | None = None
    undeclared: tuple[str, ...] = ()
    read: RowsRead | None = None
    lacks: bool = False
    began: float = field(default_factory=time.monotonic)

    def attempt(self) -> Queried | Report:
        """Read the rows and run the query; turn what goes wrong, or refuses the object, into a report.

        The result is the file :data:`~penstock.load.result.RESULT` below the scratch folder then.
        """
        try:
            return self._query()
        except DataError as error:
            if self.read is None:
                found = report_refusal(self.plan, self.source.key, error)
            else:
                found = self._report("rejected", error.code, str(error))
        except (ServiceError, EngineError) as error:
            self.lacks = isinstance(error, CapacityError)
            found = self._report("failed", failure_code(error), str(error))
        finally:
            self._clear()
        return replace(found, seconds=round(time.monotonic() - self.began, 3))

    def _query(self) -> Queried:
        missing = find_missing(self.query, self.references)
        if missing is not None:
            raise missing
        read = self._read()
        refused = judge_rows(self.query, read.tally)
        if refused is not None:
            raise DataError(*refused)
        files = {"rows": [self.scratch / file.name for file in read.files]}
        for number, reference in enumerate(self.query.references):
            found = read_reference(
                self.query,
                number,
                self.references[reference.name],
                self.scratch,
                batch_bytes=self.batch_bytes,
                memory_mb=self.memory_mb,
            )
            files[reference.name] = [self.scratch / file.name for file in found]
        self.progress("query", read.position.offset)
        rows = self._write_result(files)
        seconds = time.monotonic() - self.began
        return Queried(read.tally, read.position.offset, self.undeclared, rows, seconds)

    def _read(self) -> RowsRead:
        reached = read_source(
            self.query,
            self.source,
            self.rejects,
            self.scratch,
            stop=self.stop,
            batch_bytes=self.batch_bytes,
            memory_mb=self.memory_mb,
            seen=lambda seen: self.progress("rows", seen),
            counts=self.counts,
        )
        for read, undeclared in reached:
            self.read, self.undeclared = read, undeclared
        assert self.read is not None, "there are no runs over nothing"
        if not self.read.finished:
            raise CapacityError(
                "The rows were not read to their end in the time that there was, and nothing was begun that could be gone on with. "
                "Give the function a longer timeout or more memory, or let a cluster do it (`engine: glue`)."
            )
        return self.read

    def _write_result(self, files: Mapping[str, Sequence[Path]]) -> int:
        """Run the query and write its result; what it was made of goes, to leave the disk to what follows."""
        sorted_rows = self.scratch / _SORTED
        free = shutil.disk_usage(self.scratch).free
        rows = run_select(
            self.query,
            files,
            sorted_rows,
            self.scratch,
            memory_mb=self.query_mb,
            threads=self.threads,
            spill_bytes=int(SPILL_SHARE * free),
            stop=None if self.stop is never else self.stop,
        )
        self._clear(rows_only=True)
        written = write_records(
            self.query, [sorted_rows], self.scratch / RESULT, self.scratch, memory_mb=self.query_mb
        )
        check_count(written, rows, "rows of the query's result")
        return rows

    def _clear(self, *, rows_only: bool = False) -> None:
        """Remove what the result was made of."""
        for folder in ("rows", "references"):
            shutil.rmtree(self.scratch / folder, ignore_errors=True)
        if not rows_only:
            (self.scratch / _SORTED).unlink(missing_ok=True)

    def _report(self, status: Status, code: str | None, reason: str) -> Report:
        """Report a run that ended before it had a result: its good rows are withheld, as far as they were read."""
        tally = Tally() if self.read is None else self.read.tally
        return Report(
            self.plan.name,
            self.source.key,
            status,
            count_object(tally, withheld=True),
            ItemCounts(),
            errors=dict(sorted(tally.errors.items())),
            recovered=tuple(tally.recovered),
            recovered_count=tally.recovered_count,
            undeclared=self.undeclared,
            code=code,
            reason=reason,
            bytes=0 if self.read is None else self.read.position.offset,
        )


@dataclass(frozen=True, slots=True)
class _Loading:
    """What loading the result takes from outside."""

    items: ItemWriter
    keep: KeepQueried | None
    keep_seconds: float
    upkeep: Upkeep | None


def _load_result(work: QueryRun, queried: Queried, loading: _Loading) -> Report | Queried:
    """Load the result as an object of its own, and report both."""
    keep = loading.keep
    result = work.scratch / RESULT
    found = run_object(
        result_plan(work.plan),
        ResultSource(FileSource(result), work.source.key, work.source.last_modified),
        loading.items,
        ResultRejects(work.rejects),
        work.scratch,
        batch_bytes=work.batch_bytes,
        memory_mb=work.memory_mb,
        progress=lambda name, seen: work.progress(f"{name} result", seen),
        resume=queried.checkpoint,
        stop=work.stop,
        keep=None if keep is None else lambda state: keep(replace(queried, checkpoint=state)),
        keep_seconds=loading.keep_seconds,
        upkeep=loading.upkeep,
    )
    if isinstance(found, Checkpoint):
        return replace(queried, checkpoint=found)
    result.unlink(missing_ok=True)
    return conclude_query(queried, found)
