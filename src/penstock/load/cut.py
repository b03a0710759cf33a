"""Cutting an object into chunks, by the record grammar alone: exact, and resumable like everything else."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, replace

from penstock.engine.batch import Position
from penstock.engine.bind import Binding
from penstock.load.chunk import BATCH_BYTES, Chunk, ChunkReader, Seen, Stop, begin_object, never
from penstock.load.protocols import ObjectSource
from penstock.plan.model import Plan


@dataclass(frozen=True, slots=True)
class Cut:
    """How far an object is cut into chunks. The chunk in the making begins at ``begun``; ``position`` is reached.

    Once it is ``finished``, the chunks are the whole object, and there is one at least.
    """

    binding: Binding
    begun: Position
    position: Position
    chunks: tuple[Chunk, ...] = ()
    finished: bool = False

    @property
    def bytes(self) -> int:
        """The uncompressed bytes of the object so far; all, once it is finished."""
        return self.position.offset


def cut_object(
    plan: Plan,
    source: ObjectSource,
    *,
    chunk_bytes: int,
    resume: Cut | None = None,
    stop: Stop = never,
    seen: Seen | None = None,
) -> Cut:
    """Cut an object into chunks of ``chunk_bytes`` or some more, until its end or until ``stop`` says so.

    Raises :class:`~penstock.errors.DataError` where the header refuses the object, and
    :class:`~penstock.errors.ServiceError` where it can't be read.
    """
    if resume is None:
        begun = begin_object(plan, source)
        resume = Cut(begun.binding, begun.position, begun.position)
    cut = resume
    reader = ChunkReader(
        plan,
        source,
        cut.binding,
        Chunk(0, cut.position),
        batch_bytes=min(BATCH_BYTES, chunk_bytes),
        seen=seen,
    )
    with closing(reader):
        for batch in reader.leg(stop):
            cut = replace(cut, position=batch.end)
            if batch.end.offset - cut.begun.offset >= chunk_bytes:
                cut = _close(cut, batch.end.offset)
            del batch
    cut = replace(cut, position=reader.position, finished=reader.finished)
    if cut.finished and (not cut.chunks or cut.begun.offset < cut.position.offset):
        return _close(cut, None)
    return cut


def _close(cut: Cut, stop: int | None) -> Cut:
    """End the chunk in the making where the cut is."""
    chunk = Chunk(len(cut.chunks), cut.begun, stop, cut.position.row - cut.begun.row)
    return replace(cut, begun=cut.position, chunks=(*cut.chunks, chunk))
