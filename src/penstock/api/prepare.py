"""What every verb does first: everything that can show the call to be wrong."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from penstock.api.references import find_references
from penstock.api.together import Unit, take_together
from penstock.compile.plan import compile_contract
from penstock.contract.locate import located
from penstock.contract.model import Contract
from penstock.contract.read import read_contract
from penstock.errors import NO_SPACE, CapacityError, UsageError
from penstock.load.files import FileSource
from penstock.load.gathering import FilesTogether
from penstock.load.overlap import usable_lanes
from penstock.load.protocols import ItemWriter, RejectWriter
from penstock.load.query import run_query
from penstock.load.report import Report
from penstock.load.result import Queried
from penstock.load.run import BATCH_BYTES, KEEP_SECONDS, Checkpoint, run_object
from penstock.plan.model import Plan

AnyPath = str | os.PathLike[str]
Progress = Callable[[str, str, int], None]
"""Called with a file's path, the pass over it, and the bytes read so far in that pass: ``survey`` or ``load``; of a feed with a
query ``rows``, ``query``, and ``survey result`` or ``load result``.
"""

KeepState = Callable[[Checkpoint | Queried], None]
"""Called now and then with how far a run is; see :data:`~penstock.load.checkpoint.Keep`."""

_REASON = "it runs on this computer"


@dataclass(frozen=True, slots=True)
class Call:
    """What the runs of one call have in common; ``sources`` are what each is over.

    ``references`` are the files of the query's references, if it has one.
    """

    plan: Plan
    sources: tuple[Unit, ...]
    batch_bytes: int
    progress: Progress | None
    references: Mapping[str, FileSource] = field(default_factory=dict)

    def run(
        self,
        source: Unit,
        items: ItemWriter,
        rejects: RejectWriter,
        scratch: Path,
        *,
        resume: Checkpoint | Queried | None = None,
        keep: KeepState | None = None,
        counts: Path | None = None,
    ) -> Report:
        """Run one of the sources; see :func:`~penstock.load.run.run_object` and :func:`~penstock.load.query.run_query`."""
        progress = self.progress
        if self.plan.query is not None:
            return self._run_query(source, items, rejects, scratch, resume, keep, counts)
        assert not isinstance(resume, Queried)
        assert isinstance(source, FileSource), "only a query is over many files"
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

    def _run_query(
        self,
        source: Unit,
        items: ItemWriter,
        rejects: RejectWriter,
        scratch: Path,
        resume: Checkpoint | Queried | None,
        keep: KeepState | None,
        counts: Path | None,
    ) -> Report:
        assert not isinstance(resume, Checkpoint)
        progress = self.progress
        report = run_query(
            self.plan,
            source.gathering if isinstance(source, FilesTogether) else source,
            self.references,
            items,
            rejects,
            scratch,
            batch_bytes=self.batch_bytes,
            threads=usable_lanes(),
            progress=None if progress is None else lambda name, seen: progress(source.key, name, seen),
            resume=resume,
            keep=keep,
            keep_seconds=KEEP_SECONDS,
            reason=_REASON,
            counts=counts,
        )
        assert isinstance(report, Report)  # as above
        return report


@contextmanager
def make_scratch() -> Iterator[Path]:
    """Make a folder for what does not fit into memory.

    Raises :class:`~penstock.errors.CapacityError` where it gets full: whoever writes to it knows no more than that a write failed.
    """
    try:
        with tempfile.TemporaryDirectory(prefix="penstock-") as folder:
            yield Path(folder)
    except OSError as error:
        if error.errno not in NO_SPACE:
            raise
        raise CapacityError(
            f"There is no space left for temporary files in {tempfile.gettempdir()} ({error.strerror}). Free some, or name another "
            "folder by the environment variable TMPDIR, and run again."
        ) from error


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
    references: Mapping[str, AnyPath] | None = None,
) -> Call:
    """Compile the contract and open the files. Raises UsageError and ContractError; nothing is written.

    Without files no references are looked for but those that are named.
    """
    if isinstance(files, str | os.PathLike):
        raise UsageError("The files are a list, also where there is only one.")
    if chunk_size is not None and chunk_size < 1:
        raise UsageError("A chunk has at least one byte.")
    path: Path | None = None
    if isinstance(contract, str | os.PathLike):
        path, contract = Path(contract), load_contract(contract)
        with located(path):
            plan = compile_contract(contract)
    else:
        plan = compile_contract(contract)
    sources = tuple(FileSource(path) for path in files)
    units = take_together(plan, sources)
    named = {name: Path(found) for name, found in (references or {}).items()}
    found = find_references(plan, named, path) if sources or named else {}
    return Call(plan, units, chunk_size or BATCH_BYTES, progress, found)
