"""What a column of text holds: the type that all its values match, and what would be a guess.

A pattern must match every value as a whole; one that does not makes the column a string.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

MISSING = ("NA", "N/A", "n/a", "#N/A", "NULL", "null", "NaN", "nan", "None", "none", "-", "\\N", "?")
MAX_DIGITS = 38
FEW = 12

_INTEGER = re.compile(r"[+-]?[0-9]+")
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,2})?")
_COMMA_GROUPS = re.compile(r"[+-]?[0-9]{1,3}(,[0-9]{3})*(\.[0-9]+)?")
_COMMA_DECIMAL = re.compile(r"[+-]?[0-9]+(,[0-9]+)?")
_POINT_GROUPS = re.compile(r"[+-]?[0-9]{1,3}(\.[0-9]{3})*(,[0-9]+)?")
_LEADING_ZERO = re.compile(r"[+-]?0[0-9]+")
_NUMERAL_NAME = re.compile(
    r"(^|[_ .-])(phone|tel|telephone|fax|mobile|zip|zipcode|postal|postcode|plz|ssn|iban|ean|isbn)",
    re.IGNORECASE,
)
_PERSONAL_NAME = re.compile(
    r"(^|[_ .-])(e?mail|phone|mobile|ssn|iban|birth|passport|password|token|secret)", re.IGNORECASE
)
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_DEFAULT_DATETIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})?"
)
_DIRECTIVES = {
    "Y": "[0-9]{4}", "m": "[0-9]{1,2}", "d": "[0-9]{1,2}", "H": "[0-9]{1,2}", "I": "[0-9]{1,2}", "M": "[0-9]{2}",
    "S": "[0-9]{2}", "f": "[0-9]{1,6}", "b": "[A-Za-z]{3}", "p": "[AP]M",
}  # fmt: skip
_DATES = (
    "%Y/%m/%d",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%d.%m.%Y",
    "%d-%m-%Y",
    "%m-%d-%Y",
    "%d %b %Y",
    "%d-%b-%Y",
    "%b %d, %Y",
)
_CLOCKS = ("%H:%M:%S", "%H:%M", "%H:%M:%S.%f", "%I:%M %p", "%I:%M:%S %p")
_DATETIMES = tuple(
    f"{date}{gap}{clock}" for date in ("%Y-%m-%d", *_DATES) for gap in (" ", "T") for clock in _CLOCKS
)
_WORDS = (("true", "false"), ("yes", "no"), ("y", "n"), ("t", "f"))


@dataclass(frozen=True, slots=True)
class Guess:
    """The type of a column with the properties it needs, in the words of Table Schema, and what was unsure."""

    type: str
    properties: Mapping[str, Any] = field(default_factory=dict)
    unsure: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the sample: what a contract would say of it. ``distinct`` counts its values that are not empty."""

    name: str
    guess: Guess
    missing: tuple[str, ...]
    required: bool
    distinct: Mapping[str, int]


def guess_column(name: str, cells: Iterable[str]) -> Column:
    """What a column holds, judged by all its cells."""
    counts = Counter(cells)
    empty = counts.pop("", 0)
    marks = tuple(mark for mark in MISSING if mark in counts)
    without = {value: count for value, count in counts.items() if value not in marks}
    guess = _guess(name, tuple(counts))
    missing: tuple[str, ...] = ()
    if guess.type == "string" and marks and without:
        other = _guess(name, tuple(without))
        if other.type != "string":
            guess, missing = other, marks
            guess = _more(guess, f"{_quoted(marks)} is taken as a missing value")
        else:
            guess = _more(
                guess,
                f"{_quoted(marks)} may be a missing value; if so: missingValues: {_listed(('', *marks))}",
            )
    if missing:
        counts = Counter(without)
    if not counts:
        guess = Guess("string", {}, ("the sample has no value here",))
    guess = _remark(name, guess, counts)
    return Column(name, guess, missing, required=bool(counts) and not empty and not missing, distinct=counts)


def _guess(name: str, values: tuple[str, ...]) -> Guess:
    if not values:
        return Guess("string")
    for find in (_boolean, partial(_numeral, name), _decimal_comma, _date, _datetime, _time, _json):
        found = find(values)
        if found is not None:
            return found
    return Guess("string")


def _boolean(values: tuple[str, ...]) -> Guess | None:
    lowered = {value.lower() for value in values}
    for true, false in _WORDS:
        if lowered != {true, false}:
            continue
        if true == "true" and all(
            value in {"true", "True", "TRUE", "false", "False", "FALSE"} for value in values
        ):
            return Guess("boolean")
        trues = [value for value in sorted(values) if value.lower() == true]
        falses = [value for value in sorted(values) if value.lower() == false]
        return Guess("boolean", {"trueValues": trues, "falseValues": falses})
    return None


def _numeral(name: str, values: tuple[str, ...]) -> Guess | None:
    if not _all(_NUMBER, values):
        return None
    whole = _all(_INTEGER, values)
    if whole and any(_LEADING_ZERO.fullmatch(value) for value in values):
        return Guess("string", {}, ("numerals with leading zeros, which an integer would lose",))
    if _NUMERAL_NAME.search(name) or all(value.startswith("+") and len(value) > 7 for value in values):
        return Guess("string", {}, ("numerals, but by the name not numbers to reckon with",))
    if any(sum(map(str.isdigit, value)) > MAX_DIGITS for value in values):
        return Guess(
            "string", {}, (f"numerals of more than {MAX_DIGITS} digits, which DynamoDB's numbers don't hold",)
        )
    if not whole:
        return Guess("number")
    doubt = ("only 0 and 1: a boolean? then type: boolean",) if set(values) == {"0", "1"} else ()
    return Guess("integer", {}, doubt)


def _decimal_comma(values: tuple[str, ...]) -> Guess | None:
    grouped, decimal = _all(_COMMA_GROUPS, values), _all(_COMMA_DECIMAL, values)
    if grouped and decimal:
        return Guess(
            "string",
            {},
            ("1,234 may be a thousand or a fraction; then type: number with groupChar or decimalChar",),
        )
    if grouped:
        kind = "number" if any("." in value for value in values) else "integer"
        return Guess(kind, {"groupChar": ","})
    if decimal:
        return Guess("number", {"decimalChar": ","})
    if _all(_POINT_GROUPS, values) and any("," in value for value in values):
        return Guess("number", {"decimalChar": ",", "groupChar": "."})
    return None


def _date(values: tuple[str, ...]) -> Guess | None:
    if _all(re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}"), values) and _fits("%Y-%m-%d", values):
        return Guess("date")
    return _by_format("date", _DATES, values)


def _datetime(values: tuple[str, ...]) -> Guess | None:
    if _all(_DEFAULT_DATETIME, values) and _fits_iso(values):
        return Guess("datetime")
    return _by_format("datetime", _DATETIMES, values)


def _time(values: tuple[str, ...]) -> Guess | None:
    if _all(re.compile(r"[0-9]{2}:[0-9]{2}:[0-9]{2}"), values) and _fits("%H:%M:%S", values):
        return Guess("time")
    return _by_format("time", _CLOCKS, values)


def _by_format(kind: str, formats: Iterable[str], values: tuple[str, ...]) -> Guess | None:
    fitting = [form for form in formats if _all(_format_pattern(form), values) and _fits(form, values)]
    if not fitting:
        return None
    doubt = (f"the format could also be {' or '.join(fitting[1:])}",) if len(fitting) > 1 else ()
    return Guess(kind, {"format": fitting[0]}, doubt)


def _format_pattern(form: str) -> re.Pattern[str]:
    pieces = re.split(r"%(.)", form)
    return re.compile(
        "".join(_DIRECTIVES[piece] if odd % 2 else re.escape(piece) for odd, piece in enumerate(pieces))
    )


def _fits(form: str, values: Iterable[str]) -> bool:
    return _never_fails(lambda value: dt.datetime.strptime(value, form), values)


def _fits_iso(values: Iterable[str]) -> bool:
    return _never_fails(dt.datetime.fromisoformat, values)


def _json(values: tuple[str, ...]) -> Guess | None:
    for kind, opening, python in (("object", "{", dict), ("array", "[", list)):
        if all(value.lstrip().startswith(opening) for value in values):
            return Guess(kind) if _never_fails(json.loads, values, python) else None
    return None


def _never_fails(read: Callable[[str], Any], values: Iterable[str], kind: type = object) -> bool:
    try:
        return all(isinstance(read(value), kind) for value in values)
    except (ValueError, RecursionError):
        return False


def _remark(name: str, guess: Guess, counts: Mapping[str, int]) -> Guess:
    """What else may be true of the column, for the person to decide."""
    total = sum(counts.values())
    if guess.type == "string" and counts:
        if (
            len(counts) <= FEW
            and total >= 5 * len(counts)
            and total >= 20
            and all(len(value) <= 40 for value in counts)
        ):
            guess = _more(
                guess, f"few values; if these are all: constraints: {{enum: {_listed(sorted(counts))}}}"
            )
        if _all(_EMAIL, tuple(counts)):
            guess = _more(guess, "e-mail addresses? then format: email checks them")
    if _PERSONAL_NAME.search(name):
        guess = _more(guess, "personal? then sensitive: true keeps it out of logs, displays and rejects")
    return guess


def _more(guess: Guess, doubt: str) -> Guess:
    return Guess(guess.type, guess.properties, (*guess.unsure, doubt))


def _all(pattern: re.Pattern[str], values: Iterable[str]) -> bool:
    return all(pattern.fullmatch(value) for value in values)


def _quoted(values: Iterable[str]) -> str:
    return " or ".join(json.dumps(value) for value in values)


def _listed(values: Iterable[str]) -> str:
    return json.dumps(list(values), ensure_ascii=False)
