"""Run simulations: ``python tests/simulation/simulate.py --seeds 10000``, or one with all that happens: ``--seed 123 --trace``.

Every seed gives one history, the same on any machine. Exits with 1 where a promise was broken.
"""

from __future__ import annotations

import argparse
import sys
import time
from datetime import UTC, datetime

from promises import find_broken
from scenario import Profile, Scenario, draw_scenario
from simulated_feed import SimulatedFeed


def simulate(scenario: Scenario) -> tuple[SimulatedFeed, list[str]]:
    """Run a scenario, and give the feed as it is then, and the promises that were broken."""
    feed = SimulatedFeed(scenario)
    feed.run()
    return feed, find_broken(feed)


def simulate_seed(seed: int, profile: Profile | None = None) -> list[str]:
    """Run the scenario of a seed, and give the promises that were broken."""
    return simulate(draw_scenario(seed, profile))[1]


def _trace(seed: int, profile: Profile | None) -> int:
    scenario = draw_scenario(seed, profile)
    feed, broken = simulate(scenario)
    begun = datetime.fromtimestamp(feed.schedule.trace[0][0], UTC)
    for moment, who, what in feed.schedule.trace:
        seconds = (datetime.fromtimestamp(moment, UTC) - begun).total_seconds()
        print(f"{seconds:12.4f}  {who:32} {what}")
    print(feed.log.getvalue())
    print(f"digest {feed.schedule.digest}")
    for problem in broken:
        print(f"BROKEN: {problem}")
    return 1 if broken else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000, help="how many to run")
    parser.add_argument("--start", type=int, default=0, help="the first")
    parser.add_argument("--seed", type=int, help="run this one alone")
    parser.add_argument("--profile", choices=["small", "large"], help="only files of this kind")
    parser.add_argument("--trace", action="store_true", help="show everything that happens (with --seed)")
    asked = parser.parse_args()
    if asked.seed is not None and asked.trace:
        return _trace(asked.seed, asked.profile)
    seeds = [asked.seed] if asked.seed is not None else range(asked.start, asked.start + asked.seeds)
    failed, begun = 0, time.monotonic()
    for done, seed in enumerate(seeds, 1):
        broken = simulate_seed(seed, asked.profile)
        failed += bool(broken)
        for problem in broken:
            print(f"seed {seed}: {problem}", flush=True)
        if done % 500 == 0:
            print(
                f"{done} seeds, {failed} broken, {(time.monotonic() - begun) / done:.3f} s each", flush=True
            )
    print(f"{len(seeds)} seeds, {failed} broken, {time.monotonic() - begun:.0f} seconds")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
