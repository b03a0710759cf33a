"""What happens in a simulation, drawn from its seed: files that come and change and go, and what goes wrong meanwhile."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from sample_files import DRAWN, KINDS, PLAIN, PREFIX, SampleFile, draw_file
from virtual_wire import Faults, Strike

from penstock.aws.loader import SKEW_SECONDS

Profile = Literal["small", "large"]


@dataclass(frozen=True)
class Change:
    """An object is put, or deleted where ``file`` is None, so many seconds after the beginning."""

    moment: float
    key: str
    file: SampleFile | None


@dataclass(frozen=True)
class Scenario:
    """All that is decided before a simulation begins.

    ``busy`` is how many seconds things go wrong. ``sweeps`` are moments of schedules meanwhile, and ``garbage`` those of messages that nobody can
    understand. ``chunk_bytes`` is None where there is no state machine. ``shared`` tells that rows of different objects have one key.
    """

    seed: int
    variant: str = "plain"
    changes: tuple[Change, ...] = ()
    faults: Faults = field(default_factory=Faults)
    strikes: tuple[Strike, ...] = ()
    busy: float = 300.0
    sweeps: tuple[float, ...] = ()
    garbage: tuple[float, ...] = ()
    versioned: bool = True
    direct: bool = False
    concurrency: int = 2
    batch_size: int = 1
    seconds: float = 60.0
    skew: float = 0.0
    chunk_bytes: int | None = None
    large_bytes: int = 1 << 20
    batch_bytes: int = 1 << 20
    leg_seconds: float = 60.0
    shared: bool = False


_CALM: Final = 0.15
"""The share of scenarios in which no request fails: there the order of events is all that goes wrong."""


def draw_scenario(seed: int, profile: Profile | None = None) -> Scenario:
    """Draw the scenario of a seed; without a profile, one in eight is large."""
    dice = random.Random(f"scenario {seed}")
    drawn = profile or ("large" if dice.random() < 0.125 else "small")
    variant = dice.choice(["plain", "plain", *DRAWN])
    shared = dice.random() < 0.15 and variant != "mirror"
    scenario = Scenario(
        seed=seed,
        variant=variant,
        changes=_draw_changes(dice, drawn, shared=shared),
        faults=_draw_faults(dice, drawn),
        busy=dice.choice([60.0, 300.0, 1200.0]),
        garbage=(dice.uniform(0, 60),) if dice.random() < 0.1 else (),
        versioned=dice.random() < 0.85,
        direct=dice.random() < 0.2,
        concurrency=dice.choice([1, 2, 3, 5]),
        batch_size=dice.choice([1, 1, 3]),
        seconds=dice.choice([30.0, 60.0, 300.0]),
        skew=dice.choice([0.0, SKEW_SECONDS / 2]),
        shared=shared,
        batch_bytes=dice.choice([150, *(1 << 20,) * 7]),
        leg_seconds=dice.choice([1.0, 60.0]),
    )
    sweeps = tuple(dice.uniform(0, scenario.busy) for _ in range(dice.choice([0, 0, 1, 2])))
    scenario = replace(scenario, sweeps=sweeps)
    if drawn == "large":
        return replace(scenario, chunk_bytes=dice.choice([250, 500]), large_bytes=dice.choice([1, 300]))
    return scenario


def _draw_changes(dice: random.Random, profile: Profile, *, shared: bool) -> tuple[Change, ...]:
    """Draw what becomes of one to three keys."""
    span = dice.choice([1.0, 20.0, 200.0])
    kinds, rows = (KINDS, [0, 1, 5, 30]) if dice.random() < 0.5 else (PLAIN, [1, 3, 10, 60])
    changes: list[Change] = []
    for number in range(1 if profile == "large" else dice.choice([1, 1, 1, 2, 3])):
        key = f"{PREFIX}May 2026/a+{number}%20ü.csv"
        ids = [f"{'all' if shared else number}-{i}" for i in range(dice.choice([4, 12, 40]))]
        files: list[SampleFile] = []
        for version in range(dice.choice([1, 2, 2, 3]) if profile == "large" else dice.choice([1, 2, 3, 4])):
            moment = dice.uniform(0, span)
            if files and dice.random() < 0.15:
                changes.append(Change(moment, key, None))
            elif len(files) > 1 and dice.random() < 0.3:
                changes.append(Change(moment, key, files[0]))  # from A to B and back to A
            else:
                tag = f"{number}.{version}"
                files.append(draw_file(dice, dice.choice(rows), ids, tag, kinds))
                changes.append(Change(moment, key, files[-1]))
    return tuple(sorted(changes, key=lambda change: change.moment))


def _draw_faults(dice: random.Random, profile: Profile) -> Faults:
    """Draw how much goes wrong, and what."""
    latency = dice.choice([0.03, 0.03, 0.3])
    if dice.random() < _CALM:
        return Faults(
            doubled=0.3,
            dropped=dice.choice([0.0, 0.0, 0.2]),
            slow=dice.choice([0.0, 0.0, 0.1]),
            latency=latency,
        )
    weight = dice.choice([0.2, 1.0, 1.0, 3.0])

    def often(share: float) -> float:
        return dice.choice([0.0, share, share]) * weight

    return Faults(
        kill=often(0.004 if profile == "large" else 0.01),
        throttled=often(0.01),
        failed=often(0.01),
        unreached=often(0.005),
        lost=often(0.01),
        slow=often(0.03),
        stall=often(0.005),
        give_up=dice.choice([0.1, 0.5]),
        latency=latency,
        broken_body=often(0.01),
        partial=often(0.1),
        full_disk=often(0.02),
        denied_rejects=dice.choice([0.0, 0.0, 0.3]),
        doubled=often(0.1),
        dropped=often(0.1),
    )
