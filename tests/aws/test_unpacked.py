"""A compressed object is unpacked once, however often that is interrupted, and read from anywhere."""

import gzip
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from embedded_aws import World, make_world

from penstock.aws.folder import RunFolder, folder_prefix
from penstock.errors import DataError, ServiceError
from penstock.load.files import FileSource
from penstock.load.steps.unpacked import open_unpacked, unpack_object
from penstock.local.server import Server

pytestmark = pytest.mark.aws

PART = 1000
TEXT = random.Random(7).randbytes(3500)


@pytest.fixture
def world(server: Server) -> Iterator[World]:
    with make_world(server) as made:
        yield made


@pytest.fixture
def folder(world: World) -> RunFolder:
    return RunFolder(world.s3, world.artifacts, folder_prefix("orders", "run-1"))


@dataclass
class After:
    """Says stop after so many questions."""

    left: int

    def __call__(self) -> bool:
        self.left -= 1
        return self.left <= 0


@dataclass(frozen=True)
class Watched(RunFolder):
    """A folder that notes what is put into it."""

    written: list[str] = field(default_factory=list)

    def put(self, name: str, body: bytes) -> None:
        self.written.append(name)
        super().put(name, body)


@pytest.fixture
def packed(tmp_path: Path) -> FileSource:
    path = tmp_path / "orders.csv.gz"
    path.write_bytes(gzip.compress(TEXT))
    return FileSource(path)


def test_it_reads_from_anywhere_as_the_object_does(folder: RunFolder, packed: FileSource) -> None:
    assert unpack_object(folder, packed, lambda: False, PART)
    source = open_unpacked(folder, packed)
    assert (source.key, source.last_modified) == (packed.key, packed.last_modified)
    for start in (0, 1, 999, 1000, 1001, 2500, 3499, 3500, 9000):
        for size in (100, 1000, 5000):
            assert list(source.blocks(size, start)) == list(packed.blocks(size, start)), (start, size)


def test_an_interrupted_unpacking_writes_only_what_is_missing(folder: RunFolder, packed: FileSource) -> None:
    assert not unpack_object(folder, packed, After(2), PART)
    first = folder.list_sizes("unpacked/")
    assert first == {"unpacked/000000": PART, "unpacked/000001": PART}
    watched = Watched(folder.s3, folder.bucket, folder.prefix)
    assert unpack_object(watched, packed, lambda: False, PART)
    assert watched.written == ["unpacked/000002", "unpacked/000003", "unpacked.json"]
    assert b"".join(open_unpacked(folder, packed).blocks(PART)) == TEXT


def test_an_unpacking_that_is_done_is_not_done_again(folder: RunFolder, packed: FileSource) -> None:
    assert unpack_object(folder, packed, lambda: False, PART)
    assert unpack_object(folder, FileSource(__file__), lambda: True, PART)


def test_an_invocation_that_gets_no_further_than_the_last_says_so(
    folder: RunFolder, packed: FileSource
) -> None:
    assert not unpack_object(folder, packed, After(1), PART)
    with pytest.raises(ServiceError, match="takes longer to unpack than the function has"):
        unpack_object(folder, packed, After(1), PART)


def test_damage_is_told_and_nothing_counts_as_unpacked(folder: RunFolder, tmp_path: Path) -> None:
    path = tmp_path / "cut.csv.gz"
    path.write_bytes(gzip.compress(TEXT)[:-20])
    with pytest.raises(DataError, match="was cut"):
        unpack_object(folder, FileSource(path), lambda: False, PART)
    with pytest.raises(ServiceError, match="not unpacked yet"):
        open_unpacked(folder, FileSource(path))
