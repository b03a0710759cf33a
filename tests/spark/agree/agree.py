"""Look for queries on which the two engines do not agree: ``make agree SECONDS=600``, or ``agree.py --seed 7 --only selects``.

Each seed is a case of its own, which can be had again by that seed. What does not agree is printed; the exit code is 1 then. Of whole
queries and runs one that fails in one engine alone is printed, too, and is to be looked at: where it fails of what its result does not
need, that is up to the engine (docs/sql.md); where it does not, the compiler is wrong.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

sys.path[:0] = [str(Path(__file__).parent)]

from compare_calls import compare_calls  # noqa: E402 -- found by the line before
from compare_expressions import Seen, compare_expressions  # noqa: E402 -- as above
from compare_runs import compare_run  # noqa: E402 -- as above
from compare_selects import compare_select  # noqa: E402 -- as above
from run_both import Engines  # noqa: E402 -- as above

from penstock.spark.session import open_session  # noqa: E402 -- as above

Compare = Callable[[Engines, int, Seen], None]
TARGETS: Final[dict[str, Compare]] = {
    "expressions": compare_expressions,
    "calls": compare_calls,
    "selects": compare_select,
    "runs": compare_run,
}


@dataclass
class Target:
    """What is compared, and what came of it so far."""

    name: str
    seen: Seen = field(default_factory=Seen)
    cases: int = 0
    seconds: float = 0.0

    def try_case(self, engines: Engines, seed: int) -> None:
        """Compare the case of a seed; print what does not agree."""
        began, known = time.monotonic(), len(self.seen.disagreements)
        TARGETS[self.name](engines, seed, self.seen)
        self.cases += 1
        self.seconds += time.monotonic() - began
        for found in self.seen.disagreements[known:]:
            print(f"\n{self.name}, seed {seed}: {found}", flush=True)

    def __str__(self) -> str:
        seen = self.seen
        counts = {
            "queries alike": seen.queries,
            "expressions": seen.expressions,
            "cells": seen.cells,
            "records": seen.records,
            "rejects": seen.rejects,
            "items": seen.items,
            "failed in both": seen.failures,
            "failed in DuckDB alone, of what was not needed": seen.unneeded,
            "NOT ALIKE": len(seen.disagreements),
            **seen.statuses,
        }
        listed = ", ".join(f"{name} {count:,}" for name, count in counts.items() if count)
        return f"{self.name:12} {self.cases:,} cases, {self.seconds:,.0f} s: {listed}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600, help="how long to look")
    parser.add_argument("--seed", type=int, help="the first case's; by the clock unless said")
    parser.add_argument("--cases", type=int, help="how many, instead of so many seconds")
    parser.add_argument("--only", choices=TARGETS, help="one of what there is to compare")
    asked = parser.parse_args()
    first = number = int(time.time()) if asked.seed is None else asked.seed
    targets = [Target(name) for name in TARGETS if asked.only in (None, name)]
    ends = time.monotonic() + asked.seconds
    with tempfile.TemporaryDirectory() as name, open_session(2) as session:
        session.conf.set("spark.sql.shuffle.partitions", "1")
        engines = Engines(session, Path(name))
        try:
            while number < first + asked.cases if asked.cases is not None else time.monotonic() < ends:
                min(targets, key=lambda target: target.seconds).try_case(engines, number)
                number += 1
        finally:  # interrupted, too, it says what it has done
            print(f"\nseeds {first} to {number - 1}", *targets, sep="\n", flush=True)
    return 1 if any(target.seen.disagreements for target in targets) else 0


if __name__ == "__main__":
    sys.exit(main())
