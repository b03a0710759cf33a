"""What a dead process spilled is removed by the next, and what a living one has is left alone."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from penstock.aws.scratch import clear_scratch, make_scratch


def test_only_the_folders_of_dead_processes_are_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    names = [f"penstock-run-{pid}-x1" for pid in (ended.pid, os.getpid(), os.getppid())]
    for name in (*names, "penstock-46tzwwd9", "penstock-run-notes", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "spill").write_bytes(b"x")
    clear_scratch()
    left = {"penstock-46tzwwd9", "penstock-run-notes", "other", names[2]}
    assert {path.name for path in tmp_path.iterdir()} == left


def test_a_runs_folder_goes_with_its_block_and_is_known_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with make_scratch() as folder:
        assert Path(folder).is_dir()
        clear_scratch(tmp_path)
        assert not Path(folder).exists(), "as the next process would, if this one had died"
    assert list(tmp_path.iterdir()) == []
