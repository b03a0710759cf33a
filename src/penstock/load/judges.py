"""Judges side by side: a database of an object, and for each core a judge with a connection and a folder of its own."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Final, TypeVar

import duckdb

from penstock.engine.batch import Batch
from penstock.engine.bind import Binding
from penstock.engine.database import find_ending, open_database
from penstock.engine.decide import Tally, prepare_tables
from penstock.engine.judge import Judge
from penstock.engine.manifest import prepare_entries
from penstock.engine.pack import Packer
from penstock.engine.wide import open_judge
from penstock.errors import EngineError
from penstock.load.overlap import map_in_order, usable_lanes
from penstock.load.protocols import ObjectSource
from penstock.plan.model import Plan

MEMORY_MB: Final = 48
"""What the database may keep in memory of an object, its keys above all, before it spills to the scratch folder."""

_FIELD_MB: Final = 3
"""What a judge reserves for each field: vectors of 2,048 values for the steps of its expressions. Little of it is touched."""

_MOST_FIELDS_TOGETHER: Final = 150
"""Fields beyond these are not judged in one statement."""

_MOST_FIELDS_ABREAST: Final = 40
"""With more fields one batch is judged at a time, to stay in memory."""

A = TypeVar("A")


@dataclass(frozen=True, slots=True)
class Judges:
    """Judges of one object. Their database reads and writes files below ``scratch`` only."""

    database: duckdb.DuckDBPyConnection
    scratch: Path
    judges: tuple[Judge, ...]

    def judge(
        self, work: Callable[[Judge, Batch], A], batches: Iterable[Batch]
    ) -> Generator[tuple[Batch, A, Tally], None, None]:
        """Have each batch worked on by one of the judges; give it back with the result and its own tally, in order."""
        idle: SimpleQueue[Judge] = SimpleQueue()
        for judge in self.judges:
            idle.put(judge)

        def work_on(batch: Batch) -> tuple[Batch, A, Tally]:
            judge = idle.get()
            try:
                judge.tally = Tally()
                return batch, work(judge, batch), judge.tally
            finally:
                idle.put(judge)

        return map_in_order(work_on, batches, len(self.judges))


@contextmanager
def open_judges(
    plan: Plan,
    source: ObjectSource,
    binding: Binding,
    scratch: Path,
    memory_mb: int,
    packer: type[Packer] = Packer,
    lanes: int | None = None,
) -> Iterator[Judges]:
    """Open the database of an object. It reads and writes files below ``scratch`` only.

    ``packer`` makes of good rows what is written: by default requests for a table. ``lanes`` is how many batches may be judged at
    once, None for what the process's cores allow.

    Whatever the database fails at inside the context is raised as :class:`~penstock.errors.EngineError`.
    """
    fields = len(plan.fields)
    lanes = (lanes or usable_lanes()) if fields <= _MOST_FIELDS_ABREAST else 1
    reserved = _FIELD_MB * min(fields, _MOST_FIELDS_TOGETHER) * lanes
    with (
        explained(),
        open_database(scratch, memory_mb=memory_mb + reserved) as database,
        tempfile.TemporaryDirectory(dir=scratch, prefix="run-") as folder,
    ):
        prepare_tables(database, source.key, source.last_modified)
        prepare_entries(database)
        judges = []
        for lane in range(lanes):
            place = Path(folder) / f"lane-{lane}"
            place.mkdir()
            judges.append(open_judge(database.cursor(), plan, binding, place, packer))
        yield Judges(database, scratch, tuple(judges))


@contextmanager
def explained() -> Iterator[None]:
    """Raise what the database fails at as :class:`~penstock.errors.EngineError`."""
    try:
        yield
    except duckdb.Error as error:
        ending = find_ending(error)
        if ending is not None:
            # Who interrupts the process does not wait for whoever is at work, and a connection at work refuses to be closed.
            raise ending from None
        # Its message can quote a cell, and a cell's value never leaves the rejects.
        raise EngineError(
            f"the database stopped with {type(error).__name__}: give the function more memory or /tmp, or report it"
        ) from error
