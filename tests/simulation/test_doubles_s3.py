"""The double of S3 does what the embedded one does, wherever that one has the behaviour: the same tests for both."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ClientError
from embedded_aws import make_world
from virtual_s3 import Bucket, Store, VirtualS3
from virtual_time import Schedule
from virtual_wire import Wire

BODY = b"id,n\na,1\nb,2\n"


@dataclass
class Place:
    """A bucket with versions, and one without."""

    client: Any
    versioned: str
    plain: str

    def put(self, key: str, body: bytes = BODY, bucket: str | None = None, **more: Any) -> dict[str, Any]:
        found: dict[str, Any] = self.client.put_object(
            Bucket=bucket or self.versioned, Key=key, Body=body, **more
        )
        return found

    def get(self, key: str, bucket: str | None = None, **more: Any) -> bytes:
        answer = self.client.get_object(Bucket=bucket or self.versioned, Key=key, **more)
        with closing(answer["Body"]) as body:
            found: bytes = body.read()
        return found

    def keys(self, **more: Any) -> list[str]:
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.versioned, **more)
        return [entry["Key"] for page in pages for entry in page.get("Contents", ())]


@pytest.fixture(params=["double", pytest.param("embedded", marks=pytest.mark.aws)])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    if request.param == "double":
        schedule = Schedule(1)
        store = Store({"versioned": Bucket(), "plain": Bucket(versioned=False)}, lambda: schedule.now)
        yield Place(VirtualS3(store, Wire(schedule)), "versioned", "plain")
        return
    with make_world(request.getfixturevalue("server")) as world:
        world.s3.create_bucket(Bucket=f"plain-{world.landing}")
        yield Place(world.s3, world.landing, f"plain-{world.landing}")


def refused(error: pytest.ExceptionInfo[ClientError]) -> tuple[str, int]:
    response = error.value.response
    return str(response["Error"]["Code"]), int(response["ResponseMetadata"]["HTTPStatusCode"])


def test_each_put_makes_a_version_and_the_last_is_current(place: Place) -> None:
    first, second = place.put("a.csv", b"one"), place.put("a.csv", b"two")
    assert first["VersionId"] != second["VersionId"]
    assert place.get("a.csv") == b"two"
    assert place.get("a.csv", VersionId=first["VersionId"]) == b"one"
    head = place.client.head_object(Bucket=place.versioned, Key="a.csv")
    assert (head["VersionId"], head["ETag"], head["ContentLength"]) == (
        second["VersionId"],
        second["ETag"],
        3,
    )


def test_a_bucket_without_versions_has_none_and_the_same_bytes_have_the_same_etag(place: Place) -> None:
    first = place.put("a.csv", BODY, place.plain)
    assert "VersionId" not in place.client.head_object(Bucket=place.plain, Key="a.csv")
    place.put("a.csv", b"two", place.plain)
    assert place.put("a.csv", BODY, place.plain)["ETag"] == first["ETag"]


def test_what_is_deleted_is_missing_and_its_versions_are_still_there(place: Place) -> None:
    version = place.put("a.csv")["VersionId"]
    place.client.delete_object(Bucket=place.versioned, Key="a.csv")
    with pytest.raises(ClientError) as error:
        place.client.head_object(Bucket=place.versioned, Key="a.csv")
    assert refused(error) == ("404", 404)
    with pytest.raises(ClientError) as error:
        place.get("a.csv")
    assert refused(error) == ("NoSuchKey", 404)
    assert place.get("a.csv", VersionId=version) == BODY
    assert place.keys() == []


def test_a_put_that_may_replace_nothing_is_refused_where_something_is(place: Place) -> None:
    place.put("a.json", b"one", IfNoneMatch="*")
    with pytest.raises(ClientError) as error:
        place.put("a.json", b"two", IfNoneMatch="*")
    assert refused(error) == ("PreconditionFailed", 412)
    assert place.get("a.json") == b"one"


def test_a_put_replaces_only_what_it_names(place: Place) -> None:
    first = place.put("a.json", b"one")["ETag"]
    place.put("a.json", b"two", IfMatch=first)
    with pytest.raises(ClientError) as error:
        place.put("a.json", b"three", IfMatch=first)
    assert refused(error) == ("PreconditionFailed", 412)
    assert place.get("a.json") == b"two"


def test_a_read_of_another_etag_is_refused(place: Place) -> None:
    etag = place.put("a.csv", BODY, place.plain)["ETag"]
    assert place.get("a.csv", place.plain, IfMatch=etag) == BODY
    place.put("a.csv", b"two", place.plain)
    with pytest.raises(ClientError) as error:
        place.get("a.csv", place.plain, IfMatch=etag)
    assert refused(error) == ("PreconditionFailed", 412)


@pytest.mark.parametrize(("span", "found"), [("0-3", BODY[:4]), ("5-7", BODY[5:8]), ("5-999", BODY[5:])])
def test_a_range_gives_its_bytes_and_where_they_lie(place: Place, span: str, found: bytes) -> None:
    etag = place.put("a.csv", BODY, place.plain)["ETag"]
    answer = place.client.get_object(Bucket=place.plain, Key="a.csv", IfMatch=etag, Range=f"bytes={span}")
    with closing(answer["Body"]) as body:
        assert body.read() == found
    start = int(span.split("-", maxsplit=1)[0])
    assert answer["ContentRange"] == f"bytes {start}-{start + len(found) - 1}/{len(BODY)}"
    assert answer["ContentLength"] == len(found)


def test_a_listing_is_in_the_order_of_bytes_and_goes_on_where_it_is_told_to(place: Place) -> None:
    names = ["in/b.csv", "in/a.csv", "in/ü.csv", "in/Z.csv", "out/a.csv"]
    for name in names:
        place.put(name)
    order = ["in/Z.csv", "in/a.csv", "in/b.csv", "in/ü.csv"]
    assert place.keys(Prefix="in/") == order
    assert place.keys(Prefix="in/", StartAfter="in/a.csv") == order[2:]
    page = place.client.list_objects_v2(Bucket=place.versioned, Prefix="in/", MaxKeys=3)
    assert [entry["Key"] for entry in page["Contents"]] == order[:3]
    token = page["NextContinuationToken"]
    rest = place.client.list_objects_v2(Bucket=place.versioned, Prefix="in/", ContinuationToken=token)
    assert [entry["Key"] for entry in rest["Contents"]] == order[3:]


def test_a_listing_tells_the_size_and_the_etag(place: Place) -> None:
    etag = place.put("a.csv")["ETag"]
    (entry,) = place.client.list_objects_v2(Bucket=place.versioned, Prefix="a.csv")["Contents"]
    assert (entry["Size"], entry["ETag"]) == (len(BODY), etag)


def test_a_body_is_read_in_lines_and_pieces(place: Place) -> None:
    place.put("a.csv")
    answer = place.client.get_object(Bucket=place.versioned, Key="a.csv")
    assert list(answer["Body"].iter_lines(chunk_size=4)) == BODY.splitlines()
    answer = place.client.get_object(Bucket=place.versioned, Key="a.csv")
    assert b"".join(answer["Body"].iter_chunks(5)) == BODY
