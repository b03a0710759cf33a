"""Casts: to types that keep every digit, and never by rounding."""

from __future__ import annotations

from typing import Final

from sqlglot import exp

from penstock.compile.sql_types import NAMES, kind_of, scale_of
from penstock.compile.terms import RefusedError, Term, apply, as_text, from_text

_TYPES: Final[dict[exp.DType, str]] = {
    exp.DType.TEXT: "VARCHAR",
    exp.DType.VARCHAR: "VARCHAR",
    exp.DType.BOOLEAN: "BOOLEAN",
    exp.DType.TINYINT: "TINYINT",
    exp.DType.SMALLINT: "SMALLINT",
    exp.DType.INT: "INTEGER",
    exp.DType.BIGINT: "BIGINT",
    exp.DType.INT128: "HUGEINT",
    exp.DType.DATE: "DATE",
    exp.DType.TIME: "TIME",
    exp.DType.TIMESTAMP: "TIMESTAMP",
    exp.DType.TIMESTAMPNTZ: "TIMESTAMP",
}

_BETWEEN: Final = {
    ("boolean", "number"),
    ("date", "timestamp"),
    ("timestamp", "date"),
    ("timestamp", "time"),
}
"""The kinds, besides text and a kind itself, that a cast leads from and to."""


def cast_term(term: Term, to: exp.DataType, *, attempt: bool) -> Term:
    """Cast a term, or with ``attempt`` give NULL where it can't be cast. Raises :class:`RefusedError`."""
    sql_type = _target(to)
    word = "TRY_CAST" if attempt else "CAST"
    kinds = (term.kind, kind_of(sql_type))
    if sql_type == "VARCHAR":
        return (
            Term(as_text(term).sql, "VARCHAR")
            if term.kind != "null"
            else Term("CAST(NULL AS VARCHAR)", "VARCHAR")
        )
    if term.kind == "text":
        return _from_text(term, sql_type, word)
    if (
        kinds[0] != kinds[1]
        and term.kind != "null"
        and (kinds not in _BETWEEN or scale_of(sql_type) is not None)
    ):
        raise RefusedError(f"{NAMES[term.kind]} can't be cast to {sql_type}")
    if (scale_of(term.sql_type) or 0) > (scale_of(sql_type) or 0):
        raise RefusedError(
            f"the cast to {sql_type} would drop digits; round first: `round(x, {scale_of(sql_type) or 0})`"
        )
    return apply(lambda x: f"{word}({x} AS {sql_type})", Term(term.sql, term.sql_type))


def _from_text(term: Term, sql_type: str, word: str) -> Term:
    if kind_of(sql_type) == "number" and scale_of(sql_type) is None and sql_type != "HUGEINT":
        whole = from_text(term, "HUGEINT", word)
        return apply(lambda x: f"{word}({x} AS {sql_type})", whole)
    return from_text(term, sql_type, word)


def _target(to: exp.DataType) -> str:
    if any(to.args.get(key) for key in ("nested", "collate", "values", "settings", "kind")):
        raise RefusedError(f"a cast to {to.sql('duckdb')} can't be used")
    if to.this == exp.DType.DECIMAL:
        return _decimal(to)
    found = _TYPES.get(to.this)
    if found is None or to.expressions:
        hint = "; write `left(x, n)` to shorten" if found == "VARCHAR" else ""
        raise RefusedError(
            f"a cast to {to.sql('duckdb')} can't be used{hint}; the types are VARCHAR, BOOLEAN, INTEGER, BIGINT, "
            "HUGEINT, DECIMAL(p, s), DATE, TIME and TIMESTAMP"
        )
    return found


def _decimal(to: exp.DataType) -> str:
    return "DECIMAL({},{})".format(*read_decimal(to))


def read_decimal(to: exp.DataType) -> tuple[int, int]:
    """Give the precision and the scale of a DECIMAL. Raises :class:`RefusedError` where it can't have them."""
    numbers = [parameter.name for parameter in to.expressions]
    if not 1 <= len(numbers) <= 2 or not all(number.isdecimal() for number in numbers):
        raise RefusedError("write DECIMAL(precision, scale)")
    precision, scale = int(numbers[0]), int(numbers[1]) if len(numbers) == 2 else 0
    if not 1 <= precision <= 38 or scale > precision:
        raise RefusedError("a DECIMAL has a precision of 1 to 38, and a scale within it")
    return precision, scale
