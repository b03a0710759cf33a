"""``penstock run``: load files by a contract."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from penstock.cli.exits import exit_code
from penstock.cli.options import (
    ChunkSize,
    ContractPath,
    Files,
    Json,
    Profile,
    References,
    Region,
    read_folder,
    read_references,
)
from penstock.cli.output import give_json, say, tell, visible
from penstock.cli.progress import Meter
from penstock.cli.signals import if_ended
from penstock.cli.summary import say_error_counts, say_reasons, say_report, say_writes
from penstock.load.report import Report

EXAMPLE = "penstock run contracts/orders.yaml orders-*.csv --output out"


class EngineName(StrEnum):
    """What does the work."""

    duckdb = "duckdb"
    spark = "spark"


def command(  # noqa: PLR0913, PLR0917 -- typer makes each parameter an option
    contract: ContractPath,
    files: Files,
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            parser=read_folder,
            help="Write JSON files here and send nothing anywhere.",
            show_default=False,
        ),
    ] = None,
    chunk_size: ChunkSize = None,
    endpoint_url: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Where DynamoDB answers, if not at AWS.", show_default=False),
    ] = None,
    region: Region = None,
    profile: Profile = None,
    table: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Load this table, not the contract's.", show_default=False),
    ] = None,
    rejects: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            parser=read_folder,
            help="Keep rejects and reports here, when loading DynamoDB.",
            show_default=False,
        ),
    ] = None,
    reference: References = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where a run into this folder was cut off.")
    ] = False,
    engine: Annotated[
        EngineName,
        typer.Option(
            metavar="NAME", help="What does the work: duckdb, in one process, or Apache spark here."
        ),
    ] = EngineName.duckdb,
    cores: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Tasks at once, with --engine spark.", show_default=False),
    ] = None,
    json: Json = False,
) -> int:
    """Load files into DynamoDB, or with --output into JSON files here.

    With --output, each file gets a folder of its name in DIR: items.jsonl (what
    DynamoDB's own import reads), deletes.jsonl, rejects.jsonl and report.json.

    Without, the contract's table is loaded, which must exist (`penstock deploy`
    makes it). Rejects are then kept only where --rejects names a folder.

    What a contract's query reads beside the rows are files here: those that
    --reference names, or else, below the project's folder, the file at the
    reference's key, or references/NAME.csv (.csv.gz, .parquet).

    A run that was cut off (Ctrl-C, a crash) goes on with --resume, and gives
    what it would have given: how far it is, is kept in .run/ of DIR meanwhile.

    With --engine spark the same work is spread over the cores of this computer by
    Apache Spark, as AWS Glue spreads it over many; it gives the same results. It
    needs Java, and `pip install 'penstock[spark]'`.
    """
    import penstock  # noqa: PLC0415 -- the engine takes time to import, and `--help` does not need it

    parent = output or rejects
    if parent is not None and not resume:
        _mention_unfinished(parent, files)
    with if_ended(lambda: _say_kept(parent, files)), Meter() as meter:
        reports = penstock.run(
            contract,
            files,
            output=output,
            chunk_size=chunk_size,
            endpoint_url=endpoint_url,
            region=region,
            profile=profile,
            table=table,
            rejects=rejects,
            resume=resume,
            engine=engine.value,
            cores=cores,
            progress=meter,
            references=read_references(reference),
        )
    if json:
        give_json([report.to_dict() for report in reports])
    else:
        for report in reports:
            _say(report, parent)
    return exit_code(report.status for report in reports)


def _mention_unfinished(parent: Path, files: Sequence[Path]) -> None:
    from penstock.api.run_files import unfinished  # noqa: PLC0415 -- as above

    for file in unfinished(parent, files):
        tell(
            f"{visible(file)}: an earlier run was cut off. It starts over; with --resume it would have gone on."
        )


def _say_kept(parent: Path | None, files: Sequence[Path]) -> str:
    """Say how to go on with a run that was cut off, if it came so far that there is something to go on with."""
    from penstock.api.run_files import unfinished  # noqa: PLC0415 -- as above

    kept = parent is not None and unfinished(parent, files)
    return "The run was cut off. The same command with --resume goes on with it." if kept else ""


def _say(report: Report, parent: Path | None) -> None:
    say_report(report)
    say_error_counts(report.errors.items())
    say_writes(report)
    if parent is not None:
        say(f"  in {visible((parent / Path(report.key).name).as_posix())}/")
    first: list[dict[str, Any]] = report.to_dict().get("first_rejects", [])
    for reject in first:
        reasons = [(e["code"], e["field"], e["message"]) for e in reject["errors"]]
        say_reasons(reject["line"], reasons, reject.get("key") or reject.get("of", "object"))
    if first:
        left = report.counts.rejected - len(first) + (0 if report.result is None else report.result.rejected)
        more = f"{left:,} more, and " if left > 0 else ""
        say(f"  ({more}none of them kept: --rejects DIR keeps them)")
