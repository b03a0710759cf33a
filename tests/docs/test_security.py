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

TEXT = (Path(__file__).parents[2] / "docs" / "security.md").read_text()
SHELL = re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL)
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
