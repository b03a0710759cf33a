"""Runs as bars over time, a row a feed, drawn as SVG.

It is drawn twice, for a wide and for a narrow window, and the style sheet shows the one that fits: a drawing that is scaled
down to a phone can't be read there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from penstock.aws.runs import Run, read_time
from penstock.console.axis import TimeAxis, time_axis
from penstock.console.figures import clock, span
from penstock.console.frame import address
from penstock.console.html import Element, Node, h
from penstock.console.marks import shape, status_class
from penstock.figures import count

_LANE: Final = 24
_HEAD: Final = 22
_MOST_LANES: Final = 8
"""Runs of one feed that go on at the same time are drawn below one another, up to this many; more lie over the last."""
_LEAST_WIDTH: Final = 4.0
_SIZES: Final = (("wide", 1040, 9), ("narrow", 350, 4))


def timeline(runs: Sequence[Run], now: float) -> Node:
    """Draw runs; nothing where there are none."""
    if not runs:
        return None
    return [_draw(runs, now, name, width, ticks) for name, width, ticks in _SIZES]


def ended_at(run: Run, now: float) -> float:
    """Give the moment until which a run lasted, or lasts by now."""
    return read_time(run.ended_at) if run.ended_at is not None else max(now, read_time(run.started_at))


def _draw(runs: Sequence[Run], now: float, name: str, width: int, ticks: int) -> Element:
    moments = [m for run in runs for m in (read_time(run.started_at), ended_at(run, now))]
    axis = time_axis(moments, 8, width - 8)
    drawn: list[Element] = []
    top = 0
    for feed in sorted({run.feed for run in runs}):
        row = [run for run in runs if run.feed == feed]
        bars, lanes = _row(row, now, axis, top + _HEAD)
        drawn += [
            h("line", x1=0, y1=top + 0.5, x2=width, y2=top + 0.5, class_="rule"),
            h("text", feed, x=8, y=top + 15, class_="row"),
            *bars,
        ]
        top += _HEAD + lanes * _LANE + 6
    lines = [
        (
            h("line", x1=x, y1=0, x2=x, y2=top, class_="grid"),
            h("text", label, x=x, y=top + 16, class_="tick", text_anchor=_anchor(x, width)),
        )
        for x, label in axis.ticks(ticks)
    ]
    told = (
        f"{count(len(runs), 'run')} from {clock(axis.start)} to {clock(axis.end)} UTC; they are listed below"
    )
    return h(
        "svg",
        h("title", told),
        lines,
        drawn,
        h("line", x1=0, y1=top + 0.5, x2=width, y2=top + 0.5, class_="rule"),
        class_=f"timeline {name}",
        viewBox=f"0 0 {width} {top + 24}",
        role="img",
        aria_label=told,
    )


def _anchor(x: float, width: int) -> str:
    return "start" if x < 24 else "end" if x > width - 24 else "middle"


def _row(runs: Sequence[Run], now: float, axis: TimeAxis, top: int) -> tuple[list[Element], int]:
    """Draw the runs of a feed, and give how many lanes they took."""
    bars: list[Element] = []
    free_at: list[float] = []
    for run in sorted(runs, key=lambda run: run.started_at):
        left = axis.at(read_time(run.started_at))
        right = max(axis.at(ended_at(run, now)), left + _LEAST_WIDTH)
        lane = next((n for n, x in enumerate(free_at) if x <= left), len(free_at))
        if lane == _MOST_LANES:
            lane -= 1
        if lane == len(free_at):
            free_at.append(0.0)
        free_at[lane] = max(right, left + 14)
        bars.append(_bar(run, now, left, right, top + lane * _LANE))
    return bars, len(free_at)


def _bar(run: Run, now: float, left: float, right: float, top: int) -> Element:
    took = span(ended_at(run, now) - read_time(run.started_at))
    return h(
        "a",
        h("title", f"{run.key}: {run.status}, {took}"),
        h("rect", x=left - 1, y=top - 1, width=max(right - left, 13) + 2, height=22, class_="reach"),
        shape(run.status, left, top - 1),
        h(
            "rect",
            x=left,
            y=top + 13,
            width=round(right - left, 1),
            height=6,
            rx=2,
            class_=f"bar {status_class(run.status)}",
        ),
        href=address("runs", run.id),
        tabindex="-1",  # the list below has the same links, and one way through them is enough
    )


def strip(runs: Sequence[Run]) -> Iterator[Element]:
    """Give the last runs of a feed, oldest first, as a row of shapes that lead to them."""
    for run in sorted(runs, key=lambda run: (run.started_at, run.id)):
        yield h(
            "a",
            h("svg", shape(run.status), viewBox="0 0 12 12", width=12, height=12, aria_hidden="true"),
            h("span", f"{run.status}, {run.key}", class_="aside"),
            href=address("runs", run.id),
            title=f"{run.key}: {run.status}",
        )
