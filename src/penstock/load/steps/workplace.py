"""What a step has to do with, whoever calls it: the object, its plan, the run's folder, and where the results go."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from penstock.engine.manifest import Base
from penstock.errors import ServiceError
from penstock.load.chunk import Chunk
from penstock.load.cut import Cut
from penstock.load.gathering import Member
from penstock.load.protocols import ItemWriter, ObjectSource, RejectWriter
from penstock.load.steps.folder import Folder
from penstock.load.steps.states import CUT, Stats
from penstock.load.steps.unpacked import open_unpacked
from penstock.plan.model import Plan


class Deadline(Protocol):
    """Tells, between two batches, when to leave the rest to another worker, or to keep what is done."""

    @property
    def near(self) -> bool:
        """Whether there is no time for more."""
        ...

    def begin_leg(self) -> None:
        """Begin anew to measure, after what was done was kept."""
        ...

    def ends_leg(self) -> bool:
        """Tell whether to stop here, be it to go on at once. To be asked after each batch."""
        ...

    def comes(self) -> bool:
        """Tell whether to stop here for good. To be asked after each batch."""
        ...


class Outlet(Protocol):
    """Where a worker's results go, leg by leg: what a leg left counts only when a state names its parts."""

    @property
    def stats(self) -> Stats:
        """What was written so far."""
        ...

    def begin_leg(self, stem: str) -> tuple[ItemWriter, RejectWriter]:
        """Give the writers of a leg. No other leg, of whatever worker, has the name ``stem``."""
        ...

    def end_leg(self) -> tuple[str, ...]:
        """Make durable what the leg's writers were given, and name its parts."""
        ...


@dataclass(frozen=True)
class Upkeep:
    """How the steps keep a manifest.

    ``find_base`` gives the one to begin with, asked once for a run; ``bring_base`` brings what a partition needs of it below a folder, and
    names it as it is there. ``keep`` takes a partition's file and gives its name, ``publish`` takes the names before anything is
    written, and ``bring`` brings such files below a folder. ``is_limited`` tells whether the limit of deletes holds.
    """

    find_base: Callable[[], Base]
    bring_base: Callable[[Base, Path, int], Base]
    keep: Callable[[int, Path], str]
    publish: Callable[[Sequence[str]], None]
    bring: Callable[[Sequence[str], Path], tuple[str, ...]]
    is_limited: Callable[[], bool]


@dataclass(frozen=True)
class Members:
    """The objects of a run that is over many. ``open`` gives one by its number, below ``count``, and whether it is packed."""

    count: int
    open: Callable[[int], tuple[Member, bool]]


@dataclass(frozen=True)
class Workplace:
    """A run as one of its steps sees it.

    ``stored`` is the object; one that is ``packed`` can't be read from anywhere, and is unpacked into the folder. Surveys judge
    ``batch_bytes`` at a time, and loads ``load_bytes``, ``lanes`` batches at once (None: as the cores allow). By the moment ``until`` of ``clock`` whoever works here is gone, and ``check`` raises where
    the run is not to go on. ``explain`` gives the error for one of the disk, or raises it as it is. ``tell`` is told of what is kept, for the log. ``references`` gives the
    objects that a query reads beside the rows, by their names there, and ``describe_references`` the key and version of each.
    ``members`` are the objects where the run is over many; ``stored`` has their prefix's name then, and nothing else of use.
    """

    plan: Plan
    folder: Folder
    stored: ObjectSource
    packed: bool
    chunk_bytes: int
    partitions: int
    memory_mb: int
    batch_bytes: int
    load_bytes: int
    until: float
    clock: Callable[[], float]
    make_deadline: Callable[[], Deadline]
    make_scratch: Callable[[], AbstractContextManager[str]]
    open_outlet: Callable[[], AbstractContextManager[Outlet]]
    check: Callable[[], None]
    explain: Callable[[OSError], ServiceError]
    tell: Callable[[str, Mapping[str, object]], None]
    upkeep: Upkeep | None = None
    lanes: int | None = None
    references: Callable[[], Mapping[str, ObjectSource]] = dict
    describe_references: Callable[[], Mapping[str, Mapping[str, str]]] = dict
    members: Members | None = None

    @property
    def source(self) -> ObjectSource:
        """The object, to be read from anywhere."""
        return open_unpacked(self.folder, self.stored) if self.packed else self.stored

    def read_cut(self) -> Cut:
        """Give the chunks. Raises :class:`~penstock.errors.ServiceError` where they are not all known."""
        cut = self.folder.read(Cut, CUT)
        if cut is None or not cut.finished:
            raise ServiceError("The object is not cut into chunks yet. Start the load again.")
        return cut

    def find_chunk(self, index: int) -> tuple[Cut, Chunk]:
        """Give a chunk, and the cut that it is of."""
        cut = self.read_cut()
        if index >= len(cut.chunks):
            raise ServiceError(
                f"The object has no chunk {index}, but {len(cut.chunks)}. Start the load again."
            )
        return cut, cut.chunks[index]

    def download(self, names: Sequence[str], scratch: Path) -> None:
        """Bring files of the folder below ``scratch``, under the same names."""
        for name in names:
            (scratch / name).parent.mkdir(parents=True, exist_ok=True)
            self.folder.download(name, scratch / name)
