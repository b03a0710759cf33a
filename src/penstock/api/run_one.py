"""Run one file to where its results go, and keep how far it is, so that what is cut off can be gone on with."""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from penstock.api.prepare import Call, make_scratch
from penstock.api.rejects import FirstRejects, outline
from penstock.api.resume import Effort, Kept, KeptRun
from penstock.api.together import Unit
from penstock.errors import ServiceError
from penstock.load.files import JsonlItemWriter, JsonlRejectWriter
from penstock.load.gathering import COUNTS
from penstock.load.protocols import ItemWriter, RejectWriter
from penstock.load.report import Counts, ItemCounts, Report
from penstock.load.result import Queried
from penstock.load.run import Checkpoint

if TYPE_CHECKING:
    from penstock.api.table import OpenTable

REPORT_FILE: Final = "report.json"


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a file's results go: its items into a folder or a table, its rejects and its report into a folder, if any.

    ``kept`` is where its run is kept while it is unfinished, None where it is not.
    """

    items: Path | OpenTable
    folder: Path | None
    kept: KeptRun | None

    @property
    def effort(self) -> Effort:
        """What the writes of this file have taken in this process."""
        return Effort() if isinstance(self.items, Path) else self.items.effort


def run_one(call: Call, source: Unit, destination: Destination, before: Kept | None) -> Report:
    """Run one file, from where it was ``before`` if that is given. Files that can't be written make the report ``failed``."""
    if before is not None and before.report is not None:
        return before.report
    report = Report(call.plan.name, source.key, "failed", Counts(), ItemCounts(), {})
    first = FirstRejects()
    try:
        with ExitStack() as stack:
            report = _load(call, source, _open(destination, before, first, stack), before)
    except ServiceError as error:  # a file could not be opened, or what was still in memory not written
        report = replace(report, status="failed", reason=str(error))
    if not isinstance(destination.items, Path):
        report = destination.items.account(report, Effort() if before is None else before.effort)
    if destination.folder is None:
        return replace(report, extra={"first_rejects": [outline(reject) for reject in first.rejects]})
    return write_report(report, destination.folder)


@dataclass(frozen=True, slots=True)
class _Opened:
    """A destination while a file is run to it. ``files`` are those that are to be made durable with a checkpoint."""

    destination: Destination
    items: ItemWriter
    rejects: RejectWriter
    files: tuple[JsonlItemWriter | JsonlRejectWriter, ...]
    scratch: Path

    def keep(self, state: Checkpoint | Queried, before: Effort) -> None:
        """Keep how far the run is, and make durable what is written."""
        lengths: dict[str, int] = {}
        for file in self.files:
            lengths |= file.keep()
        kept = self.destination.kept
        assert kept is not None
        effort = before.plus(self.destination.effort)
        found = Kept(kept.identity, lengths=lengths, effort=effort)
        if isinstance(state, Queried):
            kept.keep(replace(found, queried=state), self.scratch)
        else:
            kept.keep(replace(found, checkpoint=state), self.scratch)


def _open(destination: Destination, before: Kept | None, first: FirstRejects, stack: ExitStack) -> _Opened:
    """Open the files of a destination, anew or as they were when the run was kept, and make a scratch folder."""
    folder, kept = destination.folder, destination.kept
    lengths = None if before is None else before.lengths
    rejects: RejectWriter = first
    files: list[JsonlItemWriter | JsonlRejectWriter] = []
    if folder is not None:
        rejects = opened = stack.enter_context(JsonlRejectWriter(folder, lengths))
        files.append(opened)
        (folder / REPORT_FILE).unlink(missing_ok=True)  # an older run's would vouch for half a result
    if isinstance(destination.items, Path):
        lines = stack.enter_context(JsonlItemWriter(destination.items, lengths))
        files.append(lines)
        items: ItemWriter = lines
    else:
        items = destination.items.writer
    scratch = stack.enter_context(make_scratch())
    if kept is not None and before is not None:
        kept.fetch(before, scratch)
    return _Opened(destination, items, rejects, tuple(files), scratch)


def _load(call: Call, source: Unit, opened: _Opened, before: Kept | None) -> Report:
    resume, effort = (None, Effort()) if before is None else (before.state, before.effort)
    keep = None if opened.destination.kept is None else lambda found: opened.keep(found, effort)
    folder = opened.destination.folder
    return call.run(
        source,
        opened.items,
        opened.rejects,
        opened.scratch,
        resume=resume,
        keep=keep,
        counts=None if folder is None else folder / COUNTS,
    )


def write_report(report: Report, folder: Path) -> Report:
    """Write the report, whole or not at all; one that can't be written says so."""
    whole = folder / REPORT_FILE
    part = folder / f"{REPORT_FILE}.part"
    try:
        part.write_text(json.dumps(report.to_dict(), ensure_ascii=False, indent=2) + "\n", "utf-8")
        part.replace(whole)
    except OSError as error:
        sorry = f"{whole.as_posix()} can't be written: {error.strerror}. Name another folder, and run again."
        return replace(report, status="failed", reason=report.reason or sorry)
    return report
