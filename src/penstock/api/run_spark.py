"""Run files on Spark here, into files or into the table."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from penstock.api.hold import hold
from penstock.api.prepare import Call, make_scratch
from penstock.api.rejects import FIRST_REJECTS, outline
from penstock.api.resume import RUN_FOLDER, Identity, KeptRun
from penstock.api.run_one import REPORT_FILE, write_report
from penstock.api.together import Unit
from penstock.errors import UsageError
from penstock.load.files import REJECTS
from penstock.load.rejects import reject_from_json
from penstock.load.report import Report
from penstock.load.steps.local import LocalFolder
from penstock.plan.codec import plan_hash
from penstock.spark.query import check_query
from penstock.spark.run import plan_run, run_file
from penstock.spark.session import Session, open_session

if TYPE_CHECKING:
    from penstock.aws.connect import Connections

_IDENTITY = "run.json"
_BRIEF_BYTES = 32 << 20
"""Files, as they are stored, with less than this take Spark less time than Java would to warm up."""


def run_on_spark(
    call: Call, table: Connections | None, parent: Path | None, cores: int | None, *, resume: bool
) -> list[Report]:
    """Run each file into a folder of its name in ``parent``, ``cores`` tasks at once (None: as many as the computer has).

    Without ``parent`` nothing is kept but the reports and their first rejects. Raises :class:`~penstock.errors.UsageError` where
    Spark is not installed, or another run is under way into such a folder.
    """
    check_query(call.plan)
    cores = cores or os.cpu_count() or 1
    if cores < 1:
        raise UsageError("Spark works on one core at least.")
    with ExitStack() as stack:
        if parent is not None:
            for source in call.sources:
                stack.enter_context(hold(parent / Path(source.key).name))
        brief = sum(source.size for source in (*call.sources, *call.references.values())) < _BRIEF_BYTES
        session = stack.enter_context(open_session(cores, brief=brief))
        return [
            _run_one(session, call, source, table, parent, cores, resume=resume) for source in call.sources
        ]


def _run_one(
    session: Session,
    call: Call,
    source: Unit,
    table: Connections | None,
    parent: Path | None,
    cores: int,
    *,
    resume: bool,
) -> Report:
    with _keep_folder(call, source, parent, resume=resume) as folder:
        results = folder / "results" if parent is None else parent / Path(source.key).name
        (results / REPORT_FILE).unlink(missing_ok=True)  # an older run's would vouch for half a result
        run = plan_run(call.plan, source, folder / "run", cores, table)
        run = replace(run, batch_bytes=call.batch_bytes, references=call.references)
        report = run_file(session, run, results)
        if parent is not None:
            report = write_report(report, results)
        else:
            report = replace(
                report, extra={**report.extra, "first_rejects": _first_rejects(results / REJECTS)}
            )
        if report.status != "failed":
            shutil.rmtree(folder, ignore_errors=True)
        return report


@contextmanager
def _keep_folder(call: Call, source: Unit, parent: Path | None, *, resume: bool) -> Iterator[Path]:
    """Give the folder in which a run is kept while it is unfinished: an empty one, unless it is to be gone on with."""
    if parent is None:
        with make_scratch() as scratch:
            yield scratch
        return
    kept = KeptRun(parent, source, plan_hash(call.plan), version("penstock"), call.references)
    place = LocalFolder(parent / RUN_FOLDER / Path(source.key).name)
    before = place.read(Identity, _IDENTITY) if resume else None
    if before is not None:
        kept.refuse_other(before)
    else:
        shutil.rmtree(place.path, ignore_errors=True)
        place.write(_IDENTITY, kept.identity)
    yield place.path
    with suppress(OSError):  # another file's run is kept there
        place.path.parent.rmdir()


def _first_rejects(file: Path) -> list[dict[str, object]]:
    if not file.exists():
        return []
    with file.open("rb") as lines:
        return [outline(reject_from_json(line)) for line in islice(lines, FIRST_REJECTS)]
