"""``penstock init``: propose a contract for files like a sample."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from penstock.cli.output import say, tell, visible
from penstock.errors import ServiceError, UsageError

EXAMPLE = "penstock init orders-2026-11-23.csv --output contracts/orders.yaml"


def command(
    sample: Annotated[
        Path, typer.Argument(metavar="SAMPLE", help="A CSV file; .gz is unpacked.", show_default=False)
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Where the contract goes; - prints it. NAME.yaml unless said, in contracts/ where there is one.",
            show_default=False,
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="The feed's name; made from the file's unless said.", show_default=False
        ),
    ] = None,
) -> int:
    """Write a commented contract for files like a sample.

    Dialect and types are found out, constraints and a key proposed from the data;
    what is not certain is said in comments. Read it before you use it.
    """
    from penstock.contract.infer import propose_contract  # noqa: PLC0415 -- `--help` does not need it

    text = propose_contract(sample, name)
    if output == Path("-"):
        say(text.removesuffix("\n"))
        return 0
    path = output or _default_path(text)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise UsageError(
            f"{path.as_posix()} is there already, and is not replaced. Name another with --output."
        ) from None
    except OSError as error:
        raise ServiceError(f"{path.as_posix()} can't be written: {error.strerror}.") from error
    say(visible(path.as_posix()))
    tell(f"Read it, then try it: penstock check {visible(path.as_posix())} {visible(sample.as_posix())}")
    return 0


def _default_path(text: str) -> Path:
    found = re.search(r"^name: *(\S+)", text, re.MULTILINE)
    assert found is not None, "a contract has a name"
    folder = Path("contracts")
    return (folder if folder.is_dir() else Path()) / f"{found[1]}.yaml"
