"""The application: every command by its name, in the order in which a person meets them."""

from __future__ import annotations

import io
import signal
import sys
from types import FrameType
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


class _Ended(BaseException):
    """A signal to end, raised so that scratch folders are removed on the way out."""


def run_process() -> NoReturn:
    """Run the command line of this process. What Penstock does not expect of itself ends in a traceback and code 3."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that can't show a letter is no failure
    ended_by: list[int] = []

    def end(number: int, frame: FrameType | None) -> NoReturn:
        del frame
        ended_by.append(number)
        raise _Ended

    signal.signal(signal.SIGINT, end)
    signal.signal(signal.SIGTERM, end)
    try:
        sys.exit(app())
    except (_Ended, Exception) as error:  # noqa: BLE001 -- the last one to catch anything; it is shown whole
        if ended_by:  # also where DuckDB, met by the signal, made an error of its own of it
            sys.exit(128 + ended_by[0])
        sys.exit(end_unforeseen(error))
