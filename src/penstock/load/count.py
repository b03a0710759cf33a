"""What passes over records count, and how the counts of parts become those of the whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from penstock.engine.decide import RECOVERED_SHOWN, Tally


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was written: items put and deleted, the rows that were loaded, and those that the service refused.

    ``unchanged`` and ``outdated`` count items that needed no write, ``removed`` those that were deleted because they vanished.
    ``errors`` counts what the service refused, by code; ``refused_rows`` are the first of these rows.
    """

    puts: int = 0
    deletes: int = 0
    unchanged: int = 0
    outdated: int = 0
    loaded: int = 0
    refused: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    removed: int = 0
    refused_rows: tuple[int, ...] = ()


DOUBTFUL_KEPT: Final = 10_000
"""Rows that are kept by their numbers because not all of their items are written."""


def add_tallies(tallies: Iterable[Tally]) -> Tally:
    """Add the tallies of parts of a file, in file order. A new one is given, and none is changed."""
    whole = Tally()
    for part in tallies:
        whole.read += part.read
        whole.blank += part.blank
        whole.rejected += part.rejected
        whole.filtered += part.filtered
        whole.superseded += part.superseded
        whole.errors.update(part.errors)
        whole.recovered.extend(part.recovered[: RECOVERED_SHOWN - len(whole.recovered)])
        whole.recovered_count += part.recovered_count
        whole.keyless += part.keyless
    return whole


def add_outcomes(outcomes: Iterable[Outcome]) -> Outcome:
    """Add the outcomes of parts of a file."""
    parts = list(outcomes)
    errors: Counter[str] = Counter()
    for part in parts:
        errors.update(part.errors)
    return Outcome(
        puts=sum(part.puts for part in parts),
        deletes=sum(part.deletes for part in parts),
        unchanged=sum(part.unchanged for part in parts),
        outdated=sum(part.outdated for part in parts),
        loaded=sum(part.loaded for part in parts),
        refused=sum(part.refused for part in parts),
        errors=errors,
        removed=sum(part.removed for part in parts),
        refused_rows=tuple(row for part in parts for row in part.refused_rows)[:DOUBTFUL_KEPT],
    )
