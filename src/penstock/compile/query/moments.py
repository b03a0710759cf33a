"""Dates and timestamps: their parts, and arithmetic that stays within the years 0001 to 9999 or fails."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from penstock.compile.query.dialects import Dialect
from penstock.compile.query.signatures import Function
from penstock.compile.query.terms import Term, cast, make
from penstock.compile.query.types import COUNT, DATE, NAMES, TEXT, TIMESTAMP, is_whole
from penstock.compile.terms import RefusedError

Write = Callable[[Dialect, str], str]

_PARTS: Final[Mapping[str, Write]] = {
    "year": lambda _, x: f"year({x})",
    "quarter": lambda _, x: f"quarter({x})",
    "month": lambda _, x: f"month({x})",
    "week": lambda _, x: f"weekofyear({x})",
    "day": lambda _, x: f"day({x})",
    "dayofyear": lambda _, x: f"dayofyear({x})",
    "dayofweek": lambda d, x: f"(dayofweek({x}) - 1)" if d.is_spark else f"dayofweek({x})",
    "isodow": lambda d, x: f"(weekday({x}) + 1)" if d.is_spark else f"isodow({x})",
    "isoyear": lambda d, x: f"extract(YEAROFWEEK FROM {x})" if d.is_spark else f"isoyear({x})",
    "hour": lambda _, x: f"hour({x})",
    "minute": lambda _, x: f"minute({x})",
    "second": lambda _, x: f"second({x})",
}
"""The parts of a moment that both engines have, over a date or, of the clock's, a timestamp."""

_CLOCK: Final = ("hour", "minute", "second")
_TRUNCATED: Final = ("year", "quarter", "month", "week", "day", "hour", "minute", "second")
_UNITS: Final = {"day": 1, "week": 7, "month": 1, "year": 12, "hour": 1, "minute": 1, "second": 1}
_SPARK_UNITS: Final = {"week": "DAY", "year": "MONTH"}
MOST_UNITS: Final = 4_000_000


def part(name: str, term: Term) -> Term:
    """Give a part of a date or a timestamp, as a whole number."""
    write = _PARTS[name]
    moment = cast(term, TIMESTAMP if name in _CLOCK else DATE)
    return make(COUNT, lambda d, x: d.cast(write(d, x), COUNT), moment)


def _date_part(terms: Sequence[Term]) -> Term:
    return part(str(terms[0].literal).lower(), terms[1])


def _date_trunc(terms: Sequence[Term]) -> Term:
    unit = str(terms[0].literal).lower()

    def write(d: Dialect, x: str) -> str:
        # Spark cuts moments of its own time zone, which is UTC, and so nothing is moved on the way there and back.
        return d.cast(f"date_trunc('{unit}', {x})", TIMESTAMP)

    return make(TIMESTAMP, write, cast(terms[1], TIMESTAMP))


def _date_diff(terms: Sequence[Term]) -> Term:
    unit = str(terms[0].literal).lower()
    first, second = (cast(term, DATE) for term in terms[1:])
    if unit == "day":
        return days_between(second, first)

    def months(x: str) -> str:
        return f"year({x})" if unit == "year" else f"(year({x}) * 12 + month({x}))"

    return make(COUNT, lambda d, a, b: d.cast(f"{months(b)} - {months(a)}", COUNT), first, second)


def days_between(later: Term, earlier: Term) -> Term:
    """Give the number of days from one date to another."""
    return make(
        COUNT,
        lambda d, a, b: d.cast(f"datediff({a}, {b})" if d.is_spark else f"({a} - {b})", COUNT),
        later,
        earlier,
    )


def add_days(symbol: str, date: Term, days: Term) -> Term:
    """Add days to a date, or take them away."""
    if days.kind == "number" and not is_whole(days.sql_type):
        raise RefusedError("days are added as a whole number: round it first")
    # Of ten million days no date comes out; more would go around in Spark's arithmetic.
    count = cast(days, "DECIMAL(7,0)")

    def write(d: Dialect, x: str, n: str) -> str:
        number = f"CAST({n} AS INTEGER)"
        return (
            f"date_{'add' if symbol == '+' else 'sub'}({x}, {number})"
            if d.is_spark
            else f"({x} {symbol} {number})"
        )

    return _within_years(make(DATE, write, date, count))


def shift(symbol: str, moment: Term, count: int, unit: str) -> Term:
    """Add an interval to a date or a timestamp, or take it away: a timestamp. The 31st and a month is a month's last day."""
    if moment.kind not in ("date", "timestamp"):
        raise RefusedError(f"an interval is added to a date or a timestamp, not to {NAMES[moment.kind]}")
    if unit not in _UNITS or abs(count) > MOST_UNITS:
        raise RefusedError(
            f"an interval is a number of {', '.join(_UNITS)}s written out, at most {MOST_UNITS:,} of them"
        )

    def write(d: Dialect, x: str) -> str:
        if not d.is_spark:
            return f"({x} {symbol} INTERVAL ({count}) {unit})"
        return f"({x} {symbol} INTERVAL '{count * _UNITS[unit]}' {_SPARK_UNITS.get(unit, unit.upper())})"

    return _within_years(make(TIMESTAMP, write, cast(moment, TIMESTAMP)))


def _within_years(term: Term) -> Term:
    """Fail where a moment is beyond the years that a file can say."""

    def write(d: Dialect, x: str) -> str:
        end = "9999-12-31" if term.sql_type == DATE else "9999-12-31 23:59:59.999999"
        least, most = (d.cast(f"'{text}'", term.sql_type) for text in ("0001-01-01", end))
        # A cast that always fails: DuckDB's error() would make the expression one that windows don't take.
        never = d.cast(f"concat('not of the years 0001 to 9999: ', {d.cast(x, TEXT)})", term.sql_type)
        return f"(CASE WHEN {x} >= {least} AND {x} <= {most} THEN {x} WHEN {x} IS NOT NULL THEN {never} END)"

    return make(term.sql_type, write, term)


def _last_day(terms: Sequence[Term]) -> Term:
    return make(DATE, lambda _, x: f"last_day({x})", cast(terms[0], DATE))


def _make_date(terms: Sequence[Term]) -> Term:
    numbers = [cast(term, "DECIMAL(4,0)") for term in terms]

    def write(_: Dialect, *xs: str) -> str:
        return f"make_date({', '.join(f'CAST({x} AS INTEGER)' for x in xs)})"

    return _within_years(make(DATE, write, *numbers))


class _Unit(Function):
    """A function whose first argument is the name of a unit or a part."""

    __slots__ = ()

    @property
    def takes(self) -> str:
        """What it takes, in words: the units by their names."""
        units = "|".join(f"'{word}'" for word in self.wants[0].split())
        return f"({', '.join([units, *self.wants[1:]])})"

    def fits(self, terms: Sequence[Term]) -> bool:
        """Tell whether the first argument is one of the units, and the others are moments."""
        known = self.wants[0].split()
        moments = terms[1:]
        return (
            len(terms) == len(self.wants)
            and str(terms[0].literal).lower() in known
            and all(term.kind in ("date", "timestamp") for term in moments)
        )


def _part_function(name: str) -> Function:
    return Function(("moment",), lambda terms: part(name, terms[0]))


MOMENTS: Final[Mapping[str, Function]] = {
    **{name: _part_function(name) for name in _PARTS},
    "weekofyear": _part_function("week"),
    "date_diff": _Unit(("day month year", "moment", "moment"), _date_diff),
    "date_part": _Unit((" ".join(_PARTS), "moment"), _date_part),
    "date_trunc": _Unit((" ".join(_TRUNCATED), "moment"), _date_trunc),
    "last_day": Function(("moment",), _last_day),
    "make_date": Function(("whole", "whole", "whole"), _make_date),
}
