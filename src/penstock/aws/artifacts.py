"""What a run leaves in the artifacts bucket: its rejects and its report.

Rejects are numbered parts, ``rejects/<feed>/<run>/part-00000.jsonl`` and on, each written when it is full: they can be
read while the run goes on, memory holds one part, and a run that dies leaves no unfinished upload. The report is
``reports/<feed>/<run>.json``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from penstock.aws.connect import Client
from penstock.aws.explain import AwsError, explain_error
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


class S3RejectWriter:
    """Writes a run's rejects, see :class:`~penstock.load.protocols.RejectWriter`; :meth:`close` writes what is left.

    Needs s3:PutObject on ``rejects/<feed>/*``. Raises :class:`~penstock.errors.ServiceError`.
    """

    def __init__(self, s3: Client, bucket: str, feed: str, run: str, *, part_bytes: int = PART_BYTES) -> None:
        self._s3 = s3
        self._bucket = bucket
        self._prefix = rejects_prefix(feed, run)
        self._part_bytes = part_bytes
        self._part = bytearray()
        self._parts = 0

    @property
    def location(self) -> str | None:
        """Where the rejects lie, or None where there are none."""
        return f"s3://{self._bucket}/{self._prefix}" if self._parts or self._part else None

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
        key = f"{self._prefix}part-{self._parts:05d}.jsonl"
        _put(self._s3, self._bucket, key, bytes(self._part), "application/jsonl")
        self._parts += 1
        self._part.clear()


def put_report(s3: Client, bucket: str, report: Report, run: str) -> str:
    """Write a report, and give where it lies. Needs s3:PutObject on ``reports/<feed>/*``."""
    key = report_key(report.feed, run)
    text = json.dumps(report.to_dict(), ensure_ascii=False, indent=2) + "\n"
    _put(s3, bucket, key, text.encode(), "application/json")
    return f"s3://{bucket}/{key}"


def read_rejects(s3: Client, bucket: str, feed: str, run: str) -> Iterator[Reject]:
    """Give a run's rejects in file order, in bounded memory. Needs s3:ListBucket and s3:GetObject."""
    try:
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=rejects_prefix(feed, run))
        for page in pages:
            for found in page.get("Contents", ()):
                body = s3.get_object(Bucket=bucket, Key=found["Key"])["Body"]
                for line in body.iter_lines(chunk_size=_READ_BYTES):
                    yield reject_from_json(line)
    except AwsError as error:
        raise explain_error(
            error, f"read the rejects in s3://{bucket}", "s3:ListBucket and s3:GetObject"
        ) from error


def _put(s3: Client, bucket: str, key: str, body: bytes, kind: str) -> None:
    try:
        s3.put_object(Bucket=bucket, Key=key, Body=body, ContentType=kind)
    except AwsError as error:
        raise explain_error(error, f"write s3://{bucket}/{key}", "s3:PutObject") from error
