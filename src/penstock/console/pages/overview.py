"""The feeds, each with whether it is well, its latest runs, and what to do about it."""

from __future__ import annotations

import re
from typing import Final

from penstock.console.commands import Commands
from penstock.console.figures import span
from penstock.console.frame import Frame, address, command, facts, page, prose, when
from penstock.console.html import Element, Node, h, marked
from penstock.console.marks import STATUSES, legend, pill
from penstock.console.timeline import strip
from penstock.figures import count
from penstock.watch.feeds import FeedState, ProjectState
from penstock.watch.judge import Finding

_VERDICTS: Final = {
    "well": ("done", "well"),
    "look": ("rejected", "wants a look"),
    "wrong": ("failed", "wrong"),
}
"""The shape and the words for each verdict."""
_RUN: Final = re.compile(r"\S+Z-[0-9a-f]{8}")
"""The id of a run in a command."""
_STRIP: Final = 12
"""How many of a feed's runs are shown as shapes."""


def overview_page(frame: Frame, state: ProjectState, commands: Commands) -> Element:
    """Give the page."""
    return page(
        frame,
        "Feeds",
        h("h1", "Feeds ", pill(_VERDICTS[state.verdict][0], _sum_up(state))),
        [_finding(finding, commands) for finding in state.findings],
        h(
            "ul",
            [_feed(frame, feed, commands) for feed in state.feeds],
            class_="cards",
        ),
        legend(),
        section="/",
    )


def _sum_up(state: ProjectState) -> str:
    unwell = sum(feed.verdict != "well" for feed in state.feeds)
    if unwell:
        return f"{unwell} of {len(state.feeds)} not well"
    return "all is well" if state.verdict == "well" else _VERDICTS[state.verdict][1]


def _finding(finding: Finding, commands: Commands) -> Element:
    lines = [] if finding.command is None else commands.complete(finding.command)
    run = _RUN.search(finding.command or "")
    link: Node = None if run is None else [" ", h("a", "Look at the run", href=address("runs", run[0])), "."]
    return h(
        "div", h("p", prose(finding.why), link), map(command, lines), class_=f"finding {finding.verdict}"
    )


def _feed(frame: Frame, state: FeedState, commands: Commands) -> Element:
    latest = state.latest[:_STRIP]
    return h(
        "li",
        h(
            "h2",
            h("a", marked(state.feed), href=address("runs", feed=state.feed)),
            " ",
            pill(*_VERDICTS[state.verdict]),
        ),
        h("p", list(strip(latest)), class_="strip") if latest else h("p", "No runs yet.", class_="soft"),
        _facts(frame, state),
        [_finding(finding, commands) for finding in state.findings],
        class_=f"card {state.verdict}",
    )


def _facts(frame: Frame, state: FeedState) -> Element:
    file = state.last_file
    last: Node = None
    if file is not None:
        name = file.key.rpartition("/")[2] or file.key
        last = [h("a", marked(name), href=address("runs", file.id)), " ", when(file.started_at, frame.now)]
    ended = ", ".join(
        f"{state.day.runs[status]:,} {status}" for status in STATUSES if state.day.runs.get(status)
    )
    more = "" if state.day.whole else " and more"
    on = [alarm for alarm in state.alarms if alarm.state == "ALARM"]
    return facts(
        ("last file", last),
        ("loaded within", None if state.freshness is None else span(state.freshness)),
        ("runs of 24 h", f"{ended}{more}" if ended else "none"),
        ("records", f"{state.day.loaded:,} loaded, {state.day.rejected:,} rejected{more}" if ended else None),
        ("waiting", None if state.backlog is None else f"{state.backlog:,}"),
        ("dead letters", None if state.dead_letters is None else f"{state.dead_letters:,}"),
        (
            "alarms",
            h(
                "a",
                f"{len(on)} on" if on else f"none of {count(len(state.alarms), 'alarm')} on",
                href="/alarms",
            )
            if state.alarms
            else None,
        ),
    )
