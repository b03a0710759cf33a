"""``penstock rejects``: the rejected records of a run, with their reasons."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from penstock.cli.options import Local, Profile, ProjectFolder, Region, RunId
from penstock.cli.output import say, tell, visible
from penstock.cli.spreadsheet import write_spreadsheet
from penstock.cli.summary import say_reasons
from penstock.errors import UsageError
from penstock.figures import count

if TYPE_CHECKING:
    from penstock.engine.result import Reject

EXAMPLE = "penstock rejects 2026-11-23T05-30-00Z-1f0c9a3e --csv rejects.csv"


def command(
    run_id: RunId,
    csv: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write them to a CSV file for a spreadsheet.", show_default=False),
    ] = None,
    local: Local = None,
    region: Region = None,
    profile: Profile = None,
    project: ProjectFolder = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON, one reject a line.")] = False,
) -> int:
    """Print what a run rejected, with the reasons.

    Each record is shown with its line, its errors and what it holds. What is sensitive
    is (sensitive) there; where the contract has it kept (`rejects: {sensitive: keep}`),
    the records are not shown at all, and --csv and --json have them.

    With --csv they go to a file with the columns run, line, offset, codes, reasons
    and raw. It is safe to open in a spreadsheet: a cell that begins with = + - @ or a
    tab or newline, which could be taken for a formula, or with an apostrophe, gets an
    apostrophe in front. Corrected under `raw`, the file is put back by
    `penstock replay --from FILE`, which takes the apostrophe off again; a cell that is
    left (sensitive) stands for what lies in the file.
    """
    from penstock.aws.artifacts import read_rejects  # noqa: PLC0415 -- `--help` does not need it
    from penstock.cli.follow import require_run  # noqa: PLC0415 -- as above
    from penstock.cli.place import find_encoding, find_place  # noqa: PLC0415 -- as above

    place = find_place(project, local, region, profile)
    run = require_run(place, run_id)
    if run.replays is not None:
        raise UsageError(
            f"{run.id} is a replay: what it left rejected is among the rejects of {run.replays}."
        )
    found = read_rejects(place.client("s3"), place.names.artifacts_bucket, run.feed, run.id, run.parts)
    if csv is not None:
        number = write_spreadsheet(csv, run.id, found, find_encoding(place.project, run.feed))
        tell(f"{count(number, 'reject')} in {visible(csv.as_posix())}")
    elif json:
        _print_json(found)
    else:
        _print(found, sensitive=place.project.may_be_sensitive(run.feed))
    return 0


def _print(rejects: Iterable[Reject], *, sensitive: bool) -> None:
    number = whole = 0
    for number, reject in enumerate(rejects, 1):  # noqa: B007 -- it is the sum
        reasons = [(reason.code, reason.field, reason.message) for reason in reject.errors]
        say_reasons(reject.line, reasons, reject.key or reject.of)
        whole += reject.withheld == "nothing"
        if not sensitive or reject.withheld != "nothing":
            say(f"    {visible(reject.raw.decode('utf-8', 'backslashreplace'))}", "dim")
    if sensitive and whole:
        tell("The feed has sensitive fields: what the records hold is not shown. --csv and --json have it.")
    elif sensitive and number:
        tell("(sensitive) is withheld: it lies in the file, at each reject's offset (--json).")
    tell(count(number, "reject"))


def _print_json(rejects: Iterable[Reject]) -> None:
    from penstock.load.rejects import reject_to_json  # noqa: PLC0415 -- as above

    for reject in rejects:
        say(reject_to_json(reject))
