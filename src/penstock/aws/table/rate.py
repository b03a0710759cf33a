"""How fast to write: a rate that is found, and a budget that is kept.

No thread and no clock: time is an argument, in seconds. Units are DynamoDB's write units.

A writer starts without a limit, for what the table takes is not known, and a fresh one takes far more than its lasting
capacity. When answer after answer holds everything back it stops for a moment, in which the answers that still come in show
what is taken. From then on the rate is a token bucket's: at each epoch's end it is cut by the share that was held back
(multiplicative decrease), or raised by a step (additive increase), a step that grows for as long as nothing is held back,
to find capacity that has come back. A cut by the share lets a few hot partitions cost as little as they are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

_EPOCH: Final = 0.25
_FIRST_EPOCH: Final = 0.1
"""An epoch while the rate is only roughly known."""
_PAUSE: Final = 0.1
"""How long the writer stops where everything is held back: longer than an answer takes to come."""
_STREAK: Final = 6
_HEAVY: Final = 3
"""How many answers in a row stop it that hold back more than so many times what they take."""
_LEAST_SPAN: Final = 0.01
_LOWEST: Final = 1.0
_LONGEST_WAIT: Final = 5.0
"""For how many seconds at most a request makes the next one wait, but for the budget's sake."""
_LOWEST_FOUND: Final = 25.0
"""What is tried after a pause that shows nothing: a small batch a second."""
_HARDEST_CUT: Final = 0.1
_HARDEST_STOP: Final = 0.01
_TOLERATED: Final = 0.01
_TOLERATED_ONCE: Final = 0.25
"""The shares held back at which the rate stays, by several answers and by one: one unlucky request shows little."""
_STEP: Final = 0.01
"""The share of the rate by which it is raised an epoch, at first."""
_LONGEST_STEP: Final = 0.03
_FASTER: Final = 1.1
"""By how much the step grows an epoch."""
_NEAR: Final = (0.95, 1.1)
"""Within these shares of what was taken when some was held back, steps stay short: the limit is near."""
_FIRST_STEP: Final = 0.2
"""The step after a pause, and the longest after a cut."""
_REGAINED: Final = 0.25
"""The share of a cut by which the rate is raised an epoch after it: a deep cut is a rough one."""
_SAVED: Final = 0.1
"""For how many seconds tokens are saved up: more than a timer is late."""
_FIRST_WINDOW: Final = 8.0
_WIDER: Final = 1 / 16
"""By how many requests the window grows with each that was taken whole."""


@dataclass(slots=True)
class _Epoch:
    """What an epoch shows: units taken and held back, and the part of both that was sent before."""

    at: float = math.inf  # it begins with the first answer
    taken: float = 0.0
    held: float = 0.0
    taken_again: float = 0.0
    held_again: float = 0.0
    holding: int = 0  # answers that held something back
    pressed: bool = False  # the rate made the writer wait
    idle: bool = False  # there was nothing to send

    @property
    def seen(self) -> float:
        return self.taken + self.held

    def share(self) -> float:
        """Give the share held back of what was sent for the first time; of all, where that was the lesser part."""
        first = self.seen - self.taken_again - self.held_again
        if not self.seen:
            return 0.0
        return (self.held - self.held_again) / first if first > self.seen / 2 else self.held / self.seen


class Rate:
    """The rate of one writer.

    ``budget`` is the most units a second that it may consume, None for no limit; ``lanes`` the most requests under way.
    :attr:`window` is how many may be under way now: what a table throttles at first is all that is.
    """

    def __init__(self, budget: float | None = None, lanes: int = 64) -> None:
        self._budget = math.inf if budget is None else budget
        self._found = math.inf
        self._tokens = 0.0
        self._at: float | None = None
        self._lanes = float(lanes)
        self.window = min(_FIRST_WINDOW, self._lanes)
        self._paused_until: float | None = None
        self._drained_taken = self._drained_held = 0.0  # since the last answer that held nothing back
        self._known = 0.0  # units a second, that were lately taken where some were held back
        self._sent = 0.0  # units a second, in the last epoch
        self._streak = 0
        self._drained_taken = self._drained_held = 0.0
        self._step = _FIRST_STEP
        self._epoch = _Epoch()

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
        self._epoch.pressed = True
        return -self._tokens / limit

    def rest(self) -> None:
        """Note that there is nothing to send just now: what is sent in this epoch does not show the rate."""
        self._epoch.idle = True

    def send(self, units: float) -> None:
        """Note that a request is sent that will consume so many units, as far as can be told."""
        if self.limit == math.inf:
            return
        self._tokens -= units
        if self._found < self._budget:
            self._tokens = max(self._tokens, -_LONGEST_WAIT * self._found)

    def settle(self, now: float, estimated: float, taken: float, held: float, *, again: bool = False) -> None:
        """Note an answer: the units that were estimated, those consumed, and about those held back.

        ``again`` tells that it was sent before: that it is held back once more may show a hot partition, and not what the
        table takes. Where no answer came, what it estimated is taken to be consumed: there is nothing to note.
        """
        epoch = self._epoch
        if epoch.at == math.inf:
            epoch.at = now
        self._tokens += estimated - taken - held
        epoch.taken += taken
        epoch.held += held
        epoch.holding += held > 0
        if again:
            epoch.taken_again += taken
            epoch.held_again += held
        self._drained_taken += taken
        self._drained_held += held
        if not held:
            if self._paused_until is None:
                self._streak = 0
                self._drained_taken = self._drained_held = 0.0
            if self.window < self._lanes:
                self.window += _WIDER
        elif held > _HEAVY * taken and self._paused_until is None:
            self._streak += 1
            if self._streak >= _STREAK:
                self._pause(now)
        if self._paused_until is None:
            length = _EPOCH if self._step < _FIRST_STEP else _FIRST_EPOCH
            if now - epoch.at >= length:
                self._end_epoch(now)

    def _pause(self, now: float) -> None:
        span = now - self._epoch.at
        if span > _LEAST_SPAN:
            self._sent = self._epoch.seen / span
        self._paused_until = now + _PAUSE
        self.window = min(_FIRST_WINDOW, self._lanes)
        self._epoch = _Epoch(now)

    def _resume(self, now: float) -> None:
        """Go on at the rate of before the pause, by the share that was taken since the streak began."""
        share = self._drained_taken / (self._drained_taken + self._drained_held)
        self._found = min(self._found, max(_LOWEST_FOUND, self._sent * max(share, _HARDEST_STOP)))
        self._paused_until = None
        self._streak = 0
        self._drained_taken = self._drained_held = 0.0
        self._step = _FIRST_STEP
        self._tokens = 0.0
        self._at = now
        self._epoch = _Epoch(now)

    def _end_epoch(self, now: float) -> None:
        epoch = self._epoch
        share = epoch.share()
        self._sent = epoch.seen / (now - epoch.at)
        if share > (_TOLERATED if epoch.holding > 1 else _TOLERATED_ONCE):
            sent = self._found if epoch.idle else self._sent
            self._found = max(_LOWEST, min(self._found, sent) * max(1 - share, _HARDEST_CUT))
            self._step = min(_FIRST_STEP, max(_STEP, self._step / 2, share * _REGAINED))
            took = epoch.taken / (now - epoch.at)
            self._known = (self._known + took) / 2 if self._known else took
        elif epoch.seen and not share and epoch.pressed and self._found < self._budget:
            near = _NEAR[0] * self._known < self._found < _NEAR[1] * self._known
            self._found *= 1 + (_STEP if near else self._step)
            if near:
                self._step = _STEP
            elif self._step < _LONGEST_STEP:
                self._step = min(_LONGEST_STEP, self._step * _FASTER)
        self._epoch = _Epoch(now)
