"""What must hold of the log when a simulation is over: each line says what it is about, and no run is counted twice."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from simulated_feed import LEDGER, SimulatedFeed

from penstock.aws.attributes import from_item

_FILES: Final = {"done": "FilesLoaded", "rejected": "FilesRejected", "failed": "FilesFailed"}

Line = Mapping[str, Any]


def check_log(feed: SimulatedFeed) -> Iterator[str]:
    """Check every line, and hold those that count a run against the ledger."""
    lines = [json.loads(line) for line in feed.log.getvalue().splitlines()]
    for line in lines:
        due = {"time", "level", "event", "request_id"}
        due |= {"bucket"} if "key" in line else set()
        due |= {"run", "bucket", "key", "version"} if line["event"].startswith("run ") else set()
        if missing := due - line.keys():
            yield f"a line of the log lacks {', '.join(sorted(missing))}: {line}"
    yield from _check_metrics(feed, lines)


def _check_metrics(feed: SimulatedFeed, lines: list[Line]) -> Iterator[str]:
    """Hold what is counted against the ledger.

    A run is not counted where its worker died, or an answer of the ledger was lost, in the very moment in which it ended.
    """
    counted: dict[str, Line] = {}
    for line in lines:
        if "_aws" in line and line["event"].startswith("run "):
            if line["run"] in counted:
                yield f"{line['run']} is counted twice"
            counted[line["run"]] = line
    faults = feed.scenario.faults
    certain = not (feed.scenario.strikes or faults.kill or faults.lost)
    for ((_, pk), (_, sk)), item in feed.tables.tables[LEDGER].items.items():
        run = from_item(item) if sk == "RUN" else {}
        told = counted.get(pk.removeprefix("RUN#"))
        if run.get("status") in _FILES and told is not None:
            yield from _check_line(run, told)
        elif run.get("status") in _FILES and certain:
            yield f"{pk} is {run['status']}, and no metric says so"


def _check_line(run: Mapping[str, Any], line: Line) -> Iterator[str]:
    if line.get(_FILES[run["status"]]) != 1:
        yield f"{line['run']} is {run['status']}, and counted as another"
    elif run["status"] != "failed":
        due = {f"Records{name.title()}": count for name, count in run["counts"].items() if name != "read"}
        told = {name: line.get(name, 0) for name in due}
        if told != due:
            yield f"the metrics of {line['run']} say {told}, and the ledger {due}"
