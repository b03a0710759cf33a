"""How fast to write: a rate that is found, and a budget that is kept.

No thread and no clock: time is an argument, in seconds. Units are DynamoDB's write units.

A writer starts without a limit, for what the table takes is not known, and a fresh one takes far more than its lasting
capacity. The first throttle stops it for a moment, in which the answers that still come in show what is taken. From then
on the rate is a token bucket's: at each epoch's end it is cut by the share that was held back (multiplicative decrease),
or raised by a step (additive increase), a step that grows for as long as nothing is held back, to find capacity that has
come back. A cut by the share lets a few hot partitions cost as little as they are.
"""

from __future__ import annotations

import math
from typing import Final

_EPOCH: Final = 0.25
_PAUSE: Final = 0.1
"""How long the first throttle stops the writer: longer than an answer takes to come."""
_LEAST_SPAN: Final = 0.01
_LOWEST: Final = 1.0
_FIRST_LOWEST: Final = 25.0
"""A small batch a second, where the pause shows nothing: one throttle says little."""
_HARDEST_CUT: Final = 0.1
_STEP: Final = 0.01
"""The share of the rate by which it is raised an epoch, at first."""
_LONGEST_STEP: Final = 0.1
_FASTER: Final = 1.15
"""By how much the step grows an epoch."""
_FOUND_STEP: Final = 0.5
"""The step while the rate is not known: what the pause shows is a rough measure."""
_LOST: Final = 0.5
"""The share held back that shows that the rate is not known any more."""
_SAVED: Final = 0.1
"""For how many seconds tokens are saved up: more than a timer is late."""


class Rate:
    """The rate of one writer. ``budget`` is the most units a second that it may consume, None for no limit."""

    def __init__(self, budget: float | None = None) -> None:
        self._budget = math.inf if budget is None else budget
        self._found = math.inf
        self._tokens = 0.0
        self._at: float | None = None
        self._paused_until: float | None = None
        self._epoch_at = 0.0
        self._taken = 0.0
        self._held = 0.0
        self._last = 0.0
        self._pressed = False
        self._step = _FOUND_STEP

    @property
    def limit(self) -> float:
        """Units a second, infinite where there is no limit yet."""
        return min(self._found, self._budget)

    def wait(self, now: float) -> float:
        """Tell in how many seconds a request may be sent; 0 is now."""
        if self._paused_until is not None:
            if now < self._paused_until:
                return self._paused_until - now
            self._resume(now)
        limit = self.limit
        if limit == math.inf:
            return 0.0
        if self._at is None:
            self._at = now
        self._tokens = min(self._tokens + (now - self._at) * limit, limit * _SAVED)
        self._at = now
        if self._tokens >= 0:
            return 0.0
        self._pressed = True
        return -self._tokens / limit

    def send(self, units: float) -> None:
        """Note that a request is sent that will consume so many units, as far as can be told."""
        self._tokens -= units

    def settle(self, now: float, estimated: float, taken: float, held: float) -> None:
        """Note an answer: the units that were estimated, those consumed, and about those held back.

        Where no answer came, what it estimated is taken to be consumed: call it with that, or not at all.
        """
        self._tokens += estimated - taken
        self._taken += taken
        self._held += held
        self._last = now
        if self._found == math.inf:
            if held and self._paused_until is None:
                self._pause(now, taken, held)
        elif now - self._epoch_at >= _EPOCH and self._paused_until is None:
            self._end_epoch(now)

    def _pause(self, now: float, taken: float, held: float) -> None:
        self._paused_until = now + _PAUSE
        self._begin_epoch(now)
        self._taken, self._held = taken, held

    def _resume(self, now: float) -> None:
        span = max(self._last - self._epoch_at, _LEAST_SPAN)
        self._found = max(_FIRST_LOWEST, self._taken / span)
        self._paused_until = None
        self._tokens = 0.0
        self._at = now
        self._begin_epoch(now)

    def _begin_epoch(self, now: float) -> None:
        self._epoch_at = now
        self._taken = self._held = 0.0
        self._pressed = False

    def _end_epoch(self, now: float) -> None:
        seen = self._taken + self._held
        if self._held:
            share = self._held / seen
            sent = seen / (now - self._epoch_at)
            self._found = max(_LOWEST, min(self._found, sent) * max(1 - share, _HARDEST_CUT))
            self._step = _STEP if share < _LOST else _FOUND_STEP
        elif self._pressed and self._found < self._budget:
            self._found *= 1 + self._step
            if self._step < _LONGEST_STEP:
                self._step = min(_LONGEST_STEP, self._step * _FASTER)
        self._begin_epoch(now)
