"""Load one version of an object under its claim: one run, from its first note in the ledger to its last."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

from penstock.aws.artifacts import S3RejectWriter
from penstock.aws.attempt import (
    Attempt,
    begin_attempt,
    find_saved,
    forget,
    hand_over_attempt,
    report_fault,
)
from penstock.aws.close import close_run
from penstock.aws.execute import execute
from penstock.aws.gather import Gathered
from penstock.aws.large.hand_over import begin_folder
from penstock.aws.loader import Budget, Loader
from penstock.aws.log import Log
from penstock.aws.manifests import Keeping
from penstock.aws.object_state import Claim
from penstock.aws.objects import ObjectVersion, S3Source
from penstock.aws.query import load_by_query
from penstock.aws.runs import Run
from penstock.aws.scratch import make_scratch
from penstock.errors import ServiceError


def load_version(
    loader: Loader,
    claim: Claim,
    found: ObjectVersion,
    budget: Budget,
    log: Log,
    gathered: Gathered | None = None,
) -> Run:
    """Load a version under a claim, from the start or from where another stopped, or hand it over. Gives the run as it is then.

    ``gathered`` are the objects that ``found`` stands for, where the run is over many.
    Raises :class:`~penstock.errors.ServiceError` where the ledger fails; whatever else does fails the run.
    """
    attempt = begin_attempt(loader, claim, found, budget, log, gathered)
    return _load_rows(attempt) if loader.plan.query is None else load_by_query(attempt)


def _load_rows(attempt: Attempt) -> Run:
    """Load an object each of whose rows becomes items by itself."""
    loader, run, found = attempt.loader, attempt.run, attempt.found
    rejects = S3RejectWriter(loader.s3, loader.artifacts, loader.plan.name, run.id)
    try:
        saved = find_saved(attempt)
        if saved is None and _goes_straight_on(attempt):
            begin_folder(loader, run, found)
            saved = run.id
        forget(attempt, saved)
        if saved is not None:
            return hand_over_attempt(attempt.note(saved=saved), engine=_find_engine(attempt))
        keeping = Keeping(loader, attempt.claim, attempt.log) if loader.plan.manifest is not None else None
        source = S3Source(loader.s3, found, sleep=loader.sleep)
        with make_scratch() as scratch:
            report = execute(
                attempt,
                source,
                rejects,
                keeping,
                Path(scratch),
                lambda: begin_folder(loader, run, found, partitions=1),
            )
        if isinstance(report, Run):
            return report
        if keeping is not None and keeping.whole:
            run = replace(run, manifest=run.id)
        rejects.close()
    except ServiceError as error:
        report = report_fault(run, str(error))
    return close_run(loader, run, report, rejects.parts, attempt.budget, attempt.log)


def _find_engine(attempt: Attempt) -> Literal["glue"] | None:
    """Tell whether a job is to load an object: a large one, where the contract says so and there is Glue."""
    loader = attempt.loader
    wanted = loader.plan.engine == "glue" and loader.is_large(attempt.found)
    return "glue" if wanted and loader.job is not None else None


def _goes_straight_on(attempt: Attempt) -> bool:
    """Tell whether to leave an object to the state machine without a try: it is large, or a worker died of it.

    What killed the worker may kill the next; the state machine's keep what they do.
    """
    loader = attempt.loader
    large = loader.is_large(attempt.found) or attempt.claim.interrupted is not None
    return loader.state_machine is not None and large
