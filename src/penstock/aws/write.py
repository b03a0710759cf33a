"""Items into a table: batches in flight side by side, each sent until every one of its writes is acknowledged."""

from __future__ import annotations

import json
import math
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Final, Protocol, Self

from botocore.exceptions import ConnectionError as UnreachableError
from botocore.exceptions import HTTPClientError

from penstock.aws.batches import find_unprocessed, pack_batches, part_into_waves, write_request
from penstock.aws.explain import explain_code
from penstock.aws.refusals import describe_refusal
from penstock.aws.send import Answer
from penstock.engine.result import Write
from penstock.errors import ServiceError
from penstock.load.protocols import Refused
from penstock.plan.model import Table

LANES: Final = 8
"""Requests in flight."""
_FIRST_NAP = 0.05
_LONGEST_NAP = 5.0

_INVALID = {"ValidationException", "SerializationException", "RequestEntityTooLarge"}
_THROTTLED = {
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ThrottlingException",
    "ThrottlingError",
}
_NO_ANSWER = "no answer"
_PASSING = {
    "InternalFailure",
    "InternalServerError",
    "ReplicatedWriteConflictException",
    "ServiceUnavailable",
    "TransactionConflictException",
    _NO_ANSWER,
}


class Sends(Protocol):
    """Sends one request; :class:`~penstock.aws.send.Sender` does."""

    def send(self, operation: str, body: bytes) -> Answer: ...


@dataclass(frozen=True, slots=True)
class WriterStats:
    """What the writes took. ``throttled`` counts answers that held something back, ``resent`` writes sent again."""

    requests: int = 0
    write_units: float = 0.0
    throttled: int = 0
    resent: int = 0


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
    """Writes items to a table with BatchWriteItem; see :class:`~penstock.load.protocols.ItemWriter`.

    A context manager. Needs dynamodb:BatchWriteItem on the table. Unprocessed items, throttles, errors of the service
    and broken connections are tried again with exponential backoff and full jitter, for as long as anything moves.
    """

    def __init__(self, sender: Sends, table: Table, *, pace: Pace | None = None, lanes: int = LANES) -> None:
        self._sender = sender
        self._table = table
        self._pace = pace or Pace()
        self._pool = ThreadPoolExecutor(lanes, thread_name_prefix="write")
        self._lanes = lanes
        self._lock = threading.Lock()
        self._stats = WriterStats()
        self._moved = 0.0

    @property
    def stats(self) -> WriterStats:
        return self._stats

    def write(self, writes: Sequence[Write]) -> list[Refused]:
        """Write all, and return when every one is acknowledged or refused. One key's writes keep their order.

        Raises :class:`~penstock.errors.ServiceError` where the table is missing or closed to us, where nothing moves,
        or at the deadline; no request is in flight any more when it does.
        """
        refused: list[Refused] = []
        self._moved = self._pace.clock()
        for wave in part_into_waves(writes):
            refused.extend(self._write_wave(pack_batches(wave)))
        return refused

    def _write_wave(self, batches: Iterator[list[Write]]) -> list[Refused]:
        refused: list[Refused] = []
        stop = threading.Event()

        def take() -> list[Write] | None:
            with self._lock:
                return None if stop.is_set() else next(batches, None)

        def drain() -> None:
            try:
                while (batch := take()) is not None:
                    found = self._write_batch(batch, stop)
                    with self._lock:
                        refused.extend(found)
            except BaseException:
                stop.set()  # the other lanes end with the request that they have under way
                raise

        lanes = [self._pool.submit(drain) for _ in range(self._lanes)]
        wait(lanes)
        for lane in lanes:
            lane.result()
        return refused

    def _write_batch(self, batch: list[Write], stop: threading.Event) -> list[Refused]:
        """Send a batch until nothing of it is left. One that is refused as invalid is halved, down to the item."""
        left = batch
        tries = 0
        while left and not stop.is_set():
            if tries:
                self._pace.sleep(self._pace.jitter() * min(_LONGEST_NAP, _FIRST_NAP * 2.0**tries))
                self._count(resent=len(left))
            tries += 1
            code, answer = self._send(left)
            if code in _INVALID:
                return self._halve(left, str(answer.get("message") or answer.get("Message") or ""), stop)
            if code is None:
                before, left = left, find_unprocessed(answer, self._table, left)
                self._note(answer, moved=len(left) < len(before), held=bool(left))
            elif code in _THROTTLED:
                self._count(throttled=1)
            elif code not in _PASSING:
                raise self._explain(code)
            if left:
                self._check_progress(code)
        return []

    def _halve(self, batch: list[Write], message: str, stop: threading.Event) -> list[Refused]:
        if len(batch) == 1:
            self._moved = self._pace.clock()
            return [Refused(batch[0], describe_refusal(message))]
        middle = len(batch) // 2
        return self._write_batch(batch[:middle], stop) + self._write_batch(batch[middle:], stop)

    def _send(self, batch: list[Write]) -> tuple[str | None, dict[str, Any]]:
        """Send once; give the error's code, None where there is none, and the answer."""
        if self._pace.clock() >= self._pace.deadline:
            raise ServiceError(
                "The time was up before everything was written. What is written stays, and the load is begun again. If "
                "the file never gets through, give the function more memory or time, or send the file in parts."
            )
        self._count(requests=1)
        try:
            answer = self._sender.send("BatchWriteItem", write_request(self._table.name, batch))
        except (HTTPClientError, UnreachableError):
            return _NO_ANSWER, {}
        return _read(answer)

    def _note(self, answer: dict[str, Any], *, moved: bool, held: bool) -> None:
        units = sum(float(used.get("CapacityUnits", 0.0)) for used in answer.get("ConsumedCapacity") or ())
        self._count(write_units=units, throttled=int(held))
        if moved:
            self._moved = self._pace.clock()

    def _check_progress(self, code: str | None) -> None:
        still = self._pace.clock() - self._moved
        if still < self._pace.patience:
            return
        last = code or "items held back"
        raise ServiceError(
            f"The table {self._table.name} took nothing for {still:.0f} seconds (the last answer: {last}). What is written "
            "stays. Look at the table's write capacity and at the service's health, and load the file again."
        )

    def _count(
        self, *, requests: int = 0, write_units: float = 0.0, throttled: int = 0, resent: int = 0
    ) -> None:
        with self._lock:
            seen = self._stats
            self._stats = replace(
                seen,
                requests=seen.requests + requests,
                write_units=seen.write_units + write_units,
                throttled=seen.throttled + throttled,
                resent=seen.resent + resent,
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
        return explain_code(code, f"write to the table {name}", "dynamodb:BatchWriteItem")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown()


def _read(answer: Answer) -> tuple[str | None, dict[str, Any]]:
    """Give an answer's error code (of AWS JSON 1.0: what follows ``#`` in ``__type``) and its content."""
    try:
        content = json.loads(answer.body)
    except ValueError:
        content = None
    if not isinstance(content, dict):
        # Cut on its way, or from something between us and the service: whether it was applied is not known.
        code = "RequestEntityTooLarge" if answer.status == 413 else _NO_ANSWER
        return code, {}
    if answer.status == 200:
        return None, content
    code = str(content.get("__type", "")).rpartition("#")[2]
    if answer.status >= 500 or not code:
        return "InternalServerError", content
    return code, content
