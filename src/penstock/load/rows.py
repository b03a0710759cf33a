"""The rows that a query reads: one pass over an object, or over a chunk of it, that leaves them as typed files.

Records are judged as ever, and rejects are kept. Nothing competes: all good rows are there, in the order of the file.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from penstock.engine.batch import Position
from penstock.engine.bind import Binding
from penstock.engine.decide import Decision, Tally
from penstock.engine.pack import RowPacker
from penstock.engine.relations import FILE_BYTES, RowFile, RowFiles
from penstock.engine.result import WriteBatch
from penstock.engine.withhold import Withholding
from penstock.errors import ConservationError
from penstock.load.chunk import BATCH_BYTES, Chunk, ChunkReader, Seen, Stop, never
from penstock.load.judges import MEMORY_MB, Judges, open_judges
from penstock.load.load import Loaded, Sink, load_leg
from penstock.load.protocols import ObjectSource, RejectWriter, Written, all_written
from penstock.plan.model import Column, Plan

FILES_MB: Final = 96
"""What the database may take more than :data:`~penstock.load.judges.MEMORY_MB` while it makes a file of rows."""

_ALL: Final = Decision(losers=False, repeated=False, refused=None)
"""What is decided before the query: every good row goes there. Whether the object is refused is judged after the pass."""


@dataclass(frozen=True, slots=True)
class RowsRead:
    """How far an object's, or a chunk's, rows are read: what was counted up to ``position``, and whether that is the end.

    ``files`` are those of the rows so far, ``rows/<chunk>-<offset>-<number>.parquet`` below the scratch folder, in the order of
    the object. The rows of all files are as many as the tally has good ones.
    """

    position: Position
    tally: Tally = field(default_factory=Tally)
    files: tuple[RowFile, ...] = ()
    finished: bool = False

    @property
    def rows(self) -> int:
        """The rows in all files."""
        return sum(file.rows for file in self.files)

    @property
    def bytes(self) -> int:
        """The bytes of all files."""
        return sum(file.bytes for file in self.files)


def read_rows(  # noqa: PLR0913 -- what a pass needs, each by its name
    plan: Plan,
    columns: Sequence[Column],
    source: ObjectSource,
    binding: Binding,
    chunk: Chunk,
    rejects: RejectWriter,
    scratch: Path,
    *,
    resume: RowsRead | None = None,
    stop: Stop = never,
    batch_bytes: int = BATCH_BYTES,
    file_bytes: int = FILE_BYTES,
    memory_mb: int = MEMORY_MB,
    lanes: int | None = None,
    seen: Seen | None = None,
    folder: str = "rows",
) -> RowsRead:
    """Read a chunk's rows to its end, or until ``stop`` says so between two batches; ``resume`` goes on where another stopped.

    ``plan`` is the one of rows (:attr:`Query.rows <penstock.plan.model.Query>`, or a reference's), and ``columns`` are what its one
    item's text holds. When this returns, everything up to the state's position is in files below ``scratch`` and given to
    ``rejects``, and nothing after it; the files that ``resume`` names need not be there. Memory does not grow with the chunk.

    Raises DataError, ServiceError and EngineError of :mod:`penstock.errors`.
    """
    begun = resume or RowsRead(chunk.start)
    reader = ChunkReader(
        plan, source, binding, chunk, resume=begun.position, batch_bytes=batch_bytes, seen=seen
    )
    prefix = f"{folder}/{chunk.index:05d}-{begun.position.offset:015d}"
    with (
        closing(reader),
        open_judges(plan, source, binding, scratch, memory_mb + FILES_MB, RowPacker, lanes) as judges,
        RowFiles(judges.database.cursor(), columns, scratch, prefix, file_bytes) as files,
    ):
        return _read_leg(judges, reader, begun, files, rejects, Withholding.of(plan, binding), stop)


def _read_leg(
    judges: Judges,
    reader: ChunkReader,
    begun: RowsRead,
    files: RowFiles,
    rejects: RejectWriter,
    withholding: Withholding | None,
    stop: Stop,
) -> RowsRead:
    sink = Sink(_RowWriter(files), rejects, _ALL, Loaded(begun.position, begun.tally), withholding)
    load_leg(judges, reader, sink, stop)
    files.flush()
    loaded = sink.loaded(reader)
    read = RowsRead(loaded.position, loaded.tally, (*begun.files, *files.files), loaded.finished)
    if read.rows != read.tally.good:
        raise ConservationError(
            f"{read.tally.good} rows are good and {read.rows} are in the files for the query: this is a defect of Penstock, "
            "please report it"
        )
    return read


@dataclass(frozen=True, slots=True)
class _RowWriter:
    """Writes rows where a load writes items."""

    files: RowFiles

    def write(self, batches: Sequence[WriteBatch]) -> Written:
        for batch in batches:
            self.files.add(batch.requests, len(batch.rows))
        return all_written(batches)
