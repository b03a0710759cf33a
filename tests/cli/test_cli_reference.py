"""The commands' reference is made from the commands."""

from pathlib import Path
from typing import Any

import typer.main

from penstock.cli.app import COMMANDS, app
from penstock.cli.exits import MEANINGS
from penstock.cli.reference import render_reference

DOCUMENT = Path(__file__).parents[2] / "docs" / "commands.md"


def test_the_document_is_what_the_commands_say() -> None:
    assert DOCUMENT.read_text("utf-8") == render_reference(), "run `make docs`"


def test_every_command_has_an_example_of_itself() -> None:
    for module in COMMANDS:
        assert module.EXAMPLE.startswith(f"penstock {module.__name__.rpartition('.')[2]}")
        assert f"Example: `{module.EXAMPLE}`" in render_reference()


def test_every_exit_code_is_documented() -> None:
    for code, meaning in MEANINGS.items():
        assert f"| {code} | {meaning} |" in render_reference()


def test_every_option_says_what_it_is() -> None:
    assert "| None" not in render_reference()


def test_every_command_that_tells_of_something_tells_programs_too() -> None:
    group: Any = typer.main.get_command(app)
    without = {name for name, found in group.commands.items() if "json" not in {p.name for p in found.params}}
    assert without <= {"init", "down", "demo", "destroy", "console", "completion"}
