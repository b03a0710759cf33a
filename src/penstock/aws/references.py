"""What a query reads beside its rows: which object each reference is, pinned as it was when the run looked.

A reference with a key is that object as it is now. One to another feed is that feed's newest object: the first that is
loaded, of its objects ordered by LastModified and, where that is the same second, by their keys' bytes, the greatest first.
Of that object it is the version that was loaded, be there a newer one by now. Every read names the version.

A reference that changes has nothing loaded again: what was loaded was right when it was. ``penstock backfill --again`` does.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from penstock import verdicts
from penstock.aws.explain import AwsError, explain_error
from penstock.aws.loader import Loader
from penstock.aws.objects import ObjectVersion, find_current, find_version
from penstock.errors import DataError
from penstock.plan.model import Reference

MOST_LOOKED_AT: Final = 100
"""Of how many of another feed's newest objects the ledger is asked until one is loaded."""


@dataclass(frozen=True, slots=True)
class FoundReference:
    """A reference and the version that it is."""

    reference: Reference
    found: ObjectVersion


def find_references(loader: Loader, bucket: str) -> tuple[FoundReference, ...]:
    """Give the references of a feed's query, each with the object's version that it is now.

    Raises :class:`~penstock.errors.DataError` where one is not there, and :class:`~penstock.errors.ServiceError` where that
    can't be told. Needs s3:GetObject and s3:GetObjectVersion on the references' keys and prefixes, s3:ListBucket for them, and
    dynamodb:GetItem on the ledger for the objects of the feeds that are referred to.
    """
    query = loader.plan.query
    return () if query is None else tuple(_find(loader, bucket, each) for each in query.references)


def find_noted(
    loader: Loader, bucket: str, noted: Mapping[str, Mapping[str, str]]
) -> dict[str, ObjectVersion]:
    """Give the versions that a run has noted as its references, by their names.

    Raises :class:`~penstock.errors.DataError` where one is no more. Needs what :func:`find_references` does.
    """
    pinned = {}
    for name, about in noted.items():
        found = _find_again(loader, bucket, about["key"], about["version"])
        if found is None:
            raise DataError(
                verdicts.REFERENCE_ERROR,
                f"the reference {name} was s3://{bucket}/{about['key']} as the load began, and that version is no more: have the "
                "file loaded by `penstock backfill PREFIX --again`",
            )
        pinned[name] = found
    return pinned


def describe_references(references: Sequence[FoundReference]) -> Mapping[str, Mapping[str, str]]:
    """Give the key and the version of each, by the references' names."""
    return {
        each.reference.name: {"key": each.found.key, "version": each.found.version} for each in references
    }


def _find(loader: Loader, bucket: str, reference: Reference) -> FoundReference:
    if reference.key is not None:
        found = find_current(loader.s3, bucket, reference.key)
        if found is None:
            raise DataError(
                verdicts.REFERENCE_ERROR,
                f"the reference {reference.name} is not there: put it to s3://{bucket}/{reference.key}, then have the file loaded "
                "by `penstock backfill PREFIX --again`",
            )
        return FoundReference(reference, found)
    for key in _list_newest(loader, bucket, reference):
        loaded = _find_loaded(loader, bucket, key)
        if loaded is not None:
            return FoundReference(reference, loaded)
    raise DataError(
        verdicts.REFERENCE_ERROR,
        f"of the reference {reference.name} no object under s3://{bucket}/{reference.prefix} is loaded: load one by its own feed, "
        "then this file by `penstock backfill PREFIX --again`",
    )


def _list_newest(loader: Loader, bucket: str, reference: Reference) -> Iterator[str]:
    """Give the keys of another feed's newest objects, the newest first, in memory that does not grow with their number."""
    prefix, suffix = reference.prefix or "", reference.suffix or ""

    def listed() -> Iterator[tuple[datetime, bytes]]:
        pages = loader.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        for page in pages:
            for entry in page.get("Contents", ()):
                if entry["Key"].endswith(suffix) and not entry["Key"].endswith("/"):
                    yield entry["LastModified"].replace(microsecond=0), entry["Key"].encode()

    try:
        newest = heapq.nlargest(MOST_LOOKED_AT, listed())
    except AwsError as error:
        raise explain_error(error, f"list s3://{bucket}/{prefix}", "s3:ListBucket") from error
    return (key.decode() for _, key in newest)


def _find_loaded(loader: Loader, bucket: str, key: str) -> ObjectVersion | None:
    """Give the version of an object that its own feed has loaded; None where it has loaded none, or that one is gone."""
    applied = loader.ledger.read_state(bucket, key).applied
    if applied is None or applied.status != "done":
        return None
    return _find_again(loader, bucket, key, applied.version)


def _find_again(loader: Loader, bucket: str, key: str, version: str) -> ObjectVersion | None:
    """Give a version of an object; None where it is no more."""
    if version.startswith("etag:"):  # it can be read only while it is the current one
        found = find_current(loader.s3, bucket, key)
        return found if found is not None and found.version == version else None
    return find_version(loader.s3, bucket, key, version)
