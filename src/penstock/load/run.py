"""One run in one process: an object is surveyed and then loaded, and every record of it ends in one count.

Which row of a key wins, and whether the object is refused, is known only at its end: so it is read twice. Where neither
can matter, because there is no limit and a narrow scan meets no key twice, the first reading is that scan.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from penstock.engine.batch import Position
from penstock.engine.decide import (
    Decision,
    decide_losers,
    export_losers,
    import_keys,
)
from penstock.engine.manifest import import_entries
from penstock.engine.records import KnownRuns
from penstock.engine.withhold import Withholding
from penstock.errors import DataError, EngineError, ServiceError
from penstock.load.checkpoint import KEEP_SECONDS, Checkpoint, Keep, Publish, Upkeep
from penstock.load.chunk import BATCH_BYTES, Chunk, ChunkReader, Stop, begin_object, never
from penstock.load.conclude import conclude, find_doubtful, report_failure, report_refusal
from penstock.load.decide import Compared, keep_fates, list_doubtful, make_decision
from penstock.load.judges import MEMORY_MB, Judges, open_judges
from penstock.load.load import Loaded, Named, Sink, import_named, load_leg, remove_leg
from penstock.load.protocols import ItemWriter, ObjectSource, RejectWriter
from penstock.load.report import Report, failure_code
from penstock.load.scan import can_scan, scan_object
from penstock.load.survey import Surveyed, keep_keys, survey_leg
from penstock.plan.codec import plan_hash
from penstock.plan.model import Plan

__all__ = [
    "BATCH_BYTES",
    "KEEP_SECONDS",
    "MEMORY_MB",
    "Checkpoint",
    "Keep",
    "Progress",
    "Publish",
    "Upkeep",
    "run_object",
]

_LOSERS: Final = "losers/0.parquet"

Progress = Callable[[str, int], None]
"""Called with ``survey`` or ``load`` and the bytes read so far in that pass."""


def run_object(  # noqa: PLR0913 -- what a run needs from outside, each by its name
    plan: Plan,
    source: ObjectSource,
    items: ItemWriter,
    rejects: RejectWriter,
    scratch: Path,
    *,
    batch_bytes: int = BATCH_BYTES,
    memory_mb: int = MEMORY_MB,
    run: str | None = None,
    progress: Progress | None = None,
    resume: Checkpoint | None = None,
    stop: Stop = never,
    keep: Keep | None = None,
    keep_seconds: float = KEEP_SECONDS,
    upkeep: Upkeep | None = None,
) -> Report | Checkpoint:
    """Load one object by a plan: decide over the whole of it, then write what wins and keep what is rejected.

    Without ``upkeep`` no manifest is kept, whatever the plan says: everything is written, and nothing vanishes.

    The report's status is ``done``, ``rejected`` (the data broke its contract) or ``failed`` (a service, or Penstock
    itself); bad data and failing services never raise. ``scratch`` is a folder for what does not fit into the
    ``memory_mb`` megabytes of the database; reading and writing take some 150 more.

    Where ``stop`` says so between two batches, everything judged is written, and a checkpoint is given in the place of
    a report. With ``resume`` a run goes on from a checkpoint, of whose files copies must lie below ``scratch``. ``keep``
    is called with one every ``keep_seconds``. Only a run with none of ``stop``, ``keep`` and ``upkeep`` leaves no files in ``scratch``.
    """
    work = _Run(
        plan=plan if upkeep is not None else replace(plan, manifest=None),
        source=source,
        items=items,
        rejects=rejects,
        scratch=scratch,
        batch_bytes=batch_bytes,
        memory_mb=memory_mb,
        progress=progress or (lambda _name, _bytes: None),
        stop=stop,
        keep=keep,
        keep_seconds=keep_seconds,
        upkeep=upkeep,
        state=None if resume is None else replace(resume, workers=resume.workers + 1),
    )
    found = work.attempt()
    if isinstance(found, Checkpoint):
        return found
    workers = 1 if work.state is None else work.state.workers
    return replace(found, run=run, seconds=round(work.seconds, 3), plan=plan_hash(plan), invocations=workers)


@dataclass(slots=True)
class _Run:
    """A run at work. ``state`` is where nothing was in flight last."""

    plan: Plan
    source: ObjectSource
    items: ItemWriter
    rejects: RejectWriter
    scratch: Path
    batch_bytes: int
    memory_mb: int
    progress: Progress
    stop: Stop
    keep: Keep | None
    keep_seconds: float
    upkeep: Upkeep | None
    state: Checkpoint | None
    sink: Sink | None = None
    stopping: bool = False
    known: KnownRuns = field(default_factory=dict)
    fresh: bool = field(init=False)
    began: float = field(default_factory=time.monotonic)
    kept: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.fresh = self.state is None

    @property
    def seconds(self) -> float:
        """Seconds at work, those of earlier workers counted."""
        before = 0.0 if self.state is None else self.state.seconds
        return before + time.monotonic() - self.began

    def attempt(self) -> Report | Checkpoint:
        """Run to the end, or to where it is to stop; turn what goes wrong into a report."""
        plan, key = self.plan, self.source.key
        try:
            state = self.state = self.state or self._begin()
            with open_judges(plan, self.source, state.binding, self.scratch, self.memory_mb) as judges:
                state = self._pass(judges, state)
        except DataError as error:
            return report_refusal(plan, key, error)
        except (ServiceError, EngineError) as error:
            decision = None if self.state is None else self.state.decision
            report = report_failure(plan, key, str(error), self._done, decision)
            return replace(report, code=failure_code(error))
        if state.decision is None or not state.loaded.finished:
            return replace(state, seconds=self.seconds)
        report = conclude(plan, key, state.binding, state.decision, state.surveyed, state.loaded)
        if self.upkeep is not None and report.status != "failed" and state.decision.refused is None:
            self.upkeep.complete(find_doubtful(state.decision, state.loaded.outcome))
        return report

    def _begin(self) -> Checkpoint:
        found = begin_object(self.plan, self.source)
        return Checkpoint(found.binding, found.position, Surveyed(found.position), Loaded(found.position))

    def _pass(self, judges: Judges, state: Checkpoint) -> Checkpoint:
        """Do both passes, or what is left of them."""
        if state.decision is None:
            scans = self.fresh and self.upkeep is None and can_scan(self.plan)
            decided = self._scan(judges, state) if scans else None
            if decided is None and not self.stopping:
                state = self._survey(judges, state)
            if self.stopping:
                return state
            return self._load(judges, *(decided or self._decide(judges, state)))
        import_named(judges, state.named, state.loaded.position.row, None)
        return self._load(judges, state, state.decision)

    def _scan(self, judges: Judges, state: Checkpoint) -> tuple[Checkpoint, Decision] | None:
        """Decide by a scan, where no key repeats. None where that takes a survey, or the run is to stop."""
        with closing(self._read("survey", state.start, state)) as reader:
            scanned = scan_object(judges, reader, self._is_stopped)
        if scanned is None:
            return None
        decision = make_decision(self.plan, scanned, 0, 0)
        surveyed = Surveyed(reader.position, scanned, finished=True, scanned=True)
        return replace(state, surveyed=surveyed, decision=decision), decision

    def _is_stopped(self) -> bool:
        self.stopping = self.stop()
        return self.stopping

    def _survey(self, judges: Judges, state: Checkpoint) -> Checkpoint:
        with closing(self._read("survey", state.surveyed.position, state)) as reader:
            while not state.surveyed.finished:
                begun = state.surveyed
                surveyed = survey_leg(judges, reader, begun, self._is_due)
                if self.stopping or not surveyed.finished:
                    surveyed = keep_keys(self.plan, judges, Chunk(0, state.start), begun, surveyed, 1)
                state = self._reach(replace(state, surveyed=surveyed))
                if self.stopping:
                    break
        return state

    def _decide(self, judges: Judges, state: Checkpoint) -> tuple[Checkpoint, Decision]:
        if self.upkeep is not None:
            return self._compare(judges, state, self.upkeep)
        files = [self.scratch / name for name in state.surveyed.keys]
        import_keys(judges.database, files)
        items, rows = decide_losers(judges.database, self.plan)
        losers: tuple[str, ...] = ()
        if items and (self.keep is not None or self.stop is not never):
            losers = (_LOSERS,)
            export_losers(judges.database, self.scratch / _LOSERS)
        for file in files:
            file.unlink()
        decision = make_decision(self.plan, state.surveyed.tally, items, rows)
        return self._reach(replace(state, decision=decision, named=Named(losers))), decision

    def _compare(self, judges: Judges, state: Checkpoint, upkeep: Upkeep) -> tuple[Checkpoint, Decision]:
        """Decide by what the table holds, and have the manifest kept before anything is written."""
        files = [self.scratch / name for name in state.surveyed.keys]
        import_entries(judges.database, files)
        tally = state.surveyed.tally
        decided = keep_fates(
            judges.database, self.plan, 0, Compared(upkeep.base, 1, tally.keyless), self.scratch
        )
        decision = make_decision(
            self.plan,
            tally,
            decided.items,
            decided.rows,
            decided.fates,
            list_doubtful(judges.database, self.plan),
            limited=upkeep.limited,
        )
        assert decided.manifest is not None
        named = Named(
            () if decided.losers is None else (decided.losers,),
            () if decided.unchanged is None else (decided.unchanged,),
            (decided.manifest,) if decision.removes else (),
        )
        if decision.refused is None:
            upkeep.publish(decided.manifest)
        for file in files:
            file.unlink()
        return self._reach(replace(state, decision=decision, named=named)), decision

    def _load(self, judges: Judges, state: Checkpoint, decision: Decision) -> Checkpoint:
        withholding = Withholding.of(self.plan, state.binding)
        self.sink = Sink(self.items, self.rejects, decision, state.loaded, withholding)
        with closing(self._read("load", state.loaded.position, state)) as reader:
            while not reader.finished and not self.stopping:
                load_leg(judges, reader, self.sink, self._is_due)
                loaded = self.sink.loaded(reader)
                finished = loaded.finished and not decision.removes
                state = self._reach(replace(state, loaded=replace(loaded, finished=finished)))
        while reader.finished and not state.loaded.finished and not self.stopping:
            loaded = remove_leg(judges, state.named, self.items, state.loaded, self._is_due)
            self.sink.outcome = loaded.outcome
            state = self._reach(replace(state, loaded=loaded))
        return state

    def _read(self, name: str, position: Position, state: Checkpoint) -> ChunkReader:
        return ChunkReader(
            self.plan,
            self.source,
            state.binding,
            Chunk(0, state.start),
            resume=position,
            batch_bytes=self.batch_bytes,
            seen=lambda seen: self.progress(name, seen),
            known=self.known,
        )

    def _is_due(self) -> bool:
        """Tell whether this leg is to end here: because the run is to stop, or to keep a checkpoint."""
        self.stopping = self.stop()
        return self.stopping or (self.keep is not None and time.monotonic() - self.kept >= self.keep_seconds)

    def _reach(self, state: Checkpoint) -> Checkpoint:
        """Note where the run is, with nothing in flight, and keep it if it is time."""
        self.state = state
        if self.keep is not None and time.monotonic() - self.kept >= self.keep_seconds:
            self.keep(replace(state, seconds=self.seconds))
            self.kept = time.monotonic()
        return state

    @property
    def _done(self) -> list[Loaded]:
        """What was loaded, also where it failed in the middle of a leg."""
        if self.sink is None or self.state is None:
            return []
        return [Loaded(self.state.loaded.position, self.sink.tally, self.sink.outcome)]
