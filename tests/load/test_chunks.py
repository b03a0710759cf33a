"""An object in chunks, by workers that stop and take turns, gives what one pass over it gives."""

from __future__ import annotations

import random
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import given, settings
from hypothesis import strategies as st
from run_memory import Items, Loaded, Memory, Rejects, compile_things
from run_oracle import FIELDS, Feed, feeds, good_rows, odd, render, rows

from penstock.load.chunk import Chunk
from penstock.load.conclude import conclude_chunks
from penstock.load.cut import Cut, cut_object
from penstock.load.decide import Decided, decide_object, decide_partition
from penstock.load.load import Loaded as LoadState
from penstock.load.load import load_chunk
from penstock.load.report import Report
from penstock.load.run import Checkpoint, run_object
from penstock.load.state import from_json, to_json
from penstock.load.survey import Surveyed, survey_chunk
from penstock.plan.model import Plan

S = TypeVar("S")
PARTITIONS = 3


def sent(state: S) -> S:
    """What the next worker gets of a state."""
    return from_json(type(state), to_json(state))


@dataclass
class World:
    """An object and its plan, a store of files that outlives every worker, and the dice of when workers stop."""

    plan: Plan
    memory: Memory
    dice: random.Random
    batch_bytes: int
    store: Path
    workers: int = 0
    results: dict[int, Memory] = field(default_factory=dict)

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

    def decide(self, surveyed: dict[int, Surveyed]) -> tuple[Any, list[str]]:
        names = [name for state in surveyed.values() for name in state.keys]
        decided: list[Decided] = []
        for partition in self.shuffled(range(PARTITIONS)):
            keys = [name for name in names if name.startswith(f"keys/{partition}/")]
            with self.worker(keys) as scratch:
                decided.append(sent(decide_partition(self.plan, partition, keys, scratch)))
        losers = [found.losers for found in decided if found.losers is not None]
        with self.worker(losers) as scratch:
            decision = decide_object(
                self.plan, [state.tally for state in surveyed.values()], decided, scratch
            )
        return sent(decision), losers

    def load(self, cut: Cut, chunk: Chunk, decision: Any, losers: list[str]) -> LoadState:
        result = self.results[chunk.index] = Memory(self.memory.data, self.memory.refuse)
        state: LoadState | None = None
        while state is None or not state.finished:
            with self.worker(losers) as scratch:
                state = sent(
                    load_chunk(
                        self.plan,
                        self.memory,
                        cut.binding,
                        chunk,
                        decision,
                        losers,
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
        decision, losers = self.decide(surveyed)
        loaded = {chunk.index: self.load(cut, chunk, decision, losers) for chunk in self.shuffled(cut.chunks)}
        report = conclude_chunks(self.plan, self.memory.key, cut, decision, surveyed, loaded)
        parts = [self.results[chunk.index] for chunk in cut.chunks]
        return Loaded(
            report,
            tuple(write for part in parts for write in part.writes),
            tuple(reject for part in parts for reject in part.found),
        )

    def take_turns(self) -> Loaded:
        """Run the object in one process at a time, each of which goes on where the one before stopped."""
        result = Memory(self.memory.data, self.memory.refuse)
        found: Report | Checkpoint | None = None
        while not isinstance(found, Report):
            with self.worker(() if found is None else found.files) as scratch:
                found = run_object(
                    self.plan,
                    self.memory,
                    Items(result),
                    Rejects(result),
                    scratch,
                    batch_bytes=self.batch_bytes,
                    resume=None if found is None else sent(found),
                    stop=self.stop,
                )
        assert found.invocations == self.workers
        return Loaded(found, tuple(result.writes), tuple(result.found))


def told(report: Report) -> Report:
    """A report without what depends on how the work was parted."""
    return replace(report, seconds=0.0, invocations=1, plan=None)


def compare(
    made: Callable[[World], Loaded], feed: Feed, data: bytes, seed: int, batch_bytes: int, **more: Any
) -> None:
    with tempfile.TemporaryDirectory() as name:
        plan = compile_things(Path(name), FIELDS, **(feed.parts | more))
        whole = Memory(data)
        report = run_object(plan, whole, Items(whole), Rejects(whole), Path(name))
        assert isinstance(report, Report)
        world = World(plan, Memory(data), random.Random(seed), batch_bytes, Path(name))
        parted = made(world)
    assert parted.report.status != "failed", parted.report.reason
    assert told(parted.report) == told(report)
    assert parted.rejects == tuple(whole.found)
    assert parted.writes == tuple(whole.writes)


records = st.lists(good_rows | rows | odd, max_size=30)
ways = {
    "feed": feeds,
    "records": records,
    "newline": st.sampled_from(["\n", "\r\n", "\r"]),
    "seed": st.integers(0, 2**32),
    "batch_bytes": st.integers(10, 150),
}


@settings(max_examples=12)
@given(chunk_bytes=st.integers(10, 200), **ways)
def test_chunks_give_what_one_pass_gives_whoever_does_them_and_when(
    feed: Feed, records: list[list[str]], newline: str, seed: int, batch_bytes: int, chunk_bytes: int
) -> None:
    data = render(records, newline).encode()
    compare(lambda world: world.map(chunk_bytes), feed, data, seed, batch_bytes)


@settings(max_examples=12)
@given(**ways)
def test_workers_that_take_turns_give_what_one_pass_gives(
    feed: Feed, records: list[list[str]], newline: str, seed: int, batch_bytes: int
) -> None:
    data = render(records, newline).encode()
    compare(World.take_turns, feed, data, seed, batch_bytes)
