"""What a run leaves in the artifacts bucket: its rejects and its report.

Rejects are parts, ``rejects/<feed>/<run>/<name>-00000.jsonl`` and on, each written when it is full: they can be read while
the run goes on, memory holds one part, and a run that dies leaves no unfinished upload. A run that has ended says in
``parts.json`` beside them which parts count, and their order: those of a large file come from many workers, and of a
worker that died or was doubled none counts twice. After a replay another such list says which are left; the run's item in the
ledger names it. The report is ``reports/<feed>/<run>.json``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing

from botocore.exceptions import ClientError

from penstock.aws.connect import Client
from penstock.aws.explain import AwsError, error_code, explain_error
from penstock.engine.result import Reject
from penstock.load.rejects import reject_from_json, reject_to_json
from penstock.load.report import Report

PART_BYTES = 8 << 20
_READ_BYTES = 1 << 18


def rejects_prefix(feed: str, run: str) -> str:
    """Give the prefix of the keys of a run's rejects."""
    return f"rejects/{feed}/{run}/"


def report_key(feed: str, run: str) -> str:
    """Give the key of a run's report."""
    return f"reports/{feed}/{run}.json"


def _parts_key(feed: str, run: str) -> str:
    return f"{rejects_prefix(feed, run)}parts.json"


class S3RejectWriter:
    """Writes rejects of a run, see :class:`~penstock.load.protocols.RejectWriter`; :meth:`close` writes what is left.

    ``name`` is that of its parts, of which each writer of a run has its own. Needs s3:PutObject on ``rejects/<feed>/*``. Raises :class:`~penstock.errors.ServiceError`.
    """

    def __init__(
        self,
        s3: Client,
        bucket: str,
        feed: str,
        run: str,
        *,
        name: str = "part",
        part_bytes: int = PART_BYTES,
    ) -> None:
        self._s3 = s3
        self._bucket = bucket
        self._stem = f"{rejects_prefix(feed, run)}{name}"
        self._part_bytes = part_bytes
        self._part = bytearray()
        self._parts: list[str] = []

    @property
    def parts(self) -> tuple[str, ...]:
        """The keys of the parts that are written."""
        return tuple(self._parts)

    def write(self, rejects: Sequence[Reject]) -> None:
        for reject in rejects:
            self._part += reject_to_json(reject).encode() + b"\n"
            if len(self._part) >= self._part_bytes:
                self._flush()

    def close(self) -> None:
        """Write the last part."""
        if self._part:
            self._flush()

    def _flush(self) -> None:
        key = f"{self._stem}-{len(self._parts):05d}.jsonl"
        _put(self._s3, self._bucket, key, bytes(self._part), "application/jsonl")
        self._parts.append(key)
        self._part.clear()


def put_parts_left(s3: Client, bucket: str, feed: str, run: str, replay: str, parts: Sequence[str]) -> str:
    """Say which parts hold what a replay left of a run's rejects, be it none, and give the key of that list."""
    key = f"{rejects_prefix(feed, run)}parts-{replay}.json"
    _put(s3, bucket, key, json.dumps(parts).encode(), "application/json")
    return key


def put_parts(s3: Client, bucket: str, feed: str, run: str, parts: Sequence[str]) -> str | None:
    """Say which parts hold a run's rejects, in order, and give where they lie; None where there are none."""
    if not parts:
        return None
    _put(s3, bucket, _parts_key(feed, run), json.dumps(parts).encode(), "application/json")
    return f"s3://{bucket}/{rejects_prefix(feed, run)}"


def put_report(s3: Client, bucket: str, report: Report, run: str) -> str:
    """Write a report, and give where it lies. Needs s3:PutObject on ``reports/<feed>/*``."""
    key = report_key(report.feed, run)
    text = json.dumps(report.to_dict(), ensure_ascii=False, indent=2) + "\n"
    _put(s3, bucket, key, text.encode(), "application/json")
    return f"s3://{bucket}/{key}"


def change_report(s3: Client, bucket: str, feed: str, run: str, changes: Mapping[str, object]) -> None:
    """Write a report anew with other values in it. Needs s3:GetObject and s3:PutObject on ``reports/<feed>/*``."""
    key = report_key(feed, run)
    try:
        with closing(s3.get_object(Bucket=bucket, Key=key)["Body"]) as body:
            report = json.loads(body.read())
    except AwsError as error:
        raise explain_error(error, f"read s3://{bucket}/{key}", "s3:GetObject") from error
    text = json.dumps({**report, **changes}, ensure_ascii=False, indent=2) + "\n"
    _put(s3, bucket, key, text.encode(), "application/json")


def read_rejects(s3: Client, bucket: str, feed: str, run: str, parts: str | None = None) -> Iterator[Reject]:
    """Give a run's rejects in file order, in bounded memory. Needs s3:ListBucket and s3:GetObject.

    ``parts`` is the key of the list of parts that the run's item names, if it names one.
    """
    try:
        for key in find_parts(s3, bucket, feed, run, parts):
            with closing(s3.get_object(Bucket=bucket, Key=key)["Body"]) as body:
                for line in body.iter_lines(chunk_size=_READ_BYTES):
                    yield reject_from_json(line)
    except AwsError as error:
        raise explain_error(
            error, f"read the rejects in s3://{bucket}", "s3:ListBucket and s3:GetObject"
        ) from error


def find_parts(s3: Client, bucket: str, feed: str, run: str, parts: str | None) -> Iterator[str]:
    """Give the keys of the parts that hold a run's rejects, in order. Raises what botocore raises."""
    try:
        with closing(s3.get_object(Bucket=bucket, Key=parts or _parts_key(feed, run))["Body"]) as body:
            yield from json.loads(body.read())
            return
    except ClientError as error:
        if parts is not None or error_code(error) != "NoSuchKey":
            raise
    # The run goes on, or died: what it has kept so far.
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=rejects_prefix(feed, run)):
        yield from (found["Key"] for found in page.get("Contents", ()) if found["Key"].endswith(".jsonl"))


def _put(s3: Client, bucket: str, key: str, body: bytes, kind: str) -> None:
    try:
        s3.put_object(Bucket=bucket, Key=key, Body=body, ContentType=kind)
    except AwsError as error:
        raise explain_error(error, f"write s3://{bucket}/{key}", "s3:PutObject") from error
