"""``penstock runs``: what was loaded, and what became of it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from penstock.cli.options import FeedName, Json, Local, Profile, ProjectFolder, Region
from penstock.cli.output import give_json, say, say_table, tell, visible
from penstock.cli.summary import say_run

EXAMPLE = "penstock runs --feed orders --limit 5"


def command(  # noqa: PLR0913, PLR0917 -- typer makes each parameter an option
    run_id: Annotated[
        str | None, typer.Argument(metavar="ID", help="A run, to be shown whole.", show_default=False)
    ] = None,
    feed: FeedName = None,
    limit: Annotated[int, typer.Option(metavar="N", min=1, help="How many runs to list.")] = 20,
    local: Local = None,
    region: Region = None,
    profile: Profile = None,
    project: ProjectFolder = None,
    json: Json = False,
) -> int:
    """List the latest runs, or show one whole.

    One run is shown with its counts, its most frequent errors, and where its
    rejects and its report lie.
    """
    from penstock.aws.list_runs import list_runs  # noqa: PLC0415 -- `--help` does not need it
    from penstock.cli.follow import require_run  # noqa: PLC0415 -- as above
    from penstock.cli.place import choose_feeds, find_place  # noqa: PLC0415 -- as above

    place = find_place(project, local, region, profile)
    if run_id is not None:
        run = require_run(place, run_id)
        if json:
            give_json(asdict(run))
        else:
            say_run(run)
        return 0
    choose_feeds(place.project, feed)
    runs = list_runs(place.ledger, feed, limit)
    if json:
        give_json([asdict(run) for run in runs])
    elif not runs:
        tell("There are no runs yet. `penstock put FILE` makes one.")
    else:
        rows = [
            [
                run.id,
                run.status if run.replays is None else f"{run.status} (replay)",
                f"{run.counts.get('loaded', 0):,}",
                f"{run.counts.get('rejected', 0):,}",
                visible(run.key),
            ]
            for run in runs
        ]
        say_table(("run", "status", "loaded", "rejected", "file"), rows, indent=0)
        say()
        say("`penstock runs ID` shows one; `penstock rejects ID` what was rejected and why.")
    return 0
