"""Run the engine from an object to the table, until its end or until the time is up: then what was done is handed over."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from penstock.aws.artifacts import S3RejectWriter
from penstock.aws.attempt import Attempt, hand_over_attempt, report_fault
from penstock.aws.folder import RunFolder
from penstock.aws.large.hand_over import keep_checkpoint, note_progress
from penstock.aws.loader import Deadline
from penstock.aws.manifests import Keeping
from penstock.aws.measure import tell_writes
from penstock.aws.runs import Run
from penstock.aws.scratch import explain_full_disk
from penstock.aws.table.stats import WriterStats
from penstock.errors import ServiceError
from penstock.load.chunk import never
from penstock.load.conclude import hold_writes
from penstock.load.protocols import ItemWriter, ObjectSource, RejectWriter
from penstock.load.report import Report
from penstock.load.result import ResultRejects
from penstock.load.run import Checkpoint, Upkeep, run_object
from penstock.load.steps.states import Effort

_TOLD_BYTES: Final = 64 << 20
"""After how many bytes a pass says, to who debugs it, how far it is."""


def execute(
    attempt: Attempt,
    source: ObjectSource,
    rejects: S3RejectWriter,
    keeping: Keeping | None,
    scratch: Path,
    begin_folder: Callable[[], RunFolder],
) -> Report | Run:
    """Run the engine from ``source`` to the table. Gives the report, or the run as it was handed over.

    ``begin_folder`` makes the run's folder, all of whose keys are of one partition. Raises :class:`~penstock.errors.ServiceError`.
    """
    loader, run, budget, log = attempt.loader, attempt.run, attempt.budget, attempt.log
    with loader.open_writer(budget, loader.loaders) as items:
        limited = attempt.claim.state.approved != attempt.found.version
        upkeep = None if keeping is None else keeping.begin(scratch, limited=limited)
        reached = _run_engine(attempt, source, items, rejects, scratch, upkeep)
        stats = items.stats
        log.debug("write units a second", over_time=stats.rate_over_time)
        if isinstance(reached, Checkpoint):
            tell_writes(stats, log)
            rejects.close()
            effort = Effort().add(reached.seconds, WriterStats(), stats)
            manifest = keeping.files[0] if keeping is not None and keeping.files else None
            keep_checkpoint(begin_folder(), reached, scratch, rejects.parts, effort, manifest)
            done = replace(note_progress(run, reached), saved=run.id)
            return hand_over_attempt(replace(attempt, run=done), rejects.parts)
    return replace(
        hold_writes(reached, stats.puts, stats.deletes),
        run=run.id,
        version=attempt.found.version,
        write_units=math.ceil(stats.write_units),
        throttled=stats.throttled,
        resent=stats.resent,
    )


def tell_progress(attempt: Attempt) -> Callable[[str, int], None]:
    """Give what is told how far a pass is, and says so now and then."""
    told: dict[str, int] = {}

    def tell(name: str, reached: int) -> None:
        if reached >= told.get(name, 0):
            attempt.log.debug(f"{name} under way", offset=reached)
            told[name] = reached + _TOLD_BYTES

    return tell


def _watch_time(attempt: Attempt) -> Callable[[str, int], None]:
    """Give what is told how far a pass is, and raises ServiceError when the time is up."""
    tell = tell_progress(attempt)

    def watch(name: str, reached: int) -> None:
        tell(name, reached)
        if attempt.budget.left <= 0:
            raise ServiceError(
                "The time was up before the file was read. It is begun again; if it never gets through, give the function "
                "more memory or time, or send the file in parts."
            )

    return watch


def _run_engine(
    attempt: Attempt,
    source: ObjectSource,
    items: ItemWriter,
    rejects: RejectWriter,
    scratch: Path,
    upkeep: Upkeep | None,
) -> Report | Checkpoint:
    loader, budget = attempt.loader, attempt.budget
    deadline = Deadline(budget, math.inf)
    try:
        return run_object(
            loader.load_plan,
            source,
            items,
            rejects if loader.plan.query is None else ResultRejects(rejects),
            scratch,
            batch_bytes=loader.size_batch(budget, loader.loaders),
            memory_mb=loader.memory_mb,
            progress=_watch_time(attempt),
            stop=deadline.comes if loader.state_machine else never,
            upkeep=upkeep,
        )
    except OSError as error:
        return report_fault(attempt.run, str(explain_full_disk(error)))
