"""``penstock console``: a web page over the project's data, on this computer alone."""

from __future__ import annotations

import os
import sys
import webbrowser
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Annotated

import typer

from penstock.cli.options import Local, Profile, ProjectFolder, Region
from penstock.cli.output import say, tell

if TYPE_CHECKING:
    from penstock.cli.place import Place

EXAMPLE = "penstock console --port 8200"


def command(
    port: Annotated[
        int, typer.Option(metavar="N", min=0, max=65_535, help="The port of 127.0.0.1; 0 is a free one.")
    ] = 0,
    no_open: Annotated[bool, typer.Option("--no-open", help="Don't open a browser.")] = False,
    local: Local = None,
    region: Region = None,
    profile: Profile = None,
    project: ProjectFolder = None,
) -> int:
    """Look at feeds, runs, rejects and alarms in a browser.

    It serves a web page on 127.0.0.1 until Ctrl-C, prints its address, and opens it
    where there is a display. The page only looks: beside each thing that wants doing
    stands the command to copy. The address holds a token, without which nobody is
    answered.
    """
    from penstock.cli.place import find_place, project_folder  # noqa: PLC0415 -- `--help` does not need it
    from penstock.console.commands import Commands  # noqa: PLC0415 -- as above
    from penstock.console.data import Deployed, rereading  # noqa: PLC0415 -- as above
    from penstock.console.routes import Console  # noqa: PLC0415 -- as above
    from penstock.console.server import Server  # noqa: PLC0415 -- as above

    place = find_place(project, local, region, profile)
    data = Deployed(rereading(project_folder(project)), place.connection, place.names)
    options = lead_here(place.running is not None, region, profile, project)
    console = Console(place.project.name, _describe(place), data, Commands(options))
    with Server(console, port) as server:
        say(server.guard.url)
        sys.stdout.flush()
        tell("Ctrl-C ends it. Whoever has this address, at this computer, may look.")
        if not no_open and _has_display():
            Thread(
                target=webbrowser.open, args=(server.guard.url,), daemon=True
            ).start()  # some wait for the browser's end
        server.serve_forever()
    return 0


def lead_here(
    embedded: bool, region: str | None, profile: str | None, project: Path | None
) -> tuple[str, ...]:
    """Give the options with which a copied command is about the same project, also in another terminal."""
    folder = None if project is None else str(project.resolve())
    named = {"--region": region, "--profile": profile, "--project": folder}
    where = () if embedded else ("--aws",)
    return (
        *where,
        *(word for option, value in named.items() if value is not None for word in (option, value)),
    )


def _describe(place: Place) -> str:
    if place.running is not None:
        return f"on the embedded AWS at {place.running.server.endpoint}"
    return f"in AWS, account {place.names.account}, {place.names.region}"


def _has_display() -> bool:
    """Whether a browser can show itself: not on a server that somebody is logged into from afar."""
    return sys.platform in {"darwin", "win32"} or bool(
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    )
