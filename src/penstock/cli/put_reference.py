"""Putting a file where queries read a reference: into the landing bucket, at the reference's own key."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from penstock.errors import UsageError

if TYPE_CHECKING:
    from penstock.cli.place import Place
    from penstock.contract.model import Contract


@dataclass(frozen=True, slots=True)
class PutReference:
    """A reference's object as it was put. ``prefixes`` are those of the feeds that read it."""

    bucket: str
    key: str
    version: str | None
    prefixes: tuple[str, ...]


def put_reference(place: Place, file: Path, name: str, feed: str | None) -> PutReference:
    """Upload a file to the key of a reference, of the named feed or of the only key that has this name.

    Raises :class:`~penstock.errors.UsageError` where that is none or not clear, and where the file can't be read or is not of the
    key's kind.
    """
    from penstock.stack.connect import explained  # noqa: PLC0415 -- `--help` does not need it

    key, feeds = choose_key(place.project.feeds, name, feed)
    if file.suffix.lower() != PurePosixPath(key).suffix.lower():
        raise UsageError(f"The reference {name} is read from {key}: {file.as_posix()} has another ending.")
    bucket = place.names.landing_bucket
    try:
        with file.open("rb") as body, explained(f"upload {file.as_posix()} to s3://{bucket}/{key}"):
            answer = place.client("s3").put_object(Bucket=bucket, Key=key, Body=body)
    except OSError as error:
        raise UsageError(f"{file.as_posix()} can't be read: {error.strerror}.") from error
    return PutReference(bucket, key, answer.get("VersionId"), tuple(of.source.prefix for of in feeds))


def choose_key(
    contracts: Iterable[Contract], name: str, feed: str | None
) -> tuple[str, tuple[Contract, ...]]:
    """Give the key of a reference, and the feeds that read it there. Raises :class:`~penstock.errors.UsageError` where there is none."""
    read = [of for of in contracts if feed is None or of.name == feed]
    found: dict[str, list[Contract]] = {}
    for of in read:
        if name in of.references:
            found.setdefault(_key(of, name), []).append(of)
    if not found:
        known = sorted({other for of in read for other in of.references})
        verb = "is" if len(known) == 1 else "are"
        there = f"There {verb} {', '.join(known)}." if known else "There is none at all."
        whose = "project's queries have" if feed is None else f"query of {feed} has"
        raise UsageError(f"The {whose} no reference {name}. {there}")
    if len(found) > 1:
        keys = ", ".join(f"{key} ({', '.join(of.name for of in feeds)})" for key, feeds in found.items())
        raise UsageError(f"The reference {name} is at several keys: {keys}. Name the feed with --feed.")
    [(key, feeds)] = found.items()
    return key, tuple(feeds)


def _key(contract: Contract, name: str) -> str:
    reference = contract.references[name]
    if reference.key is None:
        raise UsageError(
            f"The reference {name} of {contract.name} is what the feed {reference.feed} loads: "
            f"penstock put FILE --feed {reference.feed}"
        )
    return reference.key
