"""The last steps of a run that was handed over: to finish it, or to say that it failed; either gives the object free.

Before the object is free, nobody may be at work on it: what a worker still sent would overwrite what a newer version has.
A worker that died can't say so, and is waited for until it must be gone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from penstock.aws.close import close_run
from penstock.aws.function_errors import explain_function_error
from penstock.aws.gather import forget_older, note_applied
from penstock.aws.large.hand_over import GRACE_SECONDS
from penstock.aws.large.job import Job
from penstock.aws.load import RETRIED, Outcome, load_key
from penstock.aws.manifests import complete
from penstock.aws.runs import Run, read_time
from penstock.errors import EngineError, ServiceError, UsageError
from penstock.load.conclude import find_doubtful
from penstock.load.count import add_outcomes
from penstock.load.report import Report
from penstock.load.steps.add_up import Sum, add_up
from penstock.load.steps.states import ChunkLoad, read_loads, read_problems

_POLL_SECONDS: Final = 5.0


def finish(job: Job) -> dict[str, object]:
    """Add up the chunks, end the run, settle the object, and load what came for it meanwhile.

    Raises :class:`~penstock.errors.EngineError` where chunks are missing or the counts don't add up, and
    :class:`~penstock.errors.UsageError` where the feed was deployed anew: a job in Glue goes on by the plan that it began with.
    """
    run, ledger = job.run, job.loader.ledger
    if run.status == "failed":
        raise UsageError(f"The run {run.id} is over: it is failed.")
    if not run.ended:
        job.check_plan()
        ledger.extend(run.bucket, run.key, run.id, job.budget.claim_end + GRACE_SECONDS)
        found = _add_up(job)
        if found.report.status == "failed":
            raise EngineError(str(found.report.reason))
        if not _await_workers(job, found.loads):
            return {"finished": False}
        run = close_run(job.loader, _end_manifest(job, found), found.report, found.parts, job.budget, job.log)
        if run.status == "failed":  # its rejects could not be kept
            raise EngineError(str(run.reason))
    # What follows may have been done before, and only the answer was lost: to do it again does no harm.
    outcome = _load_again(job, _settle(job, run))
    if outcome in RETRIED:
        raise ServiceError(
            "The run is finished; what came for the object meanwhile could not be loaded. The log says why."
        )
    return {"finished": True}


def _end_manifest(job: Job, found: Sum) -> Run:
    """Give the run with the name of its manifest, where it has one of which all is written."""
    decision = found.decision
    if job.loader.plan.manifest is None or decision is None or decision.refused is not None:
        return job.run
    outcome = add_outcomes(state.loaded.outcome for state in found.loads.values() if state.loaded is not None)
    name = str(job.run.saved)
    whole = complete(job.manifests, name, find_doubtful(decision, outcome), job.log)
    return replace(job.run, manifest=name) if whole else job.run


def _settle(job: Job, run: Run) -> str | None:
    """Note the version as dealt with, and give the object free, unless that is done.

    Gives the run's id where it still has the claim, for an event came in and the key is to be looked at again.
    """
    ledger = job.loader.ledger
    state = ledger.read_state(run.bucket, run.key)
    if state.claim_run != run.id:
        return None
    if state.applied is not None and state.applied.run == run.id:
        return run.id
    applied = note_applied(job.loader, run, job.work.found.etag, state.applied)
    again = ledger.settle(job.claim, applied, run.manifest)
    forget_older(job.loader, applied)
    return run.id if again else None


def fail(job: Job, error: str | None) -> dict[str, object]:
    """Say of a run that it failed, and why; give the object free, and load what came for it meanwhile.

    What was done is kept for the next attempt, unless all was done and came to nothing.
    """
    run, ledger = job.run, job.loader.ledger
    if run.status in {"done", "rejected"}:  # its finish died between the two
        _load_again(job, _settle(job, run))
        return {"finished": True}
    found = _add_up(job)
    if not run.ended:
        code, reason = _explain(job, found, error)
        report = replace(found.report, status="failed", code=code, reason=reason)
        close_run(job.loader, run, report, found.parts, job.budget, job.log)
    if ledger.read_state(run.bucket, run.key).claim_run != run.id:
        return {"finished": True}
    # Who began since the chunks were added up counts too; who begins from here on finds that the run is over.
    if not _await_workers(job, read_loads(job.folder, found.report.chunks)):
        return {"finished": False}
    if found.whole and found.report.status == "failed":
        ledger.save(job.claim, None)
    if ledger.release(job.claim):
        _load_again(job, None)  # what becomes of that is in its own run
    return {"finished": True}


def _add_up(job: Job) -> Sum:
    """Add up what is there, and say in the report what it is of."""
    found = add_up(job.loader.plan, job.run.key, job.folder)
    return replace(found, report=_describe(job, found.report))


def _describe(job: Job, report: Report) -> Report:
    return replace(
        report,
        run=job.run.id,
        version=job.run.version,
        plan=job.run.plan,
        engine_reason=report.engine_reason or job.run.engine_reason,
        seconds=round(job.budget.clock() - read_time(job.run.started_at), 3),
    )


def _await_workers(job: Job, loads: Mapping[int, ChunkLoad]) -> bool:
    """Wait for those who may still be at work; tell whether all are gone before this invocation's time is up."""
    while True:
        gone = max((until for state in loads.values() for until in state.workers.values()), default=0.0)
        wait = gone - job.budget.clock()
        if wait <= 0:
            return True
        if job.budget.left < min(wait, _POLL_SECONDS):
            job.log.warning("a worker may still be at work", outcome="unfinished", seconds=round(wait, 3))
            return False
        job.loader.sleep(min(wait, _POLL_SECONDS))
        loads = read_loads(job.folder, 1 + max(loads))


def _load_again(job: Job, after: str | None) -> Outcome:
    """Load what came for the key while the run had it; where nothing came, its version is applied.

    The event that told of it is gone: it met the run's claim.
    """
    run = job.run
    return load_key(job.loader, run.bucket, run.key, job.budget, job.log, after, brought=False)


def _explain(job: Job, found: Sum, error: str | None) -> tuple[str | None, str]:
    """Say why a run failed: what steps failed at, or else what the state machine says, and what is left to do; with its code."""
    problems = read_problems(job.folder, found.loads)
    why = [problem.reason for problem in problems[:3]] or [_explain_error(error)]
    failed = found.report.status == "failed"
    codes = [found.report.code if failed else None, *(problem.code for problem in problems)]
    left = found.report.reason if failed else None
    reason = " ".join(f"{sentence.rstrip('.')}." for sentence in (*why, left) if sentence)
    return next(filter(None, codes), None), reason


def _explain_error(error: str | None) -> str:
    """Give what the state machine says of a failure; of a function's error that is JSON with its kind and its message, and of
    a job's what Glue knows of its run.
    """
    if error is None:
        return "The state machine did not say why"
    _, _, cause = error.partition(": ")
    try:
        said = json.loads(cause)
    except ValueError:
        return error[:1000]
    if isinstance(said, dict) and "JobRunState" in said:
        job = said.get("JobName")
        return (
            f"The job {job} in Glue ended as {said['JobRunState']}, in its run {said.get('Id')}: its log groups below /aws-glue/jobs/{job} "
            "say why"
        )
    if not isinstance(said, dict) or "errorType" not in said:
        return error.partition(": ")[0]
    return explain_function_error(str(said["errorType"]), str(said.get("errorMessage")))
