"""Objects of S3: the current version of a key, pinned, and its bytes in order however often a connection breaks."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from threading import Event
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, FlexibleChecksumError, IncompleteReadError

from penstock.aws.connect import Client
from penstock.aws.explain import AwsError, error_code, explain_error
from penstock.errors import ServiceError
from penstock.load.blocks import DEFAULT_LIMITS, GzipLimits, cut_blocks, read_ahead, skip_bytes, unpack_gzip
from penstock.plan.model import Plan

_READ_BYTES = 1 << 18
_RANGE_BYTES = 1 << 23
"""Bytes asked for at a time: no connection stays open, unused, while what it gave is worked on."""
_ATTEMPTS = 6
"""Connections in a row that may break without giving a byte."""
_MISSING = {"404", "NoSuchKey", "NoSuchVersion", "NotFound", "MethodNotAllowed", "405"}
DENIED = {"403", "AccessDenied", "Forbidden"}
_REPLACED = {"412", "PreconditionFailed", "ConditionalRequestConflict"}
_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+)")


class ObjectGoneError(ServiceError):
    """The object was deleted or replaced while it was read."""


@dataclass(frozen=True, slots=True)
class ObjectVersion:
    """A version of an object, as it was found. ``version_id`` is None where the bucket keeps no versions.

    ``etag`` is without its quotes, ``size`` in bytes as stored, ``last_modified`` ISO 8601 in UTC.
    """

    bucket: str
    key: str
    version_id: str | None
    etag: str
    size: int
    last_modified: str
    packed: bool

    @property
    def version(self) -> str:
        """What tells this version from the key's others: its id, or its ETag where it has no id of its own.

        An object older than its bucket's versioning has the id ``null``, which a later one can take over.
        """
        return name_version(self.version_id, self.etag)


def name_version(version_id: str | None, etag: str) -> str:
    """Give what tells a version from its key's others, from what S3 says of it; see :attr:`ObjectVersion.version`."""
    if version_id is None or version_id == "null":
        return "etag:" + etag.strip('"')
    return version_id


def find_current(s3: Client, bucket: str, key: str) -> ObjectVersion | None:
    """Give the key's current version, or None where there is none: it was deleted, or never there.

    Needs s3:GetObject on the object, and s3:ListBucket on the bucket for its prefix: S3 answers for a missing key as it
    does for a forbidden one to who may not list. Raises :class:`~penstock.errors.ServiceError`.
    """
    return _find(s3, {"Bucket": bucket, "Key": key}, "s3:GetObject")


def find_version(s3: Client, bucket: str, key: str, version_id: str) -> ObjectVersion | None:
    """Give a version of a key, be it the current one or not; None where it is no more. Needs s3:GetObjectVersion."""
    return _find(s3, {"Bucket": bucket, "Key": key, "VersionId": version_id}, "s3:GetObjectVersion")


def _find(s3: Client, named: dict[str, str], needs: str) -> ObjectVersion | None:
    bucket, key = named["Bucket"], named["Key"]
    try:
        found = s3.head_object(**named)
    except ClientError as error:
        code = error_code(error)
        unlisted = code in DENIED and "VersionId" not in named and not is_listed(s3, bucket, key)
        if code in _MISSING or unlisted:
            return None
        raise explain_error(error, f"look at s3://{bucket}/{key}", needs) from error
    except BotoCoreError as error:
        raise explain_error(error, f"look at s3://{bucket}/{key}", needs) from error
    encoding = found.get("ContentEncoding", "").lower()
    return ObjectVersion(
        bucket=bucket,
        key=key,
        version_id=found.get("VersionId"),
        etag=found["ETag"].strip('"'),
        size=found["ContentLength"],
        last_modified=f"{found['LastModified']:%Y-%m-%dT%H:%M:%SZ}",
        packed=key.lower().endswith(".gz") or "gzip" in encoding,
    )


def is_of_feed(plan: Plan, key: str) -> bool:
    """Tell whether a key is of the feed. What the S3 console makes to show a folder is not: its name ends in ``/``."""
    return key.startswith(plan.prefix) and key.endswith(plan.suffix) and not key.endswith("/")


def is_gathered(plan: Plan) -> bool:
    """Tell whether a run of the feed is over many objects, and the feed's schedule starts it."""
    return plan.query is not None and plan.query.over != "object"


def is_of_run(plan: Plan, key: str) -> bool:
    """Tell whether runs of the feed are of a key: an object's of the feed, or its prefix where a run is over many."""
    return key == plan.prefix if is_gathered(plan) else is_of_feed(plan, key)


def is_listed(s3: Client, bucket: str, key: str) -> bool:
    """Tell whether there is such an object, for who may list but is answered for a missing key as for a forbidden one.

    S3 says of a missing key that it is missing only to who may list the whole bucket. Needs s3:ListBucket for the key's
    prefix. Raises :class:`~penstock.errors.ServiceError`.
    """
    try:
        found = s3.list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1)
    except AwsError as error:
        raise explain_error(error, f"look for s3://{bucket}/{key}", "s3:ListBucket") from error
    return any(listed["Key"] == key for listed in found.get("Contents", ()))


class S3Source:
    """One version of an object, to read; see :class:`~penstock.load.protocols.ObjectSource`.

    Every request names the version and its ETag, so that no read mixes two versions. A thread reads one block ahead, by
    ranges; a connection that breaks is taken up again at the byte it had reached, after a jittered pause. Needs s3:GetObjectVersion, or s3:GetObject where
    the bucket keeps no versions.
    """

    def __init__(
        self,
        s3: Client,
        found: ObjectVersion,
        limits: GzipLimits = DEFAULT_LIMITS,
        *,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._s3 = s3
        self._found = found
        self._limits = limits
        self._sleep = sleep
        self._jitter = jitter

    @property
    def key(self) -> str:
        return self._found.key

    @property
    def last_modified(self) -> str:
        return self._found.last_modified

    def blocks(self, size: int, start: int = 0) -> Iterator[bytes]:
        """Give the uncompressed bytes in blocks of ``size``. Raises :class:`ObjectGoneError` where the version is gone."""
        given_up = Event()
        if self._found.packed:
            unpacked = unpack_gzip(self._pieces(0, given_up), self._name, self._limits)
            return read_ahead(cut_blocks(skip_bytes(unpacked, start), size), given_up)
        return read_ahead(cut_blocks(self._pieces(start, given_up), size), given_up)

    def _pieces(self, start: int, given_up: Event) -> Iterator[bytes]:
        reached = start
        failures = 0
        while reached < self._found.size and not given_up.is_set():
            stop = min(self._found.size, reached + _RANGE_BYTES)
            try:
                for piece in self._read(reached, stop):
                    yield piece
                    reached += len(piece)
                    failures = 0
                    if given_up.is_set():
                        return
                if reached < stop:
                    raise IncompleteReadError(actual_bytes=reached, expected_bytes=stop)
            except AwsError as error:
                self._give_up_where_final(error)
                failures += 1
                if failures == _ATTEMPTS:
                    raise explain_error(
                        error, f"read {self._name} at byte {reached}", "s3:GetObjectVersion"
                    ) from error
                self._sleep(self._jitter() * min(8.0, 0.1 * 2.0**failures))

    def _read(self, start: int, stop: int) -> Iterator[bytes]:
        """Give the bytes from ``start`` on, until ``stop``, or the connection's end.

        An answer that goes further is read on: who ignores ranges would have to be asked for the whole again.
        """
        request: dict[str, Any] = {
            "Bucket": self._found.bucket,
            "Key": self._found.key,
            "IfMatch": f'"{self._found.etag}"',
        }
        if self._found.version_id is not None:
            request["VersionId"] = self._found.version_id
        if (
            start or stop < self._found.size
        ):  # only of a whole object S3 gives the checksum, and botocore checks it
            request["Range"] = f"bytes={start}-{stop - 1}"
        answer = self._s3.get_object(**request)
        skip = start - self._first_byte(answer)
        body = answer["Body"]
        try:
            while piece := body.read(_READ_BYTES):
                if skip:
                    piece, skip = piece[skip:], max(0, skip - len(piece))
                if piece:
                    yield piece
        finally:
            body.close()

    def _first_byte(self, answer: dict[str, Any]) -> int:
        """Tell which byte of the object an answer begins with, and that it is of this object.

        A service may answer a ranged request with the whole object (RFC 9110, 14.2); some stand-ins for S3 do.
        """
        place = _RANGE.fullmatch(answer.get("ContentRange") or "")
        first, total = (int(place[1]), int(place[2])) if place else (0, int(answer["ContentLength"]))
        if total != self._found.size or answer["ETag"].strip('"') != self._found.etag:
            answer["Body"].close()
            raise ObjectGoneError(
                f"{self._name} is not the object it was when this run began. Load it again."
            )
        return first

    def _give_up_where_final(self, error: Exception) -> None:
        """Raise what asking again can't mend."""
        if isinstance(error, FlexibleChecksumError):
            # It shows at the end, when the bytes have been given away already.
            raise ServiceError(
                f"{self._name} was damaged on its way: its checksum is wrong. Load it again."
            ) from error
        if not isinstance(error, ClientError):
            return
        code = error_code(error)
        if code in _MISSING | _REPLACED:
            raise ObjectGoneError(
                f"{self._name} was deleted or replaced while it was read. What is there now is loaded by its own event; "
                "turn on the bucket's versioning to load each version whole."
            ) from error
        if code == "InvalidObjectState":
            raise ServiceError(
                f"{self._name} is archived. Restore it, then put it into the bucket again."
            ) from error
        status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500))
        if status < 500 and status != 429:
            raise explain_error(
                error, f"read {self._name}", "s3:GetObjectVersion and s3:GetObject"
            ) from error

    @property
    def _name(self) -> str:
        return f"s3://{self._found.bucket}/{self._found.key}"
