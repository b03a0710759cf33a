"""What the documents name is there: the commands with their options, and what they link to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from penstock.cli.app import app

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").glob("*.md")])
COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]  # a group has them

named = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)


def _calls(text: str) -> Iterator[str]:
    """Give each call of ``penstock`` that is a line of a block of code, or stands between backticks."""
    fenced = r"(?ms)^```\w*\n(.*?)^```"
    prose = re.sub(fenced, "", text)
    indented = re.findall(r"(?m)^    (.*)$", prose)
    for line in [*"".join(re.findall(fenced, text)).splitlines(), *indented]:
        yield from re.findall(r"^penstock ([a-z][^#|>]*)", line)
    for code in re.findall(r"`([^`]+)`", re.sub(r"(?m)^    .*$", "", prose)):
        yield from re.findall(r"^penstock ([a-z].*)", " ".join(code.split()))


def _anchors(document: Path) -> set[str]:
    headings = re.findall(r"(?m)^#+ (.*)$", document.read_text("utf-8"))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@named
def test_every_command_that_a_document_names_is_there_with_its_options(document: Path) -> None:
    unknown = []
    for call in _calls(document.read_text("utf-8")):
        name, *words = call.split()
        known = COMMANDS.get(name)
        options = (
            {option for each in known.params for option in (*each.opts, *each.secondary_opts)}
            if known
            else set()
        )
        if known is None or {word.partition("=")[0] for word in words if word.startswith("--")} - options - {
            "--help"
        }:
            unknown.append(f"penstock {call}")
    assert unknown == []


@named
def test_every_link_leads_somewhere(document: Path) -> None:
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", document.read_text("utf-8")):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        found = (document.parent / path).resolve() if path else document
        if not found.exists() or (anchor and anchor not in _anchors(found)):
            broken.append(target)
    assert broken == []
