"""Completion for shells, written out whole: pressing the tab key starts no Python.

The scripts know the commands and their options, from the application itself; what an option or an argument takes, the shell
completes as a file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

_SENTENCE: Final = re.compile(r"^.*?[.:](?=\s|$)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Option:
    """An option: how it is written, what it says of itself, and whether a value follows."""

    flags: tuple[str, ...]
    about: str
    takes_value: bool


@dataclass(frozen=True, slots=True)
class Command:
    """A command, with what it says of itself in one sentence."""

    name: str
    about: str
    options: tuple[Option, ...]


def read_commands(group: Any) -> tuple[Command, ...]:
    """Read the commands of the application, as typer makes them."""
    return tuple(
        Command(name, _first_sentence(command.help), tuple(_options(command)))
        for name, command in group.commands.items()
    )


def _options(command: Any) -> Iterator[Option]:
    for param in command.params:
        if param.param_type_name == "option":
            yield Option((*param.opts, *param.secondary_opts), _first_sentence(param.help), not param.is_flag)
    yield Option(("--help",), "Show what the command does", takes_value=False)


def _first_sentence(text: str) -> str:
    found = _SENTENCE.match(text)
    return " ".join((found[0] if found else text).split()).rstrip(".:")


def write_bash(commands: tuple[Command, ...]) -> str:
    """Write the completion of Bash (3.2 or later)."""
    cases = "\n".join(f'    {command.name}) words="{_flags(command)}" ;;' for command in commands)
    return f"""\
# bash completion for penstock, made by `penstock completion bash`
_penstock() {{
  local word="${{COMP_WORDS[COMP_CWORD]}}" words=""
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    words="{" ".join(command.name for command in commands)} --version --help"
  elif [ "${{word#-}}" != "$word" ]; then
    case "${{COMP_WORDS[1]}}" in
{cases}
    esac
  fi
  if [ -n "$words" ]; then COMPREPLY=($(compgen -W "$words" -- "$word")); fi
}}
complete -o default -F _penstock penstock"""


def write_zsh(commands: tuple[Command, ...]) -> str:
    """Write the completion of zsh."""
    names = "\n".join(f"    {_quote(f'{command.name}:{command.about}')}" for command in commands)
    cases = "\n".join(
        f"    {command.name}) _arguments {' '.join(_zsh_option(option) for option in command.options)} '*:file:_files' ;;"
        for command in commands
    )
    return f"""\
#compdef penstock
# zsh completion for penstock, made by `penstock completion zsh`
_penstock() {{
  local -a commands
  commands=(
{names}
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  local command=$words[2]
  shift words
  (( CURRENT-- ))
  case $command in
{cases}
  esac
}}
compdef _penstock penstock"""


def _zsh_option(option: Option) -> str:
    about = re.sub(r"([\[\]:])", r"\\\1", option.about)
    value = ":value:_files" if option.takes_value else ""
    return " ".join(_quote(f"{flag}[{about}]{value}") for flag in option.flags)


def write_fish(commands: tuple[Command, ...]) -> str:
    """Write the completion of fish."""
    lines = ["# fish completion for penstock, made by `penstock completion fish`"]
    for command in commands:
        first = "-n __fish_use_subcommand"
        lines.append(f"complete -c penstock -f {first} -a {command.name} -d {_fish_quote(command.about)}")
        lines += [
            _fish_option(command.name, option, flag) for option in command.options for flag in option.flags
        ]
    return "\n".join(lines)


def _fish_option(command: str, option: Option, flag: str) -> str:
    met, value = f"-n '__fish_seen_subcommand_from {command}'", " -r" if option.takes_value else ""
    return f"complete -c penstock {met} -l {flag.removeprefix('--')}{value} -d {_fish_quote(option.about)}"


def _flags(command: Command) -> str:
    return " ".join(flag for option in command.options for flag in option.flags)


def _quote(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def _fish_quote(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


SHELLS: Final[Mapping[str, Callable[[tuple[Command, ...]], str]]] = {
    "bash": write_bash,
    "zsh": write_zsh,
    "fish": write_fish,
}
"""The shells that there is completion for."""
