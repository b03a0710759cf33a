"""The commands' reference, ``docs/commands.md``, made from the application itself.

``python -m penstock.cli.reference > docs/commands.md``, which is what ``make docs`` does.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from typing import Any

import typer.main

from penstock.cli.app import COMMANDS, app
from penstock.cli.exits import MEANINGS

_INTRODUCTION = """\
# Commands

<!-- Made from the application by `make docs`. Change the commands' own texts, not this file. -->

`penstock COMMAND --help` says the same on a terminal.

Results go to standard output, messages and questions to standard error. On a terminal a bar shows the progress of
anything that takes longer than a second; in a pipe there are plain lines and no escape codes. Colours are left out
where `NO_COLOR` is set. With `--json` a command prints JSON, and nothing else, on standard output. No message holds the
value of a cell; `check` shows one item, and `rejects` what was rejected, both without sensitive fields. `rejects --csv`
and `rejects --json` have all that is kept.

## Exit codes
"""


def render_reference() -> str:
    """Give the reference as Markdown."""
    group: Any = typer.main.get_command(app)
    parts = [_INTRODUCTION, *_exit_codes()]
    for module in COMMANDS:
        name = module.__name__.rpartition(".")[2]
        parts += _section(name, group.commands[name], module.EXAMPLE)
    return "\n".join(parts)


def _exit_codes() -> Iterator[str]:
    yield "| code | meaning |"
    yield "|---|---|"
    for code, meaning in MEANINGS.items():
        yield f"| {code} | {meaning} |"
    yield ""
    yield "With several files a command ends with the worst of their codes."
    yield ""


def _section(name: str, command: Any, example: str) -> Iterator[str]:
    arguments = [param for param in command.params if param.param_type_name == "argument"]
    options = [
        param for param in command.params if param.param_type_name == "option" and param.name != "help"
    ]
    usage = " ".join([_usage(argument) for argument in arguments])
    yield f"## penstock {name}"
    yield ""
    yield f"    penstock {name}{f' {usage}' if usage else ''}{' [OPTIONS]' if options else ''}"
    yield ""
    yield inspect.cleandoc(command.help)
    yield ""
    yield f"Example: `{example}`"
    yield ""
    if command.params:
        yield "| argument or option | what it is |"
        yield "|---|---|"
        for argument in arguments:
            yield f"| `{_usage(argument)}` | {argument.help} |"
        for option in options:
            yield f"| `{_flags(option)}` | {option.help}{_default(option)} |"
        yield ""


def _usage(argument: Any) -> str:
    many = "..." if argument.nargs == -1 else ""
    return f"{argument.metavar}{many}" if argument.required else f"[{argument.metavar}{many}]"


def _flags(option: Any) -> str:
    flags = ", ".join([*option.opts, *option.secondary_opts])
    return flags if option.is_flag else f"{flags} {option.metavar}"


def _default(option: Any) -> str:
    shown = option.default is not None and not option.is_flag
    return f" {option.default} unless said." if shown else ""


if __name__ == "__main__":
    sys.stdout.write(render_reference())
