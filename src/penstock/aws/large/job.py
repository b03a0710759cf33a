"""What a step of the state machine has to do with: the run, its folder, the object, and the time there is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from penstock.aws.folder import RunFolder
from penstock.aws.large.states import CUT, Work
from penstock.aws.large.unpacked import open_unpacked
from penstock.aws.loader import Budget, Deadline, Loader
from penstock.aws.log import Log
from penstock.aws.manifests import open_manifests
from penstock.aws.object_state import Claim, State
from penstock.aws.objects import S3Source
from penstock.aws.runs import Run
from penstock.aws.scratch import make_scratch
from penstock.errors import ServiceError
from penstock.load.chunk import Chunk
from penstock.load.cut import Cut
from penstock.load.protocols import ObjectSource


@dataclass(frozen=True)
class Job:
    """A run that was handed over, as one step of it sees it."""

    loader: Loader
    run: Run
    folder: RunFolder
    work: Work
    budget: Budget
    log: Log

    @property
    def stored(self) -> S3Source:
        """The object as it is stored, unpacked on the way where it is compressed."""
        return S3Source(self.loader.s3, self.work.found, sleep=self.loader.sleep)

    @property
    def source(self) -> ObjectSource:
        """The object, to be read from anywhere."""
        return open_unpacked(self.folder, self.stored) if self.work.found.packed else self.stored

    @property
    def claim(self) -> Claim:
        """The claim that the run has, to be settled or released."""
        run = self.run
        return Claim(run.bucket, run.key, run.id, 0.0, run.attempt, None, State())

    @property
    def manifests(self) -> RunFolder:
        """Where the object's manifests are."""
        return open_manifests(self.loader, self.run.bucket, self.run.key)

    def make_deadline(self) -> Deadline:
        return Deadline(self.budget, self.loader.leg_seconds)

    def make_scratch(self) -> TemporaryDirectory[str]:
        return make_scratch()

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

    def download(self, names: list[str], scratch: Path) -> None:
        """Bring files of the folder below ``scratch``, under the same names."""
        for name in names:
            (scratch / name).parent.mkdir(parents=True, exist_ok=True)
            self.folder.download(name, scratch / name)
