"""``penstock status``: all feeds at a glance, and whether they are well."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING, Final

from penstock.cli.exits import DONE, NOT_WELL
from penstock.cli.options import FeedName, Json, Local, Profile, ProjectFolder, Region
from penstock.cli.output import clip, give_json, say, say_table, span, visible

if TYPE_CHECKING:
    from collections.abc import Iterable

    from penstock.watch.feeds import FeedState, ProjectState
    from penstock.watch.judge import Finding

EXAMPLE = "penstock status"

HEADINGS: Final = ("feed", "state", "last file", "came", "fresh", "backlog", "rejects", "dead", "alarms")
_FEED, _FILE = 0, 2
_LEAST_NAME: Final = 8
_STYLES: Final = {"look": "yellow", "wrong": "red"}
_UNKNOWN: Final = "?"


def command(
    feed: FeedName = None,
    local: Local = None,
    region: Region = None,
    profile: Profile = None,
    project: ProjectFolder = None,
    json: Json = False,
) -> int:
    """Show all feeds at a glance: whether they are well, and if not, what to do.

    `came` is how long ago the last file's run began, `fresh` the time from the file's
    arrival to the run's end.
    `backlog` counts messages in the queue and files whose worker died; `rejects` are
    those of the last 24 hours; `dead` are dead letters, `alarms` those that are on.

    A feed is `wrong` if an alarm is on, a file failed or there are dead letters;
    it wants a `look` if a file was refused or something could not be read. What
    counts are files whose run began within 24 hours, and the last one.
    Ends with 0 if all is well, with 1 if not.
    """
    from penstock.cli.place import choose_feeds, find_place  # noqa: PLC0415 -- `--help` does not need it
    from penstock.watch.feeds import read_project_state  # noqa: PLC0415 -- as above

    place = find_place(project, local, region, profile)
    choose_feeds(place.project, feed)
    state = read_project_state(place.connection, place.names, place.project.feeds, only=feed)
    if json:
        give_json(state.to_dict())
    else:
        _say_state(state)
    return DONE if state.verdict == "well" else NOT_WELL


def _say_state(state: ProjectState) -> None:
    rows = [_row(feed) for feed in state.feeds]
    if rows and sys.stdout.isatty():
        rows = fit(rows, shutil.get_terminal_size().columns)
    say_table(HEADINGS, rows, indent=0)
    say_findings("the project", state.findings)
    for feed in state.feeds:
        say_findings(feed.feed, feed.findings)


def fit(rows: list[list[str]], width: int) -> list[list[str]]:
    """Give rows of the table with the names of feeds and files cut to what a terminal of ``width`` characters has left for them."""
    longest = [max(map(len, column)) for column in zip(HEADINGS, *rows, strict=True)]
    others = sum(longest) - longest[_FEED] - longest[_FILE] + 2 * (len(HEADINGS) - 1)
    room = max(width - others, 2 * _LEAST_NAME)
    feed = min(longest[_FEED], room - min(longest[_FILE], room // 2))
    widths = {_FEED: feed, _FILE: room - feed}
    return [[clip(cell, widths.get(column, len(cell))) for column, cell in enumerate(row)] for row in rows]


def _row(state: FeedState) -> list[str]:
    from penstock.aws.runs import read_time  # noqa: PLC0415 -- as above

    last = state.last_file
    passed = None if last is None else read_time(state.read_at) - read_time(last.started_at)
    came = "" if passed is None else span(max(0.0, passed))  # the worker has a clock of its own
    fresh = "" if last is None else (last.status if state.freshness is None else span(state.freshness))
    return [
        state.feed,
        state.verdict,
        "-" if last is None else visible(last.key.rpartition("/")[2]),
        came and f"{came} ago",
        fresh,
        _number(state.backlog),
        f"{state.day.rejected:,}{'' if state.day.whole else '+'}",
        _number(state.dead_letters),
        f"{sum(alarm.state == 'ALARM' for alarm in state.alarms)}",
    ]


def _number(number: int | None) -> str:
    return _UNKNOWN if number is None else f"{number:,}"


def say_findings(what: str, findings: Iterable[Finding]) -> None:
    """Print what is not well. Names of files and descriptions of alarms are other people's text."""
    for finding in findings:
        say()
        say(f"{what}: {finding.verdict}", style=_STYLES[finding.verdict])
        say(f"  {visible(finding.why)}")
        if finding.command:
            say(f"  Next: {visible(finding.command)}")
