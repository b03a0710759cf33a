"""A run on this computer: its folder is a directory, its workers are processes of a local session."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Final

from penstock.aws.connect import Connections
from penstock.aws.loader import Deadline, make_budget
from penstock.aws.table.send import Sender
from penstock.aws.table.write import LANES, TableWriter
from penstock.engine.result import WriteBatch
from penstock.errors import ServiceError
from penstock.load.chunk import BATCH_BYTES
from penstock.load.files import FileSource, JsonlItemWriter, JsonlRejectWriter
from penstock.load.gathering import FilesTogether, Member
from penstock.load.judges import MEMORY_MB
from penstock.load.protocols import ItemWriter, ObjectSource, RejectWriter, Written
from penstock.load.result import ResultSource
from penstock.load.steps.local import LocalFolder
from penstock.load.steps.passes import Answer
from penstock.load.steps.query import result_place
from penstock.load.steps.states import Effort, Stats
from penstock.load.steps.step import StepName, do_step
from penstock.load.steps.workplace import Members, Outlet, Workplace
from penstock.plan.model import Plan

LEG_SECONDS: Final = 10.0
"""After how long a worker keeps what it has done."""
_FOREVER: Final = 365 * 86_400.0
"""Nobody cuts a worker off here."""
PARTS: Final = "parts"
"""Where in a run's folder the results of the workers' legs are, each leg's in a folder of its own."""


@dataclass(frozen=True)
class DeskRun:
    """The run of a file, or of files together, on this computer, as it is sent to those who work on it.

    ``table`` is how its table is reached; None where its items go to files. ``workers`` are at work at once. ``references`` are the
    files that its query reads beside the rows.
    """

    plan: Plan
    source: FileSource | FilesTogether
    folder: Path
    chunk_bytes: int
    partitions: int
    workers: int
    table: Connections | None = None
    batch_bytes: int = BATCH_BYTES
    references: Mapping[str, FileSource] = field(default_factory=dict)

    def __call__(self, step: StepName, number: int | None) -> Answer:
        """Do a step of it, in whichever process."""
        return do_step(self.open_place(), step, number)

    @property
    def share(self) -> float | None:
        """The write units a second of one of those who are at work at once; None where nobody limits them."""
        units = self.plan.max_write_units
        return None if units is None else units / self.workers

    @property
    def kept_plan(self) -> Plan:
        """The plan without its manifest: what a table holds of a file is noted where the feed is deployed."""
        return replace(self.plan, manifest=None)

    def open_place(self) -> Workplace:
        """Give what its steps have to do with: the object or, once that is there, its query's result."""
        place = self._open_object()
        return place if self.plan.query is None else result_place(place) or place

    def _open_object(self) -> Workplace:
        budget = make_budget(_FOREVER)
        return Workplace(
            plan=self.kept_plan,
            folder=LocalFolder(self.folder),
            stored=self._stored,
            packed=isinstance(self.source, FileSource) and self.source.packed,
            chunk_bytes=self.chunk_bytes,
            partitions=self.partitions,
            memory_mb=MEMORY_MB,
            batch_bytes=self.batch_bytes,
            load_bytes=self.batch_bytes,
            until=budget.claim_end,
            clock=time.time,
            make_deadline=lambda: Deadline(budget, LEG_SECONDS),
            make_scratch=lambda: tempfile.TemporaryDirectory(prefix="penstock-"),
            open_outlet=self._open_outlet,
            check=lambda: None,
            explain=explain_disk,
            tell=_tell_nobody,
            lanes=1,  # a task has one core
            references=lambda: self.references,
            members=self._members,
        )

    @property
    def _stored(self) -> ObjectSource:
        """The file; of many, what has their name and their time."""
        source = self.source
        if isinstance(source, FileSource):
            return source
        return ResultSource(source.files[0], source.key, source.last_modified)

    @property
    def _members(self) -> Members | None:
        if isinstance(self.source, FileSource):
            return None
        files = self.source.files
        return Members(len(files), lambda number: (Member(files[number]), files[number].packed))

    @contextmanager
    def _open_outlet(self) -> Iterator[Outlet]:
        parts = self.folder / PARTS
        if self.table is None:
            yield _Outlet(parts, None)
            return
        sender = _open_sender(self.table)
        with TableWriter(sender, self.plan.table, max_write_units=self.share) as writer:
            yield _Outlet(parts, writer)


def explain_disk(error: OSError) -> ServiceError:
    """Give the error for one of the disk."""
    return ServiceError(
        f"{error.filename or 'A file'} can't be read or written: {error.strerror}. Mend that, and run again."
    )


def _tell_nobody(_what: str, _about: Mapping[str, object]) -> None:
    """There is no log here."""


@cache
def _open_sender(connections: Connections) -> Sender:
    """Give the connections of this process, which serves one task after another."""
    return Sender(connections, LANES)


class _Outlet:
    """Rejects go to files, items to files or to a table; see :class:`~penstock.load.steps.workplace.Outlet`."""

    def __init__(self, parts: Path, table: TableWriter | None) -> None:
        self._parts = parts
        self._table = table
        self._files = _Counted()
        self._leg = ""
        self._open = ExitStack()

    @property
    def stats(self) -> Stats:
        return self._files.effort if self._table is None else self._table.stats

    def begin_leg(self, stem: str) -> tuple[ItemWriter, RejectWriter]:
        self._leg, folder = stem, self._parts / stem
        rejects = self._open.enter_context(JsonlRejectWriter(folder))
        if self._table is not None:
            return self._table, rejects
        self._files.writer = self._open.enter_context(JsonlItemWriter(folder))
        return self._files, rejects

    def end_leg(self) -> tuple[str, ...]:
        self._open.close()
        return (self._leg,)


class _Counted:
    """Writes items to files, and counts them; see :class:`~penstock.load.protocols.ItemWriter`."""

    def __init__(self) -> None:
        self.effort = Effort()
        self.writer: JsonlItemWriter | None = None

    def write(self, batches: Sequence[WriteBatch]) -> Written:
        assert self.writer is not None, "a leg has begun"
        written = self.writer.write(batches)
        self.effort = replace(
            self.effort, puts=self.effort.puts + written.puts, deletes=self.effort.deletes + written.deletes
        )
        return written
