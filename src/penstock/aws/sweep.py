"""Look for what no event told of: everything that lies under the feed's prefix and is not applied in the ledger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from penstock.aws.connect import Client
from penstock.aws.explain import AwsError, explain_error
from penstock.aws.load import Outcome, load_key
from penstock.aws.loader import FINISH_SECONDS, Budget, Loader
from penstock.aws.log import Log
from penstock.errors import ServiceError

_PUT_OFF = 10_000
"""How many keys that were tried before are kept for the end of a sweep: a few megabytes at most."""


def sweep_prefix(loader: Loader, bucket: str, budget: Budget, log: Log) -> Counter[Outcome]:
    """Load what is not applied for as long as there is time; the next sweep goes on.

    What was never tried comes first, in the order of the keys, then what was, the least tried first: so an object that
    takes all the time there is, or the function down with it, keeps no other from being loaded; nor does one that fails.
    Gives how often each outcome came about. Needs s3:ListBucket on the bucket. Raises
    :class:`~penstock.errors.ServiceError` where that fails.
    """
    outcomes: Counter[Outcome] = Counter()
    looked = 0
    for key in _find_work(loader, bucket, outcomes, log):
        if budget.left < FINISH_SECONDS:  # a run begun now would only be cut short
            log.warning(
                "sweep stopped for want of time", outcome="unfinished", looked=looked, outcomes=dict(outcomes)
            )
            return outcomes
        looked += 1
        if key is not None:
            try:
                outcomes[load_key(loader, bucket, key, budget, log)] += 1
            except ServiceError as error:
                _note_failure(outcomes, log, bucket, key, error)
    log.info("sweep finished", outcome="done", looked=looked, outcomes=dict(outcomes))
    return outcomes


def _find_work(loader: Loader, bucket: str, outcomes: Counter[Outcome], log: Log) -> Iterator[str | None]:
    """Give the keys to load, and None for each that needs nothing."""
    tried: list[tuple[int, str]] = []
    for key, etag in _list_objects(loader.s3, bucket, loader.plan.prefix):
        if not loader.takes(key):
            continue
        try:
            state = loader.ledger.read_state(bucket, key)
        except ServiceError as error:
            _note_failure(outcomes, log, bucket, key, error)
            continue
        # The listing has no version ids. The same ETag under another one is the same content.
        if state.settles(loader.plan_hash, etag=etag):
            yield None
        elif state.attempts and len(tried) < _PUT_OFF:
            tried.append((state.attempts, key))
        else:
            yield key
    for _, key in sorted(tried):
        yield key


def _note_failure(outcomes: Counter[Outcome], log: Log, bucket: str, key: str, error: ServiceError) -> None:
    log.failure("object not loaded", bucket=bucket, key=key, outcome="failed", reason=str(error))
    outcomes["failed"] += 1


def _list_objects(s3: Client, bucket: str, prefix: str) -> Iterator[tuple[str, str]]:
    try:
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for found in page.get("Contents", ()):
                yield found["Key"], found["ETag"].strip('"')
    except AwsError as error:
        raise explain_error(error, f"list s3://{bucket}/{prefix}", "s3:ListBucket") from error
