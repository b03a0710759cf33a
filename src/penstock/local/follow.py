"""Put a file into a feed, and follow its run to the end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

from botocore.exceptions import ClientError

from penstock.aws.artifacts import read_rejects
from penstock.aws.objects import name_version
from penstock.aws.runs import Run, get_run, list_runs
from penstock.engine.result import Reject
from penstock.errors import ServiceError, UsageError
from penstock.local.project import LocalFeed, Running, find_running
from penstock.local.server import log_tail, require_running
from penstock.stack.connect import explained
from penstock.stack.state import require_deployed

OnRun = Callable[[Run], None]

POLL_SECONDS: Final = 0.1
PATIENCE_SECONDS: Final = 60.0
"""How long to wait for a run to begin; on the embedded AWS that takes about a second."""


@dataclass(frozen=True, slots=True)
class Landed:
    """A version of an object in the landing bucket."""

    feed: LocalFeed
    bucket: str
    key: str
    version: str
    bytes: int


def put(folder: Path, file: Path, feed: str | None = None, on_run: OnRun = lambda _run: None) -> Run:
    """Drop a file into the running project, and follow its run to its end.

    ``feed`` is a feed's name or its prefix; without it, the file's own name decides (:func:`choose_feed`). ``on_run``
    is told of the run as it begins. Raises :class:`UsageError` where the project does not run, the file is not there,
    no feed takes it or the feed is not deployed, and :class:`ServiceError` where no run begins.
    """
    running = find_running(folder)
    chosen = choose_feed(running.feeds, file, feed)
    require_deployed(running.connection, running.names, chosen.name)
    landed = drop(running, chosen, file)
    return follow_run(running, landed, on_run)


def choose_feed(feeds: tuple[LocalFeed, ...], file: Path, named: str | None = None) -> LocalFeed:
    """Choose the feed that takes a file: the named one, or the only one whose suffix the file has; of several, the
    one whose name the file's begins with.

    Raises :class:`UsageError` where that is none or not clear.
    """
    choices = ", ".join(f"{feed.name} ({feed.prefix}*{feed.suffix})" for feed in feeds)
    if named is not None:
        wanted = [feed for feed in feeds if named in (feed.name, feed.prefix, feed.prefix.rstrip("/"))]
        if not wanted:
            raise UsageError(f"There is no feed {named!r}. There are: {choices}.")
        if not file.name.endswith(wanted[0].suffix):
            raise UsageError(
                f"The feed {wanted[0].name} takes files that end in {wanted[0].suffix}: {file.name} does not."
            )
        return wanted[0]
    fitting = [feed for feed in feeds if file.name.endswith(feed.suffix)]
    called = [feed for feed in fitting if file.name.startswith(feed.name)]
    if len(fitting) == 1:
        return fitting[0]
    if not called:
        raise UsageError(f"Which feed is {file.name} for? Name one with --feed. There are: {choices}.")
    return max(called, key=lambda feed: len(feed.name))


def drop(running: Running, feed: LocalFeed, file: Path) -> Landed:
    """Upload a file to a feed's prefix, under its own name. Raises :class:`UsageError` where it can't be read."""
    key = f"{feed.prefix}{file.name}"
    bucket = running.names.landing_bucket
    try:
        with file.open("rb") as body, explained(f"upload {file} to s3://{bucket}/{key}"):
            answer = running.connection.client("s3").put_object(Bucket=bucket, Key=key, Body=body)
        size = file.stat().st_size
    except OSError as error:
        raise UsageError(f"{file} can't be read: {error.strerror or error}.") from error
    return Landed(feed, bucket, key, name_version(answer.get("VersionId"), answer["ETag"]), size)


def follow_run(
    running: Running,
    landed: Landed,
    on_run: OnRun = lambda _run: None,
    patience: float = PATIENCE_SECONDS,
) -> Run:
    """Wait for the run of an object version, and for its end; give the run as it ended.

    Raises :class:`ServiceError`, with the ends of the function's and the server's logs, where none begins within ``patience`` seconds,
    and where the server stops.
    """
    begun = time.monotonic()
    seen: Run | None = None
    while True:
        run = _find(running, landed) if seen is None else get_run(running.ledger, seen.id)
        if run is not None and (seen is None or run.status != seen.status):
            on_run(run)
        if run is not None and run.ended:
            return run
        seen = run
        if seen is None and time.monotonic() - begun > patience:
            raise ServiceError(_explain_silence(running, landed, patience))
        if time.monotonic() - begun > 5:
            require_running(running.server)
        time.sleep(POLL_SECONDS)


def _find(running: Running, landed: Landed) -> Run | None:
    for run in list_runs(running.ledger, landed.feed.name, limit=20):
        if (run.bucket, run.key, run.version) == (landed.bucket, landed.key, landed.version):
            return run
    return None


def _explain_silence(running: Running, landed: Landed, patience: float) -> str:
    said = "\n".join(f"  {line}" for line in read_function_log(running, landed.feed.name)) or "  (nothing)"
    return (
        f"No run began within {patience:.0f} seconds for s3://{landed.bucket}/{landed.key}. "
        f"The end of the log of the feed's function:\n{said}\n"
        f"The end of the log of the embedded AWS ({running.server.log}):\n{log_tail(running.server, 4)}"
    )


def read_function_log(running: Running, feed: str, lines: int = 20) -> list[str]:
    """Give the last lines that a feed's function logged; none where it never ran."""
    with suppress(ClientError):
        found = running.connection.client("logs").filter_log_events(
            logGroupName=running.names.feed(feed).log_group
        )
        return [line for event in found["events"] for line in event["message"].splitlines()][-lines:]
    return []


def first_rejects(running: Running, run: Run, count: int) -> tuple[Reject, ...]:
    """Give the first rejects of a run, in file order."""
    return tuple(islice(_rejects(running, run), count))


def _rejects(running: Running, run: Run) -> Iterator[Reject]:
    s3, artifacts = running.connection.client("s3"), running.names.artifacts_bucket
    return read_rejects(s3, artifacts, run.feed, run.id, run.parts)
