"""``penstock replay``: load a run's rejects again, as they are or corrected."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from penstock.cli.exits import exit_code
from penstock.cli.options import Json, LocalToChange, Profile, ProjectFolder, Region
from penstock.cli.output import give_json, say, tell
from penstock.cli.spreadsheet import find_changes, read_spreadsheet
from penstock.cli.summary import say_run
from penstock.errors import UsageError
from penstock.figures import count

if TYPE_CHECKING:
    from penstock.aws.runs import Run
    from penstock.cli.place import Place

EXAMPLE = "penstock replay --from rejects.csv"


def command(
    run_id: Annotated[
        str | None,
        typer.Argument(metavar="ID", help="The run; a corrected file names it itself.", show_default=False),
    ] = None,
    source: Annotated[
        Path | None,
        typer.Option(
            "--from", metavar="FILE", help="Rejects that were corrected in a CSV file.", show_default=False
        ),
    ] = None,
    local: LocalToChange = None,
    region: Region = None,
    profile: Profile = None,
    project: ProjectFolder = None,
    json: Json = False,
) -> int:
    """Load a run's rejects again, under the contract as it is deployed now.

    With an ID all of them are, from their own bytes: once the contract was mended.
    With --from those are that a file names, as it has them: write the rejects to one
    (penstock rejects ID --csv FILE), correct what stands under `raw`, and take out the
    rows that are to stay rejected. An emptied `raw` makes an empty line of the record.
    What loads is counted against the run, until it has no rejects left.

    It is refused where the run is not the last of its file any more: where a newer
    version was loaded since.
    """
    from penstock.cli.place import find_place  # noqa: PLC0415 -- `--help` does not need it

    if (run_id is None) == (source is None):
        raise UsageError("Name a run, or say --from with a file of corrected rejects, which names its run.")
    place = find_place(project, local, region, profile, changes=True)
    replay = replay_all(place, run_id) if run_id is not None else None
    if source is not None:
        replay = replay_file(place, source)
    assert replay is not None
    return show_replay(place, replay, json=json)


def replay_all(place: Place, run_id: str) -> Run:
    """Have all rejects of a run loaded again, and give the replay's run as it ended."""
    from penstock.cli.follow import require_run  # noqa: PLC0415 -- as above

    return _order(place, require_run(place, run_id), None)


def replay_file(place: Place, path: Path) -> Run:
    """Have the rejects that a file has corrected loaded again, and give the replay's run as it ended."""
    from penstock.aws.artifacts import read_rejects  # noqa: PLC0415 -- as above
    from penstock.aws.replay.order import check_replayable  # noqa: PLC0415 -- as above
    from penstock.cli.follow import require_run  # noqa: PLC0415 -- as above
    from penstock.cli.place import find_encoding  # noqa: PLC0415 -- as above

    corrected = read_spreadsheet(path)
    run = require_run(place, corrected.run)
    check_replayable(run)
    kept = read_rejects(place.client("s3"), place.names.artifacts_bucket, run.feed, run.id, run.parts)
    return _order(place, run, find_changes(corrected, kept, find_encoding(place.project, run.feed)))


def show_replay(place: Place, replay: Run, *, json: bool) -> int:
    """Print what became of a replay, and of the run that it was of; give the exit code."""
    from penstock.cli.follow import require_run  # noqa: PLC0415 -- as above
    from penstock.cli.outdated import tell_outdated  # noqa: PLC0415 -- as above

    if json:
        give_json(asdict(replay))
    else:
        say_run(replay)
        run = require_run(place, str(replay.replays))
        left = run.counts.get("rejected", 0)
        more = f": penstock rejects {run.id}" if left else ""
        say(f"  the run {run.id} has {count(left, 'reject')} left{more}")
    tell_outdated(place, replay)
    return exit_code([replay.status])


def _order(place: Place, run: Run, changes: dict[int, bytes | None] | None) -> Run:
    from penstock.aws.replay.order import order_replay  # noqa: PLC0415 -- as above
    from penstock.cli.follow import follow_replay  # noqa: PLC0415 -- as above
    from penstock.cli.place import choose_feeds, open_hints  # noqa: PLC0415 -- as above

    [contract] = choose_feeds(place.project, run.feed)
    hints, artifacts = open_hints(place, contract), place.names.artifacts_bucket
    replay = order_replay(place.client("s3"), artifacts, hints, run, changes, time.time())
    tell(f"Ordered the replay {replay} of the run {run.id}")
    return follow_replay(place, run.feed, replay)
