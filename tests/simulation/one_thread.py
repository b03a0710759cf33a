"""The few things of the real code that are not deterministic, each replaced by what is one of its possible courses.

Threads that read ahead, judge side by side or write behind their caller's back do here in one thread what they could have
done in that order. Names that are drawn come from the schedule's dice, and databases are
opened once and used again, empty, for opening them takes longer than all the rest.
"""

from __future__ import annotations

import errno
import random
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from types import SimpleNamespace, TracebackType
from typing import Any, Self, TypeVar

import duckdb
import pytest
from virtual_time import Schedule
from virtual_wire import Wire

from penstock.aws import objects, runs
from penstock.engine import query as engine_query
from penstock.engine.database import open_database
from penstock.load import decide, judges, load, query, run
from penstock.load.steps import states

A = TypeVar("A")
B = TypeVar("B")


class Databases:
    """Databases that were opened, for whoever needs one next. They all read and write below one folder."""

    def __init__(self) -> None:
        self._folder = TemporaryDirectory(prefix="penstock-simulation-")
        self.place = Path(self._folder.name)
        self._idle: list[duckdb.DuckDBPyConnection] = []

    @contextmanager
    def open(self, scratch: Path | None, *, memory_mb: int = 512, threads: int = 1) -> Iterator[Any]:
        """Take the place of :func:`~penstock.engine.database.open_database`."""
        database = self._idle.pop() if self._idle else open_database(self.place, memory_mb=memory_mb)
        try:
            yield database
        finally:
            for (table,) in database.execute("SELECT table_name FROM duckdb_tables()").fetchall():
                database.execute(f"DROP TABLE {table}")
            self._idle.append(database)


DATABASES = Databases()
"""Of this process: simulations come one after the other."""


@contextmanager
def one_thread(wire: Wire, seed: int) -> Iterator[None]:
    """Have the real code run in one thread at a time, in virtual time, by the dice of the schedule."""
    schedule = wire.schedule
    random.seed(seed)
    names = SimpleNamespace(token_hex=lambda count: schedule.dice.randbytes(count).hex())
    clock = SimpleNamespace(monotonic=lambda: schedule.now)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tempfile.tempdir", str(DATABASES.place))
        for room in (judges, decide):
            patch.setattr(room, "open_database", DATABASES.open)
        patch.setattr(judges, "usable_lanes", lambda: 1)
        patch.setattr(judges, "map_in_order", _map_in_order(wire))
        patch.setattr(load, "Follower", lambda: LaterFollower(schedule))
        patch.setattr(objects, "read_ahead", _read_when_asked)
        patch.setattr(states, "ThreadPoolExecutor", OneAfterTheOther)
        for module in (runs, states):
            patch.setattr(module, "secrets", names)
        for part in (run, query):
            patch.setattr(part, "time", clock)
        patch.setattr(engine_query, "_interrupted", _ask_once)
        yield


@contextmanager
def _ask_once(_database: Any, stop: Callable[[], bool] | None) -> Iterator[None]:
    """Ask before a query whether it is to stop, and not from beside it."""
    if stop is not None and stop():
        raise duckdb.InterruptException("the time is up")
    yield


def _map_in_order(wire: Wire) -> Callable[..., Generator[Any, None, None]]:
    """Give :func:`~penstock.load.overlap.map_in_order` with one lane; at times the disk is full."""

    def map_in_order(work: Callable[[A], B], inputs: Iterable[A], lanes: int) -> Generator[B, None, None]:
        for entry in inputs:
            if wire.happens(wire.faults.full_disk):
                raise OSError(errno.ENOSPC, "No space left on device")
            yield work(entry)

    return map_in_order


class LaterFollower:
    """A :class:`~penstock.load.overlap.Follower` that does a thing at once or when it is waited for, as the dice say."""

    def __init__(self, schedule: Schedule) -> None:
        self._schedule = schedule
        self._later: Callable[[], Any] | None = None

    def do(self, work: Callable[[], Any]) -> None:
        self.wait()
        self._later = work
        if self._schedule.dice.random() < 0.5:
            self.wait()

    def wait(self) -> None:
        work, self._later = self._later, None
        if work is not None:
            work()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.wait()
        elif isinstance(error, Exception) and self._later is not None:
            try:
                self.wait()
            except Exception:  # noqa: BLE001 -- as the real one: the first error is the one to tell
                return


def _read_when_asked(blocks: Iterator[bytes], given_up: Event) -> Iterator[bytes]:
    """Give :func:`~penstock.load.blocks.read_ahead` that is never ahead."""
    try:
        yield from blocks
    finally:
        given_up.set()


class OneAfterTheOther:
    """A pool of threads of which there is none."""

    def __init__(self, *_threads: object, **_names: object) -> None:
        pass

    def map(self, work: Callable[[A], B], inputs: Iterable[A]) -> list[B]:
        return [work(entry) for entry in inputs]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        pass
