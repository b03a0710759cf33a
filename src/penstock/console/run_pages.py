"""Which runs are on a page of the list: of several feeds, newest first, some of one status.

The ledger's index gives the runs of one feed. They are merged here, and of each feed no more is asked for than the page
needs: a few of each at first, and of a feed whose few are used up the next ones. So a page of twenty feeds costs about what one of
a single feed does, however many runs there are.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

from penstock.aws.runs import Run
from penstock.errors import UsageError

MOST_LOOKED_AT: Final = 300
"""How many runs are looked at for one page, where those of a status are looked for among others."""

Ask: TypeAlias = Callable[[Sequence[str], int, str], dict[str, list[Run]]]
"""Gives the latest runs of each feed, so many at most, that began by a time or, where that is empty, by now."""


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


def read_page(ask: Ask, feeds: Sequence[str], limit: int, before: Mark | None, status: str | None) -> RunPage:
    """Give up to ``limit`` runs of these feeds, older than ``before``, those of a ``status`` or all.

    With a status a page can be short, or empty, and have older ones all the same.
    """
    few = max(
        -(-limit // max(len(feeds), 1)) + 2, 5
    )  # the last of a few is asked for again, and the page's end is looked behind
    first = ask(feeds, few, "" if before is None else before.started_at)
    merged = heapq.merge(*(_runs(ask, feed, first[feed], few) for feed in feeds), key=_mark, reverse=True)
    shown: list[Run] = []
    reached: Mark | None = None
    for looked_at, run in enumerate(run for run in merged if before is None or _mark(run) < before):
        if len(shown) == limit or looked_at == MOST_LOOKED_AT:
            return RunPage(tuple(shown), reached)
        reached = _mark(run)
        if status is None or run.status == status:
            shown.append(run)
    return RunPage(tuple(shown), None)


def _runs(ask: Ask, feed: str, found: list[Run], asked: int) -> Iterator[Run]:
    """Give a feed's runs, the newest first: those ``found``, and where it were as many as were ``asked`` for those behind them.

    Of runs that began at one moment the index gives now these first and now those. So the last moment that it reached may
    not be whole, and is asked for again.
    """
    while len(found) >= asked:
        edge = found[-1].started_at
        yield from sorted((run for run in found if run.started_at > edge), key=_mark, reverse=True)
        asked *= 2  # also because as many as were asked for may have begun at that very moment
        found = ask([feed], asked, edge)[feed]
    yield from sorted(found, key=_mark, reverse=True)


def _mark(run: Run) -> Mark:
    return Mark(run.started_at, run.id)
