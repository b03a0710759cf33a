"""What loading takes: the loader, made once for a process, and the time that an invocation has."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from shutil import disk_usage

from penstock.aws.connect import REQUEST_SECONDS, Client, Connections
from penstock.aws.ledger import Ledger
from penstock.aws.objects import ObjectVersion
from penstock.aws.table.write import Pace, Sends, TableWriter
from penstock.load.choose import PROCESSOR_MB, Room
from penstock.load.chunk import BATCH_BYTES
from penstock.load.judges import MEMORY_MB
from penstock.load.result import result_plan
from penstock.plan.codec import plan_hash
from penstock.plan.model import Plan

FINISH_SECONDS = 10.0
"""What is kept back of an invocation's time for the rejects, the report and the ledger."""

SKEW_SECONDS = 5.0
"""How far the clocks of two workers may differ. Lambda's are kept within milliseconds of each other."""

_PACKED = 4
"""How many times its size a compressed object is taken to have: CSV shrinks to a fourth and often to less."""

_FOLLOWED = 4
"""How many times the room an object takes whose items are followed by a manifest: of each more is noted than its key."""

_RECORD_BYTES = 100
"""How long a record is taken to be that costs a write unit, in sizing batches for a limited rate."""
_LEAST_BATCH = 16 << 10

_IN_FLIGHT = 4
"""Batches that are read, judged or written when a worker decides to stop, and how many times the slowest it may take."""
_SAVING = 0.05
"""The share of an invocation's time that is kept for saving what was done."""


@dataclass(frozen=True, slots=True)
class Budget:
    """The time that an invocation has. ``end`` is when it is cut off, in seconds of the epoch.

    ``stop`` is when a run gives up, to have time to say so. ``seconds`` is how long it was in the beginning.
    """

    seconds: float
    end: float
    stop: float
    clock: Callable[[], float]

    @property
    def left(self) -> float:
        """Seconds until ``stop``."""
        return self.stop - self.clock()

    @property
    def claim_end(self) -> float:
        """Until when to claim: by then the last request, sent at the very end, has ended too, by anybody's clock."""
        return self.end + REQUEST_SECONDS + SKEW_SECONDS


def make_budget(seconds: float, clock: Callable[[], float] = time.time) -> Budget:
    """Give the budget of an invocation that is cut off in so many seconds."""
    now = clock()
    return Budget(seconds, now + seconds, now + seconds - min(FINISH_SECONDS, seconds / 5), clock)


class Deadline:
    """Tells, between two batches, when to leave the rest to another invocation.

    That is while there is time for what is in flight, each as slow as the slowest so far, and a little to save it. ``leg_seconds`` is after how
    long a worker keeps what it has done, so that one that dies loses no more than that.
    """

    def __init__(self, budget: Budget, leg_seconds: float) -> None:
        self._budget = budget
        self._leg_seconds = leg_seconds
        self._slowest = 0.0
        self._asked = self._leg = budget.clock()

    @property
    def near(self) -> bool:
        """Whether there is no time for more."""
        return self._budget.left < max(_IN_FLIGHT * self._slowest, _SAVING * self._budget.seconds)

    def begin_leg(self) -> None:
        """Begin anew to measure, after what was done was kept."""
        self._asked = self._leg = self._budget.clock()

    def ends_leg(self) -> bool:
        """Tell whether to stop here, be it to go on at once. To be asked after each batch."""
        now = self._budget.clock()
        self._slowest = max(self._slowest, now - self._asked)
        self._asked = now
        return self.near or now - self._leg >= self._leg_seconds

    def comes(self) -> bool:
        """Tell whether to stop here for good. To be asked after each batch."""
        self.ends_leg()
        return self.near


@dataclass(frozen=True)
class Loader:
    """All that loading a feed's objects takes, made once and handed down.

    ``function_mb`` is the function's memory, of which the database may use ``memory_mb`` while rows are judged.

    ``state_machine`` is what takes over objects of more than ``large_bytes`` and those that take longer than an
    invocation, if there is one. They are cut into chunks of ``chunk_bytes``, of which ``chunk_workers`` are loaded at
    once; ``loaders`` is how many loaders of the feed there may be at once. ``job`` is the name of the job in Glue that the state
    machine can start instead, if there is one. ``lanes`` is how many batches are judged at once, None for as many as the cores allow.
    """

    plan: Plan
    connections: Connections
    sender: Sends
    ledger: Ledger
    artifacts: str
    topic: str | None = None
    memory_mb: int = MEMORY_MB
    function_mb: int = PROCESSOR_MB
    state_machine: str | None = None
    large_bytes: int = 256 << 20
    chunk_bytes: int = 64 << 20
    chunk_workers: int = 10
    loaders: int = 1
    job: str | None = None
    lanes: int | None = None
    batch_bytes: int = BATCH_BYTES
    leg_seconds: float = 60.0
    sleep: Callable[[float], None] = time.sleep

    @property
    def s3(self) -> Client:
        return self.connections.s3

    def is_large(self, found: ObjectVersion) -> bool:
        """Tell whether an object is handed to the state machine without a try."""
        return self.state_machine is not None and self.weigh(found) > self.large_bytes

    def weigh(self, found: ObjectVersion) -> int:
        """Give how large an object is to be taken for, by the room that its records and keys take while it is loaded."""
        return self.weigh_bytes(found.size * (_PACKED if found.packed else 1))

    def weigh_bytes(self, size: int) -> int:
        """Give how large so many bytes of records are to be taken for; see :meth:`weigh`."""
        return size * (1 if self.plan.manifest is None else _FOLLOWED)

    @cached_property
    def load_plan(self) -> Plan:
        """The plan by which items are loaded: of a query's result, where there is a query."""
        return self.plan if self.plan.query is None else result_plan(self.plan)

    @cached_property
    def plan_hash(self) -> str:
        return plan_hash(self.plan)

    def measure_room(self, scratch: Path, budget: Budget) -> Room:
        """Give what a query has here: the function's memory, what is free on its disk, and the time that is left."""
        return Room(self.function_mb, disk_usage(scratch).free // 10**6, budget.left)

    def open_writer(self, budget: Budget, workers: int) -> TableWriter:
        """Give a writer that sends nothing after the budget's end, and has the share of one of so many workers."""
        return TableWriter(
            self.sender,
            self.plan.table,
            pace=Pace(clock=budget.clock, sleep=self.sleep, deadline=budget.stop),
            max_write_units=self.share_units(workers),
        )

    def share_units(self, workers: int) -> float | None:
        """Give the write units a second that one of so many workers may use; None where nobody limits them."""
        units = self.plan.max_write_units
        return None if units is None else units / workers

    def size_batch(self, budget: Budget, workers: int) -> int:
        """Give the bytes to judge at a time.

        A worker can stop only between two batches, so at a limited rate a batch must not take long to write: the
        twentieth part of an invocation, and no more than ten seconds.
        """
        units = self.share_units(workers)
        if units is None:
            return self.batch_bytes
        fitting = int(units * min(10.0, budget.seconds / 20) * _RECORD_BYTES)
        return min(self.batch_bytes, max(_LEAST_BATCH, fitting))
