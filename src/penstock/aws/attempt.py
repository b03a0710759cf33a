"""An attempt to load a version of an object under its claim: how it begins, what others have left for it, and how it is handed over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from penstock.aws.close import close_run
from penstock.aws.gather import Gathered
from penstock.aws.large.hand_over import hand_over, open_folder
from penstock.aws.large.states import WORK, Work
from penstock.aws.loader import Budget, Loader
from penstock.aws.log import Log
from penstock.aws.object_state import Claim
from penstock.aws.objects import ObjectVersion
from penstock.aws.runs import Run, format_time, put_run
from penstock.errors import ServiceError
from penstock.load.report import Counts, ItemCounts, Report


@dataclass(frozen=True, slots=True)
class Attempt:
    """One run of a version, and all that it takes. ``run`` is as it is now.

    ``parts`` are the keys of the rejects that are kept before those of the load itself. ``gathered`` are the objects of a run that is
    over many; ``found`` then stands for them.
    """

    loader: Loader
    claim: Claim
    run: Run
    found: ObjectVersion
    budget: Budget
    log: Log
    parts: tuple[str, ...] = ()
    gathered: Gathered | None = None

    def note(self, **changes: object) -> Attempt:
        """Give it with a run that has these changes."""
        return replace(self, run=replace(self.run, **changes))  # type: ignore[arg-type]  # by the callers' words


def begin_attempt(
    loader: Loader,
    claim: Claim,
    found: ObjectVersion,
    budget: Budget,
    log: Log,
    gathered: Gathered | None = None,
) -> Attempt:
    """Write the run of a version that begins. Raises :class:`~penstock.errors.ServiceError` where the ledger fails."""
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
    return Attempt(loader, claim, run, found, budget, log, gathered=gathered)


def find_saved(attempt: Attempt) -> str | None:
    """Find what an earlier run has done of this version by this plan: the name of its folder, if it is still there."""
    loader, run, saved = attempt.loader, attempt.run, attempt.claim.state.saved
    if not loader.state_machine or not saved or (saved.version, saved.plan) != (run.version, run.plan):
        return None
    return None if open_folder(loader, saved.folder).read(Work, WORK) is None else saved.folder


def forget(attempt: Attempt, saved: str | None) -> None:
    """Forget what will not hold once this run writes: what another run did and kept, and a manifest that this one won't."""
    loader, claim = attempt.loader, attempt.claim
    if claim.state.saved is not None and claim.state.saved.folder != saved:
        loader.ledger.save(claim, None)
    if claim.state.manifest is not None and loader.plan.manifest is None:
        loader.ledger.point(claim, None)


def hand_over_attempt(
    attempt: Attempt, parts: Sequence[str] = (), engine: Literal["glue"] | None = None
) -> Run:
    """Hand a run over; where that fails, it has failed, and what it has done is there for the next.

    ``parts`` are the keys of the load's own rejects so far; for ``engine`` see :func:`~penstock.aws.large.hand_over.hand_over`.
    """
    loader, run, log = attempt.loader, attempt.run, attempt.log
    try:
        handed = hand_over(loader, attempt.claim, run, attempt.budget, engine)
    except ServiceError as error:
        report = report_fault(run, str(error))
        return close_run(loader, run, report, (*attempt.parts, *parts), attempt.budget, log)
    log.info(
        "run handed over",
        outcome="handed over",
        attempt=run.attempt,
        offset=run.offset,
        counts=run.counts,
        engine=engine,
    )
    return handed


def report_fault(run: Run, reason: str) -> Report:
    """Give the report of a run that can't go on, with what it has done so far."""
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
        result=None if run.result is None else Counts(**run.result),
        engine=run.engine,
        engine_reason=run.engine_reason,
    )
