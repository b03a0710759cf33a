"""Make up for what was lost: events that did not come, loads that failed, claims whose workers died.

A sweep loads nothing. It compares the objects of a feed with the ledger, and tells the loader of those that need it, as S3
would have. What it reads may be a moment old and a hint may be one too many: the loader looks for itself. So sweeps can meet
one another and any event, and can die anywhere. It holds no more than a page of a thousand objects.

What fails again and again is not left alone, but comes up less often: see :func:`_has_turn` and :func:`_has_waited`.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import islice
from typing import Any, Literal

from penstock.aws.connect import REQUEST_SECONDS, Client
from penstock.aws.explain import AwsError, explain_error
from penstock.aws.hint import Hints, Named
from penstock.aws.ledger import Ledger
from penstock.aws.log import Log
from penstock.aws.object_state import Applied, State
from penstock.aws.objects import is_gathered, is_of_feed, is_of_run
from penstock.aws.runs import format_time
from penstock.aws.sweep.look_up import MOST, READ_UNITS, look_up
from penstock.aws.sweep.rounds import Round, finish_round, keep_round, release_round, take_round
from penstock.aws.sweep.tally import Tally
from penstock.plan.model import Plan

STOP_SECONDS = 60.0
"""What is kept back of an invocation's time: a hundred objects, each of whose requests is slow and is sent again."""

_KEPT_EVERY = 10
"""After how many slices of a hundred objects it is noted how far a round has come."""

NAMED = 20
"""How many of the objects that were queued are named."""

_TRIES = 5
"""How many attempts a message has: the queue's ``maxReceiveCount``."""
_RAREST = 3
_PATIENCE_SECONDS = 300.0
_MOST_PATIENCE_SECONDS = 86_400.0

EVERYTHING = 0
"""The number of a round in which everything has its turn: any that is swept by hand."""

Listed = Sequence[dict[str, Any]]
"""Objects as S3 lists them."""

Finding = Literal["applied", "under_way", "put_off", "queued"]


@dataclass(frozen=True, slots=True)
class Slice:
    """A hundred objects or fewer: the last key, what they came to, and those of them that were queued."""

    last: str
    tally: Tally
    queued: tuple[str, ...] = ()


@dataclass(frozen=True)
class Sweeper:
    """What sweeping a feed takes. ``hints`` is None where nothing is to be queued. ``memory_mb`` is the function's, if it is one.

    ``silent_after`` is for how many seconds the feed may be silent; None where nobody said.
    ``each`` is how the slices of a page are worked on: one after the other, or several at once by a pool's ``map``. With
    ``again`` what is applied is forgotten and queued like the rest.
    """

    plan: Plan
    plan_hash: str
    bucket: str
    s3: Client
    ledger: Ledger
    hints: Hints | None
    memory_mb: int = 0
    silent_after: float | None = None
    each: Callable[[Callable[[Listed], Slice], Iterable[Listed]], Iterable[Slice]] = map
    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = random.random
    again: bool = False


def compare(sweeper: Sweeper, prefix: str, after: str = "", number: int = EVERYTHING) -> Iterator[Slice]:
    """Compare the objects under a prefix and after a key with the ledger, and queue what needs it, slice by slice.

    ``number`` is the round's. Needs s3:ListBucket, dynamodb:BatchGetItem, and to send hints. Raises
    :class:`~penstock.errors.ServiceError`.

    Where a run is over many objects the loader gathers them, and is told of the feed's prefix alone.
    """
    if is_gathered(sweeper.plan):
        if after != sweeper.plan.prefix:
            yield _call_for_run(sweeper, number)
        return
    for page in _list_pages(sweeper, prefix, after):
        asked = Tally(lists=1)
        if not page:
            yield Slice(after, asked)
        slices = [page[start : start + MOST] for start in range(0, len(page), MOST)]
        for part in sweeper.each(lambda listed: _compare_slice(sweeper, listed, number), slices):
            yield replace(part, tally=part.tally + asked)
            asked = Tally()


def queue_died(sweeper: Sweeper) -> Slice:
    """Queue the objects whose claims ran out because their workers died, and those with an event that nobody took up.

    The first of them are named. What was the feed's under an earlier contract is left alone: its loader would ignore it, and
    the sweep's role can't look it up. Needs dynamodb:Query on the ledger's index ``by_due``.
    """
    now = sweeper.ledger.clock()
    due = (
        (bucket, key)
        for bucket, key in sweeper.ledger.list_due(sweeper.plan.name, now)
        if bucket == sweeper.bucket and is_of_run(sweeper.plan, key)
    )
    tally, first = Tally(read_units=READ_UNITS), list[str]()
    while named := list(dict.fromkeys(islice(due, MOST))):  # one that moves within the index can be met twice
        # The index is a moment behind the table, and does not say how often an object was tried.
        states = _look_up(sweeper, named)
        died = [one for one, state in zip(named, states, strict=True) if _has_waited(state, now)]
        tally += Tally(died=len(died), read_units=READ_UNITS * len(named)) + _send(sweeper, died)
        first += [key for _, key in died[: NAMED - len(first)]]
    return Slice("", tally, tuple(first))


def sweep_round(sweeper: Sweeper, worker: str, end: float, log: Log, *, begin: bool) -> Round | None:
    """Go on with the feed's round for as long as there is time, or ``begin`` one; the next call goes on.

    Gives the round as it was left, and None where there is none to work on. ``worker`` is a name that nobody else has,
    ``end`` when this one is cut off.
    """
    ledger, until = sweeper.ledger, end + REQUEST_SECONDS
    held = take_round(ledger, sweeper.plan.name, worker, until, begin=begin)
    if held is None:
        return None
    begun, finished = ledger.clock(), False
    try:
        for count, part in enumerate(compare(sweeper, sweeper.plan.prefix, held.reached, held.number), 1):
            held = replace(held, reached=part.last, tally=held.tally + part.tally)
            log.debug("objects compared", reached=part.last, keys=list(part.queued[:NAMED]))
            if ledger.clock() > end - STOP_SECONDS:
                held = _add(held, _spent(sweeper, begun))
                keep_round(ledger, held, until)
                log.info("sweep goes on later", outcome="unfinished", **tell_tally(held.tally))
                return held
            if count % _KEPT_EVERY == 0:
                held = _add(held, Tally(write_units=1))
                if not keep_round(ledger, held, until):
                    log.warning("another worker goes on with this sweep", outcome="unfinished")
                    return held
        held = _add(held, _spent(sweeper, begun))
        finish_round(ledger, held, format_time(ledger.clock()))
        finished = True
        log.info("sweep finished", outcome="done", round=held.number, **tell_tally(held.tally))
        return held
    finally:
        if not finished:
            release_round(ledger, held)


def tell_tally(tally: Tally) -> dict[str, int | float]:
    """Give what a tally says, for the log and for programs."""
    counts = {name: value for name, value in asdict(tally).items() if name not in _BEHIND_DOLLARS}
    return {**counts, "seconds": round(tally.seconds, 3), "dollars": round(tally.dollars, 9)}


_BEHIND_DOLLARS = {"request_dollars", "gb_seconds", "calls"}


def _add(held: Round, tally: Tally) -> Round:
    return replace(held, tally=held.tally + tally)


def _spent(sweeper: Sweeper, begun: float) -> Tally:
    """What an invocation takes besides: its own time, and the read and the writes with which it takes and leaves the round."""
    seconds = sweeper.ledger.clock() - begun
    gigabytes = sweeper.memory_mb / 1024
    return Tally(
        read_units=1,
        write_units=3,
        seconds=seconds,
        gb_seconds=seconds * gigabytes,
        calls=1 if sweeper.memory_mb else 0,
    )


def _list_pages(sweeper: Sweeper, prefix: str, after: str) -> Iterator[list[dict[str, Any]]]:
    where = {"Bucket": sweeper.bucket, "Prefix": prefix, **({"StartAfter": after} if after else {})}
    try:
        for page in sweeper.s3.get_paginator("list_objects_v2").paginate(**where):
            yield page.get("Contents", [])
    except AwsError as error:
        raise explain_error(error, f"list s3://{sweeper.bucket}/{prefix}", "s3:ListBucket") from error


def _compare_slice(sweeper: Sweeper, listed: Listed, number: int) -> Slice:
    found = {each["Key"]: each["ETag"].strip('"') for each in listed if is_of_feed(sweeper.plan, each["Key"])}
    named = [(sweeper.bucket, key) for key in found]
    states = _look_up(sweeper, named) if named else []
    now = sweeper.ledger.clock()
    findings = {
        key: _judge(state, found[key], sweeper.plan_hash, now, number)
        for (_, key), state in zip(named, states, strict=True)
    }
    if sweeper.again:
        findings = {key: _forget(sweeper, key, finding) for key, finding in findings.items()}
    counts: Counter[str] = Counter(findings.values())
    queued = tuple(key for key, finding in findings.items() if finding == "queued")
    sent = _send(sweeper, [(sweeper.bucket, key) for key in queued])
    tally = Tally(looked=len(found), read_units=READ_UNITS * len(found), **counts)
    return Slice(listed[-1]["Key"], tally + sent, queued)


def _call_for_run(sweeper: Sweeper, number: int) -> Slice:
    """Have the feed's objects gathered and loaded. Where a run is under way, its worker looks again when that has ended."""
    named = (sweeper.bucket, sweeper.plan.prefix)
    (state,) = _look_up(sweeper, [named])
    finding: Finding = "queued" if _has_turn(state.attempts, number) else "put_off"
    if sweeper.again and state.applied is not None:
        finding = _begin_anew(sweeper, state.applied)
    queued = [named] if finding == "queued" else []
    tally = Tally(looked=1, read_units=READ_UNITS, **{finding: 1})
    return Slice(sweeper.plan.prefix, tally + _send(sweeper, queued), tuple(key for _, key in queued))


def _begin_anew(sweeper: Sweeper, applied: Applied) -> Finding:
    """Have all that was loaded taken for new; but after a run that was refused its objects alone, which are tried once more."""
    key = sweeper.plan.prefix
    if applied.status == "done" or applied.taken is None:
        return _forget(sweeper, key, "applied")
    looking, feed = sweeper.hints is None, sweeper.plan.name
    again = looking or sweeper.ledger.approve(feed, sweeper.bucket, key, applied.run, applied.version)
    return "queued" if again else "under_way"


def _forget(sweeper: Sweeper, key: str, finding: Finding) -> Finding:
    """Have an object that is applied loaded again; one that somebody is at work on since is left to them."""
    if finding != "applied":
        return finding
    looking = sweeper.hints is None
    forgotten = looking or sweeper.ledger.forget(sweeper.plan.name, sweeper.bucket, key)
    return "queued" if forgotten else "under_way"


def _look_up(sweeper: Sweeper, named: Sequence[Named]) -> list[State]:
    return look_up(sweeper.ledger, named, sweeper.sleep, sweeper.jitter)


def _send(sweeper: Sweeper, queued: Sequence[Named]) -> Tally:
    if sweeper.hints is None or not queued:
        return Tally()
    requests = sweeper.hints.send(queued)
    return Tally(requests=requests, request_dollars=requests * sweeper.hints.request_dollars)


def _judge(state: State, etag: str, plan: str, now: float, number: int) -> Finding:
    # The listing has no version ids. The same ETag under another one is the same content.
    if state.settles(plan, etag=etag):
        return "applied"
    if state.claim_run is not None and state.claim_expires_at > now:
        return "under_way"
    return "queued" if _has_turn(state.attempts, number) else "put_off"


def _has_turn(attempts: int, number: int) -> bool:
    """Tell whether a round queues an object after so many attempts: every five halve how often it is due.

    Five are what one message has before it is a dead letter. Were it queued anew by every round, an hourly schedule would
    make two dozen dead letters of it a day. So it is every round at first, then every second, fourth, and eighth, and
    by hand at once.
    """
    return number % (1 << min(attempts // _TRIES, _RAREST)) == 0


def _has_waited(state: State, now: float) -> bool:
    """Tell whether the claim of a dead worker is due, or nobody has a claim at all.

    What takes down every worker that touches it would otherwise be tried for ever, every few minutes: past five attempts
    each doubles how long it is left alone, from five minutes to a day.
    """
    if state.claim_run is None:
        return state.pending
    more = state.attempts - _TRIES
    patience = 0.0 if more < 0 else min(_MOST_PATIENCE_SECONDS, _PATIENCE_SECONDS * 2.0 ** min(more, 20))
    return now >= state.claim_expires_at + patience
