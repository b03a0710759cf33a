"""``penstock redrive``: send dead letters back to where they failed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated

import typer

from penstock.cli.options import FeedName, Json, LocalToChange, Profile, ProjectFolder, Region
from penstock.cli.output import give_json, say, tell
from penstock.errors import UsageError
from penstock.figures import count

if TYPE_CHECKING:
    from penstock.aws.dead_letters import DeadLetter
    from penstock.cli.place import Place
    from penstock.contract.model import Contract

EXAMPLE = "penstock redrive --feed orders --all"


def command(  # noqa: PLR0913, PLR0917 -- typer makes each parameter an option
    ids: Annotated[
        list[str] | None,
        typer.Argument(metavar="ID", help="Dead letters, from `penstock dlq`.", show_default=False),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="All of them.")] = False,
    feed: FeedName = None,
    local: LocalToChange = None,
    region: Region = None,
    profile: Profile = None,
    project: ProjectFolder = None,
    json: Json = False,
) -> int:
    """Send dead letters back to their feed, to be tried again.

    Each is sent before it is deleted: where something fails in between it comes twice,
    which does no harm.
    """
    from penstock.cli.place import choose_feeds, find_place  # noqa: PLC0415 -- `--help` does not need it

    if every == bool(ids):
        raise UsageError("Name the dead letters to send back (`penstock dlq` lists them), or say --all.")
    place = find_place(project, local, region, profile, changes=True)
    feeds = choose_feeds(place.project, feed)
    sent: list[dict[str, str]] = []
    with ExitStack() as held:
        found = _find_all(place, feeds, held) if every else iter(_find(place, feeds, set(ids or ()), held))
        for contract, letter in found:
            _send_back(place, contract, letter)
            tell(f"{contract.name}: {letter.id} sent back")
            sent.append({"feed": contract.name, "id": letter.id})
    if json:
        give_json(sent)
    else:
        say(count(len(sent), "dead letter") + " sent back")
    return 0


def _find_all(
    place: Place, feeds: Sequence[Contract], held: ExitStack
) -> Iterator[tuple[Contract, DeadLetter]]:
    from penstock.aws.dead_letters import hold_letters  # noqa: PLC0415 -- as above

    for contract in feeds:
        queue = place.names.feed(contract.name).dead_letters
        for letter in held.enter_context(hold_letters(place.client("sqs"), queue)):
            yield contract, letter


def _find(
    place: Place, feeds: Sequence[Contract], wanted: set[str], held: ExitStack
) -> list[tuple[Contract, DeadLetter]]:
    """Find the letters of these ids. Raises :class:`UsageError` where one is not there; then nothing is sent."""
    found: list[tuple[Contract, DeadLetter]] = []
    missing = set(wanted)
    for contract, letter in _find_all(place, feeds, held):
        if letter.id in missing:
            found.append((contract, letter))
            missing.remove(letter.id)
        if not missing:
            break
    if missing:
        raise UsageError(
            f"There is no dead letter {', '.join(sorted(missing))} here. `penstock dlq` lists those that are; one that "
            "somebody else looks at is hidden for two minutes at most. Nothing was sent back."
        )
    return found


def _send_back(place: Place, contract: Contract, letter: DeadLetter) -> None:
    from penstock.aws.dead_letters import send_back  # noqa: PLC0415 -- as above
    from penstock.cli.place import open_hints  # noqa: PLC0415 -- as above

    queue = place.names.feed(contract.name).dead_letters
    send_back(place.client("sqs"), queue, letter, open_hints(place, contract))
