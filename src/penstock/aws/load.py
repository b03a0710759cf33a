"""Load a key: claim it, look at it, run it, settle it. What an event said of it is no more than a reason to look."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

from penstock.aws.close import end_interrupted
from penstock.aws.gather import Gathered, forget_older, gather, note_applied
from penstock.aws.large.hand_over import has_workers
from penstock.aws.load_version import load_version
from penstock.aws.loader import FINISH_SECONDS, Budget, Loader
from penstock.aws.log import Log
from penstock.aws.object_state import Applied, Claim
from penstock.aws.objects import ObjectVersion, find_current, is_gathered, is_of_feed, is_of_run
from penstock.aws.runs import Run, format_time, get_run, new_run_id
from penstock.aws.scratch import make_scratch

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
    # What is bound may be of the run before, whose end this is a part of.
    log = log.bind(bucket=bucket, key=key, **dict.fromkeys(("run", "replays", "version", "attempt")))
    if is_gathered(loader.plan) and is_of_feed(loader.plan, key):
        log.info("file is loaded with the others, by the feed's schedule", outcome="ignored")
        return "ignored"
    if not is_of_run(loader.plan, key):
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
    # What a prefix holds takes a list to tell: that is made once, under the claim.
    if (
        after is None
        and not is_gathered(loader.plan)
        and (outcome := _find_nothing(loader, bucket, key, budget, log))
    ):
        return outcome, None
    run_id = new_run_id(budget.clock())
    claim = loader.ledger.claim(loader.plan.name, bucket, key, run_id, budget.claim_end, after)
    if claim is None:
        log.info("another worker has the key and will look again", outcome="pending")
        return "pending", None
    log = log.bind(run=run_id)
    log.debug("claimed", attempt=claim.attempt, claimed_until=format_time(claim.expires_at))
    return _work(loader, claim, brought, budget, log)


def _find_nothing(loader: Loader, bucket: str, key: str, budget: Budget, log: Log) -> Outcome | None:
    """Tell why nothing is to be done, if nothing is, without a claim: most events that come twice end here."""
    found = find_current(loader.s3, bucket, key)
    state = loader.ledger.read_state(bucket, key)
    log.debug(
        "object looked up",
        version=None if found is None else found.version,
        applied=None if state.applied is None else state.applied.version,
        attempts=state.attempts,
        claimed_by=state.claim_run,
        claimed_until=None if state.claim_run is None else format_time(state.claim_expires_at),
        pending=state.pending,
    )
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
            end_interrupted(loader.ledger, claim.interrupted, log)
            log.warning("took over from a worker that died", interrupted=claim.interrupted)
        outcome, applied, manifest = _load_current(loader, claim, budget, log)
        # Whether an end was written whose answer is lost, nobody knows: the claim is left to run out then.
        ended = outcome != "failed"
        if outcome in {"handed over", "unfinished"} or not ended:
            return outcome, None
        again = loader.ledger.settle(claim, applied, manifest)
        log.debug("claim settled", again=again)
        if applied is not None:
            forget_older(loader, applied)
    finally:
        if not ended:
            loader.ledger.release(claim, again=not brought)
            end_interrupted(loader.ledger, claim.run, log)
    return outcome, claim if again else None


def _load_current(
    loader: Loader, claim: Claim, budget: Budget, log: Log
) -> tuple[Outcome, Applied | None, str | None]:
    """Load what the key has now that nobody else can be at work on it. Gives the run's manifest too, if it is whole."""
    if not is_gathered(loader.plan):
        found = find_current(loader.s3, claim.bucket, claim.key)
        if found is None:
            log.info("object is gone", outcome="gone")
            return "gone", None, None
        return _load_found(loader, claim, found, None, budget, log)
    if (run := _get_ended(loader, claim)) is not None:
        # Noted by itself, so that none of its objects is in another run; then what came since is looked for.
        log.info("objects were loaded by a worker that died before it said so", outcome="duplicate")
        loader.ledger.mark_pending(claim.bucket, claim.key)
        return "duplicate", note_applied(loader, run, run.version, claim.state.applied), run.manifest
    with make_scratch() as scratch:
        gathered = gather(loader, claim.bucket, claim.state.applied, Path(scratch), budget, log)
        if gathered is None:
            log.info("there are no objects to load", outcome="gone")
            return "gone", None, None
        return _load_found(loader, claim, gathered.found, gathered, budget, log)


def _load_found(
    loader: Loader, claim: Claim, found: ObjectVersion, gathered: Gathered | None, budget: Budget, log: Log
) -> tuple[Outcome, Applied | None, str | None]:
    """Load a version, unless it is dealt with already."""
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
    run = load_version(loader, claim, found, budget, log, gathered)
    if run.status == "handed over":
        return "handed over", None, None
    if run.status == "failed":
        # An execution that was started and not heard of frees the object itself, when it finds that the run is over.
        writes = run.saved is not None and has_workers(loader, run, budget.clock())
        return "unfinished" if writes else "failed", None, None
    applied = note_applied(loader, run, found.etag, claim.state.applied)
    return "loaded" if applied.status == "done" else "refused", applied, run.manifest


def _find_ended(loader: Loader, claim: Claim, found: ObjectVersion) -> tuple[Applied, str | None] | None:
    """Find what a worker did of this version that died between its report and its note in the ledger.

    All of the version is written then and nothing since: to load it again would only count its records twice.
    """
    run = _get_ended(loader, claim)
    if run is None or run.version != found.version:
        return None
    return note_applied(loader, run, found.etag, claim.state.applied), run.manifest


def _get_ended(loader: Loader, claim: Claim) -> Run | None:
    """Give the run of the worker that died, if it had come to its end by this plan."""
    run = None if claim.interrupted is None else get_run(loader.ledger, claim.interrupted)
    ended = run is not None and run.plan == loader.plan_hash and run.status in {"done", "rejected"}
    return run if ended else None
