"""Files as objects, and the writers that `penstock run --output` uses."""

import gzip
import hashlib
import json
import os
import stat
import tempfile
import threading
import tracemalloc
from collections.abc import Generator, Iterator
from pathlib import Path
from threading import Event
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.engine.result import Reason, Reject, WriteBatch
from penstock.errors import DataError, ServiceError, UsageError
from penstock.load.blocks import GzipLimits, cut_blocks, read_ahead, unpack_gzip
from penstock.load.files import FileSource, JsonlItemWriter, JsonlRejectWriter
from penstock.load.protocols import Written
from penstock.load.rejects import reject_from_json, reject_to_json

PUT = WriteBatch('{"PutRequest":{"Item":{"pk":{"S":"a"},"n":{"N":"1"}}}}', [0], 0)
DELETE = WriteBatch('{"DeleteRequest":{"Key":{"pk":{"S":"b"}}}}', [1], 1)
REASON = Reason("type-error", "n", "it is not an integer")


def test_a_file_gives_its_bytes_in_blocks_of_the_size_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_bytes(b"abcdefgh")
    source = FileSource(path)
    assert list(source.blocks(3)) == [b"abc", b"def", b"gh"]
    assert list(source.blocks(4)) == [b"abcd", b"efgh"]


def test_a_packed_file_of_several_members_is_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv.gz"
    path.write_bytes(gzip.compress(b"a,b\n") + gzip.compress(b"1,2\n") + b"\0" * 300_000)
    assert b"".join(FileSource(path).blocks(3)) == b"a,b\n1,2\n"


def test_an_empty_file_gives_no_blocks_packed_or_not(tmp_path: Path) -> None:
    for name in ("a.csv", "a.csv.gz"):
        (tmp_path / name).touch()
        assert list(FileSource(tmp_path / name).blocks(10)) == []


def test_the_key_is_the_path_and_the_time_is_the_files(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.touch()
    os.utime(path, (0, 1_700_000_000.9))
    assert FileSource(path).key == path.as_posix()
    assert FileSource(path).last_modified == "2023-11-14T22:13:20Z"


def test_a_missing_file_and_a_folder_are_wrong_calls(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        FileSource(tmp_path / "missing.csv")
    with pytest.raises(UsageError, match="is a folder"):
        FileSource(tmp_path)


@pytest.mark.parametrize(
    "packed",
    [
        b"a,b\n1,2\n",
        gzip.compress(b"a,b\n1,2\n" * 100)[:-5],
        gzip.compress(b"a,b\n")[:-8] + b"\0" * 8,
        gzip.compress(b"a,b\n") + b"more",
        b"\0\0" + gzip.compress(b"a,b\n"),
        gzip.compress(b"a,b\n")[:4],
    ],
    ids=["plain", "cut", "checksum", "garbage after", "zeros before", "cut header"],
)
def test_a_damaged_packed_file_is_refused(tmp_path: Path, packed: bytes) -> None:
    path = tmp_path / "orders.csv.gz"
    path.write_bytes(packed)
    with pytest.raises(DataError, match=r"orders\.csv\.gz") as caught:
        list(FileSource(path).blocks(10))
    assert caught.value.code == "source-error"


def test_a_file_that_changes_between_two_readings_fails_the_second(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"a\n")
    source = FileSource(path)
    assert list(source.blocks(10)) == [b"a\n"]
    path.write_bytes(b"a\nb\n")
    with pytest.raises(ServiceError, match="changed while it was read"):
        list(source.blocks(10))


def test_a_file_that_goes_away_fails_the_reading(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"a\n")
    source = FileSource(path)
    path.unlink()
    with pytest.raises(ServiceError, match="can't be read"):
        list(source.blocks(10))


@given(st.lists(st.binary(max_size=20)), st.integers(1, 9))
def test_blocks_hold_the_same_bytes_and_all_but_the_last_are_full(pieces: list[bytes], size: int) -> None:
    blocks = list(cut_blocks(pieces, size))
    assert b"".join(blocks) == b"".join(pieces)
    assert all(len(block) == size for block in blocks[:-1])
    assert all(0 < len(block) <= size for block in blocks)


@given(st.lists(st.binary(max_size=300), max_size=4), st.integers(1, 50))
def test_packed_members_unpack_however_they_are_cut(members: list[bytes], size: int) -> None:
    packed = b"".join(gzip.compress(member) for member in members)
    pieces = [packed[start : start + size] for start in range(0, len(packed), size)]
    assert b"".join(unpack_gzip(pieces, "x.gz")) == b"".join(members)


def test_a_file_of_much_repetition_is_unpacked_in_bounded_memory() -> None:
    packed = gzip.compress(bytes(64 << 20))
    tracemalloc.start()
    try:
        unpacked = unpack_gzip([packed], "x.gz", GzipLimits(ratio=2_000))
        total = sum(len(block) for block in cut_blocks(unpacked, 1 << 20))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert total == 64 << 20
    assert peak < 8 << 20


def test_a_bomb_is_refused_soon_and_a_small_file_never() -> None:
    given: list[bytes] = []
    with pytest.raises(
        DataError, match=r"x\.gz unpacks to more than 1,000 times its size.*unpack it"
    ) as caught:
        given.extend(unpack_gzip([gzip.compress(bytes(64 << 20))], "x.gz"))
    assert caught.value.code == "source-error"
    assert sum(map(len, given)) < 12 << 20
    assert b"".join(unpack_gzip([gzip.compress(bytes(9 << 20))], "x.gz")) == bytes(9 << 20)


def test_a_packed_file_may_be_held_to_a_size() -> None:
    packed = [gzip.compress(b"a" * 1000)]
    assert len(b"".join(unpack_gzip(packed, "x.gz", GzipLimits(size=1000)))) == 1000
    with pytest.raises(DataError, match=r"more than the 999 bytes that are allowed.*several files"):
        list(unpack_gzip(packed, "x.gz", GzipLimits(size=999)))


@given(st.binary(max_size=60), st.integers(0, 70), st.integers(1, 20), st.booleans())
def test_a_file_read_from_any_place_gives_its_end(data: bytes, start: int, size: int, packed: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.csv.gz" if packed else "a.csv")
        path.write_bytes(gzip.compress(data) if packed else data)
        blocks = list(FileSource(path).blocks(size, start))
    assert b"".join(blocks) == data[start:]
    assert all(len(block) == size for block in blocks[:-1])
    assert all(blocks)


def test_one_block_is_read_ahead_and_no_more() -> None:
    taken: list[bytes] = []
    third = Event()

    def blocks() -> Iterator[bytes]:
        for block in (b"1", b"2", b"3"):
            taken.append(block)
            if block == b"3":
                third.set()
            yield block

    ahead = read_ahead(blocks(), Event())
    assert next(ahead) == b"1"
    assert not third.wait(0.05)
    assert next(ahead) == b"2"
    assert third.wait(5)
    assert list(ahead) == [b"3"]
    assert taken == [b"1", b"2", b"3"]


def test_a_reading_that_is_closed_early_has_ended() -> None:
    given_up, closed = Event(), Event()

    def blocks() -> Iterator[bytes]:
        try:
            yield b"1"
            given_up.wait(60)
            yield b"2"
        finally:
            closed.set()

    ahead = read_ahead(blocks(), given_up)
    assert next(ahead) == b"1"
    cast("Generator[bytes]", ahead).close()
    assert closed.is_set()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("read-ahead")]


def test_what_goes_wrong_ahead_is_told_in_its_place() -> None:
    def blocks() -> Iterator[bytes]:
        yield b"1"
        raise ServiceError("broken")

    ahead = read_ahead(blocks(), Event())
    assert next(ahead) == b"1"
    with pytest.raises(ServiceError, match="broken"):
        next(ahead)


def test_puts_and_deletes_are_lines_of_dynamodb_json(tmp_path: Path) -> None:
    with JsonlItemWriter(tmp_path / "orders.csv") as items:
        assert items.write([PUT, DELETE, PUT]) == Written(puts=2, deletes=1)
        assert items.write([]) == Written()
    lines = (tmp_path / "orders.csv" / "items.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [{"Item": {"pk": {"S": "a"}, "n": {"N": "1"}}}] * 2
    deletes = (tmp_path / "orders.csv" / "deletes.jsonl").read_text()
    assert json.loads(deletes) == {"Key": {"pk": {"S": "b"}}}


def test_what_an_earlier_run_left_is_replaced(tmp_path: Path) -> None:
    for name in ("items.jsonl", "deletes.jsonl", "rejects.jsonl"):
        (tmp_path / name).write_text("old\n")
    with JsonlItemWriter(tmp_path), JsonlRejectWriter(tmp_path):
        pass
    for name in ("items.jsonl", "deletes.jsonl", "rejects.jsonl"):
        assert (tmp_path / name).read_bytes() == b""


def test_rejects_are_lines_with_their_place_and_reasons(tmp_path: Path) -> None:
    with JsonlRejectWriter(tmp_path) as rejects:
        rejects.write([Reject(7, 120, 3, "é,1".encode(), None, (REASON,))])
        rejects.write([Reject(8, 125, 2, b"\xff,", None, (REASON, Reason("missing-cell", None, "no")))])
    first, second = map(json.loads, (tmp_path / "rejects.jsonl").read_bytes().split(b"\n")[:-1])
    assert first == {
        "line": 7,
        "offset": 120,
        "length": 3,
        "raw": "é,1",
        "errors": [{"code": "type-error", "field": "n", "message": "it is not an integer"}],
    }
    assert second["raw_base64"] == "/yw="
    assert "raw" not in second
    assert second["errors"][1] == {"code": "missing-cell", "field": None, "message": "no"}


@given(
    st.builds(Reject, *[st.integers(0)] * 3, st.binary(), st.none() | st.just("0" * 64), st.just((REASON,)))
)
def test_a_reject_reads_back_as_it_was_and_is_one_line(reject: Reject) -> None:
    line = reject_to_json(reject)
    assert b"\n" not in line.encode()
    assert b"\r" not in line.encode()
    assert reject_from_json(line) == reject


def test_a_cut_reject_keeps_the_digest_of_the_whole() -> None:
    digest = hashlib.sha256(b"x" * 70_000).hexdigest()
    line = reject_to_json(Reject(1, 0, 70_000, b"x" * 65_536, digest, (REASON,)))
    assert json.loads(line)["sha256"] == digest


@pytest.mark.parametrize("line", ["", "[]", "{}", '{"raw": 1}', '{"line": 1, "raw_base64": "?"}'])
def test_a_line_that_is_no_reject_is_explained(line: str) -> None:
    with pytest.raises(ServiceError, match="rejects"):
        reject_from_json(line)


full = pytest.mark.skipif(
    not (Path("/dev/full").exists() and stat.S_ISCHR(Path("/dev/full").stat().st_mode)),
    reason="needs /dev/full",
)


@full
def test_a_full_disk_is_told_when_the_writer_closes(tmp_path: Path) -> None:
    (tmp_path / "items.jsonl").symlink_to("/dev/full")
    items = JsonlItemWriter(tmp_path)
    items.write([PUT])
    with pytest.raises(ServiceError, match=r"items\.jsonl: the disk is full\. Free some space"), items:
        pass


@full
def test_a_full_disk_is_told_while_writing(tmp_path: Path) -> None:
    (tmp_path / "rejects.jsonl").symlink_to("/dev/full")
    many = [Reject(1, 0, 1, b"x" * 60_000, None, (REASON,))] * 50
    with pytest.raises(ServiceError, match="the disk is full"), JsonlRejectWriter(tmp_path) as rejects:
        rejects.write(many)


def test_a_folder_that_can_not_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ServiceError, match="can't be written"):
        JsonlItemWriter(tmp_path / "file" / "orders.csv")
