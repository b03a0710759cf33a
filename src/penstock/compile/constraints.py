"""The constraints of a field (Table Schema, "Field Constraints") as SQL over the canonical text ``t<i>``.

Each check is TRUE where the constraint is broken and NULL where the cell is missing or not of its type. ``required``
and ``unique`` are not of one valid cell and are seen to elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from penstock.compile import composites, ordering
from penstock.compile.fields import FieldCheck, refuse
from penstock.compile.literals import canonical_literal
from penstock.compile.sql import literals, matches
from penstock.contract.model import Category, FieldModel

_ORDERED: Final = frozenset(("integer", "number", "year", "yearmonth", "date", "time", "datetime"))
_MESSAGES: Final = {
    "minimum": "is below the minimum",
    "maximum": "is above the maximum",
    "exclusiveMinimum": "is not above the exclusive minimum",
    "exclusiveMaximum": "is not below the exclusive maximum",
}
_NAMED_VALUES: Final = 10
"""A longer enumeration is counted in messages, not listed."""


def compile_checks(index: int, field: FieldModel, *, plain: bool = False) -> tuple[FieldCheck, ...]:
    """Compile the constraints of one valid cell, in the order in which Table Schema lists them.

    With ``plain`` the cell is a plain one (:class:`~penstock.compile.fields.Plain`), which less need be asked of.

    Raises :class:`~penstock.errors.ContractError`, naming the field, for a constraint that its type has not, or a
    limit that is no value of the type.
    """
    text = f"t{index}"
    return (
        *_lengths(field, text),
        *_limits(field, text, plain),
        *_pattern(field, text),
        *_enums(field, text),
    )


def _lengths(field: FieldModel, text: str) -> Iterator[FieldCheck]:
    least, most = field.constraints.min_length, field.constraints.max_length
    if least is None and most is None:
        return
    counts: dict[str, tuple[str, Callable[[], str]]] = {
        "string": ("characters", lambda: f"length({text})"),
        "list": ("members", lambda: f"len({composites.members(field, text)})"),
        "array": ("members", lambda: f"json_array_length({text})"),
        "object": ("members", lambda: f"len(json_keys({text}))"),
    }
    if field.type not in counts:
        raise refuse(field, f"the type {field.type} has no length to constrain; {', '.join(counts)} have one")
    unit, count = counts[field.type]
    if least is not None:
        yield FieldCheck(f"is shorter than the minimum length of {least} {unit}", f"{count()} < {least}")
    if most is not None:
        yield FieldCheck(f"is longer than the maximum length of {most} {unit}", f"{count()} > {most}")


def _limits(field: FieldModel, text: str, plain: bool) -> Iterator[FieldCheck]:
    constraints = field.constraints
    limits = {
        "minimum": constraints.minimum,
        "maximum": constraints.maximum,
        "exclusiveMinimum": constraints.exclusive_minimum,
        "exclusiveMaximum": constraints.exclusive_maximum,
    }
    for name, written in limits.items():
        if written is None:
            continue
        if field.type == "duration":
            raise refuse(
                field, f"`{name}`: durations have no order (a month is longer than some 30 days, not all)"
            )
        if field.type not in _ORDERED:
            raise refuse(field, f"`{name}`: the type {field.type} has no order")
        limit = canonical_literal(field, written)
        below = name in {"minimum", "exclusiveMinimum"}
        order = ordering.below if below else ordering.above
        kind = f"plain {field.type}" if plain and field.type in {"integer", "number"} else field.type
        bad = order(text, limit, kind, or_equal=name.startswith("exclusive"))
        yield FieldCheck(f"{_MESSAGES[name]} {written}", bad)


def _pattern(field: FieldModel, text: str) -> Iterator[FieldCheck]:
    pattern = field.constraints.pattern
    if pattern is None:
        return
    if field.type != "string":
        raise refuse(field, f"`pattern` is for strings, not for the type {field.type}")
    yield FieldCheck(f"does not match the pattern {pattern}", f"NOT {matches(text, pattern)}")


def _enums(field: FieldModel, text: str) -> Iterator[FieldCheck]:
    if field.constraints.enum is not None:
        yield _one_of(field, text, field.constraints.enum, "enumerated values")
    if field.categories is not None:
        values = tuple(c.value if isinstance(c, Category) else c for c in field.categories)
        yield _one_of(field, text, values, "categories")


def _one_of(field: FieldModel, text: str, values: tuple[str | bool, ...], what: str) -> FieldCheck:
    known = [canonical_literal(field, value) for value in values]
    if field.type in {"time", "datetime"}:
        bad = ordering.not_among(text, known, field.type)
    else:
        bad = f"{text} NOT IN ({literals(known)})"
    listed = ", ".join(str(value).lower() if isinstance(value, bool) else value for value in values)
    return FieldCheck(
        f"is not one of the {what} {listed if len(values) <= _NAMED_VALUES else f'({len(values)})'}", bad
    )
