"""The alarms: which are on, since when, what each means, and what to run next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from penstock.console.commands import Commands
from penstock.console.frame import Frame, command, page, when
from penstock.console.html import Element, Node, h, marked
from penstock.console.marks import pill
from penstock.watch.alarms import Alarm

_STATES: Final = {
    "ALARM": ("failed", "on"),
    "INSUFFICIENT_DATA": ("running", "no data"),
    "OK": ("done", "ok"),
}
"""The shape and the word for each state; the gravest first."""


def alarms_page(frame: Frame, alarms: Sequence[Alarm], commands: Commands) -> Element:
    """Give the page."""
    order = list(_STATES)
    ranked = sorted(alarms, key=lambda alarm: (order.index(alarm.state), alarm.name))
    return page(
        frame,
        "Alarms",
        h("h1", "Alarms"),
        h("ul", [_alarm(frame, alarm, commands) for alarm in ranked], class_="cards alarms")
        if ranked
        else _none(),
        section="/alarms",
    )


def alarm_pill(alarm: Alarm) -> Element:
    """Give an alarm's state as shape and word."""
    return pill(*_STATES[alarm.state])


def _none() -> Element:
    return h(
        "p", "The project has no alarms here. ", h("code", "penstock deploy"), " makes them.", class_="empty"
    )


def _alarm(frame: Frame, alarm: Alarm, commands: Commands) -> Element:
    todo: Node = None
    if alarm.command is not None and alarm.state == "ALARM":
        todo = command(commands.complete(alarm.command), "Run next:")
    return h(
        "li",
        h("h2", marked(alarm.name), " ", alarm_pill(alarm)),
        h("p", marked(alarm.description)) if alarm.description else None,
        h("p", marked(alarm.reason), " · since ", when(alarm.since, frame.now), class_="soft"),
        todo,
        class_=f"card at-{alarm.state.lower().replace('_', '-')}",
    )
