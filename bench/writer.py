"""The writer against a table that throttles: how much of its capacity is used, and what is sent twice."""

from __future__ import annotations

import json
from typing import Any, Final

from bench.figures import Detail, Figure, Row
from bench.lab import Lab
from bench.measure import measure, python

_PROGRAM: Final = "import json, bench.throttle as t; print(json.dumps(t.measure(seconds={})))"


def _cases(lab: Lab) -> list[dict[str, Any]]:
    """Measure each capacity, once, in a process of its own; see :func:`bench.throttle.measure`."""
    if "throttle" not in lab.notes:
        lab.say(f"  two files of {lab.sizes.throttle:.0f} s each, at three capacities")
        command = python("-c", _PROGRAM.format(lab.sizes.throttle))
        done = measure(command, environment=lab.sink.environment(), label="throttled writer", say=lab.say)
        lab.notes["throttle"] = json.loads(done.output)
    found: list[dict[str, Any]] = lab.notes["throttle"]
    return found


def _used(lab: Lab) -> Figure:
    cases = _cases(lab)
    reached = all(case["used"] >= 0.9 for case in cases)
    return Figure(
        ", ".join(f"{case['used']:.1%}" for case in cases),
        reached,
        "tokens of the bursts counted as capacity",
    )


def _resent(lab: Lab) -> Figure:
    cases = _cases(lab)
    reached = all(case["resent"] < 0.05 for case in cases)
    return Figure(", ".join(f"{case['resent']:.1%}" for case in cases), reached, "the worse of both orders")


def _sorted(lab: Lab) -> Figure:
    cases = _cases(lab)
    return Figure(
        ", ".join(f"{case['sorted']:.0%}" for case in cases), all(case["sorted"] >= 0.8 for case in cases)
    )


def detail(lab: Lab) -> Detail:
    """Give the cases as they were measured."""
    rows = [
        [
            f"{case['capacity']:,}",
            f"{case['used']:.1%}",
            f"{case['resent']:.2%}",
            f"{case['throttled']:,}",
            f"{case['sorted']:.0%}",
        ]
        for case in _cases(lab)
    ]
    return Detail(
        "The writer against a table that throttles",
        ("write units a second", "used", "resent", "answers that throttled", "sorted against shuffled"),
        rows,
        "The table is `bench/throttled_table.py`: token buckets with burst for the table and each partition, items held back, "
        "requests refused, errors, slow answers, and connections that break after the write was applied.",
    )


_THREE: Final = "at 1,000, 4,000 and 40,000 write units a second"

ROWS: Final = (
    Row("writer", "writer", f"capacity of a throttling table that is used, {_THREE}", "at least 90 %", _used),
    Row("resent", "writer", "items sent to it twice", "less than 5 %", _resent),
    Row(
        "sorted", "writer", "a file sorted by partition key, against a shuffled one", "at least 80 %", _sorted
    ),
)
