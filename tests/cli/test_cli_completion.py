"""Shells complete commands and options by scripts that they can read themselves."""

import shutil
import subprocess
from pathlib import Path

import pytest
from command_line import invoke, write
from patience import PATIENCE

from penstock.cli.app import COMMANDS

NAMES = {module.__name__.rpartition(".")[2] for module in COMMANDS}


def script(shell: str) -> str:
    done = invoke("completion", shell)
    assert done.exit_code == 0, done.output
    return done.stdout


def ask(shell: str, program: str) -> list[str]:
    found = shutil.which(shell)
    if found is None:
        pytest.skip(f"{shell} is not installed")
    bare = {"bash": ["--norc", "--noprofile"], "zsh": ["-f"], "fish": ["--no-config"]}[shell]
    done = subprocess.run(
        [found, *bare, "-c", program], capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


def bash(*words: str) -> list[str]:
    """Give what Bash completes the last of some words to."""
    quoted = " ".join(f"'{word}'" for word in words)
    asked = f'COMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}; _penstock; echo "${{COMPREPLY[@]}}"'
    return ask("bash", f"{script('bash')}\n{asked}")


def test_bash_completes_commands() -> None:
    assert set(bash("penstock", "")) == {*NAMES, "--version", "--help"}
    assert bash("penstock", "lo") == ["logs"]


def test_bash_completes_the_options_of_the_command_and_leaves_the_rest_to_files() -> None:
    assert bash("penstock", "logs", "--fo") == ["--follow"]
    assert "--follow" not in bash("penstock", "status", "--")
    assert {"--local", "--aws", "--help"} <= set(bash("penstock", "put", "a.csv", "--"))
    assert bash("penstock", "put", "a") == []


def test_fish_completes_commands_and_options(tmp_path: Path) -> None:
    file = write(tmp_path / "penstock.fish", script("fish"))
    assert ask("fish", f"source {file}; complete -C 'penstock lo' | cut -f 1") == ["logs"]
    assert ask("fish", f"source {file}; complete -C 'penstock logs --fo' | cut -f 1") == ["--follow"]


def test_zsh_reads_its_script_and_knows_every_command(tmp_path: Path) -> None:
    text = script("zsh")
    file = write(tmp_path / "_penstock", text)
    assert ask("zsh", f"zsh -fn {file}") == []
    # The functions of zsh's completion, as far as they are called: what they are called with is what it would show.
    doubles = "compdef() { : }; _describe() { print -l ${(P)2} }; _arguments() { print -l -- $@ }"
    commands = ask(
        "zsh", f"{doubles}; source {file}; words=(penstock ''); CURRENT=2; _penstock | cut -d : -f 1"
    )
    assert set(commands) == NAMES
    options = ask(
        "zsh", f"{doubles}; source {file}; words=(penstock logs --); CURRENT=3; _penstock | cut -d '[' -f 1"
    )
    assert {"--follow", "--since", "--help"} <= set(options)


def test_another_shell_is_a_wrong_call() -> None:
    done = invoke("completion", "tcsh")
    assert done.exit_code == 2
    assert "bash, zsh, fish" in done.stderr
