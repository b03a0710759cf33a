"""The parts of a plan that are about the table and about whole files: keys, indexes, limits, manifests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class KeyAttribute:
    """A key attribute of the table or of an index: its name and its DynamoDB type."""

    name: str
    type: Literal["S", "N", "B"]


@dataclass(frozen=True, slots=True)
class Index:
    """A global secondary index. ``projection`` is ``ALL``, ``KEYS_ONLY``, or the attributes to include."""

    name: str
    partition: KeyAttribute
    sort: KeyAttribute | None
    projection: Literal["ALL", "KEYS_ONLY"] | tuple[str, ...] = "ALL"


@dataclass(frozen=True, slots=True)
class Table:
    """The table that the stack makes (unless it exists) and the loader writes."""

    name: str
    exists: bool
    partition: KeyAttribute
    sort: KeyAttribute | None
    indexes: tuple[Index, ...]
    ttl: str | None
    stream: str | None
    read_capacity: int | None  # None: on demand
    write_capacity: int | None
    newest_by: str | None = None  # the attribute by which rows of one key compete; see penstock.engine.newest
    revision: int = 0  # of two items of one value, that of the later revision stays


@dataclass(frozen=True, slots=True)
class Quality:
    """When a file is refused as a whole. At most one of the two limits is set."""

    max_reject_count: int | None = None
    max_reject_share: float | None = None  # of read less blank, 0 to 1
    refuse_quote_errors: bool = False


@dataclass(frozen=True, slots=True)
class Manifest:
    """That a manifest of each object's items is kept from one version to the next, so that what did not change is not sent.

    ``deletes`` says that what vanished is deleted. At most one of the two limits is set: a file that lacks more of its
    object's items is refused, as a count or as a share of them, 0 to 1.
    """

    deletes: bool
    max_delete_count: int | None = None
    max_delete_share: float | None = None
