"""What a run's folder holds, by name, whatever its place.

=====================================  =================================================================================
``work.json``                          what the folder is about, for whoever made it
``unpacked.json``, ``unpacked/``       a compressed object, in plain parts (:mod:`penstock.load.steps.unpacked`)
``cut.json``                           :class:`~penstock.load.cut.Cut`: the chunks, as far as they are known
``result.json``, ``result/``           :class:`~penstock.load.steps.result.Result`: what a query gave, to be loaded in the object's place
``refused.json``                       :class:`Refusal`: the object is refused unread
``chunks.json``, ``partitions.json``   the lists that the state machine's maps go through
``survey/<chunk>.json``                :class:`~penstock.load.survey.Surveyed`: the first pass over a chunk
``keys/<partition>/``                  the keys of good rows, in files that the surveys name
``decided/<partition>.json``           :class:`~penstock.load.decide.Decided`: which rows of a hash partition lose
``losers/``                            those rows, in files
``base.json``                          :class:`~penstock.engine.manifest.Base`: the manifest that this one begins with
``unchanged/``                         the rows whose items need no write, in files
``decision.json``                      :class:`~penstock.engine.decide.Decision`: what holds for the whole object
``load/<chunk>.json``                  :class:`ChunkLoad`: the second pass over a chunk
``problems/``                          :class:`Problem`: why a step failed last
=====================================  =================================================================================
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeVar

from penstock.engine.decide import Decision
from penstock.load.cut import Cut
from penstock.load.decide import Decided
from penstock.load.load import Loaded
from penstock.load.steps.folder import Folder
from penstock.load.survey import Surveyed

CUT: Final = "cut.json"
REFUSED: Final = "refused.json"
CHUNKS: Final = "chunks.json"
PARTITIONS: Final = "partitions.json"
DECISION: Final = "decision.json"
BASE: Final = "base.json"

_READERS = 16
"""States read side by side."""

S = TypeVar("S")
P = TypeVar("P", Surveyed, Loaded, Cut)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an object is refused unread; see :class:`~penstock.errors.DataError`."""

    code: str
    reason: str


class Stats(Protocol):
    """What a writer has done so far."""

    @property
    def write_units(self) -> float: ...
    @property
    def throttled(self) -> int: ...
    @property
    def resent(self) -> int: ...
    @property
    def puts(self) -> int: ...
    @property
    def deletes(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Effort:
    """What the work on a chunk has taken so far, and how many writes the table has acknowledged."""

    seconds: float = 0.0
    write_units: float = 0.0
    throttled: int = 0
    resent: int = 0
    puts: int = 0
    deletes: int = 0

    def add(self, seconds: float, before: Stats, after: Stats) -> Effort:
        """Give it with what a worker's writer did between two moments."""
        return Effort(
            round(self.seconds + seconds, 3),
            round(self.write_units + after.write_units - before.write_units, 3),
            self.throttled + after.throttled - before.throttled,
            self.resent + after.resent - before.resent,
            self.puts + after.puts - before.puts,
            self.deletes + after.deletes - before.deletes,
        )


@dataclass(frozen=True, slots=True)
class ChunkLoad:
    """How far a chunk is loaded. ``parts`` are what its workers left, in order: the keys of its rejects.

    ``workers`` is who may be at work on it, and until when: a worker that died can't say that it is gone, but it sends
    nothing after that moment. ``invocations`` counts those that got it further.
    """

    loaded: Loaded | None = None
    parts: tuple[str, ...] = ()
    effort: Effort = field(default_factory=Effort)
    workers: Mapping[str, float] = field(default_factory=dict)
    invocations: int = 0

    @property
    def finished(self) -> bool:
        return self.loaded is not None and self.loaded.finished


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a step failed last, in one sentence, and the code of that, if it has one. ``chunk`` is the one that it was to load, if it was."""

    reason: str
    chunk: int | None = None
    code: str | None = None


def new_token() -> str:
    """Make a name for a worker, which its files have: two who do the same don't write over each other."""
    return secrets.token_hex(4)


def survey_name(chunk: int) -> str:
    """Give the name of the state of a chunk's survey."""
    return f"survey/{chunk:06d}.json"


def load_name(chunk: int) -> str:
    """Give the name of the state of a chunk's load."""
    return f"load/{chunk:06d}.json"


def decided_name(partition: int) -> str:
    """Give the name of the state of what was decided of a partition."""
    return f"decided/{partition:06d}.json"


def problem_name(step: str, number: int | None) -> str:
    """Give the name of the state of what a step failed at."""
    return f"problems/{step}.json" if number is None else f"problems/{step}-{number:06d}.json"


def write_lists(folder: Folder, chunks: int, partitions: int) -> None:
    """Write the lists that the maps go through."""
    for name, entry, count in ((CHUNKS, "chunk", chunks), (PARTITIONS, "partition", partitions)):
        folder.put(name, json.dumps([{entry: number} for number in range(count)]).encode())


def further(old: P | None, new: P) -> P:
    """Of two states of one thing, from workers who did the same at once, give the one that is further; both are whole.

    Of two that are as far the first stays, for others may have gone on from it: where an object is cut depends on when
    its worker saved, and who surveyed a chunk of the one cut can't load one of the other.
    """
    return old if old is not None and _progress(old) >= _progress(new) else new


def _progress(state: Surveyed | Loaded | Cut) -> tuple[bool, int, int]:
    removed = state.outcome.removed if isinstance(state, Loaded) else 0
    return state.finished, state.position.offset, removed


def read_surveys(folder: Folder, chunks: int) -> dict[int, Surveyed]:
    """Give the surveys that there are, by chunk."""
    return read_all(folder, Surveyed, {chunk: survey_name(chunk) for chunk in range(chunks)})


def read_loads(folder: Folder, chunks: int) -> dict[int, ChunkLoad]:
    """Give the loads that there are, by chunk."""
    return read_all(folder, ChunkLoad, {chunk: load_name(chunk) for chunk in range(chunks)})


def read_decided(folder: Folder, partitions: int) -> dict[int, Decided]:
    """Give what was decided so far, by partition."""
    return read_all(folder, Decided, {number: decided_name(number) for number in range(partitions)})


def read_problems(folder: Folder, loads: Mapping[int, ChunkLoad]) -> list[Problem]:
    """Give what steps failed at last; not of chunks that were loaded after all."""
    names = dict(enumerate(folder.list_sizes("problems/")))
    return [
        problem
        for problem in read_all(folder, Problem, names).values()
        if problem.chunk is None or problem.chunk not in loads or not loads[problem.chunk].finished
    ]


def read_decision(folder: Folder) -> Decision | None:
    """Give what was decided of the whole object, if it was."""
    return folder.read(Decision, DECISION)


def read_all(folder: Folder, kind: type[S], names: Mapping[int, str]) -> dict[int, S]:
    """Give the states that there are of those names, side by side."""
    with ThreadPoolExecutor(_READERS, thread_name_prefix="states") as pool:
        found: Iterable[S | None] = pool.map(lambda name: folder.read(kind, name), names.values())
        return {number: state for number, state in zip(names, found, strict=True) if state is not None}
