"""Rejects loaded again, from their own bytes or corrected ones, by the plan as it is now; and no other record with them.

Which row of a key wins is decided with all rows of the object, as it always is: a mended row does not overwrite a later one
that is loaded. So the object is read whole, twice; only what was rejected is written and counted.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from penstock.engine.assemble import RecordBatch
from penstock.engine.batch import Location
from penstock.engine.decide import Decision, decide_losers
from penstock.engine.manifest import Base, note_touched, touch_base
from penstock.engine.records import KnownRuns
from penstock.engine.result import Reason
from penstock.engine.select import Selector, Wanted, keep_wanted, note_wanted, put_wanted_last, select
from penstock.engine.withhold import may_withhold
from penstock.errors import ConservationError, UsageError
from penstock.load.chunk import (
    BATCH_BYTES,
    WIDE_BATCH_BYTES,
    Beginning,
    ChunkReader,
    Seen,
    Stop,
    begin_object,
    never,
)
from penstock.load.conclude import count_items, count_records
from penstock.load.correct import CorrectedSource, Correction, find_fault
from penstock.load.fill import fill_corrections
from penstock.load.judges import MEMORY_MB, Judges, open_judges
from penstock.load.load import Loaded, Sink, load_batches
from penstock.load.protocols import ItemWriter, ObjectSource, RejectWriter
from penstock.load.remainder import Changes, Left, Remainder
from penstock.load.report import Counts, ItemCounts
from penstock.load.scan import scan_object
from penstock.load.survey import Surveyed, survey_leg
from penstock.plan.model import Plan


@dataclass(frozen=True, slots=True)
class Touch:
    """What a replay takes where a manifest is kept: the one there is, whose files are in the scratch folder, and who takes
    the files of the one that holds from before anything is written.
    """

    base: Base
    publish: Callable[[Sequence[Path]], None]


@dataclass(frozen=True, slots=True)
class Replayed:
    """What became of rejects that were loaded again.

    ``counts`` and ``items`` are of those alone; the counts' ``read`` is their number. ``left`` and ``errors`` are how many
    rejects the run has now, and their errors by code. ``corrections`` are those of the remainder and those that held.
    """

    counts: Counts
    items: ItemCounts
    left: int
    errors: Mapping[str, int]
    corrections: tuple[Correction, ...]


def replay_rejects(  # noqa: PLR0913 -- what a pass needs, each by its name
    plan: Plan,
    source: ObjectSource,
    remainder: Remainder,
    changes: Changes | None,
    items: ItemWriter,
    rejects: RejectWriter,
    scratch: Path,
    *,
    batch_bytes: int = BATCH_BYTES,
    memory_mb: int = MEMORY_MB,
    seen: Seen | None = None,
    touch: Touch | None = None,
) -> Replayed:
    """Load rejects of an object again: those that ``changes`` names, or all as they are where it is None.

    ``rejects`` is given what the run's rejects are then: those that were not named as they were, the others with the
    reasons that they have now; each keeps the bytes that lie in the object. No limit of the contract refuses anything.
    Without ``touch`` no manifest is kept, whatever the plan says.
    Raises :class:`~penstock.errors.UsageError` before anything is written where the rejects can't be found again, and DataError, ServiceError and
    EngineError of :mod:`penstock.errors`.
    """
    if plan.query is not None:
        raise UsageError(
            "The feed has a query over whole files, and what a record adds to its result only the whole file tells: correct the "
            "record in the file, and send the file again"
        )
    if touch is None:
        plan = replace(plan, manifest=None)
    begun = begin_object(plan, source)
    work = _prepare(plan, source, begun, remainder, changes, seen)
    known: KnownRuns = {}

    def read(wanted: Wanted) -> _FindingReader:
        reader = _FindingReader(
            plan,
            work.source,
            begun.binding,
            begun.whole,
            batch_bytes=batch_bytes,
            seen=seen,
            known=known,
        )
        reader.look_for(wanted)
        return reader

    left = Left(remainder.read(), changes, work.faults, rejects, withholds=may_withhold(plan))
    with open_judges(plan, source, begun.binding, scratch, memory_mb) as judges:
        decision = _decide(judges, plan, work.wanted, remainder.records, read)
        if touch is not None:
            touch.publish(touch_base(judges.database, scratch, touch.base))
        sink = Sink(items, left, decision, Loaded(begun.position), None)  # what is left has its bytes already
        most = batch_bytes if plan.wide is None else min(batch_bytes, WIDE_BATCH_BYTES)
        with closing(read(Wanted())) as reader:
            load_batches(judges, select(reader.leg(never), work.wanted, plan.dialect.delimiter, most), sink)
    left.finish()
    return _add_up(work, remainder, sink, left)


@dataclass(frozen=True, slots=True)
class _Work:
    """What is to be done: the object as it is to be read, what is wanted of it, and which corrections can't be read.

    ``fresh`` are the corrections that were not there before, as they were sent.
    """

    source: CorrectedSource
    wanted: Wanted
    fresh: tuple[Correction, ...]
    faults: Mapping[int, Reason]


def _prepare(
    plan: Plan,
    source: ObjectSource,
    begun: Beginning,
    remainder: Remainder,
    changes: Changes | None,
    seen: Seen | None,
) -> _Work:
    """Find what is named among the rejects, and put the corrections that can be read in its place."""
    wanted = Wanted()
    filled = fill_corrections(plan.dialect, source, remainder, changes, seen)
    fresh: list[Correction] = []
    faults = dict(filled.faults)
    held = list(filled.corrections)
    kept = 0
    for reject in remainder.read():
        kept += 1
        if changes is not None and reject.offset not in changes:
            continue
        if reject.offset in faults:
            continue
        content = None if changes is None else changes[reject.offset]
        if content is not None:
            sent = Correction(reject.offset, reject.length, content)
            content = filled.contents.get(reject.offset, content)
            fault = find_fault(plan.dialect, begun.binding, begun.position.newline, content)
            if fault is not None:
                faults[reject.offset] = fault
                continue
            fresh.append(sent)
            held.append(sent._replace(content=content))
        length = reject.length if content is None else len(content)
        wanted.add(0, length, Location(reject.line, reject.offset, reject.length, b""))
    if kept != remainder.rejected:
        raise UsageError(
            f"Of the {remainder.rejected} rejects of the run {kept} are kept: some were deleted. Put the file again, so that it "
            "is loaded whole."
        )
    strange = 0 if changes is None else len(changes) - len(wanted) - len(faults)
    if strange:
        raise UsageError(
            f"Of the records that are to be loaded again, {strange} are no rejects of the run, or are not any more. Get its "
            "rejects anew, and correct those."
        )
    corrected = CorrectedSource(source, sorted(held), begun.position.newline)
    wanted.start[:] = array("q", map(corrected.shift, wanted.offset))
    return _Work(corrected, wanted, tuple(fresh), faults)


class _FindingReader(ChunkReader):
    """A reader that finds on its way which rows the wanted records are."""

    def look_for(self, wanted: Wanted) -> None:
        """Begin to look for records."""
        self._selector = Selector(wanted)
        self.rows = array("q")

    @property
    def missing(self) -> int:
        """How many of them were not there."""
        return self._selector.missing

    def leg(self, stop: Stop) -> Iterator[RecordBatch]:
        """Give the next batches; see :meth:`~penstock.load.chunk.ChunkReader.leg`."""
        for batch in super().leg(stop):
            found = (row for _, row in self._selector.find(batch) if isinstance(row, int))
            self.rows.extend(batch.first.row + row for row in found)
            yield batch
            del batch  # while the next is made, whoever needs this one has it


def _decide(
    judges: Judges, plan: Plan, wanted: Wanted, records: int, read: Callable[[Wanted], _FindingReader]
) -> Decision:
    """Decide which items of the wanted rows lose against another row's, by the keys of all rows."""
    scanned = tally = None
    if plan.manifest is None:
        with closing(read(wanted)) as reader:
            scanned = tally = scan_object(judges, reader, never)
    if tally is None:
        with closing(read(wanted)) as reader:
            tally = survey_leg(judges, reader, Surveyed(reader.position), never).tally
    if reader.missing or tally.read != records:
        raise UsageError(
            f"The file has {tally.read} records as the contract reads it now, where the run read {records}: its dialect was "
            "changed since. Put the file again, so that it is loaded whole."
        )
    if scanned is not None:
        return Decision(losers=False, repeated=False, refused=None)
    database, rejects = judges.database, plan.on_duplicate == "reject"
    note_wanted(database, reader.rows)
    if plan.manifest is not None:
        note_touched(database)
    if rejects:
        put_wanted_last(database, reader.position.row)
    lost, _ = decide_losers(database, plan)
    keep_wanted(database)
    return Decision(losers=lost > 0 and not rejects, repeated=lost > 0 and rejects, refused=None)


def _add_up(work: _Work, remainder: Remainder, sink: Sink, left: Left) -> Replayed:
    """Hold the counts of the pass against each other, and give them."""
    faults = len(work.faults)
    counts = count_records(sink.tally, sink.outcome, sink.decision)
    counts = replace(counts, read=counts.read + faults, rejected=counts.rejected + faults)
    if not counts.conserved or counts.read != len(work.wanted) + faults or counts.rejected != left.again:
        raise ConservationError(
            "the counts of what was loaded again do not add up: this is a defect, please report it"
        )
    held = [found for found in work.fresh if found.offset not in left.offsets]
    return Replayed(
        counts,
        count_items(sink.outcome, sink.decision),
        left.number,
        dict(sorted(left.errors.items())),
        tuple(sorted((*remainder.corrections, *held))),
    )
