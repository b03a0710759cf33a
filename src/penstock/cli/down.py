"""``penstock down``: stop the embedded AWS."""

from __future__ import annotations

from typing import Annotated

import typer

from penstock.cli.options import ProjectFolder
from penstock.cli.output import say, tell

EXAMPLE = "penstock down"


def command(
    forget: Annotated[
        bool, typer.Option("--forget", help="Forget all that it holds: files, tables, runs.")
    ] = False,
    project: ProjectFolder = None,
) -> int:
    """Stop the project's embedded AWS. What it holds is kept for the next `penstock up`.

    With --forget the next one starts with nothing.
    """
    from penstock.cli.place import project_folder  # noqa: PLC0415 -- `--help` does not need it
    from penstock.local.project import down  # noqa: PLC0415 -- as above

    stopped = down(project_folder(project), tell, forget=forget)
    kept = "What it held is forgotten." if forget else "What it held is kept."
    say(f"{'Stopped.' if stopped else 'It was not running.'}{f' {kept}' if stopped or forget else ''}")
    return 0
