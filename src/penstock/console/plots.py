"""Small drawings of a feed's runs over time: how old its data became, what its runs loaded, and how fast."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from penstock.aws.runs import Run
from penstock.console.axis import TimeAxis, round_up, round_up_time, time_axis
from penstock.console.figures import count, moment, span
from penstock.console.frame import address
from penstock.console.html import Element, Node, h
from penstock.console.timeline import ended_at

_WIDTH: Final = 340
_HEIGHT: Final = 150
_TOP: Final = 12
_LEFT: Final = 52
_TICKS: Final = 3


@dataclass(frozen=True, slots=True)
class Plot:
    """The place of a drawing: its axis of time, and the value at its top."""

    axis: TimeAxis
    most: float

    def y(self, value: float) -> float:
        """Give the height of a value."""
        return round(_HEIGHT - (_HEIGHT - _TOP) * min(value / self.most, 1.0), 1)


def age_plot(runs: Sequence[Run], now: float) -> Node:
    """Draw how old the newest data was at each moment: it grows until a run is done, and falls to nothing then."""
    done = sorted(ended_at(run, now) for run in runs if run.status == "done")
    if not done:
        return None
    ages = [after - before for before, after in zip(done, [*done[1:], now], strict=True)]
    plot = Plot(time_axis([done[0], max(now, done[0])], _LEFT, _WIDTH - 8), round_up_time(max(ages)))
    path = f"M{plot.axis.at(done[0])} {_HEIGHT}"
    for before, age in zip(done, ages, strict=True):
        path += f"L{plot.axis.at(before + age)} {plot.y(age)}L{plot.axis.at(before + age)} {_HEIGHT}"
    told = f"Since the last run that was done: {span(ages[-1])}. Longest without one: {span(max(ages))}."
    return _draw(plot, told, span, [h("path", d=f"{path}Z", class_="area")])


def records_plot(runs: Sequence[Run], now: float) -> Node:
    """Draw what each run loaded, and on top of it what it rejected."""
    counted = [run for run in runs if run.counts.get("read") and run.replays is None]
    if not counted:
        return None
    top = max(_count(run, "loaded") + _count(run, "rejected") for run in counted)
    plot = Plot(_axis(counted, now), round_up(top))
    told = (
        f"{sum(_count(run, 'loaded') for run in counted):,} records loaded and "
        f"{sum(_count(run, 'rejected') for run in counted):,} rejected by {count(len(counted), 'run')}."
    )
    return _draw(plot, told, _short, [_stack(plot, run) for run in counted])


def speed_plot(runs: Sequence[Run], now: float) -> Node:
    """Draw how many records a second each run that is done read, from its start to its end."""
    done = [run for run in runs if run.status == "done" and run.replays is None and _speed(run)]
    if not done:
        return None
    ordered = sorted(map(_speed, done))
    plot = Plot(_axis(done, now), round_up(ordered[-1]))
    told = f"Half of the runs read {ordered[len(ordered) // 2]:,.0f} records a second or more, the fastest {ordered[-1]:,.0f}."
    return _draw(plot, told, _short, [_dot(plot, run) for run in done])


def _dot(plot: Plot, run: Run) -> Element:
    x, y = plot.axis.at(moment(run.started_at)), plot.y(_speed(run))
    return _linked(run, f"{_speed(run):,.0f} records a second", h("circle", cx=x, cy=y, r=3.5, class_="dot"))


def _axis(runs: Sequence[Run], now: float) -> TimeAxis:
    return time_axis(
        [*(moment(run.started_at) for run in runs), *(ended_at(run, now) for run in runs)],
        _LEFT + 4,
        _WIDTH - 12,
    )


def _count(run: Run, name: str) -> int:
    return run.counts.get(name, 0)


def _speed(run: Run) -> float:
    took = moment(run.ended_at) - moment(run.started_at) if run.ended_at is not None else 0.0
    return _count(run, "read") / took if took > 0 else 0.0


def _stack(plot: Plot, run: Run) -> Element:
    x = plot.axis.at(moment(run.started_at)) - 2
    loaded = plot.y(_count(run, "loaded"))
    both = plot.y(_count(run, "loaded") + _count(run, "rejected"))
    if _count(run, "rejected"):
        both = min(both, loaded - 2)  # one reject among many is seen too
    return _linked(
        run,
        f"{_count(run, 'loaded'):,} loaded, {_count(run, 'rejected'):,} rejected",
        h("rect", x=x, y=loaded, width=4, height=round(_HEIGHT - loaded, 1), class_="c-loaded"),
        h("rect", x=x, y=both, width=4, height=round(loaded - both, 1), class_="c-rejected"),
    )


def _linked(run: Run, told: str, *drawn: Element) -> Element:
    return h("a", h("title", f"{run.key}: {told}"), *drawn, href=address("runs", run.id), tabindex="-1")


def _draw(plot: Plot, told: str, label: Callable[[float], str], drawn: Iterable[Element]) -> Element:
    """Put what is drawn between its scales; ``told`` says in words what it shows."""
    svg = h(
        "svg",
        h("title", told),
        [_level(plot.y(level), label(level) if level else "0") for level in (0, plot.most / 2, plot.most)],
        [_tick(x, text) for x, text in plot.axis.ticks(_TICKS)],
        list(drawn),
        class_="plot",
        viewBox=f"0 0 {_WIDTH} {_HEIGHT + 22}",
        role="img",
        aria_label=told,
    )
    return h("figure", svg, h("figcaption", told))


def _level(y: float, label: str) -> Node:
    return [
        h("line", x1=_LEFT, y1=y, x2=_WIDTH, y2=y, class_="grid"),
        h("text", label, x=_LEFT - 6, y=y + 4, class_="tick", text_anchor="end"),
    ]


def _tick(x: float, label: str) -> Element:
    return h(
        "text", label, x=x, y=_HEIGHT + 16, class_="tick", text_anchor="end" if x > _WIDTH - 24 else "middle"
    )


def _short(number: float) -> str:
    for unit, name in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= unit:
            return f"{number / unit:g}{name}"
    return f"{number:g}"
