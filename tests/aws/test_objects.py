"""Objects of S3 are read whole, in order and of one version, whatever happens to connections."""

import base64
import gzip
import threading
import zlib
from collections.abc import Generator, Iterator
from typing import cast
from unittest import mock

import pytest
from fake_aws import connect
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from object_server import Bucket, serve_objects

from penstock.aws import objects
from penstock.aws.connect import Client
from penstock.aws.objects import ObjectGoneError, S3Source, find_current
from penstock.errors import DataError, ServiceError

BODY = bytes(range(256)) * 4096  # 1 MiB, several reads long


@pytest.fixture
def bucket() -> Iterator[Bucket]:
    with serve_objects() as served:
        yield served


@pytest.fixture
def s3(bucket: Bucket) -> Iterator[Client]:
    with connect(bucket.url) as connections:
        yield connections.s3


def _source(s3: Client, key: str = "a.csv", naps: list[float] | None = None) -> S3Source:
    found = find_current(s3, "landing", key)
    assert found is not None
    return S3Source(s3, found, sleep=(naps if naps is not None else []).append, jitter=lambda: 1.0)


def test_the_current_version_is_found_with_what_names_it(bucket: Bucket, s3: Client) -> None:
    bucket.objects["in/ü +%.csv"] = [("v1", b"old"), ("v2", b"new!")]
    found = find_current(s3, "landing", "in/ü +%.csv")
    assert found is not None
    assert (found.version, found.size, found.packed) == ("v2", 4, False)
    assert found.last_modified == "2026-04-12T20:43:38Z"


@pytest.mark.parametrize("version_id", [None, "null"])
def test_a_version_without_an_id_of_its_own_is_named_by_its_etag(
    bucket: Bucket, s3: Client, version_id: str | None
) -> None:
    bucket.objects["a.csv"] = [(version_id, b"")]
    found = find_current(s3, "landing", "a.csv")
    assert found is not None
    assert found.version == "etag:d41d8cd98f00b204e9800998ecf8427e"


def test_a_key_without_an_object_has_no_current_version(s3: Client) -> None:
    assert find_current(s3, "landing", "missing.csv") is None


def test_a_newer_version_does_not_mix_into_a_reading(bucket: Bucket, s3: Client) -> None:
    bucket.objects["a.csv"] = [("v1", BODY)]
    bucket.drops = [300_000]
    blocks = _source(s3).blocks(100_000)
    got = next(blocks)
    bucket.objects["a.csv"].append(("v2", b"other"))
    assert got + b"".join(blocks) == BODY
    assert [version for version, _ in bucket.requests] == ["v1", "v1"]


def test_an_object_replaced_in_a_bucket_without_versions_fails_the_reading(
    bucket: Bucket, s3: Client
) -> None:
    bucket.objects["a.csv"] = [(None, BODY)]
    bucket.drops = [300_000]
    blocks = _source(s3).blocks(100_000)
    next(blocks)
    bucket.objects["a.csv"] = [(None, b"other")]
    with pytest.raises(ObjectGoneError, match="deleted or replaced"):
        list(blocks)


def test_an_object_deleted_before_the_reading_fails_it(bucket: Bucket, s3: Client) -> None:
    bucket.objects["a.csv"] = [("v1", BODY)]
    source = _source(s3)
    del bucket.objects["a.csv"]
    with pytest.raises(ObjectGoneError):
        list(source.blocks(10))


@pytest.mark.parametrize("ignore_range", [False, True], ids=["ranges", "ranges ignored"])
def test_a_broken_connection_is_taken_up_where_it_broke(
    bucket: Bucket, s3: Client, ignore_range: bool
) -> None:
    bucket.objects["a.csv"] = [("v1", BODY)]
    bucket.drops = [300_000, 600_000, 0]
    bucket.ignore_range = ignore_range
    assert b"".join(_source(s3).blocks(99_999)) == BODY
    assert len(bucket.requests) == 4
    assert bucket.requests[0][1] is None
    assert all(span for _, span in bucket.requests[1:])


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(drops=st.lists(st.integers(0, 3000), max_size=5), body=st.binary(max_size=3000), packed=st.booleans())
def test_however_connections_break_the_bytes_are_the_same(
    bucket: Bucket, s3: Client, drops: list[int], body: bytes, packed: bool
) -> None:
    key = "a.csv.gz" if packed else "a.csv"
    bucket.objects[key] = [("v1", gzip.compress(body) if packed else body)]
    bucket.drops = list(drops)
    assert b"".join(_source(s3, key).blocks(100)) == body
    bucket.drops.clear()


def test_a_large_object_is_read_by_ranges_of_one_version(bucket: Bucket, s3: Client) -> None:
    bucket.objects["a.csv"] = [("v1", BODY), ("v2", BODY[::-1])]
    source = _source(s3)
    bucket.objects["a.csv"].append(("v3", b"other"))
    with mock.patch.object(objects, "_RANGE_BYTES", 400_000):
        assert b"".join(source.blocks(100_000)) == BODY[::-1]
    assert bucket.requests == [
        ("v2", "bytes=0-399999"),
        ("v2", "bytes=400000-799999"),
        ("v2", "bytes=800000-1048575"),
    ]


def test_who_ignores_ranges_is_asked_once(bucket: Bucket, s3: Client) -> None:
    bucket.objects["a.csv"] = [("v1", BODY)]
    bucket.ignore_range = True
    with mock.patch.object(objects, "_RANGE_BYTES", 100_000):
        assert b"".join(_source(s3).blocks(100_000, 250_000)) == BODY[250_000:]
    assert len(bucket.requests) == 1


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    drops=st.lists(st.integers(0, 3000), max_size=5),
    body=st.binary(max_size=3000),
    start=st.integers(0, 3500),
    packed=st.booleans(),
    ignore_range=st.booleans(),
)
def test_an_object_read_from_any_place_gives_its_end(
    bucket: Bucket, s3: Client, drops: list[int], body: bytes, start: int, packed: bool, ignore_range: bool
) -> None:
    key = "a.csv.gz" if packed else "a.csv"
    bucket.objects[key] = [("v1", gzip.compress(body) if packed else body)]
    bucket.drops, bucket.ignore_range = list(drops), ignore_range
    with mock.patch.object(objects, "_RANGE_BYTES", 1000):
        assert b"".join(_source(s3, key).blocks(100, start)) == body[start:]
    bucket.drops.clear()


def test_a_reading_that_is_closed_early_asks_for_little_and_leaves_no_thread(
    bucket: Bucket, s3: Client
) -> None:
    bucket.objects["a.csv"] = [("v1", BODY)]
    with mock.patch.object(objects, "_RANGE_BYTES", 100_000):
        blocks = _source(s3).blocks(100_000)
        next(blocks)
        cast("Generator[bytes]", blocks).close()
    assert len(bucket.requests) <= 2
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("read-ahead")]


def test_a_connection_that_never_gives_a_byte_is_given_up(bucket: Bucket, s3: Client) -> None:
    bucket.objects["a.csv"] = [("v1", BODY)]
    bucket.drops = [1000] + [0] * 50
    naps: list[float] = []
    with pytest.raises(ServiceError, match=r"Could not read s3://landing/a\.csv at byte 1000"):
        list(_source(s3, naps=naps).blocks(10_000_000))
    assert naps == [0.2, 0.4, 0.8, 1.6, 3.2]


def test_a_refused_reading_is_not_tried_again(bucket: Bucket, s3: Client) -> None:
    bucket.objects["a.csv"] = [("v1", BODY)]
    source = _source(s3)
    bucket.statuses = [403] * 5
    with pytest.raises(ServiceError, match="Allow s3:GetObjectVersion"):
        list(source.blocks(10))
    assert len(bucket.statuses) == 4


def test_an_object_stored_as_gzip_is_unpacked_whatever_its_name(bucket: Bucket, s3: Client) -> None:
    bucket.objects["a.csv"] = [("v1", gzip.compress(b"a,b\n"))]
    bucket.encoding = "gzip"
    assert list(_source(s3).blocks(10)) == [b"a,b\n"]


def test_a_damaged_packed_object_is_refused_by_its_name(bucket: Bucket, s3: Client) -> None:
    bucket.objects["a.csv.gz"] = [("v1", b"a,b\n")]
    with pytest.raises(DataError, match=r"s3://landing/a\.csv\.gz"):
        list(_source(s3, "a.csv.gz").blocks(10))


def test_an_empty_object_has_no_blocks_and_is_not_asked_for(bucket: Bucket, s3: Client) -> None:
    bucket.objects["a.csv"] = [("v1", b"")]
    assert list(_source(s3).blocks(10)) == []
    assert bucket.requests == []


def test_a_key_that_is_missing_to_who_may_not_list_everything_has_no_current_version(
    bucket: Bucket, s3: Client
) -> None:
    bucket.hide_missing = True
    bucket.objects["a.csv.old"] = [("v1", BODY)]
    assert find_current(s3, "landing", "a.csv") is None


def test_a_key_that_is_forbidden_is_told_with_what_to_allow(bucket: Bucket, s3: Client) -> None:
    bucket.objects["a.csv"] = [("v1", BODY)]
    bucket.forbidden = True
    with pytest.raises(ServiceError, match="Allow s3:GetObject"):
        find_current(s3, "landing", "a.csv")


def test_an_object_whose_checksum_is_wrong_is_not_taken_for_read(bucket: Bucket, s3: Client) -> None:
    bucket.objects["a.csv"] = [("v1", BODY)]
    bucket.checksum = base64.b64encode(zlib.crc32(BODY).to_bytes(4, "big")).decode()
    assert b"".join(_source(s3).blocks(100_000)) == BODY
    bucket.checksum = "AAAAAA=="
    with pytest.raises(ServiceError, match="checksum is wrong"):
        list(_source(s3).blocks(100_000))
