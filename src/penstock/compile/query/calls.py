"""Calls of scalar functions in a query: those that both engines compute alike, and those that DuckDB alone is asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from penstock.compile.calls import refusal
from penstock.compile.functions import ALLOWED, REFUSED
from penstock.compile.query.terms import Term, align, compare, make
from penstock.compile.terms import RefusedError

Call = Callable[[Sequence[Term]], Term]


def _coalesce(terms: Sequence[Term]) -> Term:
    aligned = align(terms, "`coalesce` mixes")
    return make(aligned[0].sql_type, lambda _, *xs: f"coalesce({', '.join(xs)})", *aligned)


def _nullif(terms: Sequence[Term]) -> Term:
    equal = compare("=", *terms)
    return make(
        terms[0].sql_type, lambda _, x, same: f"(CASE WHEN {same} THEN NULL ELSE {x} END)", terms[0], equal
    )


CALLS: Final[dict[str, tuple[int, int, Call]]] = {
    "coalesce": (1, 1000, _coalesce),
    "ifnull": (2, 2, _coalesce),
    "nullif": (2, 2, _nullif),
}


def _refusal(name: str) -> str:
    if name in ALLOWED and name not in REFUSED:
        return f"the function `{name}` can't be used in a query, only in expressions of a row: put it into `transform.set`"
    return refusal(name)


def call(name: str, terms: Sequence[Term]) -> Term:
    """Translate the call of a function. Raises :class:`RefusedError`."""
    if name not in CALLS:
        raise RefusedError(_refusal(name))
    least, most, build = CALLS[name]
    if not least <= len(terms) <= most:
        wanted = str(least) if least == most else f"{least} to {most}" if most < 1000 else f"{least} or more"
        raise RefusedError(f"`{name}` takes {wanted} arguments, not {len(terms)}")
    return build(terms)
