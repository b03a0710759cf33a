"""``penstock completion``: the script by which a shell completes commands and options."""

from __future__ import annotations

from typing import Annotated

import typer

from penstock.cli.output import say
from penstock.cli.shells import SHELLS, read_commands
from penstock.errors import UsageError

EXAMPLE = "penstock completion bash"


def command(
    context: typer.Context,
    shell: Annotated[str, typer.Argument(metavar="SHELL", help="bash, zsh or fish.", show_default=False)],
) -> int:
    """Print the script by which a shell completes commands and options.

    In .bashrc: eval "$(penstock completion bash)". In .zshrc, after compinit:
    eval "$(penstock completion zsh)". For fish: penstock completion fish >
    ~/.config/fish/completions/penstock.fish. Pressing the tab key starts nothing.
    """
    if shell not in SHELLS:
        raise UsageError(f"There is completion for {', '.join(SHELLS)}, and none for {shell}.")
    application = context.find_root().command
    say(SHELLS[shell](read_commands(application)))
    return 0
