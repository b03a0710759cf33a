"""``penstock down``: stop the embedded AWS."""

from __future__ import annotations

from penstock.cli.options import ProjectFolder
from penstock.cli.output import say, tell

EXAMPLE = "penstock down"


def command(project: ProjectFolder = None) -> int:
    """Stop the project's embedded AWS. What it holds is kept for the next `penstock up`."""
    from penstock.cli.place import project_folder  # noqa: PLC0415 -- `--help` does not need it
    from penstock.local.project import down  # noqa: PLC0415 -- as above

    stopped = down(project_folder(project), tell)
    say("Stopped. What it held is kept." if stopped else "It was not running.")
    return 0
