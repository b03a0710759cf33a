"""``python -m bench.throttle``: how much of a table's capacity the writer uses, and what it sends twice.

The writer is the real one. The table is :mod:`bench.throttled_table`, in real time with threads, or (as in the tests) in
virtual time.
"""

from __future__ import annotations

import argparse
import itertools
import math
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

from bench.throttled_table import RealSender, ThrottledTable, Troubles, VirtualSender, VirtualTime
from penstock.aws.table.stats import WriterStats
from penstock.aws.table.write import LANES, Pace, TableWriter
from penstock.engine.newest import seal_request
from penstock.engine.result import BATCH_REQUESTS, SEPARATOR, WriteBatch
from penstock.errors import ServiceError
from penstock.plan.model import KeyAttribute, Table

CAPACITIES: Final = (1_000, 4_000, 40_000)
_WINDOWS: Final = 4
Order = Literal["shuffled", "sorted"]
_TABLE: Final = Table("t", True, KeyAttribute("pk", "S"), KeyAttribute("n", "N"), (), None, None, None, None)


@dataclass(frozen=True, slots=True)
class Case:
    """A run of ``seconds`` against a table. A partition key has ``rows_each`` rows; a call writes ``window`` rows.

    ``budget`` is the writer's, None for none. ``compete`` has every row written by itself, under a condition.
    """

    capacity: float
    order: Order = "shuffled"
    seconds: float = 60.0
    burst: float = 1.0
    rows_each: int = 200
    window: int = 75_000
    budget: float | None = None
    lanes: int = LANES
    seed: int = 1
    troubles: Troubles = field(default_factory=Troubles)
    compete: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """``used`` is the share of what the table could take in the time, its burst included; ``resent`` that of the items."""

    used: float
    resent: float
    units: float
    stats: WriterStats


def run_virtual(case: Case) -> Outcome:
    """Run a case in virtual time: the same each time, and fast."""
    table = ThrottledTable(case.capacity, case.burst, case.troubles, case.seed)
    moment = VirtualTime()
    dice = random.Random(case.seed)  # noqa: S311 -- dice, no secret
    pace = Pace(moment.clock, moment.sleep, dice.random, deadline=case.seconds)
    return _run(case, table, VirtualSender(table, moment), pace, _make_windows(case))


def run_real(case: Case) -> Outcome:
    """Run a case in real time, a thread for each request under way."""
    table = ThrottledTable(case.capacity, case.burst, case.troubles, case.seed)
    windows = _make_windows(case)  # before the time begins
    return _run(case, table, RealSender(table), Pace(deadline=time.monotonic() + case.seconds), windows)


def _run(
    case: Case, table: ThrottledTable, sender: Any, pace: Pace, windows: Sequence[list[WriteBatch]]
) -> Outcome:
    target = replace(_TABLE, newest_by="at") if case.compete else _TABLE
    with TableWriter(sender, target, pace=pace, lanes=case.lanes, max_write_units=case.budget) as writer:
        try:
            for window in itertools.cycle(windows):
                writer.write(window)
        except ServiceError:
            if pace.clock() < pace.deadline:
                raise  # only the deadline ends a run
    stats = writer.stats
    could = case.capacity * (case.seconds + case.burst)
    return Outcome(table.taken / could, stats.resent / table.taken, table.taken, stats)


def _make_windows(case: Case) -> list[list[WriteBatch]]:
    """Make a file, window by window, each full of keys of its own; it is written again and again."""
    count = min(_WINDOWS, math.ceil(case.capacity * (case.seconds + case.burst) / case.window))
    dice = random.Random(case.seed)  # noqa: S311 -- dice, no secret
    windows = []
    for first in range(0, count * case.window, case.window):
        rows = range(first, first + case.window)
        keys = [f"c{row // case.rows_each}" for row in rows]
        if case.order == "shuffled":
            dice.shuffle(keys)
        requests = [
            f'{{"PutRequest":{{"Item":{{"pk":{{"S":"{key}"}},"n":{{"N":"{row}"}}}}}}}}'
            for key, row in zip(keys, rows, strict=True)
        ]
        if case.compete:
            requests = [seal_request(request.encode()).decode() for request in requests]
        parts = [slice(at, at + BATCH_REQUESTS) for at in range(0, case.window, BATCH_REQUESTS)]
        windows.append([WriteBatch(SEPARATOR.join(requests[part]), rows[part], 0) for part in parts])
    return windows


def measure(seconds: float = 20.0, *, virtual: bool = False) -> list[dict[str, Any]]:
    """Measure each capacity with a shuffled and a sorted file, in real time unless ``virtual``.

    A dict for each: ``capacity`` (write units a second), ``used`` and ``resent`` (shares, of the shuffled file),
    ``throttled`` (answers that held something back), and ``sorted`` (units of the sorted file to those of the shuffled one).
    """
    run = run_virtual if virtual else run_real
    found = []
    for capacity in CAPACITIES:
        shuffled = run(Case(capacity, "shuffled", seconds))
        in_order = run(Case(capacity, "sorted", seconds))
        found.append(
            {
                "capacity": capacity,
                "used": round(shuffled.used, 4),
                "resent": round(max(shuffled.resent, in_order.resent), 4),
                "throttled": shuffled.stats.throttled,
                "sorted": round(in_order.units / shuffled.units, 4),
            }
        )
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.throttle", description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0, help="how long each of the six runs is")
    parser.add_argument("--virtual", action="store_true", help="in virtual time, as the tests do")
    options = parser.parse_args()
    print("capacity/s    used  resent  throttled answers  sorted/shuffled")
    for row in measure(options.seconds, virtual=options.virtual):
        print(
            f"{row['capacity']:>10,}  {row['used']:>6.1%}  {row['resent']:>6.2%}  {row['throttled']:>17,}"
            f"  {row['sorted']:>15.1%}"
        )


if __name__ == "__main__":
    main()
