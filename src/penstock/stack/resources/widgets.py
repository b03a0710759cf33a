"""The parts of a dashboard as CloudWatch writes them: widgets, searches, and where each widget stands.

The structure is that of "Dashboard body structure and syntax" (CloudWatch API reference). A metric is a list whose last
member may say more of it; ``...`` stands for all that the one before it has too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, Literal

from penstock.metrics import DIMENSIONS, NAMESPACE, Metric

Widget = dict[str, Any]
Shown = list[list[Any]]
"""What a graph shows: metrics and expressions."""
Row = tuple[int, Sequence[Widget]]
"""A height, and widgets side by side."""
Statistic = Literal["Sum", "Maximum", "p95"]

COLUMNS: Final = 24
MOST_ALARMS: Final = 100
"""How many alarms a widget shows."""


def heading(question: str, answer: str) -> Row:
    """Give a row with a question, and what helps to read the answer below."""
    return 2, ({"type": "text", "properties": {"markdown": f"## {question}\n{answer}"}},)


def graph(region: str, title: str, shown: Shown, *, stat: Statistic = "Sum", stacked: bool = False) -> Widget:
    """Give a graph over time. ``stat`` is that of metrics that are named; a search has its own."""
    properties = {
        "title": title,
        "region": region,
        "view": "timeSeries",
        "stacked": stacked,
        "stat": stat,
        "period": 300,
        "yAxis": {"left": {"min": 0, "showUnits": False}},
        "metrics": shown,
    }
    return {"type": "metric", "properties": properties}


def numbers(region: str, title: str, shown: Shown) -> Widget:
    """Give numbers, each of the whole time that is looked at."""
    properties = {
        "title": title,
        "region": region,
        "view": "singleValue",
        "setPeriodToTimeRange": True,
        "stat": "Sum",
        "period": 300,
        "metrics": shown,
    }
    return {"type": "metric", "properties": properties}


def alarm_rows(title: str, arns: Sequence[str]) -> Iterator[Row]:
    """Give rows that show the states of alarms, those that tell something first."""
    for start in range(0, len(arns), MOST_ALARMS):
        part = {"alarms": list(arns[start : start + MOST_ALARMS]), "sortBy": "stateUpdatedTimestamp"}
        yield 4, ({"type": "alarm", "properties": {"title": title, **part}},)


def search(project: str, metric: Metric, stat: Statistic = "Sum", name: str = "s") -> list[Any]:
    """Find a metric of all feeds of a project. ``name`` is one that nothing else in the graph has."""
    label = f"${{PROP('Dim.Feed')}} {metric.name}"
    return [{"expression": _searching(project, metric, stat), "label": label, "id": name}]


def total(project: str, metric: Metric, name: str) -> list[Any]:
    """Add up a metric of all feeds of a project."""
    return computed(f"SUM({_searching(project, metric, 'Sum')})", metric.name, name)


def computed(expression: str, label: str, name: str, *, right: bool = False) -> list[Any]:
    """Compute something from what the graph has by name. ``right`` is for what has an axis of its own."""
    axis = {"yAxis": "right"} if right else {}
    return [{"expression": expression, "label": label, "id": name, **axis}]


def named(
    namespace: str, metric: str, dimension: str, values: Iterable[str], hidden: str | None = None
) -> Shown:
    """Name a metric of several things. ``hidden`` begins the names by which they are computed with, and not shown."""
    shown: Shown = []
    for number, value in enumerate(values):
        about = [] if hidden is None else [{"id": f"{hidden}{number}", "visible": False}]
        shown.append([*(["..."] if shown else [namespace, metric, dimension]), value, *about])
    return shown


def place(rows: Iterable[Row]) -> Iterator[Widget]:
    """Give each widget its place: those of a row share its width."""
    top = 0
    for height, widgets in rows:
        width = COLUMNS // len(widgets)
        for number, widget in enumerate(widgets):
            yield {**widget, "x": number * width, "y": top, "width": width, "height": height}
        top += height


def _searching(project: str, metric: Metric, stat: Statistic) -> str:
    schema = ",".join((NAMESPACE, *DIMENSIONS))
    return f"SEARCH('{{{schema}}} {DIMENSIONS[0]}=\"{project}\" MetricName=\"{metric.name}\"', '{stat}')"
