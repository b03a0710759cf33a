"""The steps of a run that was handed to the state machine: what an order says, whether it may be done, what is answered.

A step answers ``{"finished": bool}``; where that is false, it is to be called again. What else it answers is for the log. All that steps have to tell one
another is in the run's folder (:mod:`penstock.load.steps.states`), so that each can be done again, by anyone, at any time.
"""

from __future__ import annotations

from dataclasses import replace

from penstock.aws.events import Step
from penstock.aws.large.conclude import fail, finish
from penstock.aws.large.hand_over import GRACE_SECONDS, open_folder
from penstock.aws.large.job import Job
from penstock.aws.large.states import WORK, Work
from penstock.aws.loader import Budget, Loader
from penstock.aws.log import Log
from penstock.aws.object_state import Saved
from penstock.aws.runs import Run, format_time, get_run, put_off_end, put_run
from penstock.errors import PenstockError, ServiceError, UsageError
from penstock.load.steps.passes import Answer
from penstock.load.steps.result import RESULT_STATE, Result
from penstock.load.steps.step import do_step


def run_step(loader: Loader, step: Step, budget: Budget, log: Log) -> Answer:
    """Do a step of a run, and give its answer.

    Raises :class:`~penstock.errors.UsageError` where the run is not to go on: it is over, it is of another version, or
    the feed was deployed anew; :class:`~penstock.aws.ledger.LostClaimError` where another run has the object, and
    what the step itself raises.
    """
    log = log.bind(
        run=step.run,
        bucket=step.bucket,
        key=step.key,
        version=step.version,
        chunk=step.chunk,
        partition=step.partition,
    )
    began = budget.clock()
    try:
        job = open_job(loader, step, budget, log)
        answer = _do(job, step)
    except PenstockError as error:
        log.failure(f"{step.name} failed", outcome="failed", reason=str(error), seconds=_since(began, budget))
        raise
    outcome = "done" if answer["finished"] else "unfinished"
    told = {name: answer.get(name) for name in ("chunks", "bytes", "counts")}
    log.info(f"{step.name} {outcome}", outcome=outcome, seconds=_since(began, budget), **told)
    return answer


def _do(job: Job, step: Step) -> Answer:
    if step.name == "finish":
        return finish(job)
    if step.name == "fail":
        return fail(job, step.error)
    _check_goes_on(job)
    put_off(job.loader, step, job.budget)
    return do_step(job.place, step.name, step.chunk if step.chunk is not None else step.partition)


def put_off(loader: Loader, step: Step, budget: Budget) -> None:
    """Have the run keep its object for as long as a step may take, and for the next one to begin.

    Raises :class:`~penstock.aws.ledger.LostClaimError` where another run has the object.
    """
    claimed = budget.claim_end + GRACE_SECONDS
    loader.ledger.extend(step.bucket, step.key, step.run, claimed)
    put_off_end(loader.ledger, step.run, format_time(claimed))


def open_job(loader: Loader, step: Step, budget: Budget, log: Log) -> Job:
    """Find what a step has to do with. Raises :class:`~penstock.errors.UsageError` where there is no such run."""
    run = get_run(loader.ledger, step.run)
    if (
        run is None
        or run.saved is None
        or (run.bucket, run.key, run.version) != (step.bucket, step.key, step.version)
    ):
        raise UsageError(
            f"The run {step.run} was not handed to the state machine for this version of s3://{step.bucket}/{step.key}. "
            "Executions are started by the loader: put the object again, or run `penstock sweep`."
        )
    folder = open_folder(loader, run.saved)
    work = folder.read(Work, WORK)
    if work is None:
        raise ServiceError(
            f"What the run {run.id} has done is gone from s3://{loader.artifacts}/{folder.prefix}. Load the object again."
        )
    if step.name == "cut" and run.status == "failed":
        run = _take_up(loader, run, budget)
    result = None if loader.plan.query is None else folder.read(Result, RESULT_STATE)
    if result is not None:
        run = replace(run, references=result.references)
    return Job(loader, run, folder, work, budget, log.bind(attempt=run.attempt), result)


def _check_goes_on(job: Job) -> None:
    run = job.run
    if run.ended:
        raise UsageError(f"The run {run.id} is over: it is {run.status}.")
    job.check_plan()


def _take_up(loader: Loader, run: Run, budget: Budget) -> Run:
    """Take up a run that failed, whose execution somebody started again: it claims the object anew."""
    claimed = budget.claim_end + GRACE_SECONDS
    ledger, saved = loader.ledger, Saved(str(run.saved), run.version, str(run.plan))
    if ledger.read_state(run.bucket, run.key).saved != saved:
        return run
    claim = ledger.claim(loader.plan.name, run.bucket, run.key, run.id, claimed)
    if claim is None:
        return run
    if claim.state.saved != saved:  # another version was loaded since it was looked at
        if ledger.settle(claim, None):
            ledger.release(claim, again=True)
        return run
    again = replace(
        run,
        status="handed over",
        attempt=claim.attempt,
        code=None,
        reason=None,
        ended_at=None,
        ends_by=format_time(claimed),
    )
    put_run(loader.ledger, again)
    return again


def _since(began: float, budget: Budget) -> float:
    return round(budget.clock() - began, 3)
