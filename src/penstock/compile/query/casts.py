"""Casts of a query: to types that keep every digit, never by rounding, and the same from both engines."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from sqlglot import exp

from penstock.compile.casts import read_decimal
from penstock.compile.query.dialects import Dialect
from penstock.compile.query.terms import Term, cast, make, moment_literal
from penstock.compile.query.types import (
    BOOLEAN,
    DATE,
    INTEGER,
    NAMES,
    TEXT,
    TIMESTAMP,
    UNKNOWN,
    decimal,
    digits_of,
    is_whole,
    kind_of,
)
from penstock.compile.terms import RefusedError, from_text
from penstock.compile.terms import text_literal as text_term

_TYPES: Final[dict[exp.DType, str]] = {
    exp.DType.TEXT: TEXT,
    exp.DType.VARCHAR: TEXT,
    exp.DType.BOOLEAN: BOOLEAN,
    exp.DType.INT: INTEGER,
    exp.DType.BIGINT: INTEGER,
    exp.DType.INT128: INTEGER,
    exp.DType.DATE: DATE,
    exp.DType.TIMESTAMP: TIMESTAMP,
    exp.DType.TIMESTAMPNTZ: TIMESTAMP,
}

_YEAR: Final = "([1-9][0-9]{3}|0[1-9][0-9]{2}|00[1-9][0-9]|000[1-9])"
_FORMS: Final[dict[str, str]] = {
    BOOLEAN: r"^(?i:true|false)\z",
    DATE: rf"^{_YEAR}-[0-9]{{2}}-[0-9]{{2}}\z",
    TIMESTAMP: rf"^{_YEAR}-[0-9]{{2}}-[0-9]{{2}}([ T][0-9]{{2}}:[0-9]{{2}}(:[0-9]{{2}}(\.[0-9]{{1,6}})?)?Z?)?\z",
}
"""What a text must look like to be cast; each engine's own casts take more, and not the same."""


def read_target(to: exp.DataType) -> str:
    """Give the type that a cast leads to. Raises :class:`RefusedError` for one that queries don't have."""
    if to.this == exp.DType.DECIMAL and not any(to.args.get(key) for key in ("nested", "kind")):
        return decimal(*read_decimal(to))
    found = _TYPES.get(to.this)
    if found is None or to.expressions or any(to.args.get(key) for key in ("nested", "kind")):
        raise RefusedError(
            f"a cast to {to.sql('duckdb')} can't be used; the types are VARCHAR, BOOLEAN, INTEGER (of 38 digits), "
            "DECIMAL(p, s), DATE and TIMESTAMP"
        )
    return found


def cast_term(term: Term, sql_type: str) -> Term:
    """Cast a term as the user asks. Raises :class:`RefusedError` where digits would go, or kinds have no way."""
    kinds = (term.kind, kind_of(sql_type))
    if term.sql_type in (UNKNOWN, sql_type):
        return cast(term, sql_type)
    if sql_type == TEXT:
        return _to_text(term)
    if term.kind == "text":
        return _from_text(term, sql_type)
    if kinds == ("number", "number"):
        if digits_of(term.sql_type)[1] > digits_of(sql_type)[1]:
            raise RefusedError(
                f"the cast to {sql_type} would drop digits; round first: `round(x, {digits_of(sql_type)[1]})`"
            )
        return cast(term, sql_type)
    if kinds in (("date", "timestamp"), ("timestamp", "date")):
        return cast(term, sql_type)
    if kinds == ("boolean", "number") and is_whole(sql_type):
        return make(
            sql_type,
            lambda d, x: d.cast(f"CASE WHEN {x} THEN 1 WHEN NOT {x} THEN 0 END", sql_type),
            term,
        )
    raise RefusedError(f"{NAMES[term.kind]} can't be cast to {sql_type}")


def _to_text(term: Term) -> Term:
    """Give a value's text: a number in normal form (1.50 is 1.5), a timestamp in ISO 8601, true or false."""
    if term.kind == "timestamp":
        return make(TEXT, lambda d, x: f"replace({d.cast(x, TEXT)}, ' ', 'T')", term)
    if term.kind != "number" or is_whole(term.sql_type):
        return make(TEXT, lambda d, x: d.cast(x, TEXT), term)
    precision, scale = digits_of(term.sql_type)
    if precision == scale:  # of these DuckDB leaves out the zero before the point
        if scale == 38:
            raise RefusedError("a number without whole digits can't become text; round it first")
        term = cast(term, decimal(precision + 1, scale))

    def build(d: Dialect, x: str) -> str:
        text = d.cast(x, TEXT)
        return f"rtrim('.', rtrim('0', {text}))" if d.is_spark else f"rtrim(rtrim({text}, '0'), '.')"

    return make(TEXT, build, term)


def _from_text(term: Term, sql_type: str) -> Term:
    """Cast a text, which must be wholly of the type. One that is not becomes an empty text, which no cast takes."""
    if isinstance(term.literal, str):
        return _read_literal(term.literal, sql_type)
    form = _FORMS.get(sql_type)
    if form is None:
        _, scale = digits_of(sql_type)
        form = rf"^[+-]?[0-9]+(\.[0-9]{{0,{scale}}}0*)?\z"

    def build(d: Dialect, x: str) -> str:
        text = f"regexp_extract({x}, {d.literal(form)}{', 0' if d.is_spark else ''})"
        if sql_type == TIMESTAMP:
            text = f"replace(replace({text}, 'T', ' '), 'Z', '')"
        return d.cast(text, sql_type)

    return make(sql_type, build, term)


def _read_literal(text: str, sql_type: str) -> Term:
    """Read a text that is written out: one that is not of the type is refused at once."""
    if sql_type in (DATE, TIMESTAMP):
        return moment_literal(text, sql_type)
    from_text(text_term(text), sql_type)
    return replace(make(sql_type, lambda d: d.cast(d.literal(text), sql_type)), constant=True)
