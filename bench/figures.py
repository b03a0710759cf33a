"""What the benchmark gives: the table's rows, and the tables and pictures that explain them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.lab import Lab


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured figure. ``reached`` is None where nothing was to reach; ``note`` says how far it goes, or why not."""

    value: str
    reached: bool | None
    note: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Give it as JSON has it."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the table: what is measured, what is to reach, and how to measure it.

    ``measure`` raises :class:`~bench.measure.BenchError` where it can't be measured; that costs this row alone.
    """

    name: str
    part: str
    what: str
    goal: str
    measure: Callable[[Lab], Figure]


@dataclass(frozen=True, slots=True)
class Detail:
    """A table beside the table: measured things, one a row."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    prose: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Give it as JSON has it."""
        return asdict(self)
