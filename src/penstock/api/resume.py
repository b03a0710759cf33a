"""What a run here keeps, so that another can go on where it was cut off: ``.run/<file's name>/`` beside its results.

There lie ``state.json``, which is replaced whole or not at all, and the files of keys that its checkpoint names. It all
goes when the call is through with its files.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Final

from penstock.api.together import Unit, identify
from penstock.errors import ServiceError, UsageError
from penstock.load.files import FileSource
from penstock.load.report import Report
from penstock.load.result import Queried
from penstock.load.run import Checkpoint
from penstock.load.state import from_json, to_json

RUN_FOLDER: Final = ".run"
_STATE: Final = "state.json"


@dataclass(frozen=True, slots=True)
class Identity:
    """What must not have changed: the program, the plan (its hash), and the file (its path, bytes, and time in ns).

    Of files that are loaded as one it is their prefix, the bytes of all, and a number that stands for their names and times.
    ``references`` has the same three of each file that the query reads beside it.
    """

    penstock: str
    plan: str
    key: str
    size: int
    modified: int
    references: Mapping[str, tuple[str, int, int]]


@dataclass(frozen=True, slots=True)
class Effort:
    """What the writes took; see :class:`~penstock.load.report.Report`."""

    write_units: int = 0
    throttled: int = 0
    resent: int = 0

    def plus(self, other: Effort) -> Effort:
        """Give both together."""
        return Effort(
            self.write_units + other.write_units, self.throttled + other.throttled, self.resent + other.resent
        )


@dataclass(frozen=True, slots=True)
class Kept:
    """How far a file's run was. ``lengths`` are the bytes that its results had; ``report`` is there once it has ended.

    Of a feed with a query ``queried`` stands in the place of a checkpoint.
    """

    identity: Identity
    checkpoint: Checkpoint | None = None
    lengths: Mapping[str, int] | None = None
    effort: Effort = Effort()
    report: Report | None = None
    queried: Queried | None = None

    @property
    def state(self) -> Checkpoint | Queried | None:
        """How far the run itself was."""
        return self.queried or self.checkpoint

    @property
    def files(self) -> tuple[str, ...]:
        """The files that whoever goes on needs, by their names in the scratch folder."""
        return () if self.state is None else self.state.files


class KeptRun:
    """The place where a file's run is kept. Raises :class:`~penstock.errors.ServiceError` where it can't be written to."""

    def __init__(
        self, parent: Path, source: Unit, plan: str, program: str, references: Mapping[str, FileSource]
    ) -> None:
        beside = {name: (found.key, *identify(found)) for name, found in references.items()}
        self.identity = Identity(program, plan, source.key, *identify(source), references=beside)
        self._folder = parent / RUN_FOLDER / Path(source.key).name

    @property
    def exists(self) -> bool:
        """Tell whether anything is kept."""
        return (self._folder / _STATE).exists()

    def read(self) -> Kept | None:
        """Give what is kept, None where nothing is.

        Raises :class:`~penstock.errors.UsageError` where it is not of this program, plan and file.
        """
        try:
            found = from_json(Kept, (self._folder / _STATE).read_bytes())
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._explain(error) from error
        self.refuse_other(found.identity)
        return found

    def refuse_other(self, found: Identity) -> None:
        """Raise :class:`~penstock.errors.UsageError` where what is kept is not of this program, plan and file."""
        mine = self.identity
        changed = {
            f"Penstock was {found.penstock} then and is {mine.penstock} now": found.penstock != mine.penstock,
            "the contract is not what it was": found.plan != mine.plan,
            f"the file was named as {found.key} then": found.key != mine.key,
            "the file is not what it was": (found.size, found.modified) != (mine.size, mine.modified),
            "a reference is not what it was, or another file": found.references != mine.references,
        }
        for what, differs in changed.items():
            if differs:
                raise UsageError(
                    f"{mine.key}: the run that was cut off can't be gone on with: {what}. Run again without --resume; it "
                    "starts over."
                )

    def fetch(self, kept: Kept, scratch: Path) -> None:
        """Copy the files that the checkpoint names into a scratch folder.

        Others go: a run that was cut off while it kept them would have its successor take them for its own.
        """
        names = kept.files
        try:
            self._drop_others(names)
            for name in names:
                (scratch / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(self._folder / name, scratch / name)
        except OSError as error:
            raise self._explain(error) from error

    def keep(self, kept: Kept, scratch: Path | None = None) -> None:
        """Replace what is kept, durably; the checkpoint's new files are copied from the scratch folder."""
        names = kept.files
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            for name in names:
                if scratch is not None and not (self._folder / name).exists():
                    with (scratch / name).open("rb") as copied:
                        _write_durably(self._folder / name, copied)
            _write_durably(self._folder / _STATE, BytesIO(to_json(kept).encode()))
            self._drop_others(names)
        except OSError as error:
            raise self._explain(error) from error

    def _drop_others(self, names: Sequence[str]) -> None:
        """Remove the files that no checkpoint names any more."""
        needed = {self._folder / name for name in (_STATE, *names)}
        for path in self._folder.rglob("*"):
            if path.is_file() and path not in needed:
                path.unlink()

    def remove(self) -> None:
        """Remove what is kept, and the folder of all files if it was the last."""
        shutil.rmtree(self._folder, ignore_errors=True)
        try:
            self._folder.parent.rmdir()
        except OSError:
            return  # another file's run is kept there, or nothing ever was

    def _explain(self, error: OSError) -> ServiceError:
        return ServiceError(
            f"{self._folder.as_posix()}, where the run is kept to be resumed, can't be used: {error.strerror}. Mend that, or "
            "name another folder, and run again."
        )


def _write_durably(path: Path, content: BinaryIO) -> None:
    """Write a file whole or not at all, whatever happens to the process or the machine meanwhile."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    with part.open("wb") as file:
        shutil.copyfileobj(content, file)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    if hasattr(os, "O_DIRECTORY"):  # elsewhere a folder can't be opened, and a rename needs no more
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
