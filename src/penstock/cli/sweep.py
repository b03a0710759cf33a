"""``penstock sweep``: look for what was lost, now."""

from __future__ import annotations

from typing import Annotated

import typer

from penstock.cli.options import DryRun, Json, LocalToChange, Profile, ProjectFolder, Region

EXAMPLE = "penstock sweep --feed orders --dry-run"


def command(
    feed: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only this feed.", show_default=False)
    ] = None,
    dry_run: DryRun = False,
    local: LocalToChange = None,
    region: Region = None,
    profile: Profile = None,
    project: ProjectFolder = None,
    json: Json = False,
) -> int:
    """Compare what landed with what was loaded, and queue the difference.

    It finds files whose events were lost, loads that failed, claims of workers
    that died, and expected files that are not there, and says what it cost. It is
    what a feed's `schedule` does, apart from telling people.
    """
    from penstock.cli.place import choose_feeds, find_place  # noqa: PLC0415 -- `--help` does not need it
    from penstock.cli.sweeping import (  # noqa: PLC0415 -- as above
        Gauge,
        open_sweepers,
        show_swept,
        sweep_feed,
    )

    place = find_place(project, local, region, profile, changes=not dry_run)
    feeds = choose_feeds(place.project, feed)
    with open_sweepers(place, dry_run=dry_run) as sweepers, Gauge() as show:
        swept = [sweep_feed(sweepers[chosen.name], chosen, show) for chosen in feeds]
    show_swept(swept, dry_run=dry_run, json=json)
    return 0
