"""The alarms: which are on, since when, what each means, and what to run next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from penstock.console.commands import Commands
from penstock.console.frame import Frame, command, page, prose, when
from penstock.console.html import Element, h, marked
from penstock.console.marks import pill
from penstock.watch.alarms import Alarm

_STATES: Final = {
    "ALARM": ("failed", "on"),
    "INSUFFICIENT_DATA": ("running", "no data"),
    "OK": ("done", "ok"),
}
"""The shape and the word for each state."""


def alarms_page(frame: Frame, alarms: Sequence[Alarm], commands: Commands) -> Element:
    """Give the page."""
    on = [alarm for alarm in alarms if alarm.state == "ALARM"]
    quiet = [alarm for alarm in alarms if alarm.state != "ALARM"]
    feeds = sorted({alarm.feed for alarm in quiet}, key=lambda feed: feed or "")
    return page(
        frame,
        "Alarms",
        h(
            "h1",
            "Alarms ",
            pill("failed", f"{len(on)} on") if on else pill("done", "none is on") if alarms else None,
        ),
        [_loud(frame, alarm, commands) for alarm in on],
        [_quiet(frame, feed, [alarm for alarm in quiet if alarm.feed == feed]) for feed in feeds],
        None
        if alarms
        else h(
            "p",
            "The project has no alarms here. ",
            h("code", "penstock deploy"),
            " makes them.",
            class_="empty",
        ),
        section="/alarms",
    )


def _loud(frame: Frame, alarm: Alarm, commands: Commands) -> Element:
    todo = [] if alarm.command is None else commands.complete(alarm.command)
    return h(
        "article",
        h("h2", marked(alarm.name), " ", pill(*_STATES[alarm.state])),
        h("p", prose(alarm.meaning)),
        h("p", marked(alarm.reason), " · since ", when(alarm.since, frame.now), class_="soft"),
        map(command, todo),
        class_="loud",
    )


def _quiet(frame: Frame, feed: str | None, alarms: Sequence[Alarm]) -> Element:
    return h(
        "section",
        h("h2", "Of the project" if feed is None else ["Of ", marked(feed)]),
        h("ul", [_line(frame, alarm) for alarm in alarms], class_="quiet"),
    )


def _line(frame: Frame, alarm: Alarm) -> Element:
    return h(
        "li",
        h("span", marked(alarm.name.rpartition("_")[2]), class_="kind"),
        pill(*_STATES[alarm.state]),
        h(
            "span",
            prose(alarm.meaning),
            " ",
            h("span", "· since ", when(alarm.since, frame.now), class_="since"),
            class_="soft",
        ),
    )
