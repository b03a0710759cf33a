"""What is still to be sent: batches never sent, and those to be sent again when their time has come."""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Sequence

from penstock.aws.table.batches import merge_batches, spread
from penstock.engine.result import BATCH_REQUESTS, WriteBatch


class Parcel:
    """A batch on its way. ``tries`` is how often it, or what it is the rest of, was sent before.

    One that is ``alone`` is part of a batch that was refused as invalid, and is not joined with others again. Of one that is
    ``unsure`` an answer was lost, so that it may have been written. ``units`` is what it is estimated to consume.
    """

    __slots__ = ("alone", "batch", "tries", "units", "unsure")

    def __init__(
        self, batch: WriteBatch, tries: int = 0, *, alone: bool = False, unsure: bool = False
    ) -> None:
        self.batch = batch
        self.tries = tries
        self.alone = alone
        self.unsure = unsure
        self.units = 0.0


class Backlog:
    """The parcels of one call. Batches are taken in an order that spreads them over the whole.

    Each batch is what a request takes, and what is sent again is joined up to ``most`` writes. ``waiting`` counts those.
    """

    def __init__(self, batches: Sequence[WriteBatch], most: int = BATCH_REQUESTS) -> None:
        self._batches = batches
        self._most = most
        self._order = spread(len(self._batches))
        self._unsent = len(self._batches)
        self._waiting: list[tuple[float, int, Parcel]] = []
        self._ties = itertools.count()
        self.waiting = 0

    def __bool__(self) -> bool:
        return self._unsent > 0 or bool(self._waiting)

    def take(self, now: float, most_waiting: float) -> Parcel | None:
        """Give what is to be sent next, None where nothing is due.

        No new batch is begun while ``most_waiting`` writes wait to be sent again.
        """
        if self._waiting and self._waiting[0][0] <= now:
            return self._take_waiting(now)
        if not self._unsent or self.waiting >= most_waiting:
            return None
        self._unsent -= 1
        return Parcel(self._batches[next(self._order)])

    @property
    def due(self) -> float:
        """The moment at which the next parcel is to be sent again; infinite where none waits."""
        return self._waiting[0][0] if self._waiting else math.inf

    def put_back(self, parcel: Parcel, due: float) -> None:
        """Keep a parcel until it is to be sent again."""
        heapq.heappush(self._waiting, (due, next(self._ties), parcel))
        self.waiting += len(parcel.batch.rows)

    def _take_waiting(self, now: float) -> Parcel:
        """Take the parcel due first, and others due too as far as they fit in: a request of one item costs as much."""
        due, first = self._pop()
        together = [first]
        count = len(first.batch.rows)
        while not first.alone and self._waiting and self._waiting[0][0] <= now:
            parcel = self._waiting[0][2]
            count += len(parcel.batch.rows)
            if parcel.alone or count > self._most:
                break
            together.append(self._pop()[1])
        if len(together) == 1:
            return first
        tries = max(parcel.tries for parcel in together)
        merged, *rest = merge_batches(parcel.batch for parcel in together)
        for batch in rest:  # all of them together are past the limit of bytes
            self.put_back(Parcel(batch, tries), due)
        return Parcel(merged, tries)

    def _pop(self) -> tuple[float, Parcel]:
        due, _, parcel = heapq.heappop(self._waiting)
        self.waiting -= len(parcel.batch.rows)
        return due, parcel
