"""``penstock destroy``: take a project out of AWS."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from penstock.cli.deployment import agree, ask, require_somebody, show_event
from penstock.cli.options import Profile, ProjectFolder, Region, Yes
from penstock.cli.output import say, tell

if TYPE_CHECKING:
    from penstock.stack.destroy import PreparedDestroy

EXAMPLE = "penstock destroy"


def command(
    data: Annotated[bool, typer.Option("--data", help="Delete buckets, tables and logs too.")] = False,
    yes: Yes = False,
    region: Region = None,
    profile: Profile = None,
    project: ProjectFolder = None,
) -> int:
    """Remove the project's stacks from AWS. Its data is kept, unless --data is said.

    Kept are the buckets with their files, the tables and the logs; a later deploy
    adopts them. With --data they are deleted, for good.
    """
    from penstock.cli.place import connect, project_folder  # noqa: PLC0415 -- `--help` does not need it
    from penstock.contract.project import read_project  # noqa: PLC0415 -- as above
    from penstock.stack.destroy import destroy  # noqa: PLC0415 -- as above
    from penstock.stack.target import aws_target  # noqa: PLC0415 -- as above

    require_somebody(yes)
    folder = project_folder(project)
    found = read_project(folder)
    connection, _ = connect(found, region, profile)

    def confirm(prepared: PreparedDestroy) -> bool:
        _show(prepared)
        if data and not yes:
            return ask(f"Type the project's name, {found.name}, to delete all this:") == found.name
        return agree("Delete this?", yes)

    destroyed = destroy(
        folder,
        connection,
        aws_target(found.architecture),
        data=data,
        confirm=confirm,
        progress=tell,
        on_event=show_event,
    )
    say("Nothing was deleted." if destroyed is None else "Deleted." + ("" if data else " The data is kept."))
    return 0


def _show(prepared: PreparedDestroy) -> None:
    tell("To be deleted:", "bold")
    for state in (state for tier in prepared.stacks for state in tier):
        tell(f"  - stack {state.name}")
    word = "  - {}" if prepared.data else "    {} is kept"
    for kind, names in (
        ("bucket", prepared.buckets),
        ("table", prepared.tables),
        ("log group", prepared.log_groups),
    ):
        for name in names:
            tell(word.format(f"{kind} {name}"))
