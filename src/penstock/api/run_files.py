"""Run files by a contract, into files here or into the table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from penstock.api.hold import hold, is_held
from penstock.api.prepare import AnyPath, Call, Progress, prepare
from penstock.api.resume import RUN_FOLDER, Kept, KeptRun
from penstock.api.run_one import Destination, run_one
from penstock.api.together import Unit
from penstock.contract.model import Contract
from penstock.errors import UsageError
from penstock.load.report import Report
from penstock.plan.codec import plan_hash
from penstock.spark.session import check_installed

if TYPE_CHECKING:
    from penstock.api.table import OpenTable
    from penstock.aws.connect import Connections

Engine = Literal["duckdb", "spark"]
"""What does the work: DuckDB in this process, or the same in those of Spark."""


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
    resume: bool = False,
    engine: Engine = "duckdb",
    cores: int | None = None,
    progress: Progress | None = None,
    references: Mapping[str, AnyPath] | None = None,
) -> list[Report]:
    """Load files, one after the other, and give a report for each; or all as one, where the contract's query is over many.

    With ``output`` nothing leaves this computer: ``items.jsonl``, ``deletes.jsonl``, ``rejects.jsonl`` and
    ``report.json`` are written to a folder of the file's name in it. Without, the contract's table (or ``table``) is
    loaded, in AWS or at ``endpoint_url``; ``rejects.jsonl`` and ``report.json`` then go to such a folder in
    ``rejects``, or the report's ``first_rejects``, places and reasons, are all that is kept of them. A ``.gz`` file is unpacked.
    ``chunk_size`` is how many bytes are judged at a time; it changes no result. The folder of files that are loaded as one is named
    as the feed's prefix ends, and has ``object-counts.jsonl``: what each file came to.

    ``references`` names the files of what the contract's query reads beside the rows. One that is not named is looked for below the
    project's folder, at the reference's own key and in ``references/``.

    How far a run is, is kept every few seconds in ``.run`` of that folder, and removed in the end. With ``resume`` runs
    that were cut off go on from there, and give what they would have given; without, they start over. A run that was cut off
    before its query had ended starts over either way: nothing was written then.

    With the engine ``spark`` a session of Apache Spark on this computer does the work, ``cores`` tasks at once, with the same results:
    it needs ``penstock[spark]`` and Java.

    Raises :class:`~penstock.errors.UsageError`, also where another run is under way into such a folder, and
    :class:`~penstock.errors.ContractError` before anything is written, and :class:`~penstock.errors.ServiceError` where the
    table can't be reached.
    """
    if output is not None and (endpoint_url or region or profile or table or rejects is not None):
        raise UsageError(
            "With an output folder nothing is sent to DynamoDB: leave out either the folder, or the endpoint, region, "
            "profile, table and folder of rejects."
        )
    parent = output if output is not None else rejects
    if resume and parent is None:
        raise UsageError(
            "Only a run whose rejects are kept in a folder is kept there itself: name it with --rejects. Without, run "
            "again: a load that is repeated gives the same table."
        )
    if cores is not None and engine != "spark":
        raise UsageError("How many cores is asked of Spark: name it with --engine spark.")
    call = prepare(contract, files, chunk_size, progress, references)
    if engine == "spark":
        check_installed()
    if output is not None and engine == "spark":
        return _run_on_spark(call, None, Path(output), cores, resume=resume)
    if output is not None:
        return _run_all(call, None, Path(output), resume=resume)
    from penstock.api.table import find_table, open_table  # noqa: PLC0415 -- botocore, which a run here can do without

    if call.plan.manifest is not None and table in {None, call.plan.table.name}:
        raise UsageError(
            f"What the table {call.plan.table.name} holds of each file is noted where the feed is deployed, so that only what "
            "differs is written (load.mode: mirror, or skip_unchanged). A run from here would write behind its back: put the "
            "file there (`penstock put`), name another table, or run to --output."
        )
    wanted = replace(call.plan.table, name=table or call.plan.table.name)
    folder = None if rejects is None else Path(rejects)
    if engine == "spark":
        connections = find_table(wanted, region, endpoint_url, profile)
        named = replace(call, plan=replace(call.plan, table=wanted))
        return _run_on_spark(named, connections, folder, cores, resume=resume)
    with open_table(wanted, region, endpoint_url, profile) as opened:
        return _run_all(call, opened, folder, resume=resume)


def _run_on_spark(
    call: Call, table: Connections | None, parent: Path | None, cores: int | None, *, resume: bool
) -> list[Report]:
    from penstock.api.run_spark import run_on_spark  # noqa: PLC0415 -- Spark, which others do without

    return run_on_spark(call, table, parent, cores, resume=resume)


def unfinished(parent: AnyPath, files: Sequence[AnyPath]) -> list[str]:
    """Name those of the files whose run into a folder was cut off, so that it can be resumed. One that is under way was not."""
    names = {file: Path(file).name for file in files}
    kept = [file for file in files if (Path(parent) / RUN_FOLDER / names[file]).is_dir()]
    return [str(file) for file in kept if not is_held(Path(parent) / names[file])]


def _run_all(call: Call, table: OpenTable | None, parent: Path | None, *, resume: bool) -> list[Report]:
    """Run each file into a folder of its name in ``parent``, where the runs are kept until all are through."""
    folders = [] if parent is None else [parent / Path(source.key).name for source in call.sources]
    with ExitStack() as held:
        for folder in folders:
            held.enter_context(hold(folder))
        return _run_held(call, table, parent, resume=resume)


def _run_held(call: Call, table: OpenTable | None, parent: Path | None, *, resume: bool) -> list[Report]:
    found = [_find(call, source, table, parent, resume=resume) for source in call.sources]
    reports = []
    for source, (destination, before) in zip(call.sources, found, strict=True):
        kept = destination.kept
        if kept is not None and before is None:
            kept.remove()
        report = run_one(call, source, destination, before)
        reports.append(report)
        if kept is not None and report.status != "failed" and len(found) > 1:
            kept.keep(Kept(kept.identity, report=report))
    if all(report.status != "failed" for report in reports):
        for destination, _ in found:
            if destination.kept is not None:
                destination.kept.remove()
    return reports


def _find(
    call: Call, source: Unit, table: OpenTable | None, parent: Path | None, *, resume: bool
) -> tuple[Destination, Kept | None]:
    """Give where a file's results go, and how far its run was, if that is to be gone on with."""
    if parent is None:
        assert table is not None
        return Destination(table, None, None), None
    kept = KeptRun(parent, source, plan_hash(call.plan), version("penstock"), call.references)
    folder = parent / Path(source.key).name
    return Destination(table or folder, folder, kept), kept.read() if resume else None
