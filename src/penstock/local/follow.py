"""Put a file into a feed, and follow its run to the end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

from penstock.aws.artifacts import read_rejects
from penstock.aws.connect import Client
from penstock.aws.explain import AwsError
from penstock.aws.ledger import Ledger
from penstock.aws.list_runs import list_runs
from penstock.aws.objects import name_version
from penstock.aws.runs import Run, get_run
from penstock.engine.result import Reject
from penstock.errors import ServiceError, UsageError
from penstock.local.install import Progress, be_quiet
from penstock.local.project import LocalFeed, Running, find_running
from penstock.local.server import require_running
from penstock.stack.connect import explained
from penstock.stack.state import require_deployed
from penstock.watch.logs import LogLine, Tail

OnRun = Callable[[Run], None]

POLL_SECONDS: Final = 0.1
PATIENCE_SECONDS: Final = 60.0
"""How long to wait for a run to begin; on the embedded AWS that takes about a second."""
_SHOWN_LINES: Final = 20


@dataclass(frozen=True, slots=True)
class Landed:
    """A version of an object in the landing bucket. ``at`` is a moment before it came, in seconds of the epoch."""

    feed: LocalFeed
    bucket: str
    key: str
    version: str
    bytes: int
    at: float = 0.0


def put(
    folder: Path,
    file: Path,
    feed: str | None = None,
    on_run: OnRun = lambda _run: None,
    notice: Progress = be_quiet,
) -> Run:
    """Drop a file into the running project, and follow its run to its end.

    ``feed`` is a feed's name or its prefix; without it, the file's own name decides (:func:`choose_feed`). ``on_run``
    is told of the run as it begins, ``notice`` where it is that of a newer version. Raises :class:`UsageError` where the project does not run, the file is not there,
    no feed takes it or the feed is not deployed, and :class:`ServiceError` where no run begins.
    """
    running = find_running(folder)
    chosen = choose_feed(running.feeds, file, feed)
    require_deployed(running.connection, running.names, chosen.name)
    landed = drop(running, chosen, file)
    return follow_run(running, landed, on_run, notice=notice)


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
    bucket, at = running.names.landing_bucket, time.time()
    try:
        with file.open("rb") as body, explained(f"upload {file} to s3://{bucket}/{key}"):
            answer = running.connection.client("s3").put_object(Bucket=bucket, Key=key, Body=body)
        size = file.stat().st_size
    except OSError as error:
        raise UsageError(f"{file} can't be read: {error.strerror or error}.") from error
    return Landed(feed, bucket, key, name_version(answer.get("VersionId"), answer["ETag"]), size, at)


def follow_run(
    running: Running,
    landed: Landed,
    on_run: OnRun = lambda _run: None,
    patience: float = PATIENCE_SECONDS,
    notice: Progress = be_quiet,
) -> Run:
    """Wait for the run of an object version, and for its end; give the run as it ended.

    Where a newer version takes its place, that is said, and its run followed (:func:`find_run`).
    Raises :class:`ServiceError`, with what the function wrote of it, where none begins within ``patience`` seconds,
    and where the server stops.
    """
    begun, s3 = time.monotonic(), running.connection.client("s3")
    seen: Run | None = None
    while True:
        run = find_run(running.ledger, s3, landed) if seen is None else get_run(running.ledger, seen.id)
        if run is not None and seen is None and run.version != landed.version:
            notice(describe_newer(landed, run))
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


def find_run(ledger: Ledger, s3: Client, landed: Landed) -> Run | None:
    """Find the run of an object version, or, where a newer one has taken the version's place, the run of that; None where
    there is neither yet.

    A worker loads what is there when it looks: a version that is replaced before that never has a run.
    """
    of_key = [
        run
        for run in list_runs(ledger, landed.feed.name, limit=20)
        if (run.bucket, run.key) == (landed.bucket, landed.key)
    ]
    own = next((run for run in of_key if run.version == landed.version), None)
    if own is None and of_key and of_key[0].version == _current_version(s3, landed):
        return of_key[0]
    return own


def _current_version(s3: Client, landed: Landed) -> str | None:
    with suppress(*AwsError):  # who may put a file need not be allowed to read it
        found = s3.head_object(Bucket=landed.bucket, Key=landed.key)
        return name_version(found.get("VersionId"), found["ETag"])
    return None


def describe_newer(landed: Landed, run: Run) -> str:
    """Say that a run is about a newer version than the one that landed."""
    return f"A newer version of {landed.key} has taken the place of this one; the run {run.id} is about that."


def _explain_silence(running: Running, landed: Landed, patience: float) -> str:
    said = "\n".join(f"  {line}" for line in _read_function_log(running, landed)) or "  (nothing)"
    return (
        f"No run began within {patience:.0f} seconds for s3://{landed.bucket}/{landed.key}. "
        f"What the feed's function wrote of it (penstock logs --feed {landed.feed.name} shows more):\n{said}\n"
        f"The log of the embedded AWS is {running.server.log}."
    )


def _read_function_log(running: Running, landed: Landed) -> list[str]:
    with suppress(ServiceError):
        group = running.names.feed(landed.feed.name).log_group
        tail = Tail(running.connection.client("logs"), [group], int(landed.at * 1000))
        return describe_lines(tail.read(), landed.key)[-_SHOWN_LINES:]
    return []


def describe_lines(lines: Iterable[LogLine], key: str) -> list[str]:
    """Write the lines that are about a key, or about no other, for people: without metrics and without Lambda's own."""
    return [
        _describe_line(line)
        for line in lines
        if not line.is_platform and (line.facts is None or line.facts.get("key", key) == key)
    ]


def _describe_line(line: LogLine) -> str:
    if line.facts is None or "event" not in line.facts:
        return line.text
    found = (line.facts.get(name) for name in ("time", "level", "event", "outcome", "code", "reason"))
    return " ".join(str(fact) for fact in found if fact is not None)


def first_rejects(running: Running, run: Run, count: int) -> tuple[Reject, ...]:
    """Give the first rejects of a run, in file order."""
    return tuple(islice(_rejects(running, run), count))


def _rejects(running: Running, run: Run) -> Iterator[Reject]:
    s3, artifacts = running.connection.client("s3"), running.names.artifacts_bucket
    return read_rejects(s3, artifacts, run.feed, run.id, run.parts)
