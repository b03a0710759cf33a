"""Functions that choose between values of one kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from penstock.compile.query.signatures import Function
from penstock.compile.query.terms import Term, align, compare, condition, make


def _choose(name: str) -> Function:
    def build(terms: Sequence[Term]) -> Term:
        aligned = align(terms, f"`{name}` mixes")
        if len(aligned) == 1:  # Spark's want two at least
            return aligned[0]
        return make(aligned[0].sql_type, lambda _, *xs: f"{name}({', '.join(xs)})", *aligned)

    return Function(("any",), build, repeats=True)


def _ifnull(terms: Sequence[Term]) -> Term:
    return CHOICES["coalesce"].build(terms)


def _nullif(terms: Sequence[Term]) -> Term:
    equal = compare("=", *terms)
    return make(
        terms[0].sql_type, lambda _, x, same: f"(CASE WHEN {same} THEN NULL ELSE {x} END)", terms[0], equal
    )


def _if(terms: Sequence[Term]) -> Term:
    test = condition(terms[0], "`if`")
    values = align(terms[1:], "`if` mixes")
    return make(
        values[0].sql_type, lambda _, test, a, b: f"(CASE WHEN {test} THEN {a} ELSE {b} END)", test, *values
    )


CHOICES: Final[Mapping[str, Function]] = {
    "coalesce": _choose("coalesce"),
    "greatest": _choose("greatest"),
    "if": Function(("boolean", "any", "any"), _if),
    "ifnull": Function(("any", "any"), _ifnull),
    "least": _choose("least"),
    "nullif": Function(("any", "any"), _nullif),
}
