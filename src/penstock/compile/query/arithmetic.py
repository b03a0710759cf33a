"""Arithmetic of numbers, and of dates with days: exact, or it fails, in both engines alike."""

from __future__ import annotations

from typing import Final

from sqlglot import exp

from penstock.compile.query.dialects import Dialect
from penstock.compile.query.moments import add_days, days_between
from penstock.compile.query.terms import Term, cast, make, number_literal
from penstock.compile.query.types import (
    INTEGER,
    MOST_DIGITS,
    NAMES,
    TEXT,
    UNKNOWN,
    common_type,
    decimal,
    digits_of,
    is_whole,
    product_type,
    sum_type,
)
from penstock.compile.sql_types import ask_failure
from penstock.compile.terms import RefusedError

SYMBOLS: Final[dict[type[exp.Expr], str]] = {
    exp.Add: "+",
    exp.Sub: "-",
    exp.Mul: "*",
    exp.Mod: "%",
    exp.IntDiv: "//",
}


def negate(term: Term) -> Term:
    """Give a number with the other sign."""
    if term.kind not in ("number", "null"):
        raise RefusedError(f"`-` stands before {NAMES[term.kind]}")
    if isinstance(term.literal, int):
        return number_literal(str(-term.literal))
    return make(term.sql_type, lambda d, x: d.cast(f"(-{x})", term.sql_type), term)


def compute(symbol: str, left: Term, right: Term) -> Term:
    """Add, subtract, multiply, divide whole numbers, or give the rest of a division, which has the sign of the dividend."""
    if (moved := _count_days(symbol, left, right)) is not None:
        return moved
    kinds = {left.kind, right.kind} - {"null"}
    if not kinds <= {"number"}:
        mixed = " and ".join(NAMES[term.kind] for term in (left, right))
        raise RefusedError(f"`{symbol}` can't be applied to {mixed}")
    if UNKNOWN in (left.sql_type, right.sql_type):
        known = left if right.sql_type == UNKNOWN else right
        if known.sql_type == UNKNOWN:
            raise RefusedError("NULL alone has no type: write `CAST(NULL AS DECIMAL(18, 2))`")
        left, right = cast(left, known.sql_type), cast(right, known.sql_type)
    if symbol in ("%", "//"):
        _refuse_zero(right)
    if symbol == "//":
        return _divide_whole(left, right)
    if symbol == "*":
        found = product_type(left.sql_type, right.sql_type)
        # Of two numbers of 18 digits or fewer, DuckDB's product has no more than 18.
        wide = cast(left, decimal(MOST_DIGITS, digits_of(left.sql_type)[1]))
        return make(found, lambda d, a, b: d.cast(f"{a} * {b}", found), wide, right)
    found = (
        common_type((left.sql_type, right.sql_type), "mixes")
        if symbol == "%"
        else sum_type(left.sql_type, right.sql_type)
    )
    # Both are cast first: what does not fit the result's type fails before it is added, in either engine.
    return make(
        found, lambda d, a, b: d.cast(f"{a} {symbol} {b}", found), cast(left, found), cast(right, found)
    )


def _count_days(symbol: str, left: Term, right: Term) -> Term | None:
    """Add days to a date, or count them between two; None where it is nothing of that."""
    kinds = (left.kind, right.kind)
    if symbol in "+-" and kinds == ("date", "number"):
        return add_days(symbol, left, right)
    if symbol == "+" and kinds == ("number", "date"):
        return add_days(symbol, right, left)
    return days_between(left, right) if symbol == "-" and kinds == ("date", "date") else None


def _refuse_zero(divisor: Term) -> None:
    if divisor.constant and ask_failure(f"1 % {divisor.duckdb}") is not None:
        raise RefusedError("it always fails: division by zero")


def _divide_whole(left: Term, right: Term) -> Term:
    """Divide whole numbers, towards zero."""
    if not (is_whole(left.sql_type) and is_whole(right.sql_type)):
        raise RefusedError("`//` divides whole numbers only; write `decimal_division(a, b, 2)`")
    found = decimal(_quotient_digits(left.sql_type, right.sql_type), 0)
    return make(found, lambda d, n, m: _quotient(d, n, m, right.sql_type, found), left, right)


def divide(dividend: Term, divisor: Term, places: int) -> Term:
    """Divide exactly, rounding half to even at so many decimal places.

    Neither engine divides decimals exactly, so whole numbers are divided: ``n`` by ``m``, both without a point. Their rest
    is exact in both, and tells how to round the quotient.
    """
    for term in (dividend, divisor):
        if term.kind != "number":
            raise RefusedError(f"`decimal_division` takes numbers, not {NAMES[term.kind]}")
    _refuse_zero(divisor)
    (p1, s1), (p2, s2) = digits_of(dividend.sql_type), digits_of(divisor.sql_type)
    shift = s2 - s1 + places
    n_type, m_type = decimal(p1 + max(shift, 0), 0), decimal(p2 + max(-shift, 0), 0)
    n = _whole(dividend, s1, max(shift, 0), n_type)
    m = _whole(divisor, s2, max(-shift, 0), m_type)
    digits = _quotient_digits(n_type, m_type)
    if places > digits:
        raise RefusedError("`decimal_division` has no room for so many decimal places")
    whole, found = decimal(digits, 0), decimal(digits, places)

    def build(d: Dialect, n: str, m: str) -> str:
        quotient = _quotient(d, n, m, m_type, whole)
        rest = f"abs({n} % {m})"
        left = f"(abs({m}) - {rest})"
        sign = f"CASE WHEN ({n} < 0) = ({m} < 0) THEN 1 ELSE -1 END"
        up = f"{rest} > {left} OR ({rest} = {left} AND {quotient} % 2 <> 0)"
        rounded = d.cast(f"{quotient} + CASE WHEN {up} THEN {sign} ELSE 0 END", whole)
        unit = "1" if places == 0 else f"0.{'0' * (places - 1)}1"
        return d.cast(f"{rounded} * {d.number(unit, decimal(places + 1, places))}", found)

    return make(found, build, n, m)


def _quotient(d: Dialect, n: str, m: str, m_type: str, found: str) -> str:
    """Write the whole quotient of two whole numbers. What is divided in Spark leaves no rest, so that nothing is rounded."""
    if not d.is_spark:
        return d.cast(f"CAST({n} AS HUGEINT) // CAST({m} AS HUGEINT)", found)
    even = f"(CAST({n} AS DECIMAL(38,0)) - CAST({n} % {m} AS DECIMAL(38,0)))"
    return d.cast(f"{even} / CAST({m} AS {m_type})", found)


def _quotient_digits(n_type: str, m_type: str) -> int:
    """Tell how many digits a quotient has room for: Spark's has places behind the point, the more the longer the divisor is."""
    scale = min(max(6, digits_of(m_type)[0] + 1), MOST_DIGITS)
    return min(digits_of(n_type)[0], MOST_DIGITS - (scale - (scale // 2 + 1)))


def _whole(term: Term, scale: int, more: int, sql_type: str) -> Term:
    """Give a number without its point, and so many zeros more: of 1.50 and none it is 150."""
    if scale + more == 0:
        return cast(term, sql_type)
    if more > MOST_DIGITS - 1:
        raise RefusedError("`decimal_division` has no room for so many decimal places")
    precision, _ = digits_of(term.sql_type)
    factor = "1" + "0" * more

    def build(d: Dialect, x: str) -> str:
        # By its text: as a product, a number of 38 digits would need room for its decimal places twice.
        digits = d.cast(f"replace({d.cast(x, TEXT)}, '.', '')", decimal(precision, 0)) if scale else x
        if not more:
            return d.cast(digits, sql_type)
        wide = d.cast(digits, INTEGER)
        return d.cast(f"{wide} * {d.number(factor, decimal(more + 1, 0))}", sql_type)

    return make(sql_type, build, term)
