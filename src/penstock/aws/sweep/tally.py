"""What a sweep found, what it asked of AWS for that, and what that costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

LIST_DOLLARS = 5.0e-6
READ_UNIT_DOLLARS = 0.125e-6
WRITE_UNIT_DOLLARS = 0.625e-6
CALL_DOLLARS = 0.20e-6
GB_SECOND_DOLLARS = 0.0000133334
"""List prices of 2026 in us-east-1: S3's list requests, DynamoDB on demand, and Lambda on arm64."""


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts of a sweep.

    Every object that was ``looked`` at is one of: ``applied``, ``under_way`` (a worker has it), ``queued``, or ``put_off``
    (it has failed so often that not every sweep queues it). ``died`` counts the claims of workers that died, queued apart
    from these. Then what it took: list requests, read and write units of the ledger, requests that queued something and
    their price, seconds, and dollars for all of it.
    """

    looked: int = 0
    applied: int = 0
    under_way: int = 0
    queued: int = 0
    put_off: int = 0
    died: int = 0
    lists: int = 0
    read_units: float = 0.0
    write_units: float = 0.0
    requests: int = 0
    request_dollars: float = 0.0
    seconds: float = 0.0
    gb_seconds: float = 0.0
    calls: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            **{each.name: getattr(self, each.name) + getattr(other, each.name) for each in fields(Tally)}
        )

    @property
    def dollars(self) -> float:
        """What it costs at list prices, apart from the loads that it brings about."""
        return (
            self.lists * LIST_DOLLARS
            + self.read_units * READ_UNIT_DOLLARS
            + self.write_units * WRITE_UNIT_DOLLARS
            + self.request_dollars
            + self.calls * CALL_DOLLARS
            + self.gb_seconds * GB_SECOND_DOLLARS
        )


def read_tally(values: Mapping[str, Any]) -> Tally:
    """Give a tally from its values by name; another version's have others, which are left out."""
    known = {each.name for each in fields(Tally)}
    return Tally(**{name: value for name, value in values.items() if name in known})
