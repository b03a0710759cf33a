"""Load one version of an object under its claim: one run, from its first note in the ledger to its last."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Final

from penstock.aws.artifacts import S3RejectWriter
from penstock.aws.close import close_run
from penstock.aws.large.hand_over import (
    begin_folder,
    hand_over,
    keep_checkpoint,
    note_progress,
    open_folder,
)
from penstock.aws.large.states import WORK, Work
from penstock.aws.loader import Budget, Deadline, Loader
from penstock.aws.log import Log
from penstock.aws.manifests import Keeping
from penstock.aws.measure import tell_writes
from penstock.aws.object_state import Claim
from penstock.aws.objects import ObjectVersion, S3Source
from penstock.aws.runs import Run, format_time, put_run
from penstock.aws.scratch import explain_full_disk, make_scratch
from penstock.aws.table.stats import WriterStats
from penstock.errors import ServiceError
from penstock.load.chunk import never
from penstock.load.conclude import hold_writes
from penstock.load.protocols import ItemWriter
from penstock.load.report import Counts, ItemCounts, Report
from penstock.load.run import Checkpoint, Upkeep, run_object
from penstock.load.steps.states import Effort

_TOLD_BYTES: Final = 64 << 20
"""After how many bytes a pass says, to who debugs it, how far it is."""


def load_version(loader: Loader, claim: Claim, found: ObjectVersion, budget: Budget, log: Log) -> Run:
    """Load a version under a claim, from the start or from where another stopped, or hand it over. Gives the run as it is then.

    Raises :class:`~penstock.errors.ServiceError` where the ledger fails; whatever else does fails the run.
    """
    run = Run(
        id=claim.run,
        feed=loader.plan.name,
        bucket=found.bucket,
        key=found.key,
        version=found.version,
        started_at=format_time(budget.clock()),
        attempt=claim.attempt,
        request_id=str(log.bound.get("request_id", "")) or None,
        arrived_at=found.last_modified,
        plan=loader.plan_hash,
        ends_by=format_time(budget.claim_end),
    )
    put_run(loader.ledger, run)
    log.info("run started", attempt=claim.attempt, size=found.size)
    rejects = S3RejectWriter(loader.s3, loader.artifacts, loader.plan.name, run.id)
    try:
        saved = _find_saved(loader, claim, run)
        if saved is None and _goes_straight_on(loader, claim, found):
            begin_folder(loader, run, found)
            saved = run.id
        _forget(loader, claim, saved)
        if saved is not None:
            return _hand_over(loader, claim, replace(run, saved=saved), (), budget, log)
        keeping = Keeping(loader, claim, log) if loader.plan.manifest is not None else None
        report = _execute(loader, claim, run, found, rejects, keeping, budget, log)
        if isinstance(report, Run):
            return report
        if keeping is not None and keeping.whole:
            run = replace(run, manifest=run.id)
        rejects.close()
    except ServiceError as error:
        report = _fail(run, str(error))
    return close_run(loader, run, report, rejects.parts, budget, log)


def _forget(loader: Loader, claim: Claim, saved: str | None) -> None:
    """Forget what will not hold once this run writes: what another run did and kept, and a manifest that this one won't."""
    if claim.state.saved is not None and claim.state.saved.folder != saved:
        loader.ledger.save(claim, None)
    if claim.state.manifest is not None and loader.plan.manifest is None:
        loader.ledger.point(claim, None)


def _find_saved(loader: Loader, claim: Claim, run: Run) -> str | None:
    """Find what an earlier run has done of this version by this plan: the name of its folder, if it is still there."""
    saved = claim.state.saved
    if not loader.state_machine or not saved or (saved.version, saved.plan) != (run.version, run.plan):
        return None
    return None if open_folder(loader, saved.folder).read(Work, WORK) is None else saved.folder


def _goes_straight_on(loader: Loader, claim: Claim, found: ObjectVersion) -> bool:
    """Tell whether to leave an object to the state machine without a try: it is large, or a worker died of it.

    What killed the worker may kill the next; the state machine's keep what they do.
    """
    return loader.state_machine is not None and (loader.is_large(found) or claim.interrupted is not None)


def _execute(  # noqa: PLR0913, PLR0917 -- what a run takes, each by its name
    loader: Loader,
    claim: Claim,
    run: Run,
    found: ObjectVersion,
    rejects: S3RejectWriter,
    keeping: Keeping | None,
    budget: Budget,
    log: Log,
) -> Report | Run:
    """Run the engine from the object to the table. Gives the report, or the run as it was handed over."""
    with loader.open_writer(budget, loader.loaders) as items, make_scratch() as name:
        scratch = Path(name)
        source = S3Source(loader.s3, found, sleep=loader.sleep)
        limited = claim.state.approved != found.version
        upkeep = None if keeping is None else keeping.begin(scratch, limited=limited)
        reached = _run_engine(loader, run, source, items, rejects, scratch, upkeep, budget, log)
        stats = items.stats
        log.debug("write units a second", over_time=stats.rate_over_time)
        if isinstance(reached, Checkpoint):
            tell_writes(stats, log)
            rejects.close()
            effort = Effort().add(reached.seconds, WriterStats(), stats)
            folder = begin_folder(loader, run, found, partitions=1)
            manifest = keeping.files[0] if keeping is not None and keeping.files else None
            keep_checkpoint(folder, reached, scratch, rejects.parts, effort, manifest)
            done = replace(note_progress(run, reached), saved=run.id)
            return _hand_over(loader, claim, done, rejects.parts, budget, log)
    return replace(
        hold_writes(reached, stats.puts, stats.deletes),
        run=run.id,
        version=found.version,
        write_units=math.ceil(stats.write_units),
        throttled=stats.throttled,
        resent=stats.resent,
    )


def _run_engine(  # noqa: PLR0913, PLR0917 -- what the engine takes, each by its name
    loader: Loader,
    run: Run,
    source: S3Source,
    items: ItemWriter,
    rejects: S3RejectWriter,
    scratch: Path,
    upkeep: Upkeep | None,
    budget: Budget,
    log: Log,
) -> Report | Checkpoint:
    deadline = Deadline(budget, math.inf)
    told: dict[str, int] = {}

    def watch(name: str, reached: int) -> None:
        if reached >= told.get(name, 0):
            log.debug(f"{name} under way", offset=reached)
            told[name] = reached + _TOLD_BYTES
        if budget.left <= 0:
            raise ServiceError(
                "The time was up before the file was read. It is begun again; if it never gets through, give the function "
                "more memory or time, or send the file in parts."
            )

    try:
        return run_object(
            loader.plan,
            source,
            items,
            rejects,
            scratch,
            batch_bytes=loader.size_batch(budget, loader.loaders),
            memory_mb=loader.memory_mb,
            progress=watch,
            stop=deadline.comes if loader.state_machine else never,
            upkeep=upkeep,
        )
    except OSError as error:
        return _fail(run, str(explain_full_disk(error)))


def _hand_over(
    loader: Loader, claim: Claim, run: Run, parts: tuple[str, ...], budget: Budget, log: Log
) -> Run:
    """Hand a run over; where that fails, it has failed, and what it has done is there for the next."""
    try:
        handed = hand_over(loader, claim, run, budget)
    except ServiceError as error:
        return close_run(loader, run, _fail(run, str(error)), parts, budget, log)
    log.info(
        "run handed over", outcome="handed over", attempt=run.attempt, offset=run.offset, counts=run.counts
    )
    return handed


def _fail(run: Run, reason: str) -> Report:
    return Report(
        run.feed,
        run.key,
        "failed",
        Counts(**run.counts),
        ItemCounts(**run.items),
        {},
        reason=reason,
        run=run.id,
        version=run.version,
        plan=run.plan,
    )
