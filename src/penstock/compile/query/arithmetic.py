"""Arithmetic of numbers, and of dates with days: exact, or it fails, in both engines alike."""

from __future__ import annotations

from typing import Final

from sqlglot import exp

from penstock.compile.query.dialects import Dialect
from penstock.compile.query.terms import Term, cast, make, number_literal
from penstock.compile.query.types import (
    NAMES,
    UNKNOWN,
    common_type,
    decimal,
    digits_of,
    product_type,
    sum_type,
)
from penstock.compile.terms import RefusedError

SYMBOLS: Final[dict[type[exp.Expr], str]] = {exp.Add: "+", exp.Sub: "-", exp.Mul: "*", exp.Mod: "%"}


def negate(term: Term) -> Term:
    """Give a number with the other sign."""
    if term.kind not in ("number", "null"):
        raise RefusedError(f"`-` stands before {NAMES[term.kind]}")
    if isinstance(term.literal, int):
        return number_literal(str(-term.literal))
    return make(term.sql_type, lambda d, x: d.cast(f"(-{x})", term.sql_type), term)


def compute(symbol: str, left: Term, right: Term) -> Term:
    """Add, subtract, multiply, or give the rest of a division, which has the sign of the dividend."""
    kinds = {left.kind, right.kind} - {"null"}
    if not kinds <= {"number"}:
        mixed = " and ".join(NAMES[term.kind] for term in (left, right))
        raise RefusedError(f"`{symbol}` can't be applied to {mixed}")
    if UNKNOWN in (left.sql_type, right.sql_type):
        known = left if right.sql_type == UNKNOWN else right
        if known.sql_type == UNKNOWN:
            raise RefusedError("NULL alone has no type: write `CAST(NULL AS DECIMAL(18, 2))`")
        left, right = cast(left, known.sql_type), cast(right, known.sql_type)
    if symbol == "*":
        found = product_type(left.sql_type, right.sql_type)
        return make(found, lambda d, a, b: d.cast(f"{a} * {b}", found), left, right)
    found = (
        common_type((left.sql_type, right.sql_type), "mixes")
        if symbol == "%"
        else sum_type(left.sql_type, right.sql_type)
    )
    # Both are cast first: what does not fit the result's type fails before it is added, in either engine.
    return make(
        found, lambda d, a, b: d.cast(f"{a} {symbol} {b}", found), cast(left, found), cast(right, found)
    )


def divide(dividend: Term, divisor: Term, places: int) -> Term:
    """Divide exactly, rounding half to even at so many decimal places.

    Neither engine divides decimals exactly, so whole numbers are divided: ``n`` by ``m``, both without a point. Their rest
    is exact in both, and tells how to round the quotient.
    """
    for term in (dividend, divisor):
        if term.kind != "number":
            raise RefusedError(f"`decimal_division` takes numbers, not {NAMES[term.kind]}")
    (p1, s1), (p2, s2) = digits_of(dividend.sql_type), digits_of(divisor.sql_type)
    shift = s2 - s1 + places
    n_type, m_type = decimal(p1 + max(shift, 0), 0), decimal(p2 + max(-shift, 0), 0)
    n = _whole(dividend, s1, max(shift, 0), n_type)
    m = _whole(divisor, s2, max(-shift, 0), m_type)
    digits = min(digits_of(n_type)[0], _quotient_digits(*digits_of(m_type)))
    if places > digits:
        raise RefusedError("`decimal_division` has no room for so many decimal places")
    whole, found = decimal(digits, 0), decimal(digits, places)

    def build(d: Dialect, n: str, m: str) -> str:
        rest = d.cast(f"{n} % {m}", m_type)
        wide = f"(CAST({n} AS DECIMAL(38,0)) - CAST({rest} AS DECIMAL(38,0)))"
        quotient = (
            d.cast(f"{wide} / {m}", whole)
            if d.is_spark
            else f"CAST(CAST({wide} AS HUGEINT) // CAST({m} AS HUGEINT) AS {whole})"
        )
        left = f"(abs({m}) - abs({rest}))"
        sign = f"(CASE WHEN ({n} < 0) = ({m} < 0) THEN 1 ELSE -1 END)"
        up = f"(abs({rest}) > {left} OR (abs({rest}) = {left} AND {d.cast(quotient, whole)} % 2 <> 0))"
        rounded = d.cast(f"{quotient} + CASE WHEN {up} THEN {sign} ELSE 0 END", whole)
        unit = "1" if places == 0 else f"0.{'0' * (places - 1)}1"
        return d.cast(f"{rounded} * CAST('{unit}' AS DECIMAL({places + 1},{places}))", found)

    return make(found, build, n, m)


def _whole(term: Term, scale: int, more: int, sql_type: str) -> Term:
    """Give a number without its point: times ten to its scale, and some more."""
    precision, _ = digits_of(sql_type)
    if scale + more == 0:
        return cast(term, sql_type)
    factor = "1" + "0" * (scale + more)
    if len(factor) > 38:
        raise RefusedError("`decimal_division` has no room for so many decimal places")

    def build(d: Dialect, x: str) -> str:
        # The factor has as many digits as it takes, and the product no more than 38: what is more fails.
        return d.cast(
            f"CAST({x} AS DECIMAL(38,{scale})) * CAST('{factor}' AS DECIMAL({len(factor)},0))",
            f"DECIMAL({precision},0)",
        )

    return make(sql_type, build, term)


def _quotient_digits(precision: int, _: int) -> int:
    """Tell how many digits Spark's quotient has of a number of 38 digits and one of so many, before the point."""
    scale = max(6, precision + 1)
    return 38 - (min(scale, 38) - ((38 + min(scale, 38) - 38) // 2 + 1))
