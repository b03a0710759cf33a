"""``penstock deploy``: bring a project into AWS."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from penstock.cli.deployment import agree, require_somebody, show_changes, show_event
from penstock.cli.options import Json, Profile, ProjectFolder, Region, Yes
from penstock.cli.output import give_json, say, tell
from penstock.figures import count

if TYPE_CHECKING:
    from penstock.stack.changes import ChangeLine

EXAMPLE = "penstock deploy --profile production"


def command(
    yes: Yes = False,
    region: Region = None,
    profile: Profile = None,
    project: ProjectFolder = None,
    replace: Annotated[
        list[str] | None,
        typer.Option(
            "--replace",
            metavar="TABLE",
            help="Let this table, the present one, be replaced by a new one; it is kept. It can be said several times.",
            show_default=False,
        ),
    ] = None,
    json: Json = False,
) -> int:
    """Deploy the project to AWS, after showing what would change.

    What an earlier destroy kept is adopted. A deploy that failed half-way goes on
    when it is done again. A table that would be replaced by a new, empty one is
    left alone, and all else too, unless it is named with --replace.
    """
    from penstock.cli.place import connect, project_folder  # noqa: PLC0415 -- `--help` does not need it
    from penstock.contract.project import read_project  # noqa: PLC0415 -- as above
    from penstock.stack.deploy import deploy  # noqa: PLC0415 -- as above
    from penstock.stack.target import aws_target  # noqa: PLC0415 -- as above

    require_somebody(yes)
    folder = project_folder(project)
    found = read_project(folder)
    connection, _ = connect(found, region, profile)

    def confirm(changes: tuple[ChangeLine, ...]) -> bool:
        show_changes(changes)
        return agree("Deploy this?", yes)

    deployed = deploy(
        folder,
        connection,
        aws_target(found.architecture),
        confirm=confirm,
        may_replace=(replace or []).__contains__,
        progress=tell,
        on_event=show_event,
    )
    if deployed is None:
        tell("Nothing was deployed.")
        return 0
    if json:
        left = {} if deployed.left is None else {"left": deployed.left}
        give_json({"changes": len(deployed.changes), "outputs": dict(deployed.outputs), **left})
        return 0
    say(
        f"Deployed: {count(len(deployed.changes), 'change')}."
        if deployed.changes
        else "Everything is as it was."
    )
    for label, value in deployed.outputs:
        say(f"  {label}: {value}")
    if deployed.left is not None:
        tell(deployed.left, "yellow")
    return 0
