"""Where the time goes: the steps of a load and their shares (:mod:`bench.time_steps` times them)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from bench.figures import Detail
from bench.measure import BenchError, measure, python

if TYPE_CHECKING:
    from bench.lab import Lab

STEPS: Final = {
    "records": "bytes to records: boundaries, quotes, widths, encoding (`engine/records.py`)",
    "parse": "records to cells: DuckDB reads the verified text (`engine/raw.py`)",
    "check": "cells to verdicts: types, constraints, keys (`compile/`, in DuckDB)",
    "encode": "rows to requests in DynamoDB JSON (`compile/items.py`, in DuckDB)",
    "pack": "requests fetched and packed into batches (`engine/pack.py`)",
    "sign": "bodies framed and signed (`aws/table/batches.py`, `aws/table/sign.py`)",
    "send": "TLS, sockets, answers, pace (`aws/table/wire.py`, `aws/table/write.py`)",
}


def detail(lab: Lab) -> Detail:
    """Time the steps in a process of its own, and give each with its share."""
    file = lab.data.lineitem(lab.sizes.scale)
    rows = lab.count(file)
    head = ("step", "CPU s", "share", "µs a row", "what it does")
    command = python("-m", "bench.time_steps", str(file), lab.sink.url)
    lab.say("[profile] where the time goes")
    try:
        done = measure(command, environment=lab.sink.environment(), label="profile", say=lab.say)
    except BenchError as error:
        return Detail("Where the time goes", head, [], f"It could not be measured: {error}")
    seconds: dict[str, float] = json.loads(done.output)
    total = sum(seconds.values())
    lines = [
        [step, f"{took:.2f}", f"{took / total:.0%}", f"{took / rows * 1e6:.2f}", STEPS[step]]
        for step, took in seconds.items()
    ]
    lines.append(["all", f"{total:.2f}", "100%", f"{total / rows * 1e6:.2f}", ""])
    prose = (
        f"The steps of a load of {rows:,} rows, each timed by itself over the same batches on one thread. A load runs some "
        "of them side by side and starts up before them, so that its CPU time is a little more than their sum."
    )
    return Detail("Where the time goes", head, lines, prose)
