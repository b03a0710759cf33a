"""Calls of scalar functions in a query.

Some both engines compute alike, in the spelling that each wants. The other functions of expressions DuckDB computes, and
Spark is not asked: the query says so, and can't run there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from penstock.compile import calls as rowwise
from penstock.compile.functions import ALLOWED
from penstock.compile.query.choices import CHOICES
from penstock.compile.query.moments import MOMENTS
from penstock.compile.query.numbers import NUMBERS
from penstock.compile.query.signatures import Function
from penstock.compile.query.terms import Term, make
from penstock.compile.query.texts import TEXTS
from penstock.compile.query.types import (
    BOOLEAN,
    DATE,
    INTEGER,
    TEXT,
    TIMESTAMP,
    decimal,
    digits_of,
    is_whole,
)
from penstock.compile.sql_types import scale_of
from penstock.compile.terms import RefusedError
from penstock.compile.terms import Term as RowTerm

GROUPS: Final[Mapping[str, Mapping[str, Function]]] = {
    "Choice": CHOICES,
    "Numbers": NUMBERS,
    "Text": TEXTS,
    "Dates and timestamps": MOMENTS,
}
"""The functions that both engines compute alike."""

SHARED: Final[Mapping[str, Function]] = {
    name: function for group in GROUPS.values() for name, function in group.items()
}

_CASE: Final = "Java changes the case of some letters otherwise"
_PATTERN: Final = "Java reads regular expressions otherwise"
_NAMES: Final = "it is written in other directives"
_REASONS: Final[dict[str, str]] = {
    **dict.fromkeys(("lower", "upper", "lcase", "ucase"), _CASE),
    **dict.fromkeys([name for name in ALLOWED if name.startswith("regexp_")], _PATTERN),
    **dict.fromkeys(("strftime", "strptime", "try_strptime"), _NAMES),
    **dict.fromkeys(
        ("trim", "ltrim", "rtrim"), "without its second argument it takes other blanks; write `trim(x, ' ')`"
    ),
    "reverse": "it keeps characters of several code points together",
}


def call(name: str, terms: Sequence[Term]) -> Term:
    """Translate the call of a function. Raises :class:`RefusedError`."""
    shared = SHARED.get(name)
    if shared is not None and shared.fits(terms):
        return shared.build(terms)
    if name in ALLOWED:
        return _in_duckdb(name, terms)
    if shared is not None:
        raise RefusedError(f"`{name}` takes {shared.takes}")
    raise RefusedError(rowwise.refusal(name))


def _in_duckdb(name: str, terms: Sequence[Term]) -> Term:
    """Call a function as an expression of a row does, in DuckDB alone."""
    found = rowwise.call(name, [_row_term(term) for term in terms])
    sql_type = _query_type(found.sql_type)
    if sql_type is None:
        raise RefusedError(f"`{name}` gives a {found.sql_type}, a type that queries don't have")
    why = _REASONS.get(name, "it is not known to give the same there")
    sql = found.sql if sql_type == found.sql_type else f"CAST({found.sql} AS {sql_type})"
    # DuckDB's text is made already: the terms are only asked what they are made of.
    return make(sql_type, lambda _, *__: sql, *terms, refused=f"`{name}`: {why}")


def _row_term(term: Term) -> RowTerm:
    """Give a term as expressions of a row have it: there, whole numbers are HUGEINTs, and decimals have 38 digits."""
    if term.kind == "null":
        return RowTerm("NULL", '"NULL"')
    if term.kind != "number":
        return RowTerm(term.duckdb, term.sql_type, term.literal)
    if is_whole(term.sql_type):
        literal = term.literal
        sql = (
            f"{literal}::HUGEINT"
            if isinstance(literal, int) and literal >= 0
            else f"CAST({term.duckdb} AS HUGEINT)"
        )
        return RowTerm(sql, "HUGEINT", literal)
    wide = decimal(38, digits_of(term.sql_type)[1])
    return RowTerm(f"CAST({term.duckdb} AS {wide})", wide)


def _query_type(sql_type: str) -> str | None:
    if sql_type == "HUGEINT":
        return INTEGER
    known = sql_type in (TEXT, BOOLEAN, DATE, TIMESTAMP) or scale_of(sql_type) is not None
    return sql_type if known else None
