"""What the writes of a run took."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from penstock.aws.table.operation import Reading

_MOST_STEPS: Final = 120


@dataclass(frozen=True, slots=True)
class WriterStats:
    """What the writes took, so far.

    ``puts``, ``deletes``, ``unchanged`` and ``outdated`` count what was acknowledged, as in
    :class:`~penstock.load.protocols.Written`, ``throttled`` answers that held something back, ``resent`` writes
    sent again. ``rate_over_time`` gives write units a second from the second on that is named, counted from the first
    answer, to the next one's.
    """

    requests: int = 0
    write_units: float = 0.0
    throttled: int = 0
    resent: int = 0
    puts: int = 0
    deletes: int = 0
    rate_over_time: tuple[tuple[int, float], ...] = ()
    unchanged: int = 0
    outdated: int = 0


class Timeline:
    """Amounts by time, in steps of a second at first, and of twice as many whenever there are too many steps."""

    def __init__(self) -> None:
        self._start: float | None = None
        self._width = 1
        self._amounts: list[float] = []

    def add(self, now: float, amount: float) -> None:
        """Add an amount at a time in seconds. Where the clock was set back, the start is too."""
        if self._start is None or now < self._start:
            self._start = now
        step = int(now - self._start) // self._width
        while step >= _MOST_STEPS:
            pairs = zip(self._amounts[::2], [*self._amounts[1::2], 0.0], strict=False)
            self._amounts = [sum(pair) for pair in pairs]
            self._width *= 2
            step = int(now - self._start) // self._width
        if step >= len(self._amounts):
            self._amounts.extend([0.0] * (step + 1 - len(self._amounts)))
        self._amounts[step] += amount

    def rates(self) -> tuple[tuple[int, float], ...]:
        """Give the second at which each step begins, and the amount a second in it."""
        return tuple(
            (index * self._width, round(amount / self._width, 3))
            for index, amount in enumerate(self._amounts)
        )


class Counters:
    """The numbers behind :class:`WriterStats`, as they grow."""

    __slots__ = (
        "deletes",
        "outdated",
        "puts",
        "requests",
        "resent",
        "throttled",
        "timeline",
        "unchanged",
        "units",
    )

    def __init__(self) -> None:
        self.requests = 0
        self.units = 0.0
        self.throttled = 0
        self.resent = 0
        self.puts = 0
        self.deletes = 0
        self.unchanged = 0
        self.outdated = 0
        self.timeline = Timeline()

    def acknowledge(self, now: float, reading: Reading) -> None:
        self.puts += reading.puts
        self.deletes += reading.deletes
        self.unchanged += reading.unchanged
        self.outdated += reading.outdated
        self.units += reading.units
        self.timeline.add(now, reading.units)

    def snapshot(self) -> WriterStats:
        return WriterStats(
            self.requests,
            self.units,
            self.throttled,
            self.resent,
            self.puts,
            self.deletes,
            self.timeline.rates(),
            self.unchanged,
            self.outdated,
        )
