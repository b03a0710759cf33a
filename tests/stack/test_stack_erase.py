"""What is erased is gone whole, whatever was in it, and what can't be erased keeps nothing else from it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from desk import Desk
from stack_samples import feed

from penstock.errors import ServiceError
from penstock.local.server import Server, start_server, stop_server
from penstock.stack.connect import Connection
from penstock.stack.erase import erase_bucket, erase_log_group, erase_table

pytestmark = pytest.mark.aws
ACCOUNTS = itertools.count(1)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    started = start_server()
    yield started
    stop_server(started)


@pytest.fixture
def connection(server: Server) -> Connection:
    return server.connection(f"{next(ACCOUNTS):012d}")


def _say_nothing(_message: str) -> None:
    pass


def _versioned(s3: Any, bucket: str, **more: Any) -> None:
    s3.create_bucket(Bucket=bucket, **more)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})


def test_versions_markers_and_unfinished_uploads_go_by_as_many_as_a_request_deletes(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("penstock.stack.erase.MOST", 10)  # for S3's thousand take long to make
    s3, asked = connection.client("s3"), list[int]()
    s3.meta.events.register(
        "before-parameter-build.s3.DeleteObjects",
        lambda params, **_: asked.append(len(params["Delete"]["Objects"])),
    )
    _versioned(s3, "full")
    for _ in range(6):
        s3.put_object(Bucket="full", Key="often", Body=b"")
        s3.delete_object(Bucket="full", Key="often")
    s3.create_multipart_upload(Bucket="full", Key="never finished")
    erase_bucket(s3, "full", _say_nothing)
    assert asked == [10, 2]
    assert s3.list_buckets()["Buckets"] == []
    erase_bucket(s3, "full", _say_nothing)  # it is gone, which is what was wanted


class _Hostile:
    """A bucket as S3 has it, which reads what is to be deleted as XML; the embedded one can't even list such keys."""

    def __init__(self, *keys: str, locked: str = "") -> None:
        self.keys, self.locked = list(keys), locked

    def get_paginator(self, call: str) -> Any:
        versions = [{"Key": key, "VersionId": "1"} for key in self.keys]
        page = {"Versions": versions} if call == "list_object_versions" else {}
        return SimpleNamespace(paginate=lambda **_: [page])

    def delete_objects(self, Bucket: str, Delete: dict[str, Any]) -> dict[str, Any]:
        for key in [one["Key"] for one in Delete["Objects"]]:
            if set(key) & {"\x07", "\ufffe"}:
                raise ClientError({"Error": {"Code": "MalformedXML", "Message": Bucket}}, "DeleteObjects")
            self.keys.remove(key)
        return {}

    def delete_object(self, Bucket: str, Key: str, VersionId: str) -> None:
        if self.locked == Key:
            raise ClientError(
                {"Error": {"Code": "AccessDenied", "Message": f"{Bucket} {VersionId}"}}, "DeleteObject"
            )
        self.keys.remove(Key)

    def delete_bucket(self, Bucket: str) -> None:
        assert not self.keys, Bucket

    def get_object_lock_configuration(self, Bucket: str) -> Any:
        raise ClientError({"Error": {"Code": "ObjectLockConfigurationNotFoundError"}}, Bucket)


def test_a_key_of_characters_that_xml_does_not_have_keeps_no_bucket_from_being_deleted() -> None:
    bucket = _Hostile("a/../b", "bell\x07", "line\nfeed", "no \ufffe", "\U0001f600")
    erase_bucket(bucket, "hostile", _say_nothing)
    assert bucket.keys == []
    bucket = _Hostile("bell\x07", "bell", locked="bell\x07")
    with pytest.raises(ServiceError, match=r"1 versions .*\n  bell\\x07, version 1: AccessDenied: hostile 1"):
        erase_bucket(bucket, "hostile", _say_nothing)
    assert bucket.keys == ["bell\x07"]


def test_what_is_under_retention_is_named_and_all_else_is_gone(connection: Connection) -> None:
    s3 = connection.client("s3")
    _versioned(s3, "locked", ObjectLockEnabledForBucket=True)
    until = datetime.now(UTC) + timedelta(days=1)
    s3.put_object(
        Bucket="locked", Key="kept\n", Body=b"", ObjectLockMode="COMPLIANCE", ObjectLockRetainUntilDate=until
    )
    s3.put_object(Bucket="locked", Key="free", Body=b"")
    with pytest.raises(ServiceError) as refused:
        erase_bucket(s3, "locked", _say_nothing)
    first, second, *rest = str(refused.value).splitlines()
    assert first == "1 versions in the bucket locked could not be deleted; all others were:"
    assert second.startswith(r"  kept\n, version ")
    assert "AccessDenied" in second
    assert "Object Lock" in rest[0]
    found = s3.list_object_versions(Bucket="locked")
    assert [one["Key"] for one in found["Versions"]] == ["kept\n"]


def test_what_comes_in_meanwhile_goes_too_but_not_for_ever(connection: Connection) -> None:
    s3 = connection.client("s3")
    _versioned(s3, "busy")
    writes = iter(range(2))

    def write(**_: Any) -> None:
        for number in itertools.islice(writes, 1):
            s3.put_object(Bucket="busy", Key=f"late-{number}", Body=b"")

    s3.meta.events.register("before-call.s3.DeleteBucket", write)
    erase_bucket(s3, "busy", _say_nothing)
    assert s3.list_buckets()["Buckets"] == []

    _versioned(s3, "busy")
    writes = iter(range(100))
    with pytest.raises(ServiceError, match="The bucket busy does not stay empty"):
        erase_bucket(s3, "busy", _say_nothing)


def test_another_failure_of_a_bucket_is_told_in_the_words_of_s3(connection: Connection) -> None:
    s3 = connection.client("s3")

    def refuse(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "DeleteBucket")

    s3.create_bucket(Bucket="theirs")
    s3.meta.events.register("before-call.s3.DeleteBucket", refuse)
    with pytest.raises(ServiceError, match="Could not delete the bucket theirs: AccessDenied: no"):
        erase_bucket(s3, "theirs", _say_nothing)


def test_a_protected_table_goes_and_one_that_is_gone_is_no_failure(connection: Connection) -> None:
    dynamodb = connection.client("dynamodb")
    dynamodb.create_table(
        TableName="guarded",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        DeletionProtectionEnabled=True,
    )
    erase_table(dynamodb, "guarded")
    assert dynamodb.list_tables()["TableNames"] == []
    erase_table(dynamodb, "guarded")
    erase_log_group(connection.client("logs"), "/aws/lambda/never-there")


def test_a_destroy_finds_the_tables_of_feeds_that_are_no_more_and_goes_on_after_a_failure(
    server: Server, tmp_path: Path
) -> None:
    desk = Desk(tmp_path / "shop", server.connection(f"{next(ACCOUNTS):012d}"))
    s3, dynamodb = desk.connection.client("s3"), desk.connection.client("dynamodb")
    _versioned(s3, desk.names.own_landing_bucket, ObjectLockEnabledForBucket=True)
    desk.deploy(feed("orders"), feed("returns"))
    desk.deploy(feed("orders", load={"table": "orders-2"}), replace="orders-items")
    hold = {"Bucket": desk.names.landing_bucket, "Key": "held"}
    s3.put_object(**hold, Body=b"", ObjectLockLegalHoldStatus="ON")
    with pytest.raises(ServiceError) as refused:
        desk.destroy(data=True)
    assert "could not be deleted" in str(refused.value)
    assert str(refused.value).endswith("All else is deleted. `penstock destroy --data` goes on with it.")
    assert dynamodb.list_tables()["TableNames"] == []
    assert [found["Name"] for found in s3.list_buckets()["Buckets"]] == [desk.names.landing_bucket]
    s3.put_object_legal_hold(**hold, LegalHold={"Status": "OFF"})
    assert desk.destroy(data=True) is not None
    assert s3.list_buckets()["Buckets"] == []
