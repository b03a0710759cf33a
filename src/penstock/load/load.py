"""The second pass over a chunk: what wins is written, what is rejected is kept, and every record ends in one count.

While one batch is written, the next are read and judged.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from penstock import verdicts
from penstock.engine.batch import Batch, Position
from penstock.engine.bind import Binding
from penstock.engine.decide import Decision, Tally, import_losers
from penstock.engine.manifest import import_unchanged
from penstock.engine.resolved import Resolved
from penstock.engine.result import Reason, Reject
from penstock.engine.withhold import Withholding
from penstock.errors import ConservationError
from penstock.load.chunk import BATCH_BYTES, Chunk, ChunkReader, Seen, Stop, never
from penstock.load.count import Outcome, add_outcomes, add_tallies
from penstock.load.judges import MEMORY_MB, Judges, open_judges
from penstock.load.overlap import Follower
from penstock.load.protocols import ItemWriter, ObjectSource, RejectWriter, Written
from penstock.load.remove import remove_vanished
from penstock.plan.model import Plan


@dataclass(frozen=True, slots=True)
class Named:
    """Files in the scratch folder: of what loses, of what needs no write, and those of the manifest of whose keys this
    chunk's worker deletes what vanished.
    """

    losers: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    vanished: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Loaded:
    """How far a chunk is loaded: what was counted and written up to ``position``.

    It is ``finished`` where that is the chunk's end, and what vanished is deleted.
    """

    position: Position
    tally: Tally = field(default_factory=Tally)
    outcome: Outcome = field(default_factory=Outcome)
    finished: bool = False


def load_chunk(  # noqa: PLR0913, PLR0917 -- what a pass needs, each by its name
    plan: Plan,
    source: ObjectSource,
    binding: Binding,
    chunk: Chunk,
    decision: Decision,
    named: Named,
    items: ItemWriter,
    rejects: RejectWriter,
    scratch: Path,
    *,
    resume: Loaded | None = None,
    stop: Stop = never,
    batch_bytes: int = BATCH_BYTES,
    memory_mb: int = MEMORY_MB,
    lanes: int | None = None,
    seen: Seen | None = None,
) -> Loaded:
    """Load a chunk to its end, or until ``stop`` says so between two batches; ``resume`` goes on where another stopped.

    The files that are ``named`` are below ``scratch``. When this returns, everything up to
    the state's position is acknowledged by ``items`` and given to ``rejects``, and nothing after it. Raises DataError,
    ServiceError and EngineError of :mod:`penstock.errors`.
    """
    begun = resume or Loaded(chunk.start)
    reader = ChunkReader(
        plan, source, binding, chunk, resume=begun.position, batch_bytes=batch_bytes, seen=seen
    )
    end = None if chunk.rows is None else chunk.start.row + chunk.rows
    with (
        closing(reader),
        open_judges(plan, source, binding, scratch, memory_mb, lanes=lanes) as judges,
    ):
        import_named(judges, named, begun.position.row, end)
        sink = Sink(items, rejects, decision, begun, Withholding.of(plan, binding))
        load_leg(judges, reader, sink, stop)
        if not reader.finished:
            return sink.loaded(reader)
        return remove_leg(judges, named, items, sink.loaded(reader), stop)


def import_named(judges: Judges, named: Named, first_row: int, stop_row: int | None) -> None:
    """Take what loses and what needs no write, of the rows from ``first_row`` to before ``stop_row``, into the database."""
    import_losers(judges.database, [judges.scratch / name for name in named.losers], first_row, stop_row)
    import_unchanged(
        judges.database, [judges.scratch / name for name in named.unchanged], first_row, stop_row
    )


def remove_leg(judges: Judges, named: Named, items: ItemWriter, loaded: Loaded, stop: Stop) -> Loaded:
    """Delete what vanished, after the records of a chunk are loaded, until ``stop`` says so."""
    files = [judges.scratch / name for name in named.vanished]
    outcome, finished = remove_vanished(judges.database, files, items, loaded.outcome, stop)
    return replace(loaded, outcome=outcome, finished=finished)


class Sink:
    """Writes batches as they are judged, and counts; one at a time, in order.

    ``withholding`` is what the rejects are not to tell, None where they are kept as they are.
    """

    def __init__(
        self,
        items: ItemWriter,
        rejects: RejectWriter,
        decision: Decision,
        begun: Loaded,
        withholding: Withholding | None,
    ) -> None:
        self._items = items
        self._rejects = rejects
        self._withholding = withholding
        self.decision = decision
        self.tally = begun.tally
        self.outcome = begun.outcome

    def take(self, batch: Batch, resolved: Resolved, tally: Tally) -> None:
        """Write a batch's items and keep its rejects; nothing is written of an object that is refused."""
        refused: dict[int, Reject] = {}
        if self.decision.refused is None and resolved.rows:
            refused = self._write(batch, resolved)
        found: Sequence[Reject] = resolved.rejects
        if refused:
            found = sorted((*found, *refused.values()), key=lambda reject: reject.offset)
        if self._withholding is not None:
            broken = set(batch.recovered)  # may be text of a broken cell, whichever that was
            found = [self._withholding.hide(reject, certain=reject.line not in broken) for reject in found]
        self._rejects.write(found)
        self.tally = add_tallies((self.tally, tally))

    def loaded(self, reader: ChunkReader) -> Loaded:
        """Give the state, once everything that the reader gave is taken; what vanished is another matter."""
        return Loaded(reader.position, self.tally, self.outcome, reader.finished)

    def _write(self, batch: Batch, resolved: Resolved) -> dict[int, Reject]:
        """Write a batch's items; a row of which the service refuses one is rejected."""
        written = self._items.write(resolved.batches) if resolved.batches else Written()
        due = sum(len(found.rows) for found in resolved.batches)
        if written.requests != due:
            raise ConservationError(
                f"{due} writes were to be made, and {written.requests} were accounted for. What is written stays. This is a "
                "defect of Penstock: please report it, and load the file again"
            )
        at_fault: dict[int, list[Reason]] = {}
        for row, message in written.refused:
            at_fault.setdefault(row, []).append(Reason(verdicts.ITEM_ERROR, None, message))
        done = Outcome(
            puts=written.puts,
            deletes=written.deletes,
            unchanged=written.unchanged + resolved.unchanged,
            outdated=written.outdated,
            loaded=resolved.rows - len(at_fault),
            refused=len(at_fault),
            errors=Counter({verdicts.ITEM_ERROR: len(written.refused)} if written.refused else {}),
            refused_rows=tuple(sorted(at_fault)),
        )
        self.outcome = add_outcomes((self.outcome, done))
        rows = done.refused_rows
        places = batch.locate([row - batch.first.row for row in rows])
        return {
            row: Reject(p.line, p.offset, p.length, p.raw, p.sha256, tuple(at_fault[row]))
            for row, p in zip(rows, places, strict=True)
        }


def load_leg(judges: Judges, reader: ChunkReader, sink: Sink, stop: Stop) -> None:
    """Load on until the reader's leg ends; everything judged is written when this returns."""
    load_batches(judges, reader.leg(stop), sink)


def load_batches(judges: Judges, batches: Iterable[Batch], sink: Sink) -> None:
    """Load batches, one after another; everything judged is written when this returns."""
    decision = sink.decision
    judged = judges.judge(lambda judge, batch: judge.resolve(batch, decision), batches)
    with closing(judged), Follower() as follower:
        for batch, resolved, tally in judged:
            follower.do(partial(sink.take, batch, resolved, tally))
            del batch, resolved, tally
