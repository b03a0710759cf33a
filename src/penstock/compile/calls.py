"""Calls of functions: the arguments checked and converted as each function's parameters say."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Final

from penstock.compile.functions import ALLOWED, DATE_PARTS, GROUPS, REFUSED, Parameter
from penstock.compile.sql import literal
from penstock.compile.sql_types import NAMES, Kind, ask_failure, function_kinds, scale_of
from penstock.compile.terms import RefusedError, Term, align, apply, as_text, convert

MAX_WIDTH: Final = 1000
MAX_REPLACEMENT: Final = 100

_IN_32_BITS: Final = frozenset({"to_days", "to_weeks", "to_months", "to_years"})

_KINDS: Final[dict[Parameter, tuple[Kind, ...]]] = {
    "text": ("text",),
    "replacement": ("text",),
    "integer": ("number",),
    "number": ("number",),
    "boolean": ("boolean",),
    "moment": ("date", "timestamp"),
    "clock": ("date", "timestamp", "time"),
    "list": ("list",),
    "list of text": ("list",),
    "text or list": ("text", "list"),
}

_TEXT_LITERALS: Final = ("separator", "pattern", "options", "part", "format")
_NUMBER_LITERALS: Final[dict[Parameter, range]] = {
    "group": range(10),
    "scale": range(-38, 39),
    "width": range(MAX_WIDTH + 1),
}


def call(name: str, terms: Sequence[Term]) -> Term:
    """Translate the call of an allowed function. Raises :class:`RefusedError`."""
    signature = ALLOWED[name]
    if not signature.fits(len(terms)):
        raise RefusedError(f"`{name}` takes ({signature}), not {len(terms)} arguments")
    parameters = [signature.parameter(index) for index in range(len(terms))]
    given = [_argument(name, i, parameters, terms) for i in range(len(terms))]
    same = [i for i, parameter in enumerate(parameters) if parameter == "same"]
    for i, term in zip(same, align([given[i] for i in same], f"`{name}` mixes"), strict=True):
        given[i] = term
    if name in GROUPS["Regular expressions"]:
        _check_pattern(name, given)
    return _exact(name, given)


def refusal(name: str) -> str:
    """Say why a function that is not allowed is refused, with the nearest one that is."""
    if name in REFUSED:
        return f"the function `{name}` can't be used: {REFUSED[name]}"
    kinds = function_kinds(name)
    if kinds & {"aggregate", "window"} and "scalar" not in kinds:
        return f"the function `{name}` can't be used: it needs more than one row"
    if kinds & {"table", "table_macro", "pragma"} and "scalar" not in kinds:
        return f"the function `{name}` can't be used: it reads more than the row"
    near = difflib.get_close_matches(name, ALLOWED, 1, 0.7)
    hint = f"; did you mean `{near[0]}`?" if near else ""
    known = "is not among the functions that can be used" if kinds else "is not known"
    return f"the function `{name}` {known}{hint}"


def _argument(name: str, index: int, parameters: Sequence[Parameter], terms: Sequence[Term]) -> Term:
    parameter, term = parameters[index], terms[index]
    place = f"argument {index + 1} of `{name}`"
    if parameter == "same":
        return term
    if parameter == "any":
        return as_text(term)
    if parameter in _TEXT_LITERALS or parameter in _NUMBER_LITERALS:
        return _literal(place, parameter, term)
    if term.kind == "null":
        return term
    if parameter == "element":
        return _element(place, terms[index - 1], term)
    expected = _KINDS[parameter]
    if term.kind not in expected:
        raise RefusedError(f"{place} is {NAMES[term.kind]}, not {' or '.join(NAMES[k] for k in expected)}")
    if parameter == "list of text" and term.sql_type != "VARCHAR[]":
        raise RefusedError(f"{place} is not a list of text")
    return _integer(name, place, term) if parameter == "integer" else term


def _integer(name: str, place: str, term: Term) -> Term:
    """Give DuckDB its native width: a HUGEINT is no argument for it. What does not fit fails when the row is run."""
    if term.sql_type != "HUGEINT":
        raise RefusedError(f"{place} is not a whole number; write `round(x)` and cast it to integer")
    bits = 32 if name in _IN_32_BITS else 64
    width = "INTEGER" if bits == 32 else "BIGINT"
    if isinstance(term.literal, int) and -(2 ** (bits - 1)) <= term.literal < 2 ** (bits - 1):
        return Term(f"({term.literal})", width, term.literal)
    return convert(Term(term.sql, term.sql_type), width)


def _literal(place: str, parameter: Parameter, term: Term) -> Term:
    allowed = _NUMBER_LITERALS.get(parameter)
    if allowed is not None:
        if not isinstance(term.literal, int) or term.literal not in allowed:
            raise RefusedError(f"{place} must be a number written out, {allowed[0]} to {allowed[-1]}")
        return Term(f"({term.literal})", "INTEGER", term.literal)
    if not isinstance(term.literal, str):
        raise RefusedError(f"{place} must be a text written out")
    if parameter == "part" and term.literal.lower() not in DATE_PARTS:
        near = difflib.get_close_matches(term.literal.lower(), DATE_PARTS, 1)
        raise RefusedError(
            f"{place} is not a part of a date; {'did you mean' if near else 'write one of'} "
            + ", ".join(f"'{part}'" for part in near or sorted(DATE_PARTS))
        )
    return term


def _element(place: str, found: Term, term: Term) -> Term:
    if found.kind == "list" and term.sql_type != found.sql_type.removesuffix("[]"):
        raise RefusedError(f"{place} is not of the type that the list holds")
    return term


def _check_pattern(name: str, terms: Sequence[Term]) -> None:
    """Try a regular expression on an empty text: a wrong one would fail on every row."""
    if len(terms) > 1 and all(term.literal is not None for term in terms[1:]):
        reason = ask_failure(f"{name}('', {', '.join(term.sql for term in terms[1:])})")
        if reason:
            raise RefusedError(f"the regular expression of `{name}` is wrong: {reason}")


def _check_replacement(name: str, terms: Sequence[Term]) -> None:
    """Keep a result within a small multiple of its arguments: the database's own memory limit does not count it."""
    text, replacement = terms[0], terms[2]
    if isinstance(replacement.literal, str):
        if len(replacement.literal) > MAX_REPLACEMENT:
            raise RefusedError(f"the replacement of `{name}` is longer than {MAX_REPLACEMENT} characters")
    elif text.literal is None and replacement.kind != "null":
        raise RefusedError(
            f"the replacement of `{name}` must be a text written out: a cell in place of each match in another cell "
            "can be larger than the memory"
        )


def _exact(name: str, terms: list[Term]) -> Term:
    """Call the function, as it is or, where DuckDB's own would lose or let through something, in an exact form."""
    if name in ("ceil", "ceiling", "floor", "round", "trunc") and terms[0].sql_type == "HUGEINT":
        places = terms[1].literal if len(terms) > 1 else 0
        if isinstance(places, int) and places >= 0:
            return terms[0]
    if name == "decimal_division":
        return _divide(terms)
    if name in ("replace", "regexp_replace"):
        _check_replacement(name, terms)
    if name == "mod":
        terms = align(terms, "`mod` mixes")
    if name in ("strptime", "try_strptime"):
        # These names are timestamps to DuckDB whatever the format says; an empty text follows no format.
        never = literal(r"^\s*[+-]?(infinity|inf|epoch)\s*$")
        terms = [Term(f"regexp_replace({terms[0].sql}, {never}, '', 'i')", "VARCHAR"), terms[1]]
    return apply(lambda *arguments: f"{name}({', '.join(arguments)})", *terms)


def _divide(terms: Sequence[Term]) -> Term:
    """Divide exactly, rounding half to even at the scale asked for.

    DuckDB wants room for every digit: the dividend's digits and the divisor's and the result's scales must fit 38.
    The dividend is cast to what room there is, and a row whose dividend has more digits fails.
    """
    dividend, divisor, scale = terms
    places = int(scale.literal or 0)
    own, other = scale_of(dividend.sql_type) or 0, scale_of(divisor.sql_type) or 0
    room = min(38, 38 - other - places + own)
    if places < 0 or room <= own:
        raise RefusedError("`decimal_division` has no room for so many decimal places")
    return apply(
        lambda a, b, c: (
            f"decimal_division(CAST({a} AS DECIMAL({room},{own})), CAST({b} AS DECIMAL(38,{other})), {c})"
        ),
        dividend,
        divisor,
        scale,
    )
