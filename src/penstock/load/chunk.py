"""A chunk: a part of an object that begins and ends between two records; and its reading, batch by batch.

A whole object is the chunk from its first record to its end.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Final

from penstock import verdicts
from penstock.engine.assemble import RecordBatch
from penstock.engine.batch import Position
from penstock.engine.bind import Binding, bind_by_order, bind_header
from penstock.engine.records import KnownRuns, RecordReader
from penstock.errors import ConservationError, DataError
from penstock.load.protocols import ObjectSource
from penstock.plan.model import Plan

BATCH_BYTES: Final = 9 * 2**18
"""How much of an object is judged at a time: enough that a statement's cost is small, little enough to stay in memory."""

WIDE_BATCH_BYTES: Final = 2 * 2**20
"""The same where a contract has many fields: the names of its attributes take several times its cells' bytes."""

_HEADER_BYTES: Final = 2**16

Seen = Callable[[int], None]
"""Called with how far an object is read, in bytes from its beginning."""

Stop = Callable[[], bool]
"""Asked between batches whether to leave the rest to another worker."""


def never() -> bool:
    """Stop nowhere; see :data:`Stop`."""
    return False


@dataclass(frozen=True, slots=True)
class Chunk:
    """Records of an object, from ``start`` to the offset ``stop``, or to the object's end where that is None.

    ``index`` counts the chunks of an object from 0. ``rows`` is how many rows it has, None where nobody counted.
    """

    index: int
    start: Position
    stop: int | None = None
    rows: int | None = None


@dataclass(frozen=True, slots=True)
class Beginning:
    """What an object's first bytes tell: which field each column holds, and where the first record begins."""

    binding: Binding
    position: Position

    @property
    def whole(self) -> Chunk:
        """The chunk that is the whole object."""
        return Chunk(0, self.position)


def begin_object(plan: Plan, source: ObjectSource) -> Beginning:
    """Read an object's header, or bind its columns by order where it has none.

    Raises :class:`~penstock.errors.DataError` where the header does not match, or the object is empty and one is due.
    """
    reader = RecordReader(source.blocks(_HEADER_BYTES), plan.dialect)
    if not plan.dialect.header:
        binding = bind_by_order(plan)
        first = next(reader.batches(binding.width), None)  # a byte-order mark is dropped with it
        return Beginning(binding, reader.position if first is None else first.first)
    header = reader.read_header()
    if header is None:
        raise DataError(
            verdicts.SOURCE_ERROR, "the file is empty where a header is due: send it again, with its header"
        )
    return Beginning(bind_header(plan, header.cells), reader.position)


class ChunkReader:
    """Reads a chunk's records in batches, leg by leg, from ``resume`` on if given. To be closed.

    ``known`` is what one reader of the object's version leaves for the next (:class:`~penstock.engine.records.RecordReader`).
    """

    def __init__(  # noqa: PLR0913 -- what reading takes, each by its name
        self,
        plan: Plan,
        source: ObjectSource,
        binding: Binding,
        chunk: Chunk,
        *,
        resume: Position | None = None,
        batch_bytes: int = BATCH_BYTES,
        seen: Seen | None = None,
        known: KnownRuns | None = None,
    ) -> None:
        if plan.wide is not None:
            batch_bytes = min(batch_bytes, WIDE_BATCH_BYTES)
        self._chunk = chunk
        self._begun = resume or chunk.start
        self._seen = seen
        self._pulled = 0
        self._blocks = self._watch(source.blocks(batch_bytes, self._begun.offset))
        self._reader = RecordReader(
            self._blocks, plan.dialect, start=self._begun, stop=chunk.stop, known=known
        )
        self._batches = self._reader.batches(binding.width)
        self.position = self._begun
        self.finished = False

    def leg(self, stop: Stop) -> Iterator[RecordBatch]:
        """Give the next batches: one at least, and then on until the chunk ends or ``stop`` says so.

        :attr:`position` is where the batches given so far end, and :attr:`finished` tells whether that is the chunk's
        end. Raises :class:`~penstock.errors.ConservationError` where the bytes or rows are not those that are due.
        """
        for batch in self._batches:
            self.position = batch.end
            yield batch
            del batch  # while the next is made, whoever needs this one has it
            if stop():
                return
        self.position = self._reader.position
        self.finished = True
        self._check()

    def close(self) -> None:
        """End the reading; the source may have been reading ahead."""
        self._blocks.close()

    def _watch(self, blocks: Iterator[bytes]) -> Generator[bytes, None, None]:
        for block in blocks:
            self._pulled += len(block)
            if self._seen is not None:
                self._seen(self._begun.offset + self._pulled)
            yield block

    def _check(self) -> None:
        """Hold what was taken against what is there: every byte, and every row that was counted before."""
        chunk, tally = self._chunk, self._reader.tally
        taken = tally.bom + tally.header + tally.comments + tally.records
        due = self._pulled if chunk.stop is None else chunk.stop - self._begun.offset
        if taken != due:
            raise ConservationError(
                "not every byte of the object belongs to a record, a comment or the header: this is a defect, please report it"
            )
        rows = self.position.row - chunk.start.row
        if chunk.rows is not None and rows != chunk.rows:
            raise ConservationError(
                f"part {chunk.index} of the object has {rows} rows where {chunk.rows} were counted: run it again"
            )
