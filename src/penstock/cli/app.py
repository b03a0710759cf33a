"""The application: every command by its name, in the order in which a person meets them."""

from __future__ import annotations

import io
import sys
from typing import Annotated, NoReturn

import typer

import penstock
from penstock.cli import (
    approve,
    backfill,
    check,
    completion,
    console,
    demo,
    deploy,
    destroy,
    dlq,
    doctor,
    down,
    explain,
    init,
    logs,
    put,
    redrive,
    rejects,
    replay,
    run,
    runs,
    status,
    sweep,
    synth,
    up,
)
from penstock.cli.exits import end_unforeseen, ending
from penstock.cli.output import say
from penstock.cli.signals import Ended, ended_by, listen

COMMANDS = (
    init,
    check,
    run,
    explain,
    up,
    put,
    down,
    demo,
    synth,
    deploy,
    destroy,
    status,
    doctor,
    runs,
    logs,
    rejects,
    console,
    replay,
    approve,
    sweep,
    backfill,
    dlq,
    redrive,
    completion,
)
"""A command's module is named like it, and has it as ``command``, with an ``EXAMPLE`` of its use."""

app = typer.Typer(
    name="penstock",
    help="CSV files on Amazon S3 to Amazon DynamoDB, with every record accounted for.",
    epilog="Each command has its own --help. The commands' reference is docs/commands.md.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _say_version(wanted: bool) -> None:
    if wanted:
        say(f"penstock {penstock.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_say_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    del version


for _module in COMMANDS:
    _name = _module.__name__.rpartition(".")[2]
    app.command(_name, epilog=f"Example: {_module.EXAMPLE}")(ending(_module.command))


def run_process() -> NoReturn:
    """Run the command line of this process. What Penstock does not expect of itself ends in a traceback and code 3."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that can't show a letter is no failure
    listen()
    try:
        sys.exit(app())
    except (Ended, Exception) as error:  # noqa: BLE001 -- the last one to catch anything; it is shown whole
        number = ended_by()
        sys.exit(end_unforeseen(error) if number is None else 128 + number)
