"""What processors' time costs in Lambda and in Glue, at list prices, and from how many rows on one is cheaper than the other.

List prices of us-east-1, 2026. A virtual processor of either service is taken for one that was measured on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from typing import Final

from penstock.aws.sweep.tally import CALL_DOLLARS, GB_SECOND_DOLLARS
from penstock.load.choose import PROCESSOR_MB

TRANSITION_DOLLARS: Final = 0.025 / 1000
"""A transition of a standard workflow of Step Functions."""
CHUNK_TRANSITIONS: Final = 10
"""What a chunk takes of them: two maps, each with an execution of its own for the chunk."""
CHUNK_BYTES: Final = 64 << 20
"""The default of ``large_objects.chunk``."""
DPU_HOUR_DOLLARS: Final = 0.44
LEAST_SECONDS: Final = 60.0
"""What a job in Glue costs at least."""
DPU_PROCESSORS: Final = 4
"""A DPU is 4 virtual processors and 16 GB, and a worker G.1X is one DPU."""

Price = Callable[[float], float]
"""Gives the dollars of an object of so many rows."""


def lambda_second(memory_mb: float = PROCESSOR_MB) -> float:
    """Give the dollars of a second of a function with so much memory; with 1,769 MB it has one processor."""
    return memory_mb / 1024 * GB_SECOND_DOLLARS


def glue_second(workers: int) -> float:
    """Give the dollars of a second of a job with so many workers G.1X, the driver's among them."""
    return workers * DPU_HOUR_DOLLARS / 3600


def glue_processors(workers: int) -> int:
    """Give how many processors do the work in a job: one of its workers has the driver, and does none."""
    if workers < 2:
        raise ValueError("a job has two workers at least")
    return (workers - 1) * DPU_PROCESSORS


@dataclass(frozen=True, slots=True)
class Path:
    """A way to load an object: the rows that a second of a processor does once it is under way, and the seconds it takes to begin."""

    rate: float
    start: float = 0.0

    def seconds(self, rows: float) -> float:
        """Give the seconds of a processor that so many rows take."""
        return self.start + rows / self.rate


def function_price(path: Path) -> Price:
    """Give what one invocation costs that does nothing but compute."""
    return lambda rows: CALL_DOLLARS + path.seconds(rows) * lambda_second()


def chunked_price(path: Path, row_bytes: float) -> Price:
    """Give what the state machine costs: workers' seconds, calls and transitions for each chunk begun."""

    def price(rows: float) -> float:
        chunks = ceil(rows * row_bytes / CHUNK_BYTES)
        steps = chunks * (CHUNK_TRANSITIONS * TRANSITION_DOLLARS + 2 * CALL_DOLLARS)
        return steps + path.seconds(rows) * lambda_second()

    return price


def glue_price(path: Path, workers: int) -> Price:
    """Give what a job costs: all its workers for as long as it takes, and a minute at least.

    ``path.start`` is what begins once, on one processor while the others wait; the rest is spread evenly.
    """

    def price(rows: float) -> float:
        seconds = path.start + rows / path.rate / glue_processors(workers)
        return glue_second(workers) * max(LEAST_SECONDS, seconds)

    return price


def paced_dollars(rows: float, units_a_second: float, worker_second: float, workers: int = 1) -> float:
    """Give what it costs to wait for a table that takes so many rows a second, of one write unit each, with so many workers."""
    return rows / units_a_second * worker_second * workers


def find_crossing(dear: Price, cheap: Price, most: float = 1e12) -> float | None:
    """Give from how many rows on ``cheap`` costs no more than ``dear``, to a thousandth; None where it does not up to ``most``.

    It is taken for granted that it stays so: what begins dearer and grows more slowly.
    """
    if cheap(most) > dear(most):
        return None
    low, high = 0.0, most
    while high - low > max(1.0, high / 1000):
        middle = (low + high) / 2
        low, high = (low, middle) if cheap(middle) <= dear(middle) else (middle, high)
    return high
