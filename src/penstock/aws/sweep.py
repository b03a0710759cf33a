"""Look for what no event told of: everything that lies under the feed's prefix and is not applied in the ledger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from penstock.aws.connect import Client
from penstock.aws.explain import AwsError, explain_error
from penstock.aws.load import Budget, Loader, Outcome, load_key
from penstock.aws.log import Log
from penstock.errors import ServiceError


def sweep_prefix(loader: Loader, bucket: str, budget: Budget, log: Log) -> Counter[Outcome]:
    """Load what is not applied, in the order of the keys, for as long as there is time; the next sweep goes on.

    Gives how often each outcome came about. An object that fails does not keep the others from being loaded. Needs
    s3:ListBucket on the bucket. Raises :class:`~penstock.errors.ServiceError` where that fails.
    """
    outcomes: Counter[Outcome] = Counter()
    looked = 0
    for key, etag in _list_objects(loader.s3, bucket, loader.plan.prefix):
        if not loader.takes(key):
            continue
        if budget.left <= 0:
            log.warning(
                "sweep stopped for want of time", outcome="unfinished", looked=looked, outcomes=dict(outcomes)
            )
            return outcomes
        looked += 1
        try:
            # The listing has no version ids. The same ETag under another one is the same content.
            if not loader.ledger.read_state(bucket, key).settles(loader.plan_hash, etag=etag):
                outcomes[load_key(loader, bucket, key, budget, log)] += 1
        except ServiceError as error:
            log.failure("object not loaded", bucket=bucket, key=key, outcome="failed", reason=str(error))
            outcomes["failed"] += 1
    log.info("sweep finished", outcome="done", looked=looked, outcomes=dict(outcomes))
    return outcomes


def _list_objects(s3: Client, bucket: str, prefix: str) -> Iterator[tuple[str, str]]:
    try:
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for found in page.get("Contents", ()):
                yield found["Key"], found["ETag"].strip('"')
    except AwsError as error:
        raise explain_error(error, f"list s3://{bucket}/{prefix}", "s3:ListBucket") from error
