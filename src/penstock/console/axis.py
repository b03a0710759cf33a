"""A scale of time, with marks at round moments, for what is drawn."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_STEPS: Final = (
    *(1, 2, 5, 10, 15, 30),
    *(_MINUTE * n for n in (1, 2, 5, 10, 15, 30)),
    *(_HOUR * n for n in (1, 2, 3, 6, 12)),
    *(_DAY * n for n in (1, 2, 7, 14, 28, 56, 112, 364)),
)

_TOPS: Final = (
    *(2, 4, 10, 20),
    *(_MINUTE * n for n in (1, 2, 4, 10, 20, 40)),
    *(_HOUR * n for n in (1, 2, 4, 12)),
    *(_DAY * n for n in (1, 2, 4, 14, 28, 56, 112, 400)),
)


@dataclass(frozen=True, slots=True)
class TimeAxis:
    """Moments from ``start`` to ``end`` (seconds of the epoch) from ``left`` to ``right`` (units of the drawing)."""

    start: float
    end: float
    left: float
    right: float

    def at(self, moment: float) -> float:
        """Give the place of a moment; what lies outside is at the edge."""
        part = (moment - self.start) / (self.end - self.start)
        return round(self.left + min(max(part, 0.0), 1.0) * (self.right - self.left), 1)

    def ticks(self, most: int) -> Iterator[tuple[float, str]]:
        """Give at most ``most`` places at round moments, and what to write there."""
        length = self.end - self.start
        step = next((step for step in _STEPS if length / step <= most), math.ceil(length / most))
        tick = math.ceil(self.start / step) * step
        while tick <= self.end:
            yield self.at(tick), _label(tick, step)
            tick += step


def time_axis(moments: list[float], left: float, right: float) -> TimeAxis:
    """Give the axis that holds all of these moments, with a second at least and a little air on both sides."""
    first, last = min(moments), max(moments)
    air = max((last - first) * 0.02, 0.5)
    return TimeAxis(first - air, last + air, left, right)


def round_up_time(seconds: float) -> float:
    """Give the next duration whose half reads well too, for the top of a scale."""
    return next((top for top in _TOPS if seconds <= top), round_up(seconds))


def _label(moment: float, step: float) -> str:
    found = datetime.fromtimestamp(moment, UTC)
    if step >= _DAY or (step >= _HOUR and found.hour == 0):
        return f"{found.day} {found:%b}"
    return f"{found:%H:%M}" if step >= _MINUTE else f"{found:%H:%M:%S}"


def round_up(value: float) -> float:
    """Give the next of 1, 2, 5, 10, 20, 50, ... for the top of a scale."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(top * power for top in (1, 2, 5, 10) if value <= top * power * (1 + 1e-9))
