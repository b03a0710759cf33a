"""The report of a run: what became of every record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from penstock import verdicts
from penstock.errors import ConservationError

Status = Literal["done", "rejected", "failed"]


@dataclass(frozen=True, slots=True)
class Counts:
    """Counts of records. Every record is in exactly one of the counts after ``read``."""

    read: int = 0
    loaded: int = 0
    rejected: int = 0
    filtered: int = 0
    superseded: int = 0
    withheld: int = 0
    blank: int = 0

    @property
    def conserved(self) -> bool:
        """Whether the counts add up to what was read."""
        return self.read == (
            self.loaded + self.rejected + self.filtered + self.superseded + self.withheld + self.blank
        )


@dataclass(frozen=True, slots=True)
class ItemCounts:
    """Counts of items written, and of those that needed no write.

    ``kept`` vanished from the object and were not deleted, for among its rejected records are some whose keys can't be told.
    """

    put: int = 0
    deleted: int = 0
    unchanged: int = 0
    outdated: int = 0
    kept: int = 0


def failure_code(error: BaseException) -> str | None:
    """Give the code of a run that failed with an error, if that has one."""
    return verdicts.NOT_CONSERVED if isinstance(error, ConservationError) else None


@dataclass(frozen=True, slots=True)
class Report:
    """What a run did. ``seconds`` is wall time, ``bytes`` the uncompressed bytes of the object.

    ``reason`` is None, or why the file was refused or the run failed, in one sentence; ``code`` is its stable code.
    ``rate_over_time`` gives write units a second, each from a second of the run on. ``chunks`` is in how many parts the
    object was loaded, ``invocations`` how many processes took turns. ``recovered`` lists lines of rows that may be the text of a broken field (the first 1,000; ``recovered_count`` all).

    Of a feed with a query, ``counts`` are the object's records, of which those are ``loaded`` whose rows the query was given;
    ``result`` are the counts of the query's rows, None where it gave none because the object was refused before. ``items`` are made
    of those, and ``errors`` are of both. ``engine`` is what ran the query, ``duckdb`` or ``spark``, and ``engine_reason`` why that one.
    """

    feed: str
    key: str
    status: Status
    counts: Counts
    items: ItemCounts
    errors: Mapping[str, int]
    recovered: tuple[int, ...] = ()
    recovered_count: int = 0
    undeclared: tuple[str, ...] = ()
    code: str | None = None
    reason: str | None = None
    bytes: int = 0
    seconds: float = 0.0
    run: str | None = None
    version: str | None = None
    plan: str | None = None
    write_units: int = 0
    throttled: int = 0
    resent: int = 0
    rate_over_time: tuple[tuple[int, float], ...] = ()
    chunks: int = 1
    invocations: int = 1
    result: Counts | None = None
    engine: str | None = None
    engine_reason: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Give the report as plain JSON types."""
        found = asdict(self)
        return {**{k: v for k, v in found.items() if k != "extra"}, **found["extra"]}
