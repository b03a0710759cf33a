"""Which runs are on a page of the list: of several feeds, newest first, some of one status."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from penstock.aws.runs import Run
from penstock.errors import UsageError


class Mark(NamedTuple):
    """A place in the list of runs: behind the run of this start and id."""

    started_at: str
    id: str

    def __str__(self) -> str:
        return f"{self.started_at}/{self.id}"


def read_mark(text: str) -> Mark:
    """Read what ``str`` of a mark gave. Raises :class:`~penstock.errors.UsageError` for anything else."""
    started_at, slash, run = text.partition("/")
    if not slash or not started_at.isascii() or len(text) > 200:
        raise UsageError("That is no place in the list of runs. Begin with the latest.")
    return Mark(started_at, run)


@dataclass(frozen=True, slots=True)
class RunPage:
    """Runs to show, the newest first, and where older ones are looked for; None where there are none."""

    runs: tuple[Run, ...]
    older: Mark | None


def page_of(
    found: Mapping[str, Sequence[Run]], asked: int, limit: int, before: Mark | None, status: str | None
) -> RunPage:
    """Give a page of the runs that were ``found`` by feed, each the newest first, when ``asked`` of each were asked for.

    A feed that had as many may have more, older ones. So what is older than the last one found of such a feed is left
    to the next page, where it is in order.
    """
    horizon = max((_mark(runs[-1]) for runs in found.values() if len(runs) >= asked), default=None)
    merged = sorted((run for runs in found.values() for run in runs), key=_mark, reverse=True)
    due = [
        run
        for run in merged
        if (before is None or _mark(run) < before) and (horizon is None or _mark(run) >= horizon)
    ]
    shown = [run for run in due if status is None or run.status == status]
    if len(shown) > limit:
        return RunPage(tuple(shown[:limit]), _mark(shown[limit - 1]))
    return RunPage(tuple(shown), horizon)


def _mark(run: Run) -> Mark:
    return Mark(run.started_at, run.id)
