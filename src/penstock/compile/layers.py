"""SQL in layers: each layer is a SELECT over the one before that adds columns, so that no expression is written twice."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import count

from penstock.plan.model import Check


def all_of(conditions: Iterable[str]) -> str:
    """Join conditions by AND; none is TRUE."""
    return " AND ".join(f"({c})" for c in conditions) or "TRUE"


def any_of(conditions: Iterable[str]) -> str:
    """Join conditions by OR; none is FALSE."""
    return " OR ".join(f"({c})" for c in conditions) or "FALSE"


@dataclass(slots=True)
class Layers:
    """A SELECT that grows outwards from its base."""

    base: str
    layers: list[tuple[tuple[str, str], ...]] = field(default_factory=list)

    def add(self, columns: Iterable[tuple[str, str]]) -> None:
        """Add a layer of columns, each ``(name, expression over the columns so far)``."""
        if layer := tuple(columns):
            self.layers.append(layer)

    @property
    def sql(self) -> str:
        """The SELECT with every column of every layer."""
        return _nest(self.base, self.layers)

    def select(self, outputs: Iterable[str]) -> str:
        """Give the SELECT with the columns that the given SQL speaks of, and those that these are made of.

        The database would leave out the others by itself, but only after it has planned them: that takes longer than
        to run the rest over a thousand rows.
        """
        needed = _names(outputs)
        kept: list[tuple[tuple[str, str], ...]] = []
        for layer in reversed(self.layers):
            mine = tuple((name, expression) for name, expression in layer if name in needed)
            needed |= _names(expression for _, expression in mine)
            kept.append(mine)
        return _nest(self.base, [layer for layer in reversed(kept) if layer])


def _nest(base: str, layers: Iterable[tuple[tuple[str, str], ...]]) -> str:
    sql = base
    for layer in layers:
        listed = ", ".join(f"{expression} AS {name}" for name, expression in layer)
        sql = f"SELECT *, {listed} FROM ({sql})"
    return sql


def _names(texts: Iterable[str]) -> set[str]:
    """Give all that may be a name in SQL. Words within its literals are among them, which does no harm."""
    return {name for text in texts for name in re.findall(r"[a-z_][a-z0-9_]*", text)}


@dataclass(frozen=True, slots=True)
class Fault:
    """A condition under which a row has an error of that ``code``. ``reads`` are the fields that the condition is about."""

    check: int
    condition: str
    reads: frozenset[str]
    code: str


@dataclass(slots=True)
class Faults:
    """The checks of a plan as they are gathered: those of cells, and those of rows that ``where`` keeps.

    ``numbers`` gives their indexes into the plan's checks.
    """

    checks: list[Check] = field(default_factory=list)
    cells: list[Fault] = field(default_factory=list)
    rows: list[Fault] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=count)

    def cell(self, check: Check, condition: str, reads: Iterable[str]) -> None:
        """Add an error that a row has even where ``where`` would have filtered it."""
        self.cells.append(Fault(self._number(check), condition, frozenset(reads), check.code))

    def row(self, check: Check, condition: str, reads: Iterable[str]) -> None:
        """Add an error of a row that was kept."""
        self.rows.append(Fault(self._number(check), condition, frozenset(reads), check.code))

    def _number(self, check: Check) -> int:
        self.checks.append(check)
        return next(self.numbers)


def list_faults(faults: Iterable[Fault]) -> str:
    """Give the SQL of the list of a row's errors, NULL for none, over a column ``b<check>`` for each condition.

    The list is built only for rows that have one. A condition that is unknown is no error: CASE takes only TRUE.
    """
    found = [fault.check for fault in faults]
    if not found:
        return "NULL::INTEGER[]"
    numbers = ", ".join(f"CASE WHEN b{check} THEN {check} END" for check in found)
    any_fault = " OR ".join(f"b{check}" for check in found)
    return f"CASE WHEN {any_fault} THEN list_filter([{numbers}], lambda x: x IS NOT NULL) END"
