"""A sweep by hand: the function's own comparison, with the caller's credentials and no limit of time."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from penstock.aws.sweep.expect import find_missing, name_expected
from penstock.aws.sweep.sweep import NAMED, Sweeper, compare, queue_died, tell_tally
from penstock.aws.sweep.tally import Tally
from penstock.cli.output import console, give_json, say, tell, visible
from penstock.cli.place import Place, open_hints
from penstock.contract.model import Contract
from penstock.figures import count
from penstock.plan.codec import plan_hash
from penstock.stack.plans import compile_feeds

if TYPE_CHECKING:
    from rich.status import Status

AT_ONCE: Final = 10
LINE_EVERY_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep of a feed came to. ``queued`` names the first objects, ``missing`` the expected files that are not there."""

    feed: str
    prefix: str
    tally: Tally
    queued: tuple[str, ...]
    missing: tuple[str, ...] = ()

    def plain(self) -> dict[str, Any]:
        """Give it for programs."""
        about = {"feed": self.feed, "prefix": self.prefix, **tell_tally(self.tally)}
        return {**about, "first_queued": list(self.queued), "missing": list(self.missing)}


class Gauge:
    """Shows how many objects were looked at, on standard error: on one line of a terminal, or now and then in a pipe."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._said = clock()
        self._status: Status | None = None

    def __call__(self, feed: str, tally: Tally) -> None:
        text = f"{feed}: {count(tally.looked, 'object')} looked at, {tally.queued:,} queued"
        if self._status is not None:
            self._status.update(text)
        elif self._clock() - self._said >= LINE_EVERY_SECONDS:
            self._said = self._clock()
            tell(text)

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            self._status = console(stderr=True).status("Looking")
            self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._status is not None:
            self._status.stop()


@contextmanager
def open_sweepers(place: Place, *, dry_run: bool, again: bool = False) -> Iterator[dict[str, Sweeper]]:
    """Give what sweeps each feed of a place; with ``dry_run`` it queues nothing, with ``again`` what is loaded already too.

    From a desk a request takes long and costs nothing here, so that several are under way at once.
    """
    plans = compile_feeds(place.project)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {
            feed.name: Sweeper(
                plans[feed.name],
                plan_hash(plans[feed.name]),
                place.names.landing_bucket,
                place.client("s3"),
                place.ledger,
                None if dry_run else open_hints(place, feed),
                each=pool.map,
                again=again,
            )
            for feed in place.project.feeds
        }


def sweep_prefix(
    sweeper: Sweeper, prefix: str, show: Callable[[str, Tally], None], began: Tally | None = None
) -> Swept:
    """Compare all objects of a feed under a prefix with the ledger, and queue what needs it."""
    tally, named, begun = began or Tally(), list[str](), time.monotonic()
    for part in compare(sweeper, prefix):
        tally += part.tally
        named += part.queued[: NAMED - len(named)]
        show(sweeper.plan.name, tally)
    tally += Tally(seconds=time.monotonic() - begun)
    return Swept(sweeper.plan.name, prefix, tally, tuple(named))


def sweep_feed(sweeper: Sweeper, feed: Contract, show: Callable[[str, Tally], None]) -> Swept:
    """Sweep a feed whole: claims that died, files that are expected now, and all objects."""
    died = queue_died(sweeper)
    timetable, missing = feed.timetable, tuple[str, ...]()
    if timetable is not None and feed.source.expect:
        names = name_expected(feed.source.expect, time.time(), timetable.time_zone)
        missing = find_missing(sweeper.s3, sweeper.bucket, [feed.source.prefix + name for name in names])
    swept = sweep_prefix(sweeper, feed.source.prefix, show, died.tally + Tally(lists=len(feed.source.expect)))
    return Swept(swept.feed, swept.prefix, swept.tally, (*died.queued, *swept.queued)[:NAMED], missing)


def show_swept(swept: Sequence[Swept], *, dry_run: bool, json: bool) -> None:
    """Print what sweeps came to, and the command to look at what becomes of it."""
    if json:
        give_json([each.plain() for each in swept])
        return
    for each in swept:
        _say_swept(each, dry_run=dry_run)
    if not dry_run and any(each.queued for each in swept):
        say()
        say("`penstock runs` shows what becomes of it.")


def _say_swept(swept: Swept, *, dry_run: bool) -> None:
    """Print what a sweep found, what it queued, and what it cost."""
    tally = swept.tally
    queued = f"{tally.queued:,} {'would be queued' if dry_run else 'queued'}"
    say(f"{swept.feed}: {count(tally.looked, 'object')} under {visible(swept.prefix)}")
    say(f"  {tally.applied:,} applied, {tally.under_way:,} under way, {queued}")
    if tally.died:
        say(f"  {count(tally.died, 'claim')} of workers that died: {'to be ' if dry_run else ''}queued")
    for key in swept.queued:
        say(f"    {visible(key)}")
    more = tally.queued + tally.died - len(swept.queued)
    if more > 0:
        say(f"    and {more:,} more")
    for key in swept.missing:
        say(f"  expected and not there: {visible(key)}", style="yellow")
    say(
        f"  {count(tally.lists, 'list request')}, {tally.read_units:,g} read units, "
        f"{count(tally.requests, 'request')} to queue: ${tally.dollars:.6f} at list prices, in {tally.seconds:.1f} s"
    )
