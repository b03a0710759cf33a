"""Runs in the ledger: found by their id, and followed in AWS."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from penstock.aws.objects import name_version
from penstock.aws.runs import Run, get_run
from penstock.cli.output import tell
from penstock.cli.place import Place
from penstock.errors import ServiceError, UsageError
from penstock.local.follow import Landed, choose_feed, describe_newer, find_run
from penstock.local.project import LocalFeed
from penstock.stack.connect import explained
from penstock.stack.state import require_deployed

POLL_SECONDS: Final = 2.0
LOCAL_POLL_SECONDS: Final = 0.1
PATIENCE_SECONDS: Final = 300.0
"""How long to wait for a run to begin. S3's events usually take seconds, and can take more than a minute."""


def require_run(place: Place, run_id: str) -> Run:
    """Give a run by its id. Raises :class:`UsageError` where there is none."""
    run = get_run(place.ledger, run_id)
    if run is None:
        raise UsageError(f"There is no run {run_id} in the ledger. `penstock runs` lists them.")
    return run


def put_in_aws(place: Place, file: Path, named: str | None, on_begun: Callable[[Run], None]) -> Run:
    """Drop a file into the landing bucket in AWS, and follow its run to the end."""
    feeds = tuple(
        LocalFeed(contract.name, contract.source.prefix, contract.source.suffix, contract.load.table)
        for contract in place.project.feeds
    )
    feed = choose_feed(feeds, file, named)
    require_deployed(place.connection, place.names, feed.name)
    bucket, key = place.names.landing_bucket, f"{feed.prefix}{file.name}"
    try:
        with file.open("rb") as body, explained(f"upload {file} to s3://{bucket}/{key}"):
            put = place.client("s3").put_object(Bucket=bucket, Key=key, Body=body)
        size = file.stat().st_size
    except OSError as error:
        raise UsageError(f"{file.as_posix()} can't be read: {error.strerror}.") from error
    tell(f"Uploaded to s3://{bucket}/{key}")
    landed = Landed(feed, bucket, key, name_version(put.get("VersionId"), put["ETag"]), size)
    run = _await_run(place, landed)
    if run.version != landed.version:
        tell(describe_newer(landed, run))
    on_begun(run)
    while not run.ended:
        time.sleep(POLL_SECONDS)
        run = require_run(place, run.id)
    return run


def follow_replay(place: Place, feed: str, replay: str) -> Run:
    """Follow a replay that was ordered to its end, and give its run. Raises :class:`ServiceError` where it does not begin."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (run := get_run(place.ledger, replay)) is None or not run.ended:
        if run is None and time.monotonic() > deadline:
            raise ServiceError(
                f"The replay did not begin within {PATIENCE_SECONDS:.0f} seconds. It is in the queue, and `penstock runs` will show "
                f"it. If it does not, look at the log group {place.names.feed(feed).log_group}."
            )
        time.sleep(POLL_SECONDS if place.running is None else LOCAL_POLL_SECONDS)
    return run


def _await_run(place: Place, landed: Landed) -> Run:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        run = find_run(place.ledger, place.client("s3"), landed)
        if run is not None:
            return run
        time.sleep(POLL_SECONDS)
    raise ServiceError(
        f"No run began within {PATIENCE_SECONDS:.0f} seconds. The file is in the bucket and will be loaded; `penstock runs` "
        f"will show it. If it does not, look at the log group {place.names.feed(landed.feed.name).log_group}."
    )
