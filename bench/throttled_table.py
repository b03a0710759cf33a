"""A double of a table that throttles as DynamoDB's do, for the writer to find its rate on.

Token buckets with burst for the table and for each of its partitions; items held back, whole requests refused, internal
errors, slow answers, and connections that break after the write was applied. It knows no clock: the time is an argument,
so that it serves in real time and in virtual time alike.
"""

from __future__ import annotations

import heapq
import json
import math
import random
import re
import threading
import time
from dataclasses import dataclass, field
from typing import Any, Final
from zlib import crc32

from botocore.exceptions import ConnectionClosedError

from penstock.aws.table.flights import Answer, Landing
from penstock.engine.result import SEPARATOR

PARTITION_UNITS: Final = 1000.0
"""What one partition takes a second, whatever the table's capacity."""
_KEYS: Final = re.compile(rb'"pk":\{"S":"([^"]*)"')
_REQUESTS: Final = re.compile(rb'\{"RequestItems":\{"[^"]*":\[(.*)\]\},', re.DOTALL)
_ALL: Final = '{"ConsumedCapacity":[{"CapacityUnits":%.1f,"TableName":"t"}],"UnprocessedItems":%s}'


class Bucket:
    """A token bucket: ``rate`` tokens a second, at most ``most``, which it has at the start."""

    __slots__ = ("at", "most", "rate", "tokens")

    def __init__(self, rate: float, most: float) -> None:
        self.rate = rate
        self.most = self.tokens = most
        self.at = 0.0

    def fill(self, now: float) -> None:
        self.tokens = min(self.most, self.tokens + (now - self.at) * self.rate)
        self.at = now


@dataclass(frozen=True, slots=True)
class Troubles:
    """How often a request meets what, as a share of the requests; ``latency`` is the least and most of an answer's time."""

    error: float = 0.003
    throttled: float = 0.001
    dropped: float = 0.002
    slow: float = 0.01
    slow_seconds: float = 0.2
    latency: tuple[float, float] = (0.006, 0.016)


@dataclass
class ThrottledTable:
    """A table of a provisioned ``capacity`` in write units a second.

    It and each of its partitions save up ``burst`` seconds of what is not used; the service does for up to 300.
    Every item is one unit. ``taken`` counts items applied, ``offered`` those that came.
    """

    capacity: float
    burst: float = 1.0
    troubles: Troubles = field(default_factory=Troubles)
    seed: int = 1
    taken: int = 0
    offered: int = 0

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)  # noqa: S311 -- dice, no secret
        self.whole = Bucket(self.capacity, self.capacity * self.burst)
        count = 2 ** math.ceil(math.log2(self.capacity / PARTITION_UNITS))  # a partition splits in two
        self.partitions = [Bucket(PARTITION_UNITS, PARTITION_UNITS * self.burst) for _ in range(count)]

    def roll(self) -> tuple[str, float]:
        """Give what a request to come meets, and how long its answer takes."""
        troubles, dice = self.troubles, self.dice.random()
        seconds = self.dice.uniform(*troubles.latency)
        for name in ("error", "throttled", "dropped"):
            share = getattr(troubles, name)
            if dice < share:
                return name, seconds
            dice -= share
        return "none", troubles.slow_seconds if dice < troubles.slow else seconds

    def apply(self, now: float, body: bytes, fault: str) -> Answer | None:
        """Apply a request of BatchWriteItem, or of PutItem, that arrives ``now``; None where the connection breaks afterwards."""
        if fault == "error":
            return Answer(500, b'{"__type":"x#InternalServerError","message":""}')
        if fault == "throttled":
            return Answer(400, b'{"__type":"x#ThrottlingException","message":""}')
        keys = _KEYS.findall(body)
        self.offered += len(keys)
        held = [index for index, key in enumerate(keys) if not self._admit(now, key)]
        taken = len(keys) - len(held)
        self.taken += taken
        if fault == "dropped":
            return None
        if not held:
            return Answer(200, (_ALL % (taken, "{}")).encode())
        if not taken:
            return Answer(400, b'{"__type":"x#ProvisionedThroughputExceededException","message":""}')
        found = _REQUESTS.match(body)
        assert found is not None
        requests = found[1].decode().split(SEPARATOR)
        left = {"t": [json.loads(requests[index]) for index in held]}
        return Answer(200, (_ALL % (taken, json.dumps(left))).encode())

    def _admit(self, now: float, key: bytes) -> bool:
        partition = self.partitions[crc32(key) % len(self.partitions)]
        partition.fill(now)
        self.whole.fill(now)
        if partition.tokens < 1 or self.whole.tokens < 1:
            return False
        partition.tokens -= 1
        self.whole.tokens -= 1
        return True


class VirtualTime:
    """A clock that only waiting moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class VirtualFlights:
    """Requests to a table in virtual time; see :class:`~penstock.aws.table.flights.Flights`.

    A request arrives after half its answer's time.
    """

    def __init__(self, table: ThrottledTable, time: VirtualTime, lanes: int) -> None:
        self._table = table
        self._time = time
        self._lanes = lanes
        self._events: list[tuple[float, int, Any, bytes | Answer | None, str]] = []
        self._count = 0
        self.under_way = 0

    def refresh(self) -> None:
        """No connection grows old in here."""

    def has_room(self) -> bool:
        return self.under_way < self._lanes

    def start(self, tag: Any, body: bytes) -> None:
        self.under_way += 1
        fault, seconds = self._table.roll()
        self._push(self._time.now + seconds / 2, tag, body, fault)

    def _push(self, at: float, tag: Any, carried: bytes | Answer | None, fault: str) -> None:
        self._count += 1
        heapq.heappush(self._events, (at, self._count, tag, carried, fault))

    def land(self, seconds: float, *, more: bool) -> list[Landing]:
        del more
        until = self._time.now + seconds
        while self._events and self._events[0][0] <= until:
            at, _, tag, carried, fault = heapq.heappop(self._events)
            before, self._time.now = self._time.now, at
            if fault:
                answer = self._table.apply(at, carried if isinstance(carried, bytes) else b"", fault)
                self._push(at + max(at - before, self._table.troubles.latency[0] / 2), tag, answer, "")
                continue
            self.under_way -= 1
            return [(tag, carried if isinstance(carried, Answer) else None)]
        self._time.now = until
        return []

    def close(self) -> None:
        self._events.clear()
        self.under_way = 0


@dataclass(frozen=True)
class VirtualSender:
    """A sender in virtual time."""

    table: ThrottledTable
    time: VirtualTime

    def launch(self, lanes: int, operation: str) -> VirtualFlights:
        del operation
        return VirtualFlights(self.table, self.time, lanes)


class RealSender:
    """A sender in real time, for the writer's threads: each request waits as long as its answer takes."""

    def __init__(self, table: ThrottledTable) -> None:
        self._table = table
        self._start = time.monotonic()
        self._lock = threading.Lock()

    def send(self, operation: str, body: bytes) -> Answer:
        del operation
        with self._lock:
            fault, seconds = self._table.roll()
        time.sleep(seconds / 2)
        with self._lock:
            answer = self._table.apply(time.monotonic() - self._start, body, fault)
        time.sleep(seconds / 2)
        if answer is None:
            raise ConnectionClosedError(endpoint_url="the double")
        return answer
