"""Order of canonical texts: numbers exactly, however many digits they have, and times as moments."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from penstock.compile.sql import literal
from penstock.compile.temporal import finer_than_microseconds, utc_value

_WIDEST: Final = 38
_BIGINT_DIGITS: Final = 18
_WHOLE: Final = frozenset(("integer", "year"))
"""Types whose values a HUGEINT nearly always holds."""
_TEXT_ORDER: Final = frozenset(("date", "yearmonth"))
"""Types whose canonical text has one width, so that its order is theirs."""
_PLAIN: Final = "plain integer"
"""An integer of no more digits than a BIGINT holds."""
_PLAIN_NUMBER: Final = "plain number"
"""A number of which it is enough to say that it may be out of order: then it is looked at again, as one that is not plain."""
_OFFSET: Final = 500
"""Added to a number's exponent (-130 to 125) so that three digits order it."""


def below(text: str, limit: str, kind: str, *, or_equal: bool) -> str:
    """Write the condition that a canonical text is below a limit of its type, or equal where that is asked."""
    if kind in _TEXT_ORDER:
        return f"{text} {'<=' if or_equal else '<'} {literal(limit)}"
    if kind in {"time", "datetime"}:
        moment, edge = utc_value(text, kind), utc_value(literal(limit), kind)
        # The value leaves out what is finer than a microsecond, so that it may equal a limit that the text is above.
        equal = f" OR ({moment} = {edge} AND NOT {finer_than_microseconds(text)})" if or_equal else ""
        return f"({moment} < {edge}{equal})"
    if kind == _PLAIN_NUMBER and limit != "0":
        return _roughly(text, limit, "<=", or_equal)
    if kind == _PLAIN and _fits_integer(limit):
        wide = "BIGINT" if len(limit) <= _BIGINT_DIGITS else "HUGEINT"
        return f"TRY_CAST({text} AS BIGINT) {'<=' if or_equal else '<'} CAST({literal(limit)} AS {wide})"
    exactly = f"NOT ({_above_number(text, limit)})" if or_equal else _below_number(text, limit)
    if kind in {*_WHOLE, _PLAIN} and _fits_integer(limit):
        # Nearly all integers fit a HUGEINT; 1E+60 does not, and is an integer all the same.
        quickly = f"TRY_CAST({text} AS HUGEINT) {'<=' if or_equal else '<'} CAST({literal(limit)} AS HUGEINT)"
        return f"coalesce({quickly}, {exactly})"
    return exactly


def above(text: str, limit: str, kind: str, *, or_equal: bool) -> str:
    """Write the condition that a canonical text is above a limit of its type, or equal where that is asked."""
    if kind == _PLAIN_NUMBER and limit != "0":
        return _roughly(text, limit, ">=", or_equal)
    return f"NOT ({below(text, limit, kind, or_equal=not or_equal)})"


def not_among(text: str, values: Iterable[str], kind: str) -> str:
    """Write the condition that a time or datetime is none of the given moments."""
    edges = ", ".join(utc_value(literal(value), kind) for value in values)
    return f"({utc_value(text, kind)} NOT IN ({edges}) OR {finer_than_microseconds(text)})"


def _roughly(text: str, limit: str, sign: str, or_equal: bool) -> str:
    """Compare DOUBLEs: rounding never turns an order round, only into equality, so that what is in order passes as such
    unless it is that near to the limit.
    """
    near = f"TRY_CAST({text} AS DOUBLE) {sign} CAST({literal(limit)} AS DOUBLE)"
    return near if or_equal else f"({near} AND {text} <> {literal(limit)})"


def _fits_integer(limit: str) -> bool:
    return "E" not in limit and "." not in limit and len(limit.lstrip("-")) <= _WIDEST


def _below_number(text: str, limit: str) -> str:
    return _compared(text, limit, "<", _below_by_digits(text, limit))


def _above_number(text: str, limit: str) -> str:
    return _compared(text, limit, ">", _above_by_digits(text, limit))


def _compared(text: str, limit: str, sign: str, by_digits: str) -> str:
    """Compare by a DOUBLE where it tells; it rounds, and rounding never turns an order round, only into equality."""
    if limit == "0":
        return f"({by_digits})"
    number, edge = f"TRY_CAST({text} AS DOUBLE)", f"CAST({literal(limit)} AS DOUBLE)"
    return (
        f"CASE WHEN {number} <> {edge} THEN {number} {sign} {edge}"
        f" WHEN {text} = {literal(limit)} THEN FALSE ELSE {by_digits} END"
    )


def _below_by_digits(text: str, limit: str) -> str:
    negative = f"starts_with({text}, '-')"
    if limit == "0":
        return negative
    if limit.startswith("-"):
        return f"{negative} AND {_magnitude(text)} > {literal(_magnitude_of(limit))}"
    return f"{negative} OR {_magnitude(text)} < {literal(_magnitude_of(limit))}"


def _above_by_digits(text: str, limit: str) -> str:
    negative = f"starts_with({text}, '-')"
    if limit == "0":
        return f"NOT {negative} AND {text} <> '0'"
    if limit.startswith("-"):
        return f"NOT {negative} OR {_magnitude(text)} < {literal(_magnitude_of(limit))}"
    return f"NOT {negative} AND {_magnitude(text)} > {literal(_magnitude_of(limit))}"


def _magnitude(text: str) -> str:
    """Write a text whose order is that of the number's absolute value: its exponent, then its digits. Zero is ''."""
    number = f"ltrim({text}, '-')"
    mantissa, exponent = f"split_part({number}, 'E', 1)", f"TRY_CAST(split_part({number}, 'E', 2) AS INTEGER)"
    whole, fraction = f"split_part({number}, '.', 1)", f"split_part({number}, '.', 2)"
    digits = f"ltrim({fraction}, '0')"
    mantissa_digits = f"replace({mantissa}, '.', '')"
    return (
        f"CASE WHEN {text} IS NULL THEN NULL WHEN {text} = '0' THEN ''"
        f" WHEN contains({text}, 'E') THEN {_key(exponent, mantissa_digits)}"
        f" WHEN starts_with({number}, '0.') THEN {_key(f'strlen({digits}) - strlen({fraction}) - 1', digits)}"
        f" ELSE {_key(f'strlen({whole}) - 1', f'concat({whole}, {fraction})')} END"
    )


def _key(exponent: str, digits: str) -> str:
    return f"concat(CAST({exponent} + {_OFFSET} AS VARCHAR), rtrim({digits}, '0'))"


def _magnitude_of(limit: str) -> str:
    number = limit.lstrip("-")
    mantissa, _, exponent = number.partition("E")
    whole, _, fraction = mantissa.partition(".")
    if exponent:
        place = int(exponent)
    elif whole == "0":
        place = len(fraction.lstrip("0")) - len(fraction) - 1
    else:
        place = len(whole) - 1
    return f"{place + _OFFSET}{(whole + fraction).strip('0')}"
