"""Corrections in the artifacts bucket, beside the rejects that they are of: those that somebody sends, and those that held.

Each is a document of its own that is written once, ``rejects/<feed>/<run>/corrections-<replay>.json`` and
``corrected-<replay>.json``. The bytes are in base64: a record need not be text.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Final, Literal

from penstock.aws.artifacts import rejects_prefix
from penstock.aws.connect import Client
from penstock.aws.explain import AwsError, explain_error
from penstock.errors import UsageError
from penstock.load.correct import MOST_BYTES, Correction
from penstock.load.state import from_json, to_json

Kind = Literal["corrections", "corrected"]

_ENTRY_BYTES: Final = 64
"""What an entry takes beside its bytes."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """What to read in the place of a record. Where ``content`` is None, the record as it lies there."""

    offset: int
    length: int
    content: str | None


@dataclass(frozen=True, slots=True)
class _Entries:
    entries: tuple[_Entry, ...]


def put_changes(
    s3: Client, bucket: str, feed: str, run: str, replay: str, changes: Mapping[int, bytes | None]
) -> str:
    """Keep what somebody wants loaded in the place of rejects, by their offsets, and give its key.

    Needs s3:PutObject on ``rejects/<feed>/*``. Raises :class:`~penstock.errors.UsageError` where it is too much.
    """
    entries = (_Entry(offset, 0, _encode(content)) for offset, content in sorted(changes.items()))
    size = sum(len(content or b"") + _ENTRY_BYTES for content in changes.values())
    return _write(s3, bucket, _key(feed, run, "corrections", replay), entries, size)


def put_corrections(
    s3: Client, bucket: str, feed: str, run: str, replay: str, corrections: Iterable[Correction]
) -> str:
    """Keep the corrections of a run that hold, and give their key. Needs and raises what :func:`put_changes` does."""
    found = list(corrections)
    entries = (_Entry(entry.offset, entry.length, _encode(entry.content)) for entry in found)
    size = sum(len(entry.content) + _ENTRY_BYTES for entry in found)
    return _write(s3, bucket, _key(feed, run, "corrected", replay), entries, size)


def read_changes(s3: Client, bucket: str, feed: str, run: str, key: str) -> dict[int, bytes | None]:
    """Give back what :func:`put_changes` kept for a run. Needs s3:GetObject.

    Raises :class:`~penstock.errors.UsageError` where the key is not of that run's, and
    :class:`~penstock.errors.ServiceError`.
    """
    if not key.startswith(f"{rejects_prefix(feed, run)}corrections-"):
        raise UsageError(f"The corrections are not of the run {run}. Send them by `penstock replay`.")
    return {entry.offset: _decode(entry.content) for entry in _read(s3, bucket, key)}


def read_corrections(s3: Client, bucket: str, key: str) -> tuple[Correction, ...]:
    """Give back what :func:`put_corrections` kept. Needs s3:GetObject. Raises :class:`~penstock.errors.ServiceError`."""
    return tuple(
        Correction(entry.offset, entry.length, _decode(entry.content) or b"")
        for entry in _read(s3, bucket, key)
    )


def _key(feed: str, run: str, kind: Kind, replay: str) -> str:
    return f"{rejects_prefix(feed, run)}{kind}-{replay}.json"


def _write(s3: Client, bucket: str, key: str, entries: Iterable[_Entry], size: int) -> str:
    if size > MOST_BYTES:
        raise UsageError(
            f"The corrections of the run come to {size:,} bytes, and {MOST_BYTES:,} are the most. Put the mended rows "
            "into a new file."
        )
    body = to_json(_Entries(tuple(entries))).encode()
    try:
        s3.put_object(Bucket=bucket, Key=key, Body=body, ContentType="application/json")
    except AwsError as error:
        raise explain_error(error, f"write s3://{bucket}/{key}", "s3:PutObject") from error
    return key


def _read(s3: Client, bucket: str, key: str) -> tuple[_Entry, ...]:
    try:
        with closing(s3.get_object(Bucket=bucket, Key=key)["Body"]) as body:
            return from_json(_Entries, body.read()).entries
    except AwsError as error:
        raise explain_error(error, f"read s3://{bucket}/{key}", "s3:GetObject") from error


def _encode(content: bytes | None) -> str | None:
    return None if content is None else base64.b64encode(content).decode("ascii")


def _decode(content: str | None) -> bytes | None:
    return None if content is None else base64.b64decode(content)
