"""What a run's steps leave for one another on a disk, whoever else is at work."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from penstock.errors import ServiceError
from penstock.load.steps.local import LocalFolder


@dataclass(frozen=True)
class Tally:
    numbers: tuple[int, ...] = ()


@pytest.fixture
def folder(tmp_path: Path) -> LocalFolder:
    return LocalFolder(tmp_path / "run")


def test_a_state_is_read_as_it_was_written_and_absent_until_then(folder: LocalFolder) -> None:
    assert folder.read(Tally, "survey/1.json") is None
    folder.write("survey/1.json", Tally((1, 2)))
    assert folder.read(Tally, "survey/1.json") == Tally((1, 2))


def test_of_workers_who_change_a_state_at_once_none_undoes_what_another_did(folder: LocalFolder) -> None:
    def add(number: int) -> None:
        folder.update(Tally, "tally.json", lambda old: Tally((*(old or Tally()).numbers, number)))

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(add, range(60)))
    found = folder.read(Tally, "tally.json")
    assert found is not None
    assert sorted(found.numbers) == list(range(60))


def test_files_go_there_and_back_and_are_listed_without_what_is_not_whole(
    folder: LocalFolder, tmp_path: Path
) -> None:
    (tmp_path / "a").write_bytes(b"x" * 3_000)
    folder.upload("keys/0/a", tmp_path / "a")
    folder.put("keys/0/b", b"y")
    folder.download("keys/0/a", tmp_path / "c")
    (folder.path / "keys/0/.d.0123").write_bytes(b"half")
    folder.update(Tally, "keys/tally.json", lambda old: old or Tally())
    assert (tmp_path / "c").read_bytes() == b"x" * 3_000
    assert folder.get("keys/0/b") == b"y"
    assert folder.list_sizes("keys/0/") == {"keys/0/a": 3_000, "keys/0/b": 1}


def test_a_folder_in_a_folder_has_files_of_its_own(folder: LocalFolder) -> None:
    folder.below("object").write("cut.json", Tally((1,)))
    assert folder.read(Tally, "cut.json") is None
    assert folder.read(Tally, "object/cut.json") == Tally((1,))


def test_a_file_that_is_gone_and_a_state_that_was_cut_are_told(folder: LocalFolder, tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match="none: No such file"):
        folder.get("none")
    with pytest.raises(ServiceError, match="none: No such file"):
        folder.download("none", tmp_path / "none")
    folder.put("tally.json", b'{"version"')
    with pytest.raises(ServiceError, match="can't be used"):
        folder.read(Tally, "tally.json")
