"""``penstock synth``: write the CloudFormation templates."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from penstock.cli.options import Json, ProjectFolder, read_folder
from penstock.cli.output import give_json, say, tell, visible
from penstock.errors import ServiceError, UsageError

EXAMPLE = "penstock synth --output templates --region eu-central-1"


def command(
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            parser=read_folder,
            help="Where they go; .penstock/templates unless said.",
            show_default=False,
        ),
    ] = None,
    account: Annotated[
        str | None,
        typer.Option(metavar="DIGITS", help="The account, whose number is in names.", show_default=False),
    ] = None,
    region: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The AWS region; the project's unless said.", show_default=False),
    ] = None,
    key: Annotated[
        bool,
        typer.Option(
            "--key", help="Write the template of a KMS key for the project instead, with its policy."
        ),
    ] = False,
    project: ProjectFolder = None,
    json: Json = False,
) -> int:
    """Write the project's CloudFormation templates.

    Their paths are printed in the order of deployment. Templates of an earlier time
    that lie in the same folder, and that the project has no more, are named.
    Nothing is asked of AWS: without --account, names hold the number that AWS's
    documentation uses for an example.
    """
    from penstock.cli.place import project_folder  # noqa: PLC0415 -- `--help` does not need it
    from penstock.stack.synth import ACCOUNT, find_stale, synth, synth_key  # noqa: PLC0415 -- as above

    if account is not None and not re.fullmatch("[0-9]{12}", account):
        raise UsageError("--account: the number of an AWS account has twelve digits.")
    folder = project_folder(project)
    write = synth_key if key else synth
    templates = write(folder, account=account or ACCOUNT, region=region)
    place = output or folder / ".penstock" / "templates"
    _write(place, templates)
    paths = [(place / name).as_posix() for name in templates]
    if json:
        give_json(paths)
    else:
        for path in paths:
            say(visible(path))
    for stale in [] if key else find_stale(place, templates):
        tell(
            f"{visible(stale.as_posix())} is of an earlier time, and no part of the project any more: remove it."
        )
    if account is None:
        tell(f"Names hold the example account {ACCOUNT}. To deploy these files, say --account.")
    return 0


def _write(place: Path, templates: Mapping[str, str]) -> None:
    if place.exists() and not place.is_dir():
        raise UsageError(f"{place.as_posix()} is a file, and no folder. Name a folder.")
    try:
        place.mkdir(parents=True, exist_ok=True)
        for name, text in templates.items():
            (place / name).write_text(text, "utf-8")
    except OSError as error:
        raise ServiceError(f"{place.as_posix()} can't be written to: {error.strerror}.") from error
