"""What every verb does first: everything that can show the call to be wrong."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from penstock.compile.plan import compile_contract
from penstock.contract.locate import located
from penstock.contract.model import Contract
from penstock.contract.read import read_contract
from penstock.errors import UsageError
from penstock.load.files import FileSource
from penstock.load.protocols import ItemWriter, RejectWriter
from penstock.load.report import Report
from penstock.load.run import BATCH_BYTES, KEEP_SECONDS, Checkpoint, Keep, run_object
from penstock.plan.model import Plan

AnyPath = str | os.PathLike[str]
Progress = Callable[[str, str, int], None]
"""Called with a file's path, the pass over it (``survey`` or ``load``), and the bytes read so far in that pass."""


@dataclass(frozen=True, slots=True)
class Call:
    """What the files of one call have in common."""

    plan: Plan
    sources: tuple[FileSource, ...]
    batch_bytes: int
    progress: Progress | None

    def run(
        self,
        source: FileSource,
        items: ItemWriter,
        rejects: RejectWriter,
        scratch: Path,
        *,
        resume: Checkpoint | None = None,
        keep: Keep | None = None,
    ) -> Report:
        """Run one of the files; see :func:`~penstock.load.run.run_object`."""
        progress = self.progress
        report = run_object(
            self.plan,
            source,
            items,
            rejects,
            scratch,
            batch_bytes=self.batch_bytes,
            progress=None if progress is None else lambda name, seen: progress(source.key, name, seen),
            resume=resume,
            keep=keep,
            keep_seconds=KEEP_SECONDS,
        )
        assert isinstance(report, Report)  # nothing stops it before its end
        return report


@contextmanager
def make_scratch() -> Iterator[Path]:
    """Make a folder for what does not fit into memory."""
    with tempfile.TemporaryDirectory(prefix="penstock-") as folder:
        yield Path(folder)


def load_contract(path: AnyPath) -> Contract:
    """Read and check a contract, a YAML file.

    Raises :class:`~penstock.errors.ContractError` with a line for every problem, and
    :class:`~penstock.errors.UsageError` where the file can't be read.
    """
    return read_contract(Path(path))


def prepare(
    contract: Contract | AnyPath,
    files: Sequence[AnyPath],
    chunk_size: int | None,
    progress: Progress | None,
) -> Call:
    """Compile the contract and open the files. Raises UsageError and ContractError; nothing is written."""
    if isinstance(files, str | os.PathLike):
        raise UsageError("The files are a list, also where there is only one.")
    if chunk_size is not None and chunk_size < 1:
        raise UsageError("A chunk has at least one byte.")
    if isinstance(contract, str | os.PathLike):
        path, contract = Path(contract), load_contract(contract)
        with located(path):
            plan = compile_contract(contract)
    else:
        plan = compile_contract(contract)
    sources = tuple(FileSource(path) for path in files)
    _refuse_same_names(sources)
    return Call(plan, sources, chunk_size or BATCH_BYTES, progress)


def _refuse_same_names(sources: Iterable[FileSource]) -> None:
    """Files of one name would share a folder, as would names that differ only in case on some computers."""
    seen: dict[str, str] = {}
    for source in sources:
        name = Path(source.key).name.casefold()
        if name in seen:
            raise UsageError(
                f"{seen[name]} and {source.key} have one name, and results are kept by name. Run them one at a time, "
                "each into a folder of its own."
            )
        seen[name] = source.key
