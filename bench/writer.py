"""The writer against a table that throttles: how much of its capacity is used, and what is sent twice."""

from __future__ import annotations

import json
from typing import Any, Final

from bench.figures import Detail, Figure, Row
from bench.lab import Lab
from bench.measure import measure, python

_PROGRAM: Final = "import json, bench.throttle as t; print(json.dumps(t.measure({}, virtual={})))"


def _cases(lab: Lab, *, virtual: bool = True) -> list[dict[str, Any]]:
    """Measure each capacity, once, in a process of its own; see :func:`bench.throttle.measure`.

    In virtual time the writer is measured and not the machine; in real time the machine has its say.
    """
    name = f"throttle, {'virtual' if virtual else 'real'} time"
    if name not in lab.notes:
        seconds = lab.sizes.throttle if virtual else lab.sizes.throttle / 3
        lab.say(
            f"  two files of {seconds:.0f} s each, at three capacities, in {'virtual' if virtual else 'real'} time"
        )
        command = python("-c", _PROGRAM.format(seconds, virtual))
        done = measure(command, environment=lab.sink.environment(), label=name, say=lab.say)
        lab.notes[name] = json.loads(done.output)
    found: list[dict[str, Any]] = lab.notes[name]
    return found


def _used(lab: Lab) -> Figure:
    cases = _cases(lab)
    reached = all(case["used"] >= 0.9 for case in cases)
    return Figure(_list(cases, "used"), reached, "of what the table could take, its burst included")


def _resent(lab: Lab) -> Figure:
    cases = _cases(lab)
    reached = all(case["resent"] < 0.05 for case in cases)
    return Figure(_list(cases, "resent"), reached, "of a shuffled or a sorted file, whichever is worse")


def _sorted(lab: Lab) -> Figure:
    cases = _cases(lab)
    return Figure(_list(cases, "sorted"), all(case["sorted"] >= 0.8 for case in cases))


def _list(cases: list[dict[str, Any]], name: str) -> str:
    return ", ".join(f"{case[name]:.1%}" for case in cases)


def detail(lab: Lab) -> Detail:
    """Give the cases as they were measured, in virtual time and in real time."""
    rows = [
        [
            f"{case['capacity']:,}",
            time,
            f"{case['used']:.1%}",
            f"{case['resent']:.2%}",
            f"{case['throttled']:,}",
            f"{case['sorted']:.1%}",
        ]
        for time, virtual in (("virtual", True), ("real", False))
        for case in _cases(lab, virtual=virtual)
    ]
    return Detail(
        "The writer against a table that throttles",
        (
            "write units a second",
            "time",
            "used",
            "resent",
            "answers that throttled",
            "sorted against shuffled",
        ),
        rows,
        "The table is `bench/throttled_table.py`: token buckets with burst for the table and each partition, items held back, "
        "requests refused, errors, slow answers, and connections that break after the write was applied. In virtual time the "
        "writer alone is measured; in real time table and writer share this machine.",
    )


_THREE: Final = "at 1,000, 4,000 and 40,000 write units a second"

ROWS: Final = (
    Row("writer", "writer", f"capacity of a throttling table that is used, {_THREE}", "at least 90 %", _used),
    Row("resent", "writer", "items sent to it twice", "less than 5 %", _resent),
    Row(
        "sorted", "writer", "a file sorted by partition key, against a shuffled one", "at least 80 %", _sorted
    ),
)
