"""The state of each feed of a deployed project: read from its ledger, its queues and its alarms, changing nothing.

A feed costs one query of the ledger, and one or two more where many runs came within a day, one of its index ``by_due``, and
four requests to SQS; the alarms cost a request for each hundred of them. What may not be read is left out, and said among the
findings with the permission that it takes.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any, Final, TypeVar

from penstock.aws.explain import NotDeployedError
from penstock.aws.ledger import Ledger
from penstock.aws.list_runs import list_runs
from penstock.aws.runs import Run, format_time, read_time
from penstock.contract.model import Contract
from penstock.errors import ServiceError
from penstock.stack.connect import Connection
from penstock.stack.names import Names
from penstock.watch.alarms import Alarm, list_alarms
from penstock.watch.at_once import ask_at_once
from penstock.watch.judge import Finding, Verdict, judge_alarms, judge_feed, worst
from penstock.watch.queues import Depth, read_depth

DAY_SECONDS: Final = 86_400
LATEST: Final = 20
"""How many runs of a feed are read whole."""
MOST_RUNS: Final = 1_000
"""How many runs of a day are looked at; each is about a kilobyte of the ledger."""
MOST_DUE: Final = 1_000

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Day:
    """What the runs of the last 24 hours came to: how many ended how, and the records that they loaded and rejected.

    ``whole`` is False where there were more runs than are looked at.
    """

    runs: Mapping[str, int]
    loaded: int
    rejected: int
    whole: bool


@dataclass(frozen=True, slots=True)
class FeedState:
    """A feed as it is at a moment, ``read_at``.

    ``last_run`` is the newest run, ``last_file`` the newest that is no replay, ``latest`` some of the newest. ``queue`` and ``dead_letters`` say what waits
    there; ``queue`` is None for a feed that S3 calls directly. ``due`` counts the files whose worker died, and that nobody is
    at work on. Each of the three is None where it could not be read, which is among the ``findings`` then.
    """

    feed: str
    read_at: str
    last_run: Run | None
    last_file: Run | None
    day: Day
    queue: Depth | None
    dead_letters: int | None
    due: int | None
    alarms: tuple[Alarm, ...]
    findings: tuple[Finding, ...]
    latest: tuple[Run, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """Whether the feed is well."""
        return worst(self.findings)

    @property
    def freshness(self) -> float | None:
        """Seconds from the last file's arrival to the end of its run; None where it has not ended."""
        return None if self.last_file is None else measure_freshness(self.last_file)

    @property
    def backlog(self) -> int | None:
        """What waits to be loaded: messages, those that a worker has included, and files whose worker died."""
        if self.due is None and self.queue is None:
            return None
        return (self.due or 0) + (0 if self.queue is None else self.queue.total)

    def to_dict(self) -> dict[str, Any]:
        """Give it as plain JSON types, without ``latest``, of which ``penstock runs`` has more."""
        judged = {"verdict": self.verdict, "freshness": self.freshness, "backlog": self.backlog}
        told = {"feed": self.feed, **judged, **asdict(self)}
        del told["latest"]
        return told


@dataclass(frozen=True, slots=True)
class ProjectState:
    """All feeds of a project, by name, and what is about the project itself."""

    feeds: tuple[FeedState, ...]
    alarms: tuple[Alarm, ...]
    findings: tuple[Finding, ...]

    @property
    def verdict(self) -> Verdict:
        """The worst of all."""
        return worst([*self.findings, *(finding for feed in self.feeds for finding in feed.findings)])

    def to_dict(self) -> dict[str, Any]:
        """Give it as plain JSON types."""
        return {
            "verdict": self.verdict,
            "alarms": [asdict(alarm) for alarm in self.alarms],
            "findings": [asdict(finding) for finding in self.findings],
            "feeds": [feed.to_dict() for feed in self.feeds],
        }


def measure_freshness(run: Run) -> float | None:
    """Give the seconds from a file's arrival in S3 to the end of its run; None where that has not ended.

    Of a run that does not say when its file came, they are those of the run.
    """
    if run.ended_at is None:
        return None
    came = read_time(run.arrived_at or run.started_at)
    return max(0.0, read_time(run.ended_at) - came)  # S3 has whole seconds, and a clock of its own


def read_project_state(
    connection: Connection,
    names: Names,
    feeds: Sequence[Contract],
    clock: Callable[[], float] = time.time,
    *,
    only: str | None = None,
) -> ProjectState:
    """Read the state of a project, whose ``feeds`` are all of these; with ``only``, of one feed and of the project itself.

    Several requests are under way at once.

    Raises :class:`~penstock.errors.ServiceError` where the ledger can't be read: without it nothing is known.
    """
    unread: list[str] = []
    alarms = _attempt(lambda: list_alarms(connection, names, [feed.name for feed in feeds]), unread) or ()
    wanted = [feed for feed in feeds if only in {None, feed.name}]
    states = ask_at_once(lambda feed: read_feed_state(connection, names, feed, alarms, clock), wanted)
    found = sorted(states, key=lambda state: state.feed)
    about_project = tuple(alarm for alarm in alarms if alarm.feed is None)
    findings = (*judge_alarms(about_project), *(Finding("look", problem) for problem in unread))
    return ProjectState(tuple(found), about_project, findings)


def read_feed_state(
    connection: Connection,
    names: Names,
    feed: Contract,
    alarms: Sequence[Alarm],
    clock: Callable[[], float] = time.time,
) -> FeedState:
    """Read the state of a feed. ``alarms`` are the project's.

    Needs dynamodb:Query on the ledger's indexes ``by_feed`` and ``by_due``, sqs:GetQueueUrl and sqs:GetQueueAttributes.
    Raises :class:`~penstock.errors.ServiceError` where the ledger can't be read.
    """
    now = clock()
    ledger, sqs, own = (
        Ledger(connection.client("dynamodb"), names.ledger),
        connection.client("sqs"),
        names.feed(feed.name),
    )
    latest, of_day = _read_runs(ledger, feed.name, format_time(now - DAY_SECONDS))
    last_file = _find_last_file(ledger, feed.name, latest, of_day)
    files = [run for run in of_day if run.replays is None]  # what a replay loads counts against its run
    unread: list[str] = []
    here = connection.embedded
    queued = feed.trigger == "queue"
    queue = _attempt(lambda: read_depth(sqs, own.queue), unread, embedded=here) if queued else None
    letters = _attempt(lambda: read_depth(sqs, own.dead_letters).total, unread, embedded=here)
    due = _attempt(lambda: sum(1 for _ in islice(ledger.list_due(feed.name, now), MOST_DUE)), unread)
    mine = tuple(alarm for alarm in alarms if alarm.feed == feed.name)
    return FeedState(
        feed=feed.name,
        read_at=format_time(now),
        last_run=latest[0] if latest else None,
        last_file=last_file,
        day=_sum_up(files, whole=len(of_day) < MOST_RUNS),
        queue=queue,
        dead_letters=letters,
        due=due,
        alarms=mine,
        findings=judge_feed(feed.name, files or [*filter(None, [last_file])], mine, letters, due, unread),
        latest=tuple(latest),
    )


def _read_runs(ledger: Ledger, feed: str, since: str) -> tuple[list[Run], list[Run]]:
    """Give a feed's latest runs, and those that began ``since``, in brief where they are more; the newest first."""
    latest = list_runs(ledger, feed, LATEST)
    if len(latest) == LATEST and latest[-1].started_at >= since:
        return latest, list_runs(ledger, feed, MOST_RUNS, since=since, brief=True)
    return latest, [run for run in latest if run.started_at >= since]


def _find_last_file(ledger: Ledger, feed: str, latest: Sequence[Run], of_day: Sequence[Run]) -> Run | None:
    """Give the newest run that is no replay, whole; None where the feed never had one."""
    found = next((run for run in latest if run.replays is None), None)
    if found is None and len(latest) == LATEST:  # replays, a good many of them
        more = list_runs(ledger, feed, len(of_day) + LATEST)
        found = next((run for run in more if run.replays is None), None)
    return found


def _sum_up(files: Sequence[Run], *, whole: bool) -> Day:
    return Day(
        runs=dict(Counter(run.status for run in files)),
        loaded=sum(run.counts.get("loaded", 0) for run in files),
        rejected=sum(run.counts.get("rejected", 0) for run in files),
        whole=whole,
    )


def _attempt(read: Callable[[], T], unread: list[str], *, embedded: bool = False) -> T | None:
    """Read something; where that fails, say so in ``unread`` and give None."""
    try:
        return read()
    except NotDeployedError as error:
        unread.append(f"{error.what}: penstock up" if embedded else str(error))
    except ServiceError as error:
        unread.append(str(error))
    return None
