"""``penstock put``: drop a file into the landing bucket and follow its run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from penstock.cli.exits import DONE, exit_code
from penstock.cli.options import Json, LocalToChange, Profile, ProjectFolder, Region
from penstock.cli.output import give_json, say, tell, visible
from penstock.cli.put_reference import PutReference, put_reference
from penstock.cli.replay import replay_file, show_replay
from penstock.cli.signals import if_ended
from penstock.cli.spreadsheet import is_spreadsheet
from penstock.cli.summary import say_run
from penstock.errors import UsageError

if TYPE_CHECKING:
    from penstock.aws.runs import Run
    from penstock.cli.place import Place

EXAMPLE = "penstock put orders.csv --feed orders"


def command(  # noqa: PLR0913, PLR0917 -- typer makes each option of a parameter
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file to load.", show_default=False)],
    feed: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="The feed; found by the file's name unless said.", show_default=False
        ),
    ] = None,
    reference: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Put the file where queries read the reference of this name. No run follows.",
            show_default=False,
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
    that were corrected is replayed, as by `penstock replay --from`. A file of a
    feed that loads many as one (`transform.over`) is left to its next run.

    With --reference it goes where a contract's query looks for it beside the rows
    (`references` in the contract). What was loaded before stays as it is.
    """
    from penstock.cli.outdated import tell_outdated  # noqa: PLC0415 -- `--help` does not need it
    from penstock.cli.place import find_place  # noqa: PLC0415 -- as above

    place = find_place(project, local, region, profile, changes=True)
    if reference is not None:
        _say_reference(put_reference(place, file, reference, feed), json=json)
        return DONE
    if is_spreadsheet(file):
        return show_replay(place, replay_file(place, file), json=json)
    if (key := _put_beside_others(place, file, feed)) is not None:
        return _say_waits(place, key, json=json)
    run = _put(place, file, feed)
    if json:
        give_json(asdict(run))
    else:
        say_run(run)
    tell_outdated(place, run)
    return exit_code([run.status])


def _put_beside_others(place: Place, file: Path, named: str | None) -> str | None:
    """Drop a file of a feed whose files are loaded together, and give its key; None where the feed is another."""
    from penstock.local.follow import choose_feed  # noqa: PLC0415 -- as above
    from penstock.local.project import LocalFeed  # noqa: PLC0415 -- as above
    from penstock.stack.connect import explained  # noqa: PLC0415 -- as above

    contracts = {each.name: each for each in place.project.feeds}
    if all(each.transform.over == "object" for each in contracts.values()):
        return None
    feeds = tuple(
        LocalFeed(each.name, each.source.prefix, each.source.suffix, each.load.table)
        for each in contracts.values()
    )
    feed = choose_feed(feeds, file, named)
    if contracts[feed.name].transform.over == "object":
        return None
    bucket, key = place.names.landing_bucket, f"{feed.prefix}{file.name}"
    try:
        with file.open("rb") as body, explained(f"upload {file} to s3://{bucket}/{key}"):
            place.client("s3").put_object(Bucket=bucket, Key=key, Body=body)
    except OSError as error:
        raise UsageError(f"{file.as_posix()} can't be read: {error.strerror}.") from error
    return key


def _say_waits(place: Place, key: str, *, json: bool) -> int:
    """Say that a file waits for its feed's next run, and how to have that now."""
    feed = next(each.name for each in place.project.feeds if key.startswith(each.source.prefix))
    if json:
        give_json({"bucket": place.names.landing_bucket, "key": key, "feed": feed})
        return 0
    say(f"Uploaded to s3://{place.names.landing_bucket}/{visible(key)}")
    say(
        f"The feed {feed} loads its files together, when its schedule comes; `penstock sweep --feed {feed}` has it do so now."
    )
    return 0


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


def _say_reference(put: PutReference, *, json: bool) -> None:
    if json:
        give_json(asdict(put))
        return
    say(f"Put to s3://{put.bucket}/{put.key}")
    for prefix in put.prefixes:
        say(f"  what was loaded without it is loaded anew by: penstock backfill {prefix} --again")


def what_goes_on(begun: Sequence[str]) -> str:
    """Say what becomes of a file that nobody follows any more. ``begun`` are the ids of the runs that began, in their order."""
    if begun:
        return f"The run goes on: `penstock runs {begun[-1]}` shows it."
    return "If the file was uploaded by now, it will be loaded: `penstock runs` shows its run."
