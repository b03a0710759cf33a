"""An object that is loaded by many workers, which stop when dice say so and leave files and states for one another."""

from __future__ import annotations

import random
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from run_memory import Items, Loaded, Memory, Rejects

from penstock.engine.decide import Decision
from penstock.engine.manifest import Base
from penstock.load.chunk import Chunk
from penstock.load.conclude import conclude_chunks, find_doubtful
from penstock.load.count import add_outcomes
from penstock.load.cut import Cut, cut_object
from penstock.load.decide import Compared, Decided, decide_object, decide_partition
from penstock.load.load import Loaded as LoadState
from penstock.load.load import Named, load_chunk
from penstock.load.report import Report
from penstock.load.run import Checkpoint, Upkeep, run_object
from penstock.load.state import from_json, to_json
from penstock.load.survey import Surveyed, survey_chunk
from penstock.plan.model import Plan

S = TypeVar("S")
PARTITIONS = 4


def sent(state: S) -> S:
    """What the next worker gets of a state."""
    return from_json(type(state), to_json(state))


@dataclass
class Shelf:
    """Where the manifest of an object is kept from run to run, among the files of a store."""

    store: Path
    base: Base = field(default_factory=Base)
    runs: int = 0

    def publish(self, files: Iterable[Path]) -> None:
        """Take the manifest of a run that begins to write."""
        self.runs += 1
        folder = self.store / "files" / "base" / f"{self.runs}"
        folder.mkdir(parents=True)
        kept = [shutil.copyfile(file, folder / f"{number}.parquet") for number, file in enumerate(files)]
        self.base = Base(tuple(str(file.relative_to(self.store / "files")) for file in kept), whole=False)

    def complete(self, doubtful: tuple[int, ...] | None) -> None:
        """Note that the run has written all."""
        if doubtful is not None:
            self.base = replace(self.base, whole=True, doubtful=doubtful)

    def upkeep(self, scratch: Path, base: Base, *, limited: bool) -> Upkeep:
        """What a run takes that has a worker's folder."""
        return Upkeep(base, lambda name: self.publish([scratch / name]), self.complete, limited)


@dataclass
class World:
    """An object and its plan, a store of files that outlives every worker, and the dice of when workers stop.

    ``shelf`` is where the object's manifest is, if it has one. ``limited`` says that the limit of deletes holds.
    """

    plan: Plan
    memory: Memory
    dice: random.Random
    batch_bytes: int
    store: Path
    workers: int = 0
    results: dict[int, Memory] = field(default_factory=dict)
    shelf: Shelf | None = None
    limited: bool = True

    def stop(self) -> bool:
        return self.dice.random() < 0.4

    @contextmanager
    def worker(self, needed: Iterable[str]) -> Iterator[Path]:
        """A folder for a worker, with copies of the files that it needs and no others; what it leaves is stored."""
        self.workers += 1
        with tempfile.TemporaryDirectory(dir=self.store) as name:
            scratch = Path(name)
            for file in needed:
                (scratch / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(self.store / "files" / file, scratch / file)
            yield scratch
            assert not list(scratch.glob("run-*"))
            for path in scratch.rglob("*.parquet"):
                kept = self.store / "files" / path.relative_to(scratch)
                kept.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, kept)

    def cut(self, chunk_bytes: int) -> Cut:
        cut = cut_object(self.plan, self.memory, chunk_bytes=chunk_bytes, stop=self.stop)
        while not cut.finished:
            cut = cut_object(
                self.plan, self.memory, chunk_bytes=chunk_bytes, stop=self.stop, resume=sent(cut)
            )
        return sent(cut)

    def survey(self, cut: Cut, chunk: Chunk) -> Surveyed:
        state: Surveyed | None = None
        while state is None or not state.finished:
            with self.worker(()) as scratch:
                state = sent(
                    survey_chunk(
                        self.plan,
                        self.memory,
                        cut.binding,
                        chunk,
                        scratch,
                        partitions=PARTITIONS,
                        resume=state,
                        stop=self.stop,
                        batch_bytes=self.batch_bytes,
                    )
                )
        return state

    def decide(self, surveyed: dict[int, Surveyed]) -> tuple[Decision, list[Decided]]:
        names = [name for state in surveyed.values() for name in state.keys]
        keyless = sum(state.tally.keyless for state in surveyed.values())
        base = None if self.shelf is None else self.shelf.base
        compared = None if base is None else Compared(base, PARTITIONS, keyless)
        decided: list[Decided] = []
        for partition in self.shuffled(range(PARTITIONS)):
            keys = [name for name in names if name.startswith(f"keys/{partition}/")]
            with self.worker((*keys, *(() if base is None else base.files))) as scratch:
                decided.append(sent(decide_partition(self.plan, partition, keys, scratch, compared=compared)))
        losers = [found.losers for found in decided if found.losers is not None]
        with self.worker(losers) as scratch:
            tallies = [state.tally for state in surveyed.values()]
            decision = decide_object(self.plan, tallies, decided, scratch, limited=self.limited)
        if self.shelf is not None and decision.refused is None:
            self.shelf.publish(self.store / "files" / f"manifest/{p}.parquet" for p in range(PARTITIONS))
        return sent(decision), sorted(decided, key=lambda found: found.partition)

    def load(self, cut: Cut, chunk: Chunk, decision: Decision, decided: list[Decided]) -> LoadState:
        """Load a chunk. What vanished from partition p is for the worker of chunk p, counted round the chunks."""
        result = self.results[chunk.index] = replace(self.memory)
        mine = [found for found in decided if found.partition % len(cut.chunks) == chunk.index]
        named = Named(
            tuple(found.losers for found in decided if found.losers is not None),
            tuple(found.unchanged for found in decided if found.unchanged is not None),
            tuple(str(found.manifest) for found in mine) if decision.removes else (),
        )
        state: LoadState | None = None
        while state is None or not state.finished:
            with self.worker((*named.losers, *named.unchanged, *named.vanished)) as scratch:
                state = sent(
                    load_chunk(
                        self.plan,
                        self.memory,
                        cut.binding,
                        chunk,
                        decision,
                        named,
                        Items(result),
                        Rejects(result),
                        scratch,
                        resume=state,
                        stop=self.stop,
                        batch_bytes=self.batch_bytes,
                    )
                )
        return state

    def shuffled(self, entries: Iterable[S]) -> list[S]:
        found = list(entries)
        self.dice.shuffle(found)
        return found

    def map(self, chunk_bytes: int) -> Loaded:
        """Cut, survey, decide, load and conclude, each by many workers in any order."""
        cut = self.cut(chunk_bytes)
        surveyed = {chunk.index: self.survey(cut, chunk) for chunk in self.shuffled(cut.chunks)}
        decision, decided = self.decide(surveyed)
        loaded = {
            chunk.index: self.load(cut, chunk, decision, decided) for chunk in self.shuffled(cut.chunks)
        }
        report = conclude_chunks(self.plan, self.memory.key, cut, decision, surveyed, loaded)
        if self.shelf is not None and decision.refused is None:
            outcome = add_outcomes(state.outcome for state in loaded.values())
            self.shelf.complete(find_doubtful(decision, outcome))
        parts = [self.results[chunk.index] for chunk in cut.chunks]
        return Loaded(
            report,
            tuple(write for part in parts for write in part.writes),
            tuple(reject for part in parts for reject in part.found),
        )

    def take_turns(self) -> Loaded:
        """Run the object in one process at a time, each of which goes on where the one before stopped."""
        result = self.results[0] = replace(self.memory)
        base = Base() if self.shelf is None else self.shelf.base
        found: Report | Checkpoint | None = None
        while not isinstance(found, Report):
            with self.worker((*base.files, *(() if found is None else found.files))) as scratch:
                found = run_object(
                    self.plan,
                    self.memory,
                    Items(result),
                    Rejects(result),
                    scratch,
                    batch_bytes=self.batch_bytes,
                    resume=None if found is None else sent(found),
                    stop=self.stop,
                    upkeep=None
                    if self.shelf is None
                    else self.shelf.upkeep(scratch, base, limited=self.limited),
                )
        assert found.invocations == self.workers
        return Loaded(found, tuple(result.writes), tuple(result.found))
