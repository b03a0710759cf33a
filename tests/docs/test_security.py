"""What the page on security shows is so."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
from stack_samples import feed, write_project
from typer.testing import CliRunner

from penstock.cli.app import app
from penstock.contract.project import read_project

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "security.md").read_text()
SHELL = re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL)
NAMES = re.compile(r"`((?:[A-Z][a-z0-9]+)+)`")
"""Roles and statements, by their names in the templates: the only words in CamelCase on the page."""
YAML = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)


def test_the_command_for_a_key_writes_the_template_that_is_deployed_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(write_project(tmp_path, [feed("orders")]))
    program, *arguments = shlex.split(SHELL[0])
    assert program == "penstock"
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    (template,) = re.findall(r"--template-file (\S+)`", TEXT)
    assert "AWS::KMS::Key" in Path(template).read_text()
    assert f"--stack-name {Path(template).name.removesuffix('.template.json')} " in TEXT


def test_the_key_of_the_example_is_taken(tmp_path: Path) -> None:
    folder = write_project(tmp_path, [feed("orders")])
    (folder / "penstock.yaml").write_text(f"penstock: 1\nname: shop\nregion: eu-central-1\n{YAML[0]}")
    key = read_project(folder).encryption.key
    assert key is not None
    assert json.dumps(key) in YAML[0]


def test_the_roles_and_what_they_may_are_those_of_the_templates() -> None:
    pinned = json.loads((ROOT / "tests" / "stack" / "statements.json").read_text())
    statements: dict[str, set[str]] = {}
    for name, many in pinned.items():
        role = name.partition(" ")[0].rpartition("/")[2]
        if role.endswith("Role"):
            statements.setdefault(role, set()).update(one["Sid"] for one in many if "Sid" in one)
    told: dict[str, set[str]] = {}
    for role, rest in re.findall(r"^\| `(\w*Role)`(.*)$", TEXT, re.MULTILINE):
        told.setdefault(role, set()).update(NAMES.findall(rest))
    of_options = {"DecryptFiles", "KeepCodeFromConnecting", "LetLambdaConnect"}
    of_options |= {"SendTraces", "UseKey", "UseKeyOfTables"}
    assert {role: sids - of_options for role, sids in statements.items()} == told
    assert of_options <= set(NAMES.findall(TEXT))


def test_the_statements_of_resources_and_of_the_key_are_named_as_they_are() -> None:
    pinned = json.loads((ROOT / "tests" / "stack" / "statements.json").read_text())
    sids = {one["Sid"] for many in pinned.values() for one in many if "Sid" in one}
    roles = {name.rpartition("/")[2] for name in pinned}
    assert set(NAMES.findall(TEXT)) <= sids | roles
    assert {"EncryptedTransportOnly", "TakeEventsOfLandingBucket", "TellOfAlarms"} <= set(NAMES.findall(TEXT))


def test_what_the_page_leads_to_is_there() -> None:
    for target in re.findall(r"\]\(([^)]+)\)", TEXT):
        path, _, heading = target.partition("#")
        if not path.startswith("https:"):
            assert (ROOT / "docs" / path).exists(), target
            headings = re.findall(r"^#+ (.*)$", (ROOT / "docs" / path).read_text(), re.MULTILINE)
            known = {re.sub(r"[^a-z0-9 -]", "", text.lower()).replace(" ", "-") for text in headings}
            assert not heading or heading in known, target
