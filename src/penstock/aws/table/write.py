"""Items into a table: requests under way side by side, each sent until every one of its writes is acknowledged."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

from penstock.aws.explain import explain_code
from penstock.aws.table.answers import PASSING, THROTTLED
from penstock.aws.table.backlog import Backlog, Parcel
from penstock.aws.table.batch_write import BatchWrite
from penstock.aws.table.batches import halve_batch
from penstock.aws.table.competing_put import CompetingPut
from penstock.aws.table.flights import Answer, Flights, Landing, Launches, Sends, ThreadedFlights
from penstock.aws.table.operation import Operation, Reading, estimate_units
from penstock.aws.table.rate import Rate
from penstock.aws.table.stats import Counters, WriterStats
from penstock.engine.result import WriteBatch
from penstock.errors import ServiceError
from penstock.load.protocols import Refused, Written
from penstock.plan.model import Table

__all__ = ["LANES", "Pace", "Sends", "TableWriter", "WriterStats"]

LANES: Final = 64
"""The most requests under way: at 20 ms each, 80,000 small items a second."""
_FIRST_NAP: Final = 0.05
_LONGEST_NAP: Final = 5.0
_WAITING: Final = 2
"""How many requests' writes may wait to be sent again, for each that may be under way, before no new ones are begun."""
_LEAST_FAILURES: Final = 4
"""How many answers in a row must take nothing before the writer gives up: a small budget makes them rare."""
_TICK: Final = 0.001
"""No timer is finer."""
_LEARNING: Final = 0.1


@dataclass(frozen=True, slots=True)
class Pace:
    """The clocks and dice of a writer, and its patience.

    ``patience`` is for how many seconds nothing may be taken before the writer gives up; ``deadline`` is the moment of
    ``clock`` at which it sends nothing more.
    """

    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = random.random
    patience: float = 120.0
    deadline: float = math.inf


class TableWriter:
    """Writes items to a table; see :class:`~penstock.load.protocols.ItemWriter`.

    A context manager, for one thread at a time. Needs dynamodb:BatchWriteItem on the table, or dynamodb:PutItem where rows
    compete. Unprocessed items, throttles,
    errors of the service and broken connections are tried again with exponential backoff and full jitter, for as long as
    anything moves. The rate adapts (:mod:`penstock.aws.table.rate`); ``max_write_units`` is the most write units a second.
    """

    def __init__(
        self,
        sender: Sends | Launches,
        table: Table,
        *,
        pace: Pace | None = None,
        lanes: int = LANES,
        max_write_units: float | None = None,
    ) -> None:
        self._sender = sender
        self._table = table
        self._operation: Operation = BatchWrite(table) if table.newest_by is None else CompetingPut(table)
        self._pace = pace or Pace()
        self._lanes = lanes
        self._flights: Flights | None = None
        self._rate = Rate(max_write_units, lanes)
        self._counters = Counters()
        self._units_each = 0.0  # write units that a write has lately consumed; 0 before the first answer
        self._moved = 0.0
        self._failures = 0  # answers since then that took nothing

    @property
    def stats(self) -> WriterStats:
        return self._counters.snapshot()

    def write(self, batches: Sequence[WriteBatch]) -> Written:
        """Write all, and return when every one is acknowledged or refused, in no particular order.

        Raises :class:`~penstock.errors.ServiceError` where the table is missing or closed to us, where nothing moves,
        or at the deadline; no request is under way any more when it does, and :attr:`stats` tells what was acknowledged.
        """
        refused: list[Refused] = []
        flights = self._open_flights()
        flights.refresh()
        self._note_progress(self._pace.clock())
        backlog = Backlog(self._operation.cut(batches), self._operation.most)
        before = self.stats
        try:
            while self._turn(flights, backlog, refused):
                pass
        except ServiceError:
            self._drain(flights)
            raise
        except BaseException:
            self._close_flights()
            raise
        now = self.stats
        return Written(
            now.puts - before.puts,
            now.deletes - before.deletes,
            now.unchanged - before.unchanged,
            now.outdated - before.outdated,
            tuple(refused),
        )

    def _open_flights(self) -> Flights:
        if self._flights is None:
            if isinstance(self._sender, Launches):
                self._flights = self._sender.launch(self._lanes, self._operation.name)
            else:
                self._flights = ThreadedFlights(self._sender, self._lanes, self._operation.name)
        return self._flights

    def _turn(self, flights: Flights, backlog: Backlog, refused: list[Refused]) -> bool:
        """Start what may be started and take in what has come; tell whether there is more to do."""
        now = self._pace.clock()
        seconds = self._launch(flights, backlog, now)
        if flights.under_way:
            more = bool(backlog) and seconds == math.inf and flights.under_way < self._rate.window
            self._take_all(flights.land(seconds, more=more), backlog, refused)
        elif not backlog:
            return False
        else:
            self._pace.sleep(seconds)
        return True

    def _launch(self, flights: Flights, backlog: Backlog, now: float) -> float:
        """Start what may be started; give the seconds until there may be more, infinite where that hangs on answers."""
        if backlog and now >= self._pace.deadline:
            raise ServiceError(
                "The time was up before everything was written. What is written stays, and the load is begun again. If "
                "the file never gets through, give the function more memory or time, or send the file in parts."
            )
        while backlog and flights.under_way < self._rate.window and flights.has_room():
            seconds = self._rate.wait(now)
            if seconds > 0:
                return max(_TICK, min(seconds, self._pace.deadline - now))
            parcel = backlog.take(now, _WAITING * self._operation.most * self._rate.window)
            if parcel is None:
                self._rate.rest()
                return max(_TICK, min(backlog.due, self._pace.deadline) - now)
            self._start(flights, parcel)
        return math.inf

    def _start(self, flights: Flights, parcel: Parcel) -> None:
        batch = parcel.batch
        count = len(batch.rows)
        each = self._units_each or estimate_units(len(batch.requests), count)
        parcel.units = each * count
        self._rate.send(parcel.units)
        self._counters.requests += 1
        if parcel.tries:
            self._counters.resent += count
        flights.start(parcel, self._operation.body(batch))

    def _take_all(self, landed: list[Landing], backlog: Backlog, refused: list[Refused]) -> None:
        """Take in answers. One that ends the run does so when the others have been counted."""
        failure: ServiceError | None = None
        for parcel, answer in landed:
            try:
                self._take(parcel, answer, backlog, refused)
            except ServiceError as error:
                failure = failure or error
        if failure is not None:
            raise failure

    def _take(self, parcel: Parcel, answer: Answer | None, backlog: Backlog, refused: list[Refused]) -> None:
        """Take in an answer; what it leaves to do goes back to the backlog."""
        reading = self._operation.read(parcel, answer)
        if reading.refusal is not None:
            self._part(parcel, reading.refusal, backlog, refused)
            return
        code, left = reading.code, reading.left
        if code is None:
            self._acknowledge(parcel, reading)
        elif code in THROTTLED:
            again = parcel.tries > 0
            self._rate.settle(self._pace.clock(), parcel.units, 0.0, parcel.units, again=again)
        elif code not in PASSING:
            raise self._explain(code)
        self._counters.throttled += code in THROTTLED or (code is None and left is not None)
        if left is not None:
            self._check_progress(code)
            tries = parcel.tries + 1
            longest = (
                _LONGEST_NAP if left is parcel.batch else _LONGEST_NAP / 10
            )  # of what moves the rate minds itself
            nap = self._pace.jitter() * min(longest, _FIRST_NAP * 2.0**tries)
            unsure = parcel.unsure or code in PASSING
            rest = Parcel(left, tries, alone=parcel.alone, unsure=unsure)
            backlog.put_back(rest, self._pace.clock() + nap)

    def _acknowledge(self, parcel: Parcel, reading: Reading) -> None:
        """Note what an answer acknowledges: all of the batch but what is left."""
        now = self._pace.clock()
        count = len(parcel.batch.rows)
        done = count if reading.left is None else count - len(reading.left.rows)
        if done:
            self._note_progress(now)
            self._counters.acknowledge(now, reading)
            each = self._units_each or reading.units / done
            self._units_each = each + _LEARNING * (reading.units / done - each)
        held = parcel.units * (count - done) / count
        self._rate.settle(now, parcel.units, reading.units, held, again=parcel.tries > 0)

    def _part(self, parcel: Parcel, reason: str, backlog: Backlog, refused: list[Refused]) -> None:
        """Halve a batch that was refused as invalid, down to the request at fault."""
        now = self._pace.clock()
        self._rate.settle(now, parcel.units, 0.0, 0.0)
        if len(parcel.batch.rows) == 1:
            self._note_progress(now)
            refused.append(Refused(parcel.batch.rows[0], reason))
            return
        for half in halve_batch(parcel.batch):
            backlog.put_back(Parcel(half, alone=True), now)

    def _note_progress(self, now: float) -> None:
        self._moved = now
        self._failures = 0

    def _check_progress(self, code: str | None) -> None:
        self._failures += 1
        still = self._pace.clock() - self._moved
        if still < self._pace.patience or self._failures < _LEAST_FAILURES:
            return
        last = code or "items held back"
        raise ServiceError(
            f"The table {self._table.name} took nothing for {still:.0f} seconds (the last answer: {last}). What is written "
            "stays. Look at the table's write capacity and at the service's health, and load the file again."
        )

    def _explain(self, code: str) -> ServiceError:
        name = self._table.name
        if code == "ResourceNotFoundException":
            return ServiceError(
                f"There is no table {name} here. Deploy the project, or correct the region or endpoint."
            )
        if code == "ItemCollectionSizeLimitExceededException":
            return ServiceError(
                f"A partition key of the table {name} has more than 10 GB under it, which its local secondary index does "
                "not allow. Give the items a key that spreads them, or use a table without local secondary indexes."
            )
        return explain_code(code, f"write to the table {name}", f"dynamodb:{self._operation.name}")

    def _drain(self, flights: Flights) -> None:
        """Wait for what is under way, and note what of it was acknowledged. Nothing more is sent."""
        while flights.under_way:
            try:
                landed = flights.land(1.0, more=False)
            except ServiceError:
                continue  # the one that is raised already tells why
            for parcel, answer in landed:
                reading = self._operation.read(parcel, answer)
                if reading.code is None:
                    self._acknowledge(parcel, reading)

    def _close_flights(self) -> None:
        if self._flights is not None:
            self._flights.close()
            self._flights = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close_flights()
