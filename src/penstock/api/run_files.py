"""Run files by a contract, into files here or into the table."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from penstock.api.prepare import AnyPath, Call, Progress, prepare
from penstock.api.rejects import FirstRejects, outline
from penstock.contract.model import Contract
from penstock.errors import ServiceError, UsageError
from penstock.load.files import FileSource, JsonlItemWriter, JsonlRejectWriter
from penstock.load.protocols import RejectWriter
from penstock.load.report import Counts, ItemCounts, Report

if TYPE_CHECKING:
    from penstock.api.table import OpenTable

REPORT_FILE: Final = "report.json"


def run(  # noqa: PLR0913 -- the options of the command, each by its name
    contract: Contract | AnyPath,
    files: Sequence[AnyPath],
    *,
    output: AnyPath | None = None,
    endpoint_url: str | None = None,
    region: str | None = None,
    profile: str | None = None,
    table: str | None = None,
    rejects: AnyPath | None = None,
    chunk_size: int | None = None,
    progress: Progress | None = None,
) -> list[Report]:
    """Load files, one after the other, and give a report for each.

    With ``output`` nothing leaves this computer: ``items.jsonl``, ``deletes.jsonl``, ``rejects.jsonl`` and
    ``report.json`` are written to a folder of the file's name in it. Without, the contract's table (or ``table``) is
    loaded, in AWS or at ``endpoint_url``; ``rejects.jsonl`` and ``report.json`` then go to such a folder in
    ``rejects``, or the report's ``first_rejects``, places and reasons, are all that is kept of them. A ``.gz`` file is unpacked.
    ``chunk_size`` is how many bytes are judged at a time; it changes no result.

    Raises :class:`~penstock.errors.UsageError` and :class:`~penstock.errors.ContractError` before anything is
    written, and :class:`~penstock.errors.ServiceError` where the table can't be reached.
    """
    if output is not None and (endpoint_url or region or profile or table or rejects is not None):
        raise UsageError(
            "With an output folder nothing is sent to DynamoDB: leave out either the folder, or the endpoint, region, "
            "profile, table and folder of rejects."
        )
    call = prepare(contract, files, chunk_size, progress)
    if output is not None:
        folders = [Path(output) / Path(source.key).name for source in call.sources]
        return [
            _run_one(call, source, folder, folder)
            for source, folder in zip(call.sources, folders, strict=True)
        ]
    from penstock.api.table import open_table  # noqa: PLC0415 -- botocore, which a run here can do without

    wanted = replace(call.plan.table, name=table or call.plan.table.name)
    with open_table(wanted, region, endpoint_url, profile) as opened:
        return [
            _run_one(call, source, opened, None if rejects is None else Path(rejects) / Path(source.key).name)
            for source in call.sources
        ]


def _run_one(call: Call, source: FileSource, items: Path | OpenTable, kept: Path | None) -> Report:
    """Run one file into a folder or a table. Rejects and the report are kept in ``kept``, if anywhere."""
    report = Report(call.plan.name, source.key, "failed", Counts(), ItemCounts(), {})
    first = FirstRejects()
    try:
        with ExitStack() as stack:
            rejects: RejectWriter = first if kept is None else stack.enter_context(JsonlRejectWriter(kept))
            if kept is not None:
                (kept / REPORT_FILE).unlink(missing_ok=True)  # an older run's would vouch for half a result
            writer = stack.enter_context(JsonlItemWriter(items)) if isinstance(items, Path) else items.writer
            report = call.run(source, writer, rejects)
    except ServiceError as error:  # a file could not be opened, or what was still in memory not written
        report = replace(report, status="failed", reason=str(error))
    if not isinstance(items, Path):
        report = items.account(report)
    if kept is None:
        return replace(report, extra={"first_rejects": [outline(reject) for reject in first.rejects]})
    return _keep(report, kept)


def _keep(report: Report, folder: Path) -> Report:
    """Write the report, whole or not at all."""
    whole = folder / REPORT_FILE
    part = folder / f"{REPORT_FILE}.part"
    try:
        part.write_text(json.dumps(report.to_dict(), ensure_ascii=False, indent=2) + "\n", "utf-8")
        part.replace(whole)
    except OSError as error:
        sorry = f"{whole.as_posix()} can't be written: {error.strerror}. Name another folder, and run again."
        return replace(report, status="failed", reason=report.reason or sorry)
    return report
