"""Date and time formats in strptime's directives, compiled to SQL that writes a cell in ISO 8601.

The SQL never decides by itself: what it writes is matched against the ISO pattern, so the calendar holds for every
format. Numbers have their full width, or one digit where a neighbour that is no digit shows where they end. Names
are English, in any case. Everything else must be written as the format has it, white space included.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from penstock.compile.fields import refuse
from penstock.compile.patterns import escaped
from penstock.compile.sql import let, literal, literals, matches
from penstock.contract.model import FieldModel

_MONTHS: Final = (
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
)  # fmt: skip
_DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

_WIDTHS: Final = {"Y": 4, "m": 2, "d": 2, "H": 2, "M": 2, "S": 2}
"""Directives that are digits of one width: their cells are taken apart by position, which is four times as fast."""
_DIGITS: Final = {"Y": "[0-9]{4}", "y": "[0-9]{2}", "f": "[0-9]{1,6}", "j": "[0-9]{1,3}"}
_TWO_DIGITS: Final = frozenset("mdHIMS")
_NAMES: Final = {
    "b": "[A-Za-z]{3}",
    "B": "[A-Za-z]{3,9}",
    "a": "[A-Za-z]{3}",
    "A": "[A-Za-z]{6,9}",
    "p": "[AaPp][Mm]",
    "z": "Z|[+-][0-9]{2}:?[0-9]{2}",
}
_ALIASES: Final = {"e": "d", "h": "b"}
_SAME_PART: Final = ("Yy", "mbB", "HI", "aA")

_DATE_DIRECTIVES: Final = frozenset("YymdbBjaA")
_TIME_DIRECTIVES: Final = frozenset("HIMSfpz")


@dataclass(frozen=True, slots=True)
class Token:
    """A directive (its letter) or literal text."""

    directive: str | None
    text: str


def compile_format(cell: str, field: FieldModel) -> str:
    """Write the SQL of a cell in ISO 8601, by the field's format; other cells become text that is not ISO.

    Raises :class:`~penstock.errors.ContractError`, naming the field, for a format that can't be used.
    """
    tokens = _read(field)
    _check(field, tokens)
    general = _by_extraction(cell, tokens, field.type)
    fixed = _by_position(cell, tokens, field.type)
    return general if fixed is None else f"CASE WHEN {fixed[0]} THEN {fixed[1]} ELSE {general} END"


def _read(field: FieldModel) -> list[Token]:
    tokens: list[Token] = []
    for found in re.finditer(r"%(.?)|[^%]+", field.format, re.DOTALL):
        written: str | None = found[1]
        directive = written if written is None else _ALIASES.get(written, written)
        if directive is None:
            tokens.append(Token(None, found[0]))
        elif directive == "%":
            tokens.append(Token(None, "%"))
        elif directive and directive in _DATE_DIRECTIVES | _TIME_DIRECTIVES:
            tokens.append(Token(directive, found[0]))
        else:
            raise refuse(
                field,
                f"the format's directive %{directive} is not supported; there are %Y %y %m %d %e %b %h %B %j %a %A"
                " %H %I %p %M %S %f %z and %%",
            )
    return tokens


def _check(field: FieldModel, tokens: list[Token]) -> None:
    if field.format == "any":
        raise refuse(
            field, "the format `any` would guess; write the format in strptime's directives, like `%d/%m/%Y`"
        )
    letters = [token.directive for token in tokens if token.directive]
    for part in (*_SAME_PART, *sorted(_DATE_DIRECTIVES | _TIME_DIRECTIVES)):
        if sum(letter in part for letter in letters) > 1:
            raise refuse(field, f"the format has %{' or %'.join(part)} more than once")
    has = frozenset(letters)
    if field.type == "date" and has & _TIME_DIRECTIVES:
        raise refuse(
            field, "the format has directives of a time, which a date would drop; use the type datetime"
        )
    if field.type == "time" and has & _DATE_DIRECTIVES:
        raise refuse(
            field, "the format has directives of a date, which a time would drop; use the type datetime"
        )
    by_month = "j" not in has and "d" in has and has & set("mbB")
    by_number = "j" in has and not has & set("mbBd")
    if field.type != "time" and not (has & set("Yy") and (by_month or by_number)):
        raise refuse(field, "the format needs a year, a month and a day (or the day of the year, %j)")
    if field.type != "date" and not has & set("HI") and (field.type == "time" or has & _TIME_DIRECTIVES):
        raise refuse(field, "the format needs an hour (%H, or %I with %p)")
    if ("I" in has) != ("p" in has):
        raise refuse(field, "the format needs %I and %p together")
    if ("S" in has and "M" not in has) or ("f" in has and "S" not in has):
        raise refuse(field, "the format has a smaller part of the time without the larger one")


def _by_position(cell: str, tokens: list[Token], kind: str) -> tuple[str, str] | None:
    """Give the condition and the text for cells of fixed widths, None where the format has none."""
    pattern, position, parts = "", 1, {}
    for number, token in enumerate(tokens):
        if token.directive is None:
            pattern += escaped(token.text)
            position += len(token.text)
        elif token.directive == "f" and number == len(tokens) - 1:
            pattern += _DIGITS["f"]
            parts["f"] = f"substr({cell}, {position})"
        elif token.directive in _WIDTHS:
            width = _WIDTHS[token.directive]
            pattern += f"[0-9]{{{width}}}"
            parts[token.directive] = f"substr({cell}, {position}, {width})"
            position += width
        else:
            return None
    return matches(cell, pattern), _iso(parts, kind)


def _by_extraction(cell: str, tokens: list[Token], kind: str) -> str:
    """Give the text for cells whose parts one regular expression finds."""
    pattern = ""
    directives = [token.directive for token in tokens if token.directive]
    for number, token in enumerate(tokens):
        if token.directive is None:
            pattern += escaped(token.text)
        else:
            pattern += f"({_part_pattern(tokens, number)})"
    groups = literals(f"g{number}" for number in range(len(directives)))  # DuckDB's names know no case
    parts = {letter: f"part.g{number}" for number, letter in enumerate(directives)}
    if "m" not in parts and "j" not in parts:
        names, name = (_MONTHS, parts["B"]) if "B" in parts else (None, parts.get("b"))
        if name is not None:
            parts["m"] = _month(name, names or tuple(month[:3] for month in _MONTHS))
    for letter in _TWO_DIGITS & set(parts) - {"I"}:
        if letter in directives:
            parts[letter] = f"lpad({parts[letter]}, 2, '0')"
    if "y" in parts:
        # POSIX: 69 to 99 are 1969 to 1999, 00 to 68 are 2000 to 2068. Who writes %y says so.
        parts["Y"] = f"concat(CASE WHEN {parts['y']} >= '69' THEN '19' ELSE '20' END, {parts['y']})"
    if "I" in parts:
        noon = f"CASE WHEN lower({parts['p']}) = 'pm' THEN 12 ELSE 0 END"
        parts["H"] = f"lpad(CAST(TRY_CAST({parts['I']} AS INTEGER) % 12 + {noon} AS VARCHAR), 2, '0')"
    body = _iso(parts, kind)
    if parts.keys() & {"a", "A"}:
        body = let("iso", body, _weekday_checked(parts))
    # Where nothing matches, every group is '', which padding would make a midnight.
    body = f"CASE WHEN part.g0 = '' THEN '' ELSE {body} END"
    return let("part", f"regexp_extract({cell}, {literal(f'^{pattern}$')}, [{groups}])", body)


def _part_pattern(tokens: list[Token], number: int) -> str:
    letter = tokens[number].directive or ""
    if letter in _DIGITS:
        return _DIGITS[letter]
    if letter in _NAMES:
        return _NAMES[letter]
    short = "" if _touches_digits(tokens, number) else "?"
    return f"0{short}[1-9]|1[0-2]" if letter == "I" else f"[0-9]{short}[0-9]"


def _touches_digits(tokens: list[Token], number: int) -> bool:
    before = tokens[number - 1] if number else Token(None, "")
    after = tokens[number + 1] if number + 1 < len(tokens) else Token(None, "")
    numeric = _DIGITS.keys() | _TWO_DIGITS
    return (
        before.directive in numeric
        or after.directive in numeric
        or (before.directive is None and before.text[-1:].isdigit())
        or (after.directive is None and after.text[:1].isdigit())
    )


def _month(name: str, names: tuple[str, ...]) -> str:
    return f"lpad(CAST(list_position([{literals(names)}], lower({name})) AS VARCHAR), 2, '0')"


def _weekday_checked(parts: dict[str, str]) -> str:
    """A cell whose day of the week is not its date's says two things; neither is taken."""
    name, names = (parts["A"], _DAYS) if "A" in parts else (parts["a"], tuple(day[:3] for day in _DAYS))
    day = f"list_position([{literals(names)}], lower({name}))"
    return f"CASE WHEN isodow(TRY_CAST(left(iso, 10) AS DATE)) = {day} THEN iso ELSE '' END"


def _iso(parts: dict[str, str], kind: str) -> str:
    date, time = [], []
    if kind != "time":
        if "j" in parts:
            first = f"TRY_CAST(concat({parts['Y']}, '-01-01') AS DATE)"
            day = f"strftime({first} + (TRY_CAST({parts['j']} AS INTEGER) - 1), '%Y-%m-%d')"
            date = [f"CASE WHEN starts_with({day}, {parts['Y']}) THEN {day} END"]
        else:
            date = [parts["Y"], "'-'", parts["m"], "'-'", parts["d"]]
    if kind != "date":
        time = [parts.get("H", "'00'"), "':'", parts.get("M", "'00'"), "':'", parts.get("S", "'00'")]
        if "f" in parts:
            time += ["'.'", parts["f"]]
        if "z" in parts:
            zone = parts["z"]
            time.append(
                f"CASE WHEN {zone} = 'Z' THEN 'Z' ELSE concat(left({zone}, 3), ':', right({zone}, 2)) END"
            )
    between = ["'T'"] if date and time else []
    return f"concat({', '.join([*date, *between, *time])})"
