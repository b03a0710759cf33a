"""``penstock put``: drop a file into the landing bucket and follow its run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from penstock.cli.exits import exit_code
from penstock.cli.options import Json, LocalToChange, Profile, ProjectFolder, Region
from penstock.cli.output import give_json, tell
from penstock.cli.replay import replay_file, show_replay
from penstock.cli.signals import if_ended
from penstock.cli.spreadsheet import is_spreadsheet
from penstock.cli.summary import say_run

if TYPE_CHECKING:
    from penstock.aws.runs import Run
    from penstock.cli.place import Place

EXAMPLE = "penstock put orders.csv --feed orders"


def command(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file to load.", show_default=False)],
    feed: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="The feed; found by the file's name unless said.", show_default=False
        ),
    ] = None,
    local: LocalToChange = None,
    region: Region = None,
    profile: Profile = None,
    project: ProjectFolder = None,
    json: Json = False,
) -> int:
    """Drop a file into the landing bucket, and follow its run.

    Ends with the code that the run would have as `penstock run`. A file of rejects
    that were corrected is replayed, as by `penstock replay --from`.
    """
    from penstock.cli.outdated import tell_outdated  # noqa: PLC0415 -- `--help` does not need it
    from penstock.cli.place import find_place  # noqa: PLC0415 -- as above

    place = find_place(project, local, region, profile, changes=True)
    if is_spreadsheet(file):
        return show_replay(place, replay_file(place, file), json=json)
    run = _put(place, file, feed)
    if json:
        give_json(asdict(run))
    else:
        say_run(run)
    tell_outdated(place, run)
    return exit_code([run.status])


def _put(place: Place, file: Path, feed: str | None) -> Run:
    from penstock.local.follow import put  # noqa: PLC0415 -- as above

    begun: list[str] = []

    def say_begun(run: Run) -> None:
        begun.append(run.id)
        if not run.ended:
            tell(f"Run {run.id} has begun")

    with if_ended(lambda: what_goes_on(begun)):
        if place.running is not None:
            return put(place.running.folder, file, feed, say_begun, tell)
        from penstock.cli.follow import put_in_aws  # noqa: PLC0415 -- as above

        return put_in_aws(place, file, feed, say_begun)


def what_goes_on(begun: Sequence[str]) -> str:
    """Say what becomes of a file that nobody follows any more. ``begun`` are the ids of the runs that began, in their order."""
    if begun:
        return f"The run goes on: `penstock runs {begun[-1]}` shows it."
    return "If the file was uploaded by now, it will be loaded: `penstock runs` shows its run."
