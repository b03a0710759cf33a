"""Small drawings of a feed's runs over time: how old its data became, how fresh it was loaded, how much, and how fast."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from penstock.aws.runs import Run, read_time
from penstock.console.axis import TimeAxis, round_up, round_up_time, time_axis
from penstock.console.figures import span
from penstock.console.frame import address
from penstock.console.html import Element, Node, h
from penstock.console.timeline import ended_at
from penstock.figures import count
from penstock.watch.feeds import measure_freshness

_WIDTH: Final = 440
_HEIGHT: Final = 160
_TOP: Final = 12
_LEFT: Final = 58
_TICKS: Final = 5


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


def freshness_plot(runs: Sequence[Run], now: float) -> Node:
    """Draw how long each file that was loaded took from its arrival to the end of its run."""
    return _dots(
        runs,
        now,
        measure_freshness,
        span,
        round_up_time,
        "Half of the files were loaded within {}, the slowest within {}.",
    )


def speed_plot(runs: Sequence[Run], now: float) -> Node:
    """Draw how many records a second each run that is done read, from its start to its end."""
    told = "Half of the runs read {} or fewer, the fastest {}."
    return _dots(runs, now, _speed, lambda speed: f"{speed:,.0f} records a second", round_up, told, _short)


def _dots(
    runs: Sequence[Run],
    now: float,
    measure: Callable[[Run], float | None],
    words: Callable[[float], str],
    round_top: Callable[[float], float],
    told: str,
    label: Callable[[float], str] | None = None,
) -> Node:
    """Draw a dot for each file that was loaded; ``told`` takes the middle and the greatest value in words."""
    done = [run for run in runs if run.status == "done" and run.replays is None]
    values = [(run, value) for run in done if (value := measure(run)) is not None]
    if not values:
        return None
    ordered = sorted(value for _, value in values)
    plot = Plot(_axis(done, now), round_top(ordered[-1]))
    dots = [_dot(plot, run, value, words(value)) for run, value in values]
    return _draw(
        plot, told.format(words(ordered[(len(ordered) - 1) // 2]), words(ordered[-1])), label or words, dots
    )


def _dot(plot: Plot, run: Run, value: float, told: str) -> Element:
    x = plot.axis.at(read_time(run.started_at))
    return _linked(run, told, h("circle", cx=x, cy=plot.y(value), r=3.5, class_="dot"))


def _axis(runs: Sequence[Run], now: float) -> TimeAxis:
    return time_axis(
        [*(read_time(run.started_at) for run in runs), *(ended_at(run, now) for run in runs)],
        _LEFT + 4,
        _WIDTH - 12,
    )


def _count(run: Run, name: str) -> int:
    return run.counts.get(name, 0)


def _speed(run: Run) -> float | None:
    took = read_time(run.ended_at) - read_time(run.started_at) if run.ended_at is not None else 0.0
    return _count(run, "read") / took if took > 0 and _count(run, "read") else None


def _stack(plot: Plot, run: Run) -> Element:
    x = plot.axis.at(read_time(run.started_at)) - 2
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
