"""``penstock logs``: what the functions wrote, for people."""

from __future__ import annotations

import json as jsons
import re
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from penstock.cli.options import FeedName, Json, Local, Profile, ProjectFolder, Region
from penstock.cli.output import say, tell, visible
from penstock.errors import UsageError

if TYPE_CHECKING:
    from penstock.cli.place import Place
    from penstock.watch.logs import LogLine, Tail

EXAMPLE = "penstock logs --feed orders --since 2h --level WARNING"

_POLL_SECONDS: Final = 2.0
_LOCAL_POLL_SECONDS: Final = 0.3
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR")
_STYLES: Final = {"WARNING": "yellow", "ERROR": "red"}
_IN_FRONT: Final = ("time", "level", "event")
_FIRST: Final = ("outcome", "run", "key", "code", "reason")
_LEFT_OUT: Final = frozenset({*_IN_FRONT, "feed", "bucket", "version", "request_id"})
"""What says little at a glance; `--json` has it."""


def command(  # noqa: PLR0913, PLR0917 -- typer makes each parameter an option
    run: Annotated[
        str | None,
        typer.Option(metavar="ID", help="Only this run, from its beginning to its end.", show_default=False),
    ] = None,
    feed: FeedName = None,
    sweep: Annotated[bool, typer.Option("--sweep", help="The sweeps, not the loaders.")] = False,
    since: Annotated[
        str, typer.Option(metavar="TIME", help="How far back: 90s, 30m, 2h, 7d, or a time in ISO 8601.")
    ] = "1h",
    level: Annotated[
        str, typer.Option(metavar="LEVEL", help="Only this level and those above: DEBUG to ERROR.")
    ] = "INFO",
    follow: Annotated[bool, typer.Option("--follow", help="Go on until Ctrl-C.")] = False,
    local: Local = None,
    region: Region = None,
    profile: Profile = None,
    project: ProjectFolder = None,
    json: Json = False,
) -> int:
    """Show what the functions wrote: one line for each thing that happened.

    Without --feed, of all feeds. With --run, one run's story, through the loader and
    all steps of the state machine. Lambda's own lines are there with --level DEBUG.
    With --json there is one JSON document a line. Times are UTC.
    """
    from penstock.cli.place import choose_feeds, find_place  # noqa: PLC0415 -- `--help` does not need it

    if level.upper() not in _LEVELS:
        raise UsageError(f"--level is one of {', '.join(_LEVELS)}, and {level} is none of them.")
    begin = read_since(since, time.time())
    place = find_place(project, local, region, profile)
    names = [chosen.name for chosen in choose_feeds(place.project, feed)]
    tail, end = (
        _open_run(place, run) if run is not None else (_open_feeds(place, names, begin, sweep=sweep), None)
    )
    shown = 0
    for line in _lines(place, tail, end, follow=follow):
        if _wanted(line, run, level.upper()):
            shown += 1
            _say_line(line, len(tail.groups) > 1 and run is None, json=json)
    if not shown and not follow:
        tell("There are no such lines." + ("" if run is not None else " --since looks further back."))
    return 0


def read_since(text: str, now: float) -> float:
    """Read how far back to look; give the moment in seconds of the epoch. Raises :class:`UsageError`."""
    ago = re.fullmatch(r"([0-9]{1,9})([smhd])", text)
    if ago:
        return max(0.0, now - int(ago[1]) * _UNITS[ago[2]])
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(
            f"--since is a time back, as 30m or 2h, or a time in ISO 8601; {text!r} is neither."
        ) from error
    return max(0.0, (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def _open_feeds(place: Place, feeds: list[str], begin: float, *, sweep: bool) -> Tail:
    from penstock.watch.logs import Tail  # noqa: PLC0415 -- as above

    own = [place.names.feed(name) for name in feeds]
    groups = [names.sweep_log_group if sweep else names.log_group for names in own]
    return Tail(place.client("logs"), groups, int(begin * 1000))


def _open_run(place: Place, run_id: str) -> tuple[Tail, int | None]:
    """Give a reader of what was written of a run, and when its story ends: a minute after it, for lines come late."""
    from penstock.aws.runs import read_time  # noqa: PLC0415 -- as above
    from penstock.cli.follow import require_run  # noqa: PLC0415 -- as above
    from penstock.watch.logs import LATE_MS, Tail  # noqa: PLC0415 -- as above

    run = require_run(place, run_id)
    groups = [place.names.feed(run.feed).log_group]
    begin = int(read_time(run.started_at) * 1000)
    end = None if run.ended_at is None else int(read_time(run.ended_at) * 1000) + LATE_MS
    return Tail(place.client("logs"), groups, begin, f'{{ $.run = "{run.id}" }}'), end


def _lines(place: Place, tail: Tail, end: int | None, *, follow: bool) -> Iterator[LogLine]:
    while True:
        yield from tail.read(None if follow else end)
        if not follow:
            return
        sys.stdout.flush()  # a pipe would keep back what there is until there is more
        time.sleep(_POLL_SECONDS if place.running is None else _LOCAL_POLL_SECONDS)


def _wanted(line: LogLine, run: str | None, level: str) -> bool:
    """Tell whether a line is to be shown. Of a run are those that name it; what has no level is shown at every level."""
    if line.facts is None:
        return run is None and (level == "DEBUG" or not line.is_platform)
    if run is not None and line.facts.get("run") != run:
        return False
    own = str(line.facts.get("level", level))
    return own not in _LEVELS or _LEVELS.index(own) >= _LEVELS.index(level)


def _say_line(line: LogLine, tell_feed: bool, *, json: bool) -> None:
    from penstock.watch.logs import without_metrics  # noqa: PLC0415 -- as above

    if json:
        told = (
            {"time": _clock(line), "text": line.text}
            if line.facts is None
            else without_metrics(line.facts, values=True)
        )
        say(jsons.dumps(told, ensure_ascii=False))
    elif line.facts is None:
        say(f"{_clock(line)} {'':7} {visible(line.text)}")
    else:
        facts = without_metrics(line.facts)
        level, event = str(facts.get("level", "")), str(facts.get("event", ""))
        front = f"{facts['feed']}: " if tell_feed and "feed" in facts else ""
        text = f"{_clock(line)} {level:7} {front}{event} {show_facts(facts)}"
        say(visible(text).rstrip(), style=_STYLES.get(level))


def _clock(line: LogLine) -> str:
    """Give when a line was written: its own time, for CloudWatch's may be that of its invocation's end."""
    own = (line.facts or {}).get("time")
    text = (
        own
        if isinstance(own, str)
        else datetime.fromtimestamp(line.at / 1000, UTC).isoformat(timespec="milliseconds")
    )
    return text[:23].replace("T", " ")


def show_facts(facts: dict[str, Any]) -> str:
    """Write what a line tells, the telling ones first; what is empty, or comes to nothing, is left out."""
    others = (name for name in facts if name not in {*_FIRST, *_LEFT_OUT})
    names = (*(name for name in _FIRST if name in facts), *others)
    shown = ((name, _value(facts[name])) for name in names)
    return " ".join(f"{name}={text}" for name, text in shown if text not in {"", "[]"})


def _value(value: object) -> str:
    """Write a fact shortly: of counts those that are not zero, of texts with spaces where they end."""
    if isinstance(value, dict):
        shown = ((name, _value(inner)) for name, inner in value.items() if inner)
        return ",".join(f"{name}:{text}" for name, text in shown if text)
    if isinstance(value, str) and " " not in value:
        return value
    return jsons.dumps(value, ensure_ascii=False)
