"""S3 in memory: versions, conditional writes, ranges, listings, and events of what was put.

A client's methods are botocore's, with the parameters that Penstock passes; any other is an error of the test.
"""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from botocore.response import StreamingBody
from urllib3.exceptions import ProtocolError
from virtual_wire import Wire, client_error

_PAGE: Final = 1000
_RANGE: Final = re.compile(r"bytes=(\d+)-(\d+)")


@dataclass(frozen=True)
class Version:
    """A version of an object, or a delete marker where ``body`` is None. ``version_id`` is None without versioning."""

    version_id: str | None
    body: bytes | None
    moment: float
    kind: str = "binary/octet-stream"

    @property
    def etag(self) -> str:
        assert self.body is not None
        return hashlib.md5(self.body).hexdigest()


@dataclass
class Bucket:
    """A bucket. ``put`` is told of each object that is put, or of a delete marker, once it is there."""

    versioned: bool = True
    objects: dict[str, list[Version]] = field(default_factory=dict)
    told: Callable[[str, Version], None] | None = None

    def current(self, key: str) -> Version | None:
        """Give a key's current version; None where there is none, or it is a delete marker."""
        versions = self.objects.get(key)
        return versions[-1] if versions and versions[-1].body is not None else None


@dataclass
class Store:
    """All buckets, and what they do to requests. Nothing here takes time."""

    buckets: dict[str, Bucket] = field(default_factory=dict)
    clock: Callable[[], float] = lambda: 0.0
    made: int = 0

    def bucket(self, name: str, operation: str) -> Bucket:
        if name not in self.buckets:
            raise client_error("NoSuchBucket", operation, 404)
        return self.buckets[name]

    def put(
        self, bucket: str, key: str, body: bytes | None, held: Mapping[str, str] | None = None, kind: str = ""
    ) -> Version:
        """Put an object under conditions, or a delete marker."""
        place = self.bucket(bucket, "PutObject")
        self._hold(place.current(key), held or {})
        self.made += 1
        version_id = f"v{self.made:06d}" if place.versioned else None
        version = Version(version_id, body, self.clock(), kind)
        if place.versioned:
            place.objects.setdefault(key, []).append(version)
        elif body is None:
            place.objects.pop(key, None)
        else:
            place.objects[key] = [version]
        if place.told is not None:
            place.told(key, version)
        return version

    def _hold(self, current: Version | None, held: Mapping[str, str]) -> None:
        if held.get("IfNoneMatch") == "*" and current is not None:
            raise client_error("PreconditionFailed", "PutObject", 412)
        if "IfMatch" in held:
            if current is None:
                raise client_error("NoSuchKey", "PutObject", 404)
            if held["IfMatch"].strip('"') != current.etag:
                raise client_error("PreconditionFailed", "PutObject", 412)

    def find(self, bucket: str, key: str, version_id: str | None, operation: str) -> Version:
        place = self.bucket(bucket, operation)
        missing = ("404", 404) if operation == "HeadObject" else ("NoSuchKey", 404)
        if version_id is None:
            found = place.current(key)
        else:
            missing = ("404", 404) if operation == "HeadObject" else ("NoSuchVersion", 404)
            found = next((v for v in place.objects.get(key, ()) if v.version_id == version_id), None)
            if found is not None and found.body is None:
                raise client_error("MethodNotAllowed", operation, 405)
        if found is None:
            raise client_error(missing[0], operation, missing[1])
        return found

    def list_page(
        self, bucket: str, prefix: str, after: str, most: int
    ) -> tuple[list[tuple[str, Version]], bool]:
        place = self.bucket(bucket, "ListObjectsV2")
        keys = sorted((k for k in place.objects if k.startswith(prefix)), key=str.encode)
        found = [
            (key, version)
            for key in keys
            if key.encode() > after.encode() and (version := place.current(key)) is not None
        ]
        return found[:most], len(found) > most


class VirtualS3:
    """A client of a :class:`Store`."""

    def __init__(self, store: Store, wire: Wire) -> None:
        self._store = store
        self._wire = wire

    def head_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:
        return self._call("HeadObject", {"Bucket": Bucket, "Key": Key}, lambda: self._head(Bucket, Key))

    def _head(self, bucket: str, key: str) -> dict[str, Any]:
        return _describe(self._store.find(bucket, key, None, "HeadObject"))

    def get_object(
        self,
        *,
        Bucket: str,
        Key: str,
        VersionId: str | None = None,
        IfMatch: str | None = None,
        Range: str | None = None,
    ) -> dict[str, Any]:
        def effect() -> dict[str, Any]:
            found = self._store.find(Bucket, Key, VersionId, "GetObject")
            if IfMatch is not None and IfMatch.strip('"') != found.etag:
                raise client_error("PreconditionFailed", "GetObject", 412)
            return {**_describe(found), **_cut(found, Range), "found": found}

        answer = self._call("GetObject", {"Bucket": Bucket, "Key": Key}, effect, VersionId or "")
        body: bytes = answer.pop("body")
        answer.pop("found")
        return {**answer, "Body": StreamingBody(_Stream(body, self._wire), len(body))}

    def put_object(
        self,
        *,
        Bucket: str,
        Key: str,
        Body: bytes | io.BufferedReader,
        ContentType: str = "",
        IfMatch: str | None = None,
        IfNoneMatch: str | None = None,
    ) -> dict[str, Any]:
        body = Body if isinstance(Body, bytes) else Body.read()
        held = {name: value for name, value in (("IfMatch", IfMatch), ("IfNoneMatch", IfNoneMatch)) if value}

        def effect() -> dict[str, Any]:
            version = self._store.put(Bucket, Key, body, held, ContentType)
            found = {"ETag": f'"{version.etag}"'}
            return found if version.version_id is None else {**found, "VersionId": version.version_id}

        return self._call("PutObject", {"Bucket": Bucket, "Key": Key}, effect)

    def delete_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:
        def effect() -> dict[str, Any]:
            self._store.put(Bucket, Key, None)
            return {}

        return self._call("DeleteObject", {"Bucket": Bucket, "Key": Key}, effect)

    def delete_objects(self, *, Bucket: str, Delete: Mapping[str, Any]) -> dict[str, Any]:
        names = [entry["Key"] for entry in Delete["Objects"]]

        def effect() -> dict[str, Any]:
            assert 0 < len(names) <= 1000
            for name in names:
                self._store.put(Bucket, name, None)
            return {}

        return self._call(
            "DeleteObjects", {"Bucket": Bucket, "Key": names[0]}, effect, f"and {len(names) - 1} more"
        )

    def list_objects_v2(
        self,
        *,
        Bucket: str,
        Prefix: str = "",
        MaxKeys: int = _PAGE,
        ContinuationToken: str = "",
        StartAfter: str = "",
    ) -> dict[str, Any]:
        def effect() -> dict[str, Any]:
            found, more = self._store.list_page(
                Bucket, Prefix, ContinuationToken or StartAfter, min(MaxKeys, _PAGE)
            )
            listed = [
                {"Key": key, "ETag": f'"{version.etag}"', "Size": len(version.body or b"")}
                for key, version in found
            ]
            answer: dict[str, Any] = {"KeyCount": len(listed), "IsTruncated": more, "Prefix": Prefix}
            answer |= {"Contents": listed} if listed else {}
            return {**answer, "NextContinuationToken": listed[-1]["Key"]} if more else answer

        return self._call("ListObjectsV2", {"Bucket": Bucket, "Key": Prefix}, effect)

    def get_paginator(self, operation: str) -> _Pages:
        assert operation == "list_objects_v2"
        return _Pages(self)

    def _call(
        self,
        operation: str,
        request: Mapping[str, Any],
        effect: Callable[[], dict[str, Any]],
        about: str = "",
    ) -> dict[str, Any]:
        return self._wire.call("s3", operation, request, effect, f"{request['Key']} {about}".strip())


@dataclass(frozen=True)
class _Pages:
    client: VirtualS3

    def paginate(self, **request: Any) -> Iterator[dict[str, Any]]:
        while True:
            page = self.client.list_objects_v2(**request)
            yield page
            if not page["IsTruncated"]:
                return
            request["ContinuationToken"] = page["NextContinuationToken"]


class _Stream(io.BytesIO):
    """A body on its way, whose connection may break."""

    def __init__(self, body: bytes, wire: Wire) -> None:
        super().__init__(body)
        self._wire = wire

    def read(self, amount: int | None = -1, /) -> bytes:
        faults = self._wire.faults
        if self._wire.happens(faults.broken_body):
            super().read(self._wire.schedule.dice.randrange(1 + len(self.getvalue())))
            raise ProtocolError("the connection broke")
        return super().read(amount)


def _describe(version: Version) -> dict[str, Any]:
    assert version.body is not None
    found = {
        "ETag": f'"{version.etag}"',
        "ContentLength": len(version.body),
        "LastModified": datetime.fromtimestamp(int(version.moment), UTC),
    }
    return found if version.version_id is None else {**found, "VersionId": version.version_id}


def _cut(version: Version, span: str | None) -> dict[str, Any]:
    assert version.body is not None
    place = _RANGE.fullmatch(span or "")
    if place is None:
        return {"body": version.body}
    first, last = int(place[1]), min(int(place[2]), len(version.body) - 1)
    if first >= len(version.body):
        raise client_error("InvalidRange", "GetObject", 416)
    body = version.body[first : last + 1]
    where = f"bytes {first}-{last}/{len(version.body)}"
    return {"body": body, "ContentLength": len(body), "ContentRange": where}
