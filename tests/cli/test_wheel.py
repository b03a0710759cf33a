"""The wheel, built and installed alone in an empty environment, does the work."""

import json
import os
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest
from command_line import CONTRACT, DIRTY, DIRTY_COUNTS, lines, write

REPOSITORY = Path(__file__).parents[2]


def call(*command: object) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    arguments = [str(part) for part in command]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.wheel
def test_the_wheel_alone_checks_and_runs(tmp_path: Path) -> None:
    quiet = ("--quiet", "--disable-pip-version-check")
    wheels, environment = tmp_path / "wheels", tmp_path / "environment"
    call(
        sys.executable,
        "-m",
        "pip",
        "wheel",
        *quiet,
        "--no-deps",
        "--no-build-isolation",
        "-w",
        wheels,
        REPOSITORY,
    )
    [wheel] = wheels.glob("penstock-*.whl")
    assert "penstock/console/console.css" in ZipFile(wheel).namelist()
    call(sys.executable, "-m", "venv", environment)
    pip = (environment / "bin" / "python", "-m", "pip", "install")
    call(*pip, *quiet, "--constraint", REPOSITORY / "constraints.txt", wheel)

    penstock = environment / "bin" / "penstock"
    assert "Commands:" in call(penstock, "--help")
    described, file = write(tmp_path / "orders.yaml", CONTRACT), write(tmp_path / "o.csv", DIRTY)
    assert ": ok. Feed orders" in call(penstock, "check", described)
    [report] = json.loads(call(penstock, "run", described, file, "--output", tmp_path / "out", "--json"))
    assert report["counts"] == DIRTY_COUNTS
    assert len(lines(tmp_path / "out" / "o.csv" / "items.jsonl")) == 3
    assert "/environment/" in call(
        environment / "bin" / "python", "-c", "import penstock; print(penstock.__file__)"
    )
