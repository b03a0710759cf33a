"""``penstock dlq``: what failed as often as it may, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from penstock.cli.options import FeedName, Json, Local, Profile, ProjectFolder, Region
from penstock.cli.output import give_json, say, tell, visible
from penstock.figures import count

if TYPE_CHECKING:
    from penstock.aws.dead_letters import DeadLetter
    from penstock.aws.runs import Run

EXAMPLE = "penstock dlq --feed orders"

_RUNS = 200
"""How many of a feed's latest runs are looked through for those of its dead letters."""


def command(
    feed: FeedName = None,
    limit: Annotated[int, typer.Option(metavar="N", min=1, help="How many to show of each feed.")] = 100,
    local: Local = None,
    region: Region = None,
    profile: Profile = None,
    project: ProjectFolder = None,
    json: Json = False,
) -> int:
    """Show the dead letters of each feed, with the reasons.

    A dead letter is an event that failed as often as it may: of a file that can't be
    loaded, or a message that is no event at all. They are kept for 14 days, and
    looking at them changes nothing but the number of times that they were received.
    """
    from penstock.aws.dead_letters import list_letters  # noqa: PLC0415 -- `--help` does not need it
    from penstock.aws.list_runs import list_runs  # noqa: PLC0415 -- as above
    from penstock.cli.place import choose_feeds, find_place  # noqa: PLC0415 -- as above

    place = find_place(project, local, region, profile)
    shown: list[dict[str, Any]] = []
    for contract in choose_feeds(place.project, feed):
        queue = place.names.feed(contract.name).dead_letters
        letters = list_letters(place.client("sqs"), queue, limit)
        runs = list_runs(place.ledger, contract.name, _RUNS) if letters else []
        described = [_describe(contract.name, letter, runs) for letter in letters]
        shown += described
        if described and not json:
            _say(contract.name, described, whole=len(letters) < limit)
    if json:
        give_json(shown)
    elif not shown:
        tell("There are no dead letters.")
    else:
        say()
        say(
            "Mend the cause, then `penstock redrive ID` sends one back, `penstock redrive --all` all of them."
        )
    return 0


def _describe(feed: str, letter: DeadLetter, runs: list[Run]) -> dict[str, Any]:
    """Give a letter as plain JSON types, with the last run of its object. Its body stays where it is."""
    mine = [run for run in runs if (run.bucket, run.key) in letter.objects]
    last = mine[0] if mine else None
    reason = letter.reason
    if reason is None and last is not None and last.status == "done":
        reason = "it was loaded since: sent back, it does nothing"
    elif reason is None and last is not None:
        reason = last.reason
    return {
        "feed": feed,
        "id": letter.id,
        "sent_at": letter.sent_at,
        "receives": letter.receives,
        "objects": [{"bucket": bucket, "key": key} for bucket, key in letter.objects],
        "replays": letter.replays,
        "run": None if last is None else last.id,
        "status": None if last is None else last.status,
        "reason": reason,
    }


def _say(feed: str, letters: list[dict[str, Any]], *, whole: bool) -> None:
    say(f"{feed}: {count(len(letters), 'dead letter')}" + ("" if whole else " and perhaps more (--limit)"))
    for letter in letters:
        names = ", ".join(f"s3://{found['bucket']}/{found['key']}" for found in letter["objects"])
        what = names or "not an event"
        if letter["replays"] is not None:
            what = f"an order to replay the run {letter['replays']}"
        say(f"  {visible(what)}")
        say(f"    sent {letter['sent_at']}, received {count(letter['receives'], 'time')}, id {letter['id']}")
        if letter["run"] is not None:
            say(f"    run {letter['run']}: {letter['status']}")
        unknown = "none of the feed's latest runs is of it; the log of the feed's function says more"
        say(f"    {visible(letter['reason'] or unknown)}")
