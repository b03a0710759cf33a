"""Look for what nobody thought of: ``make fuzz SECONDS=600``, or ``python tests/fuzz/fuzz.py --seconds 600 --only events``.

Each target is a property of the tests, tried with new examples in rounds until the time is up, a new seed each round, and each
has its share of the time. What breaks one is made small, and printed; the exit code is 1 then.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / name) for name in ("engine", "doubles", "load", "contract", "compile")]

import hostile_files  # noqa: E402 -- found by the line before
import test_contract_fuzz  # noqa: E402 -- as above
import test_expressions_hostile  # noqa: E402 -- as above
import test_records_properties as records  # noqa: E402 -- as above
import test_withheld  # type: ignore[import-not-found]  # noqa: E402 -- as above; its folder has a conftest, as another has
from hostile_events import check_event, hostile_events  # noqa: E402 -- as above
from run_memory import compile_things  # noqa: E402 -- as above

ROUND = 250
"""Examples a round."""


@dataclass
class Target:
    """A property, what it is tried with, and what came of it so far. ``slowest`` is seconds of processor time for one example."""

    name: str
    strategy: st.SearchStrategy[Any]
    check: Callable[[Any], object]
    examples: int = 0
    seconds: float = 0.0
    slowest: float = 0.0
    broken: int = 0

    def run_round(self, number: int) -> None:
        """Try one round; print what breaks the property."""

        @seed(number)
        @settings(
            max_examples=ROUND,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate, Phase.target, Phase.shrink],
        )
        @given(self.strategy)
        def attempt(example: Any) -> None:
            began = time.process_time()
            self.check(example)
            self.slowest = max(self.slowest, time.process_time() - began)
            self.examples += 1

        began = time.monotonic()
        try:
            attempt()
        except Exception:  # noqa: BLE001 -- whatever it is, it is what is looked for
            self.broken += 1
            print(f"\n{self.name}, seed {number}:", flush=True)
            traceback.print_exc(limit=4, file=sys.stdout)
        self.seconds += time.monotonic() - began


def find_targets(folder: Path) -> list[Target]:
    """Give what can be tried."""
    cuts = st.lists(st.integers(0, 10_000), max_size=8)
    whole = records.test_records_are_those_of_the_reference_however_the_file_is_cut
    parts = records.test_parts_between_any_batches_give_what_one_pass_gives
    alone = records.test_a_line_judged_alone_is_judged_as_the_careful_scan_judges_it
    hidden = test_withheld.test_no_text_of_a_sensitive_cell_is_in_any_line_of_the_rejects
    plan = compile_things(folder, test_withheld.FIELDS)
    newline, line = st.sampled_from(["lf", "cr"]), st.integers(0, 5)
    texts = st.text(max_size=80) | st.text("isnbdl'\"();,.-+*/%|<>= \n[]{}:?$@#!~^&\\0129eE_", max_size=80)
    return [
        Target("events", hostile_events(), check_event),
        Target("records", st.tuples(records.files(), cuts), _spread(whole)),
        Target(
            "parts",
            st.tuples(records.files(), cuts, st.sets(st.integers(0, 20)), st.integers(1, 4)),
            _spread(parts),
        ),
        Target("lines", st.tuples(records.files(), newline, line), _spread(alone)),
        Target("slow files", hostile_files.piled_files(), hostile_files.check_pace),
        Target("withheld", st.tuples(st.just(plan), test_withheld.files(), st.integers(20, 400)), _spread(hidden)),
        Target("contracts", st.text(st.sampled_from("ab:-[]{},&*!|>'\"%@`#? \n\t0.~"), max_size=80), test_contract_fuzz.read),
        Target("expressions", texts, _spread(test_expressions_hostile.test_any_text_is_compiled_or_refused_with_its_path, single=True)),
    ]  # fmt: skip


def _spread(test: Any, *, single: bool = False) -> Callable[[Any], object]:
    """Give the check of a property's test, which takes its arguments one by one."""
    inner = test.hypothesis.inner_test
    return inner if single else lambda example: inner(*example)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600, help="how long to look")
    parser.add_argument("--seed", type=int, help="the first round's; by the clock unless said")
    parser.add_argument("--only", help="one target, by its name")
    asked = parser.parse_args()
    first = int(time.time()) if asked.seed is None else asked.seed
    with tempfile.TemporaryDirectory() as folder:
        targets = [target for target in find_targets(Path(folder)) if asked.only in (None, target.name)]
    ends, number = time.monotonic() + asked.seconds, first
    while time.monotonic() < ends and targets:
        min(targets, key=lambda target: target.seconds).run_round(number)
        number += 1
    print(f"\nseeds {first} to {number - 1}")
    for target in targets:
        print(
            f"{target.name:12} {target.examples:9,} examples {target.seconds:7.0f} s  slowest {target.slowest:6.3f} s of CPU  "
            f"{target.broken} broken"
        )
    return 1 if any(target.broken for target in targets) else 0


if __name__ == "__main__":
    sys.exit(main())
