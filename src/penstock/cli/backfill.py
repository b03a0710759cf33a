"""``penstock backfill``: load what was there before the feed was."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from penstock.cli.options import DryRun, Json, LocalToChange, Profile, ProjectFolder, Region
from penstock.errors import UsageError

if TYPE_CHECKING:
    from penstock.cli.place import Place

EXAMPLE = "penstock backfill incoming/orders/2025/"


def command(  # noqa: PLR0913, PLR0917 -- typer makes each parameter an option
    prefix: Annotated[
        str,
        typer.Argument(
            metavar="PREFIX", help="What the keys in the landing bucket begin with.", show_default=False
        ),
    ],
    again: Annotated[
        bool,
        typer.Option(
            "--again",
            help="Load what is loaded already once more, as into a table that is new or was emptied.",
        ),
    ] = False,
    dry_run: DryRun = False,
    local: LocalToChange = None,
    region: Region = None,
    profile: Profile = None,
    project: ProjectFolder = None,
    json: Json = False,
) -> int:
    """Load what lies under a prefix of the landing bucket and is not loaded yet.

    These are files that were there before their feed was, or that S3 told nobody
    of. The prefix is that of a feed, a part of it, or one above several feeds;
    each file is loaded by its feed, and what is loaded already is left alone,
    unless --again is said. A feed whose query is over many files
    (`transform.over`) gathers them as its schedule would have it; with --again
    as if it had loaded none.
    """
    from penstock.cli.place import find_place  # noqa: PLC0415 -- `--help` does not need it
    from penstock.cli.sweeping import Gauge, open_sweepers, show_swept, sweep_prefix  # noqa: PLC0415 -- as above

    place = find_place(project, local, region, profile, changes=not dry_run)
    parts = _share_out(place, prefix)
    with open_sweepers(place, dry_run=dry_run, again=again) as sweepers, Gauge() as show:
        swept = [sweep_prefix(sweepers[feed], part, show) for feed, part in parts]
    show_swept(swept, dry_run=dry_run, json=json)
    return 0


def _share_out(place: Place, prefix: str) -> list[tuple[str, str]]:
    """Give the feeds that a prefix is about, and the part of it that is each one's."""
    inside = prefix.removeprefix(f"s3://{place.names.landing_bucket}/")
    feeds = {feed.name: feed.source.prefix for feed in place.project.feeds}
    parts = [
        (name, max(inside, own, key=len))
        for name, own in sorted(feeds.items())
        if inside.startswith(own) or own.startswith(inside)
    ]
    for feed in place.project.feeds:
        narrower = feed.transform.over != "object" and (feed.name, feed.source.prefix) not in parts
        if narrower and any(name == feed.name for name, _ in parts):
            raise UsageError(
                f"The feed {feed.name} loads all files under {feed.source.prefix} as one (transform.over: {feed.transform.over}): "
                "name that prefix."
            )
    if not parts:
        known = ", ".join(f"{own} ({name})" for name, own in sorted(feeds.items()))
        raise UsageError(
            f"No feed takes what lies under {prefix} in s3://{place.names.landing_bucket}. The feeds' prefixes are: {known}."
        )
    return parts
