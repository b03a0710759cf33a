"""Writes on their way: many requests of one writer at once, of which each may be done in part, or done unseen."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Final

from botocore.exceptions import ClientError
from dynamodb_limits import InvalidError
from virtual_dynamodb import Tables
from virtual_time import Actor, Killed
from virtual_wire import Fault, Wire

from penstock.aws.connect import READ_SECONDS
from penstock.aws.table.flights import Answer, Flights, Landing

REQUEST: Final = b'Request":{'


@dataclass(frozen=True)
class VirtualSender:
    """Sends requests to :class:`~virtual_dynamodb.Tables`; see :class:`~penstock.aws.table.flights.Launches`."""

    tables: Tables
    wire: Wire

    def launch(self, lanes: int, operation: str) -> Flights:
        return VirtualFlights(self, min(lanes, 8), operation)

    def send(self, operation: str, body: bytes) -> Answer:
        """Send one request and wait for its answer."""
        raise AssertionError(f"{operation} goes over flights here")


@dataclass
class _Flight:
    tag: Any
    lands: float
    answer: Answer | None = None


@dataclass
class VirtualFlights:
    """Requests under way; see :class:`~penstock.aws.table.flights.Flights`."""

    sender: VirtualSender
    lanes: int
    operation: str
    flying: list[_Flight] = field(default_factory=list)

    @property
    def under_way(self) -> int:
        return len(self.flying)

    def refresh(self) -> None:
        """No connection here grows old."""

    def has_room(self) -> bool:
        return len(self.flying) < self.lanes

    def start(self, tag: Any, body: bytes) -> None:
        wire, schedule = self.sender.wire, self.sender.wire.schedule
        fault = wire.draw(self.operation, f"{body.count(REQUEST) or 1} writes")
        actor = schedule.current
        there, back = wire.latency(), wire.latency()
        if fault == "lost":
            there, back = schedule.dice.uniform(0.0001, READ_SECONDS), READ_SECONDS
        flight = _Flight(tag, min(schedule.now + there + back, schedule.now + READ_SECONDS))
        schedule.at(there, lambda: self._arrive(flight, actor, body, fault))
        self.flying.append(flight)
        if fault == "kill after":
            schedule.kill(actor, "with writes under way")
            raise Killed

    def _arrive(self, flight: _Flight, actor: Actor, body: bytes, fault: Fault | None) -> None:
        """Let the service do what it does with a request."""
        if fault == "unreached":
            return
        if fault == "throttled":
            flight.answer = _error(400, "ProvisionedThroughputExceededException")
            return
        cut = fault in {"failed", "lost", "kill after"}
        if self.operation == "PutItem":
            answer = self._put(actor, body, cut=cut)
        else:
            answer = self._write(actor, body, cut=cut)
        if fault == "failed":
            answer = _error(500, "InternalServerError")
        flight.answer = None if fault == "lost" else answer

    def _put(self, actor: Actor, body: bytes, *, cut: bool) -> Answer:
        """Put one item under its condition; or not, where that is not answered."""
        if cut and self.sender.wire.happens(0.5):
            return _error(500, "InternalServerError")
        try:
            self.sender.tables.put(json.loads(body), actor.run or actor.name)
        except ClientError as error:
            told = error.response["Error"]
            return _error(400, told["Code"], told["Message"], error.response.get("Item"))
        return Answer(200, b'{"ConsumedCapacity":{"CapacityUnits":1.0}}')

    def _write(self, actor: Actor, body: bytes, *, cut: bool) -> Answer:
        """Do the writes of a batch, in any order; all of them, or some, of which the answer tells unless it is ``cut``."""
        wire, dice = self.sender.wire, self.sender.wire.schedule.dice
        try:
            writes = self.sender.tables.check_batch(body)
        except InvalidError as error:
            return _error(400, "ValidationException", str(error))
        except ClientError as error:
            return _error(400, str(error.response["Error"]["Code"]))
        dice.shuffle(writes)
        partial = cut or wire.happens(wire.faults.partial)
        done = dice.randrange(len(writes) + 1) if partial else len(writes)
        for table, key, item, _ in writes[:done]:
            table.put(key, item, actor.run or actor.name)
        left: dict[str, list[Any]] = {}
        for table, _, _, request in writes[done:]:
            name = next(name for name, known in self.sender.tables.tables.items() if known is table)
            left.setdefault(name, []).append(request)
        answer = {"UnprocessedItems": left, "ConsumedCapacity": [{"CapacityUnits": float(done)}]}
        return Answer(200, json.dumps(answer, separators=(",", ":")).encode())

    def land(self, seconds: float, *, more: bool) -> list[Landing]:
        schedule = self.sender.wire.schedule
        first = min(flight.lands for flight in self.flying)
        schedule.pause(max(0.0, min(first - schedule.now, seconds)))
        landed = [flight for flight in self.flying if flight.lands <= schedule.now]
        self.flying = [flight for flight in self.flying if flight.lands > schedule.now]
        return [(flight.tag, flight.answer) for flight in landed]

    def close(self) -> None:
        self.flying.clear()


def _error(status: int, code: str, message: str = "", item: object = None) -> Answer:
    told: dict[str, object] = {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": message}
    told |= {} if item is None else {"Item": item}
    return Answer(status, json.dumps(told).encode())
