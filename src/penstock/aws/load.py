"""Load a key: claim it, look at it, run it, settle it. What an event said of it is no more than a reason to look."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Final, Literal

from penstock.aws.artifacts import S3RejectWriter
from penstock.aws.close import close_run
from penstock.aws.hand_over import (
    begin_folder,
    hand_over,
    has_workers,
    keep_checkpoint,
    note_progress,
    open_folder,
)
from penstock.aws.ledger import Applied, Claim
from penstock.aws.loader import FINISH_SECONDS, Budget, Deadline, Loader
from penstock.aws.log import Log
from penstock.aws.manifests import Keeping
from penstock.aws.objects import ObjectVersion, S3Source, find_current, is_of_feed
from penstock.aws.runs import Run, format_time, get_run, mark_interrupted, new_run_id, put_run
from penstock.aws.scratch import explain_full_disk, make_scratch
from penstock.aws.states import WORK, Effort, Work
from penstock.aws.stats import WriterStats
from penstock.errors import ServiceError
from penstock.load.chunk import never
from penstock.load.conclude import hold_writes
from penstock.load.protocols import ItemWriter
from penstock.load.report import Counts, ItemCounts, Report
from penstock.load.run import Checkpoint, Upkeep, run_object

Outcome = Literal[
    "loaded", "refused", "failed", "duplicate", "pending", "gone", "ignored", "unfinished", "handed over"
]
"""What became of a key.

``duplicate``: its current version was dealt with before. ``pending``: another worker is at work on it and will look
again. ``gone``: there is no object. ``ignored``: the key is not the feed's. ``unfinished``: there is a newer version, and
no time left for it; or the run failed, and a step of it may still be at work. ``handed over``: the state machine goes on with it.
"""

RETRIED: Final[frozenset[Outcome]] = frozenset({"failed", "unfinished"})
"""The outcomes after which whoever brought the event is to bring it again."""


def load_key(
    loader: Loader,
    bucket: str,
    key: str,
    budget: Budget,
    log: Log,
    after: str | None = None,
    *,
    brought: bool = True,
) -> Outcome:
    """Load the current version of a key, and again for as long as events come in meanwhile and there is time.

    ``after`` is the run that has kept the claim, because the key is to be looked at again. ``brought`` tells whether an event
    did, which comes again if this fails; where none does, the object is left due. Raises :class:`~penstock.errors.ServiceError` where S3 or the ledger fails before there is a run.
    """
    log = log.bind(bucket=bucket, key=key)
    if not is_of_feed(loader.plan, key):
        log.warning(
            "key is not of this feed", outcome="ignored", prefix=loader.plan.prefix, suffix=loader.plan.suffix
        )
        return "ignored"
    outcome, held = _load_once(loader, bucket, key, after, brought, budget, log)
    while held is not None:
        if budget.left < FINISH_SECONDS:
            loader.ledger.release(held, again=True)
            log.warning("no time for the newer version", outcome="unfinished")
            return "unfinished"
        outcome, held = _load_once(loader, bucket, key, held.run, brought, budget, log)
    return outcome


def _load_once(
    loader: Loader, bucket: str, key: str, after: str | None, brought: bool, budget: Budget, log: Log
) -> tuple[Outcome, Claim | None]:
    """Look at a key, and load what is there. Gives the claim where it is kept, for the key is to be looked at again.

    ``after`` is the run that kept it the last time.
    """
    if after is None and (outcome := _find_nothing(loader, bucket, key, budget, log)):
        return outcome, None
    run_id = new_run_id(budget.clock())
    claim = loader.ledger.claim(loader.plan.name, bucket, key, run_id, budget.claim_end, after)
    if claim is None:
        log.info("another worker has the key and will look again", outcome="pending")
        return "pending", None
    return _work(loader, claim, brought, budget, log.bind(run=run_id))


def _find_nothing(loader: Loader, bucket: str, key: str, budget: Budget, log: Log) -> Outcome | None:
    """Tell why nothing is to be done, if nothing is, without a claim: most events that come twice end here."""
    found = find_current(loader.s3, bucket, key)
    state = loader.ledger.read_state(bucket, key)
    if not state.is_idle(budget.clock()):
        return None
    if found is None:
        log.info("object is gone", outcome="gone")
        return "gone"
    if state.settles(loader.plan_hash, version=found.version):
        log.info("version is applied already", outcome="duplicate", version=found.version)
        return "duplicate"
    return None


def _work(
    loader: Loader, claim: Claim, brought: bool, budget: Budget, log: Log
) -> tuple[Outcome, Claim | None]:
    """Do what is to be done under a claim, and end it whatever happens; see :func:`_load_once`."""
    ended = False
    try:
        if claim.interrupted is not None:
            mark_interrupted(loader.ledger, claim.interrupted, format_time(budget.clock()))
            log.warning("took over from a worker that died", interrupted=claim.interrupted)
        outcome, applied, manifest = _load_current(loader, claim, budget, log)
        # Whether an end was written whose answer is lost, nobody knows: the claim is left to run out then.
        ended = outcome != "failed"
        if outcome in {"handed over", "unfinished"} or not ended:
            return outcome, None
        again = loader.ledger.settle(claim, applied, manifest)
    finally:
        if not ended:
            loader.ledger.release(claim, again=not brought)
            mark_interrupted(loader.ledger, claim.run, format_time(budget.clock()))
    return outcome, claim if again else None


def _load_current(
    loader: Loader, claim: Claim, budget: Budget, log: Log
) -> tuple[Outcome, Applied | None, str | None]:
    """Load what the key has now that nobody else can be at work on it. Gives the run's manifest too, if it is whole."""
    found = find_current(loader.s3, claim.bucket, claim.key)
    if found is None:
        log.info("object is gone", outcome="gone")
        return "gone", None, None
    if claim.state.settles(loader.plan_hash, version=found.version):
        log.info("version is applied already", outcome="duplicate", version=found.version)
        return "duplicate", None, None
    if (ended := _find_ended(loader, claim, found)) is not None:
        log.info(
            "version was loaded by a worker that died before it said so",
            outcome="duplicate",
            version=found.version,
        )
        return "duplicate", *ended
    log = log.bind(version=found.version)
    run = _run(loader, claim, found, budget, log)
    if run.status == "handed over":
        return "handed over", None, None
    if run.status == "failed":
        # An execution that was started and not heard of frees the object itself, when it finds that the run is over.
        writes = run.saved is not None and has_workers(loader, run, budget.clock())
        return "unfinished" if writes else "failed", None, None
    status: Literal["done", "rejected"] = "done" if run.status == "done" else "rejected"
    applied = Applied(found.version, found.etag, status, loader.plan_hash, run.id)
    return "loaded" if status == "done" else "refused", applied, run.manifest


def _find_ended(loader: Loader, claim: Claim, found: ObjectVersion) -> tuple[Applied, str | None] | None:
    """Find what a worker did of this version that died between its report and its note in the ledger.

    All of the version is written then and nothing since: to load it again would only count its records twice.
    """
    run = None if claim.interrupted is None else get_run(loader.ledger, claim.interrupted)
    if run is None or (run.version, run.plan) != (found.version, loader.plan_hash):
        return None
    if run.status not in {"done", "rejected"}:
        return None
    status: Literal["done", "rejected"] = "done" if run.status == "done" else "rejected"
    return Applied(found.version, found.etag, status, loader.plan_hash, run.id), run.manifest


def _run(loader: Loader, claim: Claim, found: ObjectVersion, budget: Budget, log: Log) -> Run:
    run = Run(
        id=claim.run,
        feed=loader.plan.name,
        bucket=found.bucket,
        key=found.key,
        version=found.version,
        started_at=format_time(budget.clock()),
        attempt=claim.attempt,
        request_id=str(log.bound.get("request_id", "")) or None,
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
        reached = _run_engine(loader, run, source, items, rejects, scratch, upkeep, budget)
        stats = items.stats
        if isinstance(reached, Checkpoint):
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
) -> Report | Checkpoint:
    deadline = Deadline(budget, math.inf)

    def watch(_name: str, _bytes: int) -> None:
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
