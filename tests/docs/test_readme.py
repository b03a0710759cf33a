"""The README's commands do what it says, typed as they stand there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from patience import PATIENCE

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text()
SHELL = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
PYTHON = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def environment() -> dict[str, str]:
    return {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "COLUMNS": "80",
    }


def shell(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """The reader's folder after the first block."""
    assert shell(SHELL[0], tmp_path).returncode == 0
    return tmp_path / "shop"


@pytest.fixture
def contract(shop: Path) -> Path:
    """The reader's folder after the contract is written and checked."""
    done = shell(SHELL[2], shop)
    assert done.returncode == 0, done.stderr
    assert "line 4: type-error in quantity" in done.stdout, done.stdout
    return shop


def test_a_contract_is_proposed_from_the_sample(shop: Path) -> None:
    done = shell(SHELL[1], shop)
    assert done.returncode == 0, done.stderr
    assert (shop / "contracts" / "orders.yaml").exists()


def test_the_contract_judges_the_sample(contract: Path) -> None:
    done = shell("penstock run contracts/orders.yaml orders.csv --output out", contract)
    assert done.returncode == 0, done.stderr
    assert len((contract / "out" / "orders.csv" / "items.jsonl").read_text().splitlines()) == 2


def test_the_python_example_runs(contract: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PYTHON[0]],
        cwd=contract,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "loaded=2" in done.stdout


@pytest.fixture
def stopped(contract: Path) -> Iterator[Path]:
    yield contract
    shell("penstock down", contract)


@pytest.mark.aws
def test_the_file_goes_the_whole_way(stopped: Path) -> None:
    done = shell(SHELL[3], stopped)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 records read: 2 loaded, 1 rejected" in done.stdout, done.stdout


def test_every_page_that_the_readme_names_is_there() -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", README):
        assert (ROOT / target).exists(), target
