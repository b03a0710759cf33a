"""Binding: from a file's header to the contract's fields, as ``fieldsMatch`` says.

https://datapackage.org/standard/table-schema/#fieldsMatch
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from penstock import verdicts
from penstock.errors import DataError
from penstock.plan.model import Plan

MOST_COLUMNS = 5_000
"""Columns that a file can have. DuckDB reads 2,048 rows at a time, at some 100 bytes a cell."""


@dataclass(frozen=True, slots=True)
class Binding:
    """Which field each column holds: its index in :attr:`Plan.fields`, or None for an undeclared column."""

    columns: tuple[int | None, ...]
    undeclared: tuple[str, ...] = ()

    @property
    def width(self) -> int:
        """The number of cells due in every record."""
        return len(self.columns)


def bind_by_order(plan: Plan) -> Binding:
    """Bind the columns of a file without a header: one for each field, in the contract's order."""
    return Binding(tuple(range(len(plan.fields))))


def bind_header(plan: Plan, labels: Sequence[str]) -> Binding:
    """Bind the columns of a header. Raises :class:`DataError` with a code of its own for each way not to match."""
    if not labels or (len(labels) == 1 and not labels[0]):
        raise DataError(
            verdicts.BLANK_HEADER, "the header is an empty line: the first line must name the columns"
        )
    if len(labels) > MOST_COLUMNS:
        raise DataError(
            verdicts.EXTRA_LABEL,
            f"the header has {len(labels)} columns, and {MOST_COLUMNS} are the most that memory is kept for",
        )
    names = [_fold(plan, field.name) for field in plan.fields]
    found = [_fold(plan, label) for label in labels]
    _refuse_strangers(plan, names, found)
    _refuse_unusable(labels, found)
    if plan.fields_match == "exact":
        return _bind_exactly(plan, labels, names, found)
    places = {name: i for i, name in enumerate(names)}
    columns = tuple(places.get(label) for label in found)
    undeclared = tuple(label for label, place in zip(labels, columns, strict=True) if place is None)
    there = set(found)
    missing = [field.name for field, name in zip(plan.fields, names, strict=True) if name not in there]
    if undeclared and plan.fields_match in ("equal", "superset"):
        raise DataError(
            verdicts.EXTRA_LABEL,
            f"the header has {_list(undeclared)}, which the contract does not declare: "
            "declare it, or set `fieldsMatch: subset`",
        )
    _refuse_missing(plan, missing)
    return Binding(columns, undeclared)


def _fold(plan: Plan, label: str) -> str:
    return label if plan.dialect.case_sensitive_header else label.casefold()


def _list(labels: Sequence[str]) -> str:
    shown = ", ".join(f'"{label[:80]}"' for label in labels[:5])
    return shown if len(labels) <= 5 else f"{shown} and {len(labels) - 5} more"


def _refuse_strangers(plan: Plan, names: Sequence[str], found: Sequence[str]) -> None:
    """Refuse a header without a single name of the contract, and don't quote it: it may well be the first row.

    That comes before anything else is said of it, such as that a name is there twice. One without any name is left to that.
    """
    if any(found) and set(names).isdisjoint(found):
        codes = {
            "exact": verdicts.INCORRECT_LABEL,
            "equal": verdicts.EXTRA_LABEL,
            "superset": verdicts.EXTRA_LABEL,
        }
        raise DataError(
            codes.get(plan.fields_match, verdicts.MISSING_LABEL),
            "the header has none of the contract's fields: does the file have a header, and is the delimiter right? "
            "A file without one needs `dialect: {header: false}`",
        )


def _refuse_unusable(labels: Sequence[str], found: Sequence[str]) -> None:
    first: dict[str, int] = {}
    for number, label in enumerate(found):
        if not label:
            raise DataError(verdicts.BLANK_LABEL, f"column {number + 1} of the header has no name: name it")
        if first.setdefault(label, number) != number:
            raise DataError(
                verdicts.DUPLICATE_LABEL,
                f"columns {first[label] + 1} and {number + 1} of the header are both named {_list([labels[number]])}",
            )


def _bind_exactly(plan: Plan, labels: Sequence[str], names: Sequence[str], found: Sequence[str]) -> Binding:
    for number, (label, name) in enumerate(zip(found, names, strict=False)):
        if label != name:
            raise DataError(
                verdicts.INCORRECT_LABEL,
                f"column {number + 1} of the header is {_list([labels[number]])} where the contract has "
                f'"{plan.fields[number].name}": mend the file, or {_loosen(set(names), set(found))}',
            )
    if len(found) < len(names):
        _refuse_missing(plan, [field.name for field in plan.fields[len(found) :]])
    if len(found) > len(names):
        raise DataError(
            verdicts.EXTRA_LABEL,
            f"the header has {_list(labels[len(names) :])} after the contract's last field: "
            "declare it, or set `fieldsMatch: subset`",
        )
    return Binding(tuple(range(len(names))))


def _loosen(names: set[str], found: set[str]) -> str:
    """Name what would let such a header pass: of the ways to match that it satisfies, the narrowest."""
    if names == found:
        return "set `fieldsMatch: equal` if the order is free"
    if names < found:
        return "set `fieldsMatch: subset` if it may have other columns too"
    if names > found:
        return "set `fieldsMatch: superset` if it may lack some fields"
    return "set `fieldsMatch: partial` if it may lack some fields and have other columns too"


def _refuse_missing(plan: Plan, missing: Sequence[str]) -> None:
    """A missing field refuses the file, except where ``fieldsMatch`` lets it be absent and it is not required."""
    if plan.fields_match in ("superset", "partial"):
        required = {field.name for field in plan.fields if field.required}
        missing = [name for name in missing if name in required]
    if missing:
        raise DataError(
            verdicts.MISSING_LABEL, f"the header lacks {_list(missing)}, which the contract declares"
        )
