"""Translated pieces of an expression, their types, and how pieces of different types are brought together.

Three rules hold everywhere, so that no digit is lost on the way: a whole number is a HUGEINT, a decimal has 38 digits,
and nothing is a floating-point number. DuckDB's own conversions are not relied on, for they round: the common type of
DECIMAL(38,9) and DECIMAL(38,20) is DECIMAL(38,9), and the text 1.5 is the integer 2. Every conversion is written out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import duckdb

from penstock.compile.sql import literal
from penstock.compile.sql_types import (
    FLOATS,
    INTEGERS,
    NAMES,
    Kind,
    ask_failure,
    ask_type,
    kind_of,
    plain_reason,
    scale_of,
)


class RefusedError(Exception):
    """A piece of an expression that is refused; its text is the reason."""


@dataclass(frozen=True, slots=True)
class Term:
    """A translated piece: its SQL (atomic or in parentheses), its DuckDB type, and its value where it is a literal."""

    sql: str
    sql_type: str
    literal: str | int | None = None

    @property
    def kind(self) -> Kind:
        return kind_of(self.sql_type)


NULL: Final = Term("NULL", '"NULL"')

_TEXT_FORMS: Final[dict[str, str]] = {
    "HUGEINT": r"^[+-]?[0-9]+\z",
    "BOOLEAN": r"^(?i:true|false)\z",
    "DATE": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}\z",
    "TIME": r"^[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?\z",
    "TIMESTAMP": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}([ T][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?Z?)?\z",
}
"""What a text must look like to be cast. DuckDB's casts also take 1_000, 0x10, infinity and times with zones."""

_EXPECTED: Final = {
    "BOOLEAN": "true or false",
    "DATE": "a date (2024-12-31)",
    "TIME": "a time (23:59:59)",
    "TIMESTAMP": "a timestamp (2024-12-31 23:59:59)",
    "HUGEINT": "a whole number",
}


def text_literal(text: str) -> Term:
    """Make the term of a text."""
    if not text.isprintable() and any(c == "\0" or "\ud800" <= c <= "\udfff" for c in text):
        raise RefusedError("a text holds a character that is not text")
    return Term(literal(text), "VARCHAR", text)


def integer_literal(value: int) -> Term:
    """Make the term of a whole number; a HUGEINT holds 38 digits."""
    return Term(f"{value}::HUGEINT" if value >= 0 else f"({value})::HUGEINT", "HUGEINT", value)


def apply(build: Callable[..., str], *terms: Term) -> Term:
    """Build SQL from terms, find its type, and widen it.

    Raises :class:`RefusedError` where DuckDB can't do it, or gives a type that expressions don't have.
    """
    shown, operands = [], []
    for index, term in enumerate(terms):
        constant = term.sql if term.literal is not None else "NULL" if term.kind == "null" else None
        shown.append(constant or f"x{index}")
        if constant is None:
            operands.append((f"x{index}", term.sql_type))
    try:
        found = ask_type(build(*shown), tuple(operands))
    except duckdb.Error as error:
        raise RefusedError(plain_reason(error)) from error
    sql = build(*(term.sql for term in terms))
    if found in FLOATS:
        raise RefusedError(
            f"gives a {found}, which loses digits; `+ - * %`, `//` for whole numbers, "
            "and `decimal_division(a, b, 2)` for two decimal places are exact"
        )
    if kind_of(found) == "other":
        raise RefusedError(f"gives a {found}, a type that expressions don't have")
    return widen(Term(sql, found))


def convert(term: Term, sql_type: str) -> Term:
    """Cast a term to a type that holds all its values, or fails on those it does not hold. It is no literal then."""
    if term.sql_type == sql_type:
        return term
    return Term(f"CAST({term.sql} AS {sql_type})", sql_type)


def widen(term: Term) -> Term:
    """Bring whole numbers to HUGEINT and decimals to 38 digits: a product of narrow decimals can be narrow too."""
    scale = scale_of(term.sql_type)
    if scale is not None:
        return convert(term, f"DECIMAL(38,{scale})")
    return convert(term, "HUGEINT") if term.sql_type in INTEGERS else term


def column_term(sql: str, sql_type: str) -> Term:
    """Make the term of a column."""
    simple = re.fullmatch(r'[A-Za-z_]\w*(\.[A-Za-z_]\w*)*|"[^"]+"', sql)
    return widen(Term(sql if simple else f"({sql})", sql_type))


def as_text(term: Term) -> Term:
    """Give a term's text: a number in normal form (1.50 is 1.5), a timestamp in ISO 8601, true or false."""
    if term.kind in ("text", "null"):
        return term
    plain = f"CAST({term.sql} AS VARCHAR)"
    if term.kind == "timestamp":
        return Term(f"replace({plain}, ' ', 'T')", "VARCHAR")
    if scale_of(term.sql_type):
        return Term(f"regexp_replace({plain}, '\\.?0+$', '')", "VARCHAR")
    if term.kind in ("list", "interval"):
        raise RefusedError(f"{NAMES[term.kind]} has no text; a list is joined by array_to_string(x, ',')")
    return Term(plain, "VARCHAR")


def from_text(term: Term, sql_type: str, cast: str = "CAST") -> Term:
    """Cast a text, which must be wholly of the type: a number with more decimal places than the type has is not.

    A text that does not match becomes an empty text, which no cast takes. A literal is tried at once.
    """
    scale = scale_of(sql_type)
    form = _TEXT_FORMS.get(sql_type) if scale is None else rf"^[+-]?[0-9]+(\.[0-9]{{0,{scale}}}0*)?\z"
    assert form is not None, sql_type
    sql = f"{cast}(regexp_extract({term.sql}, {literal(form)}) AS {sql_type})"
    if term.literal is None or cast != "CAST":
        return widen(Term(sql, sql_type))
    if ask_failure(sql):
        raise RefusedError(f"the text {term.sql} is not {_EXPECTED.get(sql_type, 'a number of the type')}")
    return widen(Term(f"CAST({term.sql} AS {sql_type})", sql_type))


def align(terms: Sequence[Term], verb: str) -> list[Term]:
    """Bring terms to one type that loses nothing: what is compared, added or chosen from.

    A text literal beside a date, time or timestamp is read as one. Raises :class:`RefusedError` on a mix of kinds.
    """
    terms = _read_moments(terms)
    kinds = {term.kind for term in terms if term.kind != "null"}
    if kinds == {"date", "timestamp"}:
        return [term if term.kind == "null" else convert(term, "TIMESTAMP") for term in terms]
    if len(kinds) > 1:
        mixed = " and ".join(sorted(NAMES[kind] for kind in kinds))
        raise RefusedError(f"{verb} {mixed}; cast one of them")
    scales = [scale for term in terms if (scale := scale_of(term.sql_type)) is not None]
    if not scales:
        return list(terms)
    common = f"DECIMAL(38,{max(scales)})"
    return [term if term.kind == "null" else convert(term, common) for term in terms]


def _read_moments(terms: Sequence[Term]) -> list[Term]:
    moments = {term.kind for term in terms} & {"date", "timestamp", "time"}
    if len(moments) != 1 and moments != {"date", "timestamp"}:
        return list(terms)
    return [
        _read_moment(term, moments) if term.kind == "text" and isinstance(term.literal, str) else term
        for term in terms
    ]


def _read_moment(term: Term, moments: set[Kind]) -> Term:
    if "time" in moments:
        return from_text(term, "TIME")
    return from_text(term, "DATE" if len(str(term.literal)) == len("2000-01-01") else "TIMESTAMP")
