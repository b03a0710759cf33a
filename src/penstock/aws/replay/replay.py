"""Load the rejects of a run again, as somebody ordered, and count what comes of it against that run.

It is done under the object's claim, and only while the run is what is applied of its key: nobody else is at work then, and
nothing older than what is there is written. Items are written and what is left of the rejects is kept before the run's item in
the ledger is changed, at once and under a condition. So a replay that dies has changed no count, and done again it comes to the
same end; and of an order that is delivered twice the second delivery does nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from penstock.aws.artifacts import S3RejectWriter, change_report, put_parts_left, read_rejects
from penstock.aws.close import end_interrupted
from penstock.aws.events import ReplayOrder
from penstock.aws.load import Outcome, load_key
from penstock.aws.loader import FINISH_SECONDS, Budget, Loader
from penstock.aws.log import Log
from penstock.aws.manifests import begin_touch
from penstock.aws.measure import measure_replay, measured, tell_end
from penstock.aws.object_state import Applied, Claim
from penstock.aws.objects import ObjectVersion, S3Source, find_current, find_version
from penstock.aws.replay.corrections import put_corrections, read_changes, read_corrections
from penstock.aws.replay.order import check_replayable, explain_query
from penstock.aws.replay.record import (
    add_replayed,
    begin_replay,
    commit_replay,
    conclude_replay,
    fail_replay,
)
from penstock.aws.runs import Run, format_time, get_run
from penstock.aws.scratch import explain_full_disk, make_scratch
from penstock.aws.table.stats import WriterStats
from penstock.errors import ConservationError, PenstockError, ServiceError, UsageError
from penstock.load.remainder import Remainder
from penstock.load.replay import Replayed, replay_rejects
from penstock.load.report import failure_code


@dataclass(frozen=True, slots=True)
class _Job:
    """A replay at work: the order, the run whose rejects are loaded again, and the replay's own run."""

    loader: Loader
    order: ReplayOrder
    run: Run
    own: Run
    budget: Budget
    log: Log


def replay_run(loader: Loader, order: ReplayOrder, budget: Budget, log: Log) -> Outcome:
    """Follow an order to replay a run. What becomes of it, a refusal too, stands in the replay's own run.

    Raises :class:`~penstock.errors.ServiceError` where the ledger fails.
    """
    log = log.bind(run=order.id, replays=order.run)
    run = get_run(loader.ledger, order.run)
    if run is None or run.feed != loader.plan.name:
        log.failure("there is no such run of this feed", outcome="refused")
        return "refused"
    log = log.bind(bucket=run.bucket, key=run.key, version=run.version)
    job = _Job(loader, order, run, _begin(loader, order, run, budget, log), budget, log)
    if not begin_replay(loader.ledger, job.own):
        log.info("this order was followed before", outcome="duplicate")
        _look_again(job)  # who followed it may have died before
        return "duplicate"
    log.info("replay started", counts=run.counts)
    try:
        check_replayable(run)
        if loader.plan.query is not None:
            raise UsageError(explain_query(run))
        claim = _claim(job)
    except UsageError as error:
        _fail(job, error)
        return "refused"
    return _work(job, claim)


def _begin(loader: Loader, order: ReplayOrder, run: Run, budget: Budget, log: Log) -> Run:
    return Run(
        id=order.id,
        feed=run.feed,
        bucket=run.bucket,
        key=run.key,
        version=run.version,
        started_at=format_time(budget.clock()),
        request_id=str(log.bound.get("request_id", "")) or None,
        plan=loader.plan_hash,
        ends_by=format_time(budget.claim_end),
        replays=run.id,
    )


def _claim(job: _Job) -> Claim:
    run, end = job.run, job.budget.claim_end
    claim = job.loader.ledger.claim(run.feed, run.bucket, run.key, job.own.id, end, attempt=False)
    if claim is None:
        raise UsageError(
            f"Somebody is at work on s3://{run.bucket}/{run.key}. Wait for that run's end (`penstock runs`); if it has loaded a "
            "newer version, it is that run's rejects that can be replayed."
        )
    return claim


def _work(job: _Job, claim: Claim) -> Outcome:
    """Replay under a claim, and end it whatever happens; then load what came for the key meanwhile."""
    ledger = job.loader.ledger
    settling = again = False
    try:
        if claim.interrupted is not None:
            end_interrupted(ledger, claim.interrupted, job.log)
        try:
            job = _look_anew(job)
            found = _find_object(job, claim)
            after = _replay(job, claim, found)
        except PenstockError as error:
            _fail(job, error)
            return "refused"
        # Whether an end was written whose answer is lost, nobody knows: the claim is left to run out then.
        settling = True
        again = ledger.settle(claim, _find_applied(claim, after))
    finally:
        if not settling:
            end_interrupted(ledger, job.own.id, job.log)
            ledger.release(claim, again=claim.state.pending or claim.interrupted is not None)
            _look_again(job)
    if again and job.budget.left < FINISH_SECONDS:
        ledger.release(claim, again=True)
    elif again:
        _look_again(job, claim.run)
    return "loaded"


def _look_anew(job: _Job) -> _Job:
    """Read the run once more, now that nobody else can be at work on it: another replay may have ended since."""
    run = get_run(job.loader.ledger, job.run.id)
    if run is None:
        raise UsageError(f"The run {job.run.id} is no longer in the ledger.")
    check_replayable(run)
    return replace(job, run=run)


def _look_again(job: _Job, after: str | None = None) -> None:
    """Load what came for the key meanwhile, if there is time. ``after`` is the run that still has the claim."""
    if job.budget.left >= FINISH_SECONDS:
        run = job.run
        load_key(job.loader, run.bucket, run.key, job.budget, job.log, after, brought=False)


def _find_object(job: _Job, claim: Claim) -> ObjectVersion:
    """Give the version that the run loaded. Raises UsageError where it is not what is applied of its key, or is gone."""
    run, s3, state = job.run, job.loader.s3, claim.state
    where = f"s3://{run.bucket}/{run.key}"
    if state.attempts or state.applied is None or state.applied.run != run.id:
        newer = f" of the run {state.applied.run}" if state.applied and state.applied.run != run.id else ""
        raise UsageError(
            f"The run {run.id} is not the last of {where} any more: what is loaded now{newer} replaces it. Replay that run's "
            "rejects, if it has any."
        )
    if state.pending:
        raise UsageError(f"Something came for {where} before, which is loaded now. Look at `penstock runs`.")
    found = find_current(s3, run.bucket, run.key)
    if found is None and not run.version.startswith("etag:"):
        found = find_version(s3, run.bucket, run.key, run.version)
    if found is None:
        raise UsageError(
            f"The version of {where} that the run loaded is gone, and with it which of its rows come after which. Put the mended "
            "rows into a new file."
        )
    if found.version != run.version:
        raise UsageError(
            f"There is a newer version of {where}, which is loaded now. Replay the run that does that."
        )
    return found


def _replay(job: _Job, claim: Claim, found: ObjectVersion) -> Run:
    """Do it. Gives the run whose rejects they were as it is now."""
    loader, run, own = job.loader, job.run, job.own
    s3, artifacts = loader.s3, loader.artifacts
    changes = None
    if job.order.corrections is not None:
        changes = read_changes(s3, artifacts, run.feed, run.id, job.order.corrections)
    rejects = S3RejectWriter(s3, artifacts, run.feed, run.id, name=f"left-{own.id}")
    writer = loader.open_writer(job.budget, loader.loaders)
    with measured(writer, job.log) as items, make_scratch() as name:
        try:
            done = replay_rejects(
                loader.plan,
                S3Source(s3, found, sleep=loader.sleep),
                _find_remainder(loader, run),
                changes,
                items,
                rejects,
                Path(name),
                batch_bytes=loader.size_batch(job.budget, loader.loaders),
                memory_mb=loader.memory_mb,
                seen=lambda _bytes: _check_time(job.budget),
                touch=begin_touch(loader, claim, Path(name), job.log),
            )
        except OSError as error:
            raise explain_full_disk(error) from error
        stats = items.stats
    if (stats.puts, stats.deletes) != (done.items.put, done.items.deleted):
        raise ConservationError(
            f"{done.items.put} puts and {done.items.deleted} deletes were counted, and the table acknowledged {stats.puts} and "
            f"{stats.deletes}: replay the run again, and please report this as a defect"
        )
    rejects.close()
    return _commit(job, done, rejects.parts, stats)


def _find_remainder(loader: Loader, run: Run) -> Remainder:
    s3, artifacts = loader.s3, loader.artifacts
    corrections = read_corrections(s3, artifacts, run.corrections) if run.corrections else ()
    return Remainder(
        lambda: read_rejects(s3, artifacts, run.feed, run.id, run.parts),
        run.counts["read"],
        run.counts["rejected"],
        corrections,
    )


def _check_time(budget: Budget) -> None:
    if budget.left <= 0:
        raise ServiceError(
            "The time was up before the file was read: to load its rejects again it is read twice, and by one function. Give the "
            "function more time or memory, or put the mended rows into a new file."
        )


def _commit(job: _Job, done: Replayed, parts: Sequence[str], stats: WriterStats) -> Run:
    """Keep what is left of the rejects, and then change the run's item; give the run as it is then."""
    loader, run, own = job.loader, job.run, job.own
    s3, artifacts = loader.s3, loader.artifacts
    corrections = run.corrections
    if done.corrections:
        corrections = put_corrections(s3, artifacts, run.feed, run.id, own.id, done.corrections)
    left = put_parts_left(s3, artifacts, run.feed, run.id, own.id, parts)
    after = add_replayed(run, done, stats)
    after = replace(after, parts=left, corrections=corrections, rejects=run.rejects if done.left else None)
    ended = conclude_replay(own, done, stats, job.budget.clock())
    if not commit_replay(loader.ledger, ended, run, after):
        raise UsageError(f"Somebody else replayed the run {run.id} meanwhile. Look at what it has left.")
    _tell(job, ended)
    changes = {name: getattr(after, name) for name in ("status", "code", "reason", "counts", "items")}
    try:
        change_report(s3, artifacts, run.feed, run.id, {**changes, "errors": done.errors})
    except ServiceError as error:  # the ledger has the counts
        job.log.failure("report not written", outcome="failed", reason=str(error))
    return after


def _find_applied(claim: Claim, after: Run) -> Applied | None:
    """Give what to note of the object: a version that was refused, for nothing of it was loaded, may be loaded now."""
    applied = claim.state.applied
    assert applied is not None
    if applied.status == "done" or after.status != "done":
        return None
    return replace(applied, status="done")


def _fail(job: _Job, error: PenstockError) -> None:
    """Say of a replay why it came to nothing, so that it reaches who ordered it."""
    code = failure_code(error)
    ended_at = format_time(job.budget.clock())
    failed = replace(job.own, status="failed", code=code, reason=str(error), ended_at=ended_at)
    fail_replay(job.loader.ledger, failed)
    _tell(job, failed)


def _tell(job: _Job, own: Run) -> None:
    told = {"code": own.code, "counts": own.counts, "items": own.items}
    tell_end("replay", own, measure_replay(own), job.log, **told)
