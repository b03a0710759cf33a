"""Virtual time, and the actors that live in it: threads of which one runs, until it waits for something.

An actor is an invocation of a function, or an execution of a state machine. It has a thread of its own, so that the real
code runs in it as it stands, but it goes on only when the schedule hands it the baton. Everything that takes time is an event
in one queue: an actor that wakes, or an effect that a request has on a service. The dice are the schedule's own and are
thrown in the order of events, so a seed gives the same history however fast the machine is.
"""

from __future__ import annotations

import hashlib
import heapq
import math
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

EPOCH: Final = 1_795_413_600.0
"""When every simulation begins, in seconds of the epoch."""

Event = Callable[[], None]


class Killed(BaseException):
    """The actor is dead; no error, for nothing may catch it. No ``finally`` of it reaches a service any more."""


@dataclass(eq=False)
class Actor:
    """Who acts. ``end`` is the moment at which it is cut off; its clock goes wrong by ``skew`` seconds.

    ``run`` is the run that it works for, ``place`` the object, for those who watch what it writes. ``calls`` counts its
    requests.
    """

    name: str
    end: float = math.inf
    skew: float = 0.0
    killed: bool = False
    why: str = ""
    calls: int = 0
    run: str | None = None
    place: tuple[str, str] | None = None
    go: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    parked: bool = False


class Schedule:
    """The queue of events, the clock and the dice. Whoever calls :meth:`run` is who lets the others go on."""

    def __init__(self, seed: int) -> None:
        self.now = EPOCH
        self.dice = random.Random(seed)
        self.trace: list[tuple[float, str, str]] = []
        self.live: dict[Actor, None] = {}
        self._queue: list[tuple[float, float, int, Event | Actor]] = []
        self._count = 0
        self._root = Actor("root")
        self._current: Actor | None = self._root
        self._limit = math.inf
        self._failure: BaseException | None = None
        self._closing = False

    @property
    def current(self) -> Actor:
        """The actor that runs."""
        assert self._current is not None, "an effect asked who runs"
        return self._current

    def note(self, who: str, what: str) -> None:
        """Add a line to the trace."""
        self.trace.append((self.now, who, what))

    @property
    def digest(self) -> str:
        """A hash of all that happened."""
        text = "\n".join(f"{moment!r} {who} {what}" for moment, who, what in self.trace)
        return hashlib.sha256(text.encode()).hexdigest()

    def at(self, seconds: float, event: Event) -> None:
        """Have something happen in so many seconds."""
        self._push(self.now + seconds, event)

    def start(self, actor: Actor, work: Callable[[], None]) -> None:
        """Have an actor begin now, in a thread of its own; it ends when ``work`` does."""

        def live() -> None:
            actor.go.acquire()
            try:
                if not actor.killed:
                    work()
            except Killed:
                pass
            except BaseException as error:  # noqa: BLE001 -- whoever called run() is to have it
                self._fail(error)
            finally:
                del self.live[actor]
                self._hand_on(None)

        self.live[actor] = None
        threading.Thread(target=live, name=actor.name, daemon=True).start()
        self._push(self.now, actor)

    def pause(self, seconds: float) -> None:
        """Let the running actor wait, and others go on. Raises :class:`Killed` where it is dead when its time has come."""
        actor = self.check()
        self._push(min(self.now + seconds, actor.end), actor)
        self._hand_on(actor)
        self.check()

    def park(self) -> None:
        """Let the running actor wait until somebody calls :meth:`wake`."""
        actor = self.check()
        actor.parked = True
        self._hand_on(actor)
        self.check()

    def wake(self, actor: Actor) -> None:
        """Have an actor that parked go on."""
        if actor.parked:
            actor.parked = False
            self._push(self.now, actor)

    def check(self) -> Actor:
        """Give the running actor. Raises :class:`Killed` where it is dead, or its end has come."""
        actor = self.current
        if not actor.killed and self.now >= actor.end:
            self.kill(actor, "its time was up")
        if actor.killed:
            raise Killed
        return actor

    def kill(self, actor: Actor, why: str) -> None:
        """Have an actor be dead."""
        if not actor.killed:
            actor.killed, actor.why = True, why
            self.note(actor.name, f"dies: {why}")

    def run(self, limit: float = math.inf) -> bool:
        """Let everything happen that is due up to ``limit``; tell whether nothing is left. Raises what an actor raised."""
        self._limit = limit
        self._hand_on(self._root)
        if self._failure is not None:
            raise self._failure
        if self._queue:
            self.now = limit
        return not self._queue

    def close(self) -> None:
        """End all actors, so that no thread is left."""
        self._closing, self._failure, self._limit = True, None, math.inf
        for actor in [*self.live]:
            actor.killed = True
            self.wake(actor)
        while self.live and self._queue:
            self._failure = None
            self._hand_on(self._root)

    def _push(self, due: float, event: Event | Actor) -> None:
        self._count += 1
        heapq.heappush(self._queue, (due, self.dice.random(), self._count, event))

    def _hand_on(self, me: Actor | None) -> None:
        """Go through the events until an actor is to go on, and give it the baton; return when ``me`` has it again."""
        following = self._find_next()
        self._current = following
        if following is not me:
            following.go.release()
            if me is not None:
                me.go.acquire()

    def _find_next(self) -> Actor:
        while self._failure is None and self._queue and self._queue[0][0] <= self._limit:
            due, _, _, event = heapq.heappop(self._queue)
            self.now = max(self.now, due)
            if isinstance(event, Actor):
                if event in self.live:
                    return event
                continue
            if self._closing:
                continue
            self._current = None
            try:
                event()
            except BaseException as error:  # noqa: BLE001 -- whoever called run() is to have it
                self._fail(error)
        return self._root

    def _fail(self, error: BaseException) -> None:
        self._failure = self._failure or error
