"""Functions of numbers: exact, with types of their own, in both engines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from penstock.compile.query.arithmetic import compute, divide
from penstock.compile.query.dialects import Dialect
from penstock.compile.query.signatures import Function
from penstock.compile.query.terms import Term, cast, make, number_literal
from penstock.compile.query.types import UNKNOWN, decimal, digits_of
from penstock.compile.terms import RefusedError


def _typed(term: Term) -> Term:
    if term.sql_type == UNKNOWN:
        raise RefusedError("NULL alone has no type: write `CAST(NULL AS DECIMAL(18, 2))`")
    return term


def _abs(terms: Sequence[Term]) -> Term:
    term = _typed(terms[0])
    return make(term.sql_type, lambda d, x: d.cast(f"abs({x})", term.sql_type), term)


def _sign(terms: Sequence[Term]) -> Term:
    found = decimal(1, 0)
    return make(
        found,
        lambda d, x: d.cast(f"CASE WHEN {x} > 0 THEN 1 WHEN {x} < 0 THEN -1 WHEN {x} = 0 THEN 0 END", found),
        _typed(terms[0]),
    )


def _whole(name: str) -> Function:
    def build(terms: Sequence[Term]) -> Term:
        term = _typed(terms[0])
        precision, scale = digits_of(term.sql_type)
        if scale == 0:
            return term
        found = decimal(precision - scale + 1, 0)
        return make(found, lambda d, x: d.cast(f"{name}({x})", found), term)

    return Function(("number",), build)


def _places(term: Term, places: int) -> str | None:
    """Give the type of a number of so many decimal places, and None where it has no more than that."""
    precision, scale = digits_of(term.sql_type)
    return decimal(precision - scale + 1 + places, places) if scale > places else None


def _round(terms: Sequence[Term]) -> Term:
    """Round half away from zero."""
    term, places = _typed(terms[0]), int(terms[1].literal or 0) if len(terms) > 1 else 0
    found = _places(term, places)
    if found is None:
        return term
    return make(found, lambda d, x: d.cast(f"round({x}, {places})", found), term)


def _round_even(terms: Sequence[Term]) -> Term:
    term, places = _typed(terms[0]), int(terms[1].literal or 0)
    return divide(term, number_literal("1"), places) if _places(term, places) is not None else term


def _trunc(terms: Sequence[Term]) -> Term:
    """Leave out decimal places: what is taken away is the rest of a division by the last place that is kept."""
    term, places = _typed(terms[0]), int(terms[1].literal or 0) if len(terms) > 1 else 0
    found = _places(term, places)
    if found is None:
        return term
    unit = "1" if places == 0 else f"0.{'0' * (places - 1)}1"
    _, scale = digits_of(term.sql_type)
    wide = decimal(max(digits_of(term.sql_type)[0], places + 1, scale + 1), scale)

    def build(d: Dialect, x: str) -> str:
        rest = d.cast(f"{x} % {d.number(unit, wide)}", wide)
        return d.cast(d.cast(f"{x} - {rest}", wide), found)

    return make(found, build, cast(term, wide))


def _mod(terms: Sequence[Term]) -> Term:
    return compute("%", terms[0], terms[1])


def _divide(terms: Sequence[Term]) -> Term:
    return divide(_typed(terms[0]), _typed(terms[1]), int(terms[2].literal or 0))


NUMBERS: Final[Mapping[str, Function]] = {
    "abs": Function(("number",), _abs),
    "ceil": _whole("ceil"),
    "ceiling": _whole("ceil"),
    "decimal_division": Function(("number", "number", "n"), _divide),
    "floor": _whole("floor"),
    "mod": Function(("number", "number"), _mod),
    "round": Function(("number", "n"), _round, optional=1),
    "round_even": Function(("number", "n"), _round_even),
    "sign": Function(("number",), _sign),
    "trunc": Function(("number", "n"), _trunc, optional=1),
}
