"""What a run's steps leave for one another, whoever else is at work."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from embedded_aws import World, make_world

from penstock.aws.folder import RunFolder, folder_prefix
from penstock.errors import ServiceError
from penstock.local.server import Server

pytestmark = pytest.mark.aws


@dataclass(frozen=True)
class Tally:
    numbers: tuple[int, ...] = ()


@pytest.fixture
def world(server: Server) -> Iterator[World]:
    with make_world(server) as made:
        yield made


@pytest.fixture
def folder(world: World) -> RunFolder:
    return RunFolder(world.s3, world.artifacts, folder_prefix("orders", "run-1"))


def test_a_state_is_read_as_it_was_written_and_absent_until_then(folder: RunFolder, world: World) -> None:
    assert folder.read(Tally, "tally.json") is None
    folder.write("tally.json", Tally((1, 2)))
    assert folder.read(Tally, "tally.json") == Tally((1, 2))
    assert world.keys() == ["runs/orders/run-1/tally.json"]


def test_a_folder_in_a_folder_has_files_of_its_own(folder: RunFolder, world: World) -> None:
    folder.below("object").write("tally.json", Tally((1,)))
    assert folder.read(Tally, "tally.json") is None
    assert world.keys() == ["runs/orders/run-1/object/tally.json"]


class WithinItsPrefix:
    """S3 as it is to a role that may list within a prefix only: a missing key looks like a forbidden one."""

    def __init__(self, s3: Any, forbidden: str = "") -> None:
        self._s3 = s3
        self._forbidden = forbidden

    def get_object(self, **request: Any) -> Any:
        denied = ClientError({"Error": {"Code": "AccessDenied", "Message": "Access Denied"}}, "GetObject")
        if self._forbidden and request["Key"].endswith(self._forbidden):
            raise denied
        try:
            return self._s3.get_object(**request)
        except ClientError:
            raise denied from None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._s3, name)


def test_a_state_that_is_missing_is_told_from_one_that_is_forbidden(folder: RunFolder, world: World) -> None:
    within: Any = WithinItsPrefix(world.s3, "secret.json")
    narrow = replace(folder, s3=within)
    assert narrow.read(Tally, "tally.json") is None
    folder.write("secret.json", Tally((1,)))
    with pytest.raises(ServiceError, match="s3:GetObject"):
        narrow.read(Tally, "secret.json")


def test_of_workers_who_change_a_state_at_once_none_undoes_what_another_did(folder: RunFolder) -> None:
    def add(number: int) -> None:
        folder.update(
            Tally, "tally.json", lambda old: Tally((*old.numbers, number)) if old else Tally((number,))
        )

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(add, range(6)))
    found = folder.read(Tally, "tally.json")
    assert found is not None
    assert sorted(found.numbers) == list(range(6))


def test_a_change_whose_answer_was_lost_is_made_again_on_what_it_left(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = RunFolder._put_if
    lost = [True]

    def put_and_lose_the_answer(self: RunFolder, name: str, body: bytes, held: dict[str, str]) -> bool:
        done = real(self, name, body, held)
        return False if lost and lost.pop() else done

    monkeypatch.setattr(RunFolder, "_put_if", put_and_lose_the_answer)
    seen: list[Tally | None] = []

    def change(old: Tally | None) -> Tally:
        seen.append(old)
        return Tally((7,))

    assert folder.update(Tally, "tally.json", change) == Tally((7,))
    assert seen == [None, Tally((7,))]


def test_a_state_that_others_change_all_the_time_is_given_up_with_a_word(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda _seconds: None)

    def change(old: Tally | None) -> Tally:
        folder.write("tally.json", Tally((*(old or Tally()).numbers, 1)))
        return Tally((0,))

    with pytest.raises(ServiceError, match="changed by others too often"):
        folder.update(Tally, "tally.json", change)


def test_files_go_there_and_back(folder: RunFolder, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * 3_000_000)
    folder.upload("keys/0/a", tmp_path / "a")
    folder.put("keys/0/b", b"y")
    folder.download("keys/0/a", tmp_path / "c")
    assert (tmp_path / "c").read_bytes() == b"x" * 3_000_000
    assert folder.get("keys/0/b") == b"y"
    assert folder.list_sizes("keys/") == {"keys/0/a": 3_000_000, "keys/0/b": 1}


def test_a_file_that_is_gone_and_a_bucket_that_is_not_there_are_told(
    folder: RunFolder, tmp_path: Path
) -> None:
    with pytest.raises(ServiceError, match="is gone"):
        folder.get("none")
    with pytest.raises(ServiceError, match="Could not read s3://"):
        folder.download("none", tmp_path / "none")
    nowhere = replace(folder, bucket="no-such-bucket")
    for do in (
        lambda: nowhere.read(Tally, "a"),
        lambda: nowhere.write("a", Tally()),
        lambda: nowhere.update(Tally, "a", lambda _old: Tally()),
        lambda: nowhere.list_sizes(""),
    ):
        with pytest.raises(
            ServiceError, match=r"Could not (read|write|list) s3://no-such-bucket/runs/orders/run-1/"
        ):
            do()
