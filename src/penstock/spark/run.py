"""Run files on a local session: cut here, judged and written by executors, concluded here."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from penstock.aws.connect import Connections
from penstock.errors import PenstockError
from penstock.load.files import DELETES, ITEMS, REJECTS, FileSource
from penstock.load.gathering import COUNTS, FilesTogether
from penstock.load.report import Report, failure_code
from penstock.load.steps.add_up import add_up
from penstock.load.steps.local import LocalFolder
from penstock.load.steps.states import read_problems
from penstock.plan.codec import plan_hash
from penstock.plan.model import Plan
from penstock.spark.desk import PARTS, DeskRun, explain_disk
from penstock.spark.distribute import TaskError
from penstock.spark.drive import drive_run
from penstock.spark.query import check_query

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_REASON: Final = "it was asked for"
RESULTS: Final = (ITEMS, DELETES, REJECTS)
_LEAST_CHUNK: Final = 4 << 20
_MOST_CHUNK: Final = 64 << 20
_CHUNKS_EACH: Final = 4
"""Chunks for each of the workers at once, so that none is left with much where the others are done."""
_KEYS_OF: Final = 1 << 28
"""Bytes of a file whose keys are decided at once."""
_MOST_PARTITIONS: Final = 256
_PACKED: Final = 4
"""How many times its size a compressed file is taken to have."""


def plan_run(
    plan: Plan,
    source: FileSource | FilesTogether,
    folder: Path,
    workers: int,
    table: Connections | None = None,
    *,
    chunk_bytes: int | None = None,
) -> DeskRun:
    """Say how a file is divided: by its size, and by how many are at work at once.

    Raises :class:`~penstock.errors.UsageError` where Spark can't run the plan's query.
    """
    check_query(plan)
    files = source.files if isinstance(source, FilesTogether) else (source,)
    size = sum(file.size * (_PACKED if file.packed else 1) for file in files)
    chunk_bytes = chunk_bytes or max(_LEAST_CHUNK, min(_MOST_CHUNK, size // (_CHUNKS_EACH * workers)))
    partitions = min(_MOST_PARTITIONS, max(1, size // _KEYS_OF))
    return DeskRun(plan, source, folder, chunk_bytes, partitions, workers, table)


def run_file(session: SparkSession, run: DeskRun, results: Path | None) -> Report:
    """Run a file, from where its folder says that it is; bad data and failing services never raise.

    What the workers left is joined in the folder ``results``, in the order of the file: rejects and, where items go to files, those.
    """
    began = time.monotonic()
    failure = _drive(session, run)
    found = add_up(run.kept_plan, run.source.key, LocalFolder(run.folder))
    report = found.report
    if failure is not None:
        report = replace(report, status="failed", code=failure_code(failure), reason=_explain(run, failure))
    if results is not None:
        try:
            join_parts(run.folder, found.parts, results, RESULTS if run.table is None else (REJECTS,))
        except OSError as error:
            report = replace(report, status="failed", reason=str(explain_disk(error)))
        if (run.folder / COUNTS).exists():
            shutil.copyfile(run.folder / COUNTS, results / COUNTS)
    seconds = round(time.monotonic() - began, 3)
    reason = None if run.plan.query is None else _REASON
    return replace(report, seconds=seconds, plan=plan_hash(run.plan), engine="spark", engine_reason=reason)


def _drive(session: SparkSession, run: DeskRun) -> PenstockError | None:
    """Do all steps of a run; give what it failed at."""
    try:
        drive_run(session, run, _REASON)
    except PenstockError as error:
        return error
    return None


def _explain(run: DeskRun, failure: PenstockError) -> str:
    """Say why a run failed: what its steps failed at, or else what Spark did."""
    if not isinstance(failure, TaskError):
        return str(failure)
    folder = LocalFolder(run.folder)
    problems = read_problems(folder, add_up(run.kept_plan, run.source.key, folder).loads)
    return " ".join(problem.reason for problem in problems[:3]) or str(failure)


def join_parts(folder: Path, parts: Sequence[str], results: Path, names: Sequence[str]) -> None:
    """Join what the legs of a run's workers left into files of these names."""
    results.mkdir(parents=True, exist_ok=True)
    for name in names:
        with (results / name).open("wb") as whole:
            for part in parts:
                with (folder / PARTS / part / name).open("rb") as piece:
                    shutil.copyfileobj(piece, whole, 1 << 20)
