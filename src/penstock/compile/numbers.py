"""Integers and numbers: the cell's own digits, brought to canonical form without a float or a cast.

Ordinary cells are decided and normalised in SQL; those longer than 38 characters or with an exponent go to Python.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from penstock.compile import patterns
from penstock.compile.fields import Plain, refuse
from penstock.compile.patterns import escaped
from penstock.compile.sql import let, literal, matches
from penstock.contract.model import FieldModel
from penstock.engine.canonical import MAX_DIGITS

DEFAULT_DECIMAL: Final = (38, 9)
_SIGN: Final = "[+-]?"
_NOT_AROUND: Final = r"0-9+\-\x{2212}()"
_SHORT: Final = 18
"""Digits that a BIGINT holds, whatever they are."""
_AROUND: Final = f"[^{_NOT_AROUND}]"
"""Text around a number that is not bare: no digit, no sign (U+2212 is the typographer's minus), no parenthesis."""


def bare_text(cell: str, field: FieldModel) -> str:
    """Write the SQL that strips a cell of what ``bareNumber``, ``groupChar`` and ``decimalChar`` allow around digits.

    What they don't allow becomes '', which is no number. Groups are three digits each, or India's two and a last
    three, before the decimal character only. Around a number that is not bare, text may stand that holds no digit,
    sign or parenthesis (``95-`` and ``(95)`` mean -95 to some), a sign before or after the leading text; where the
    leading text ends in the group character, or in a letter before the decimal character, the cell is ambiguous and
    refused.
    """
    text = cell
    if not field.bare_number:
        text = _stripped(text, field)
    if field.group_char:
        text = let("grouped", text, _ungrouped("grouped", field))
    if field.type == "number" and field.decimal_char != ".":
        point = literal(field.decimal_char)
        text = let(
            "pointed",
            text,
            f"CASE WHEN contains(pointed, '.') THEN '' ELSE replace(pointed, {point}, '.') END",
        )
    return text


def _stripped(text: str, field: FieldModel) -> str:
    point = field.decimal_char if field.type == "number" else ""
    marks = "|".join(escaped(mark) for mark in (point, field.group_char or "") if mark)
    mark = f"(?:{marks})?" if marks else ""
    exponent = "(?:[eE][+-]?[0-9]+)?" if field.type == "number" else ""
    excluded = "".join(escaped(character) for character in point + (field.group_char or ""))
    digits = f"[0-9](?:{mark}[0-9])*{exponent}"
    lead = f"(?:{_AROUND}*[^{_NOT_AROUND}{excluded}])?"
    number = f"{lead}({_SIGN}{digits})"
    if point:
        # In `Fr.95` the point may be the abbreviation's.
        number = (
            rf"(?:{number}|(?:{_AROUND}*[^{_NOT_AROUND}{excluded}\pL])?({_SIGN}(?:{escaped(point)}){digits}))"
        )
    pattern = f"(?s)^({_SIGN}){number}{_AROUND}*$"
    groups = r"\1\2\3" if point else r"\1\2"
    return f"regexp_replace({text}, {literal(pattern)}, {literal(groups)})"


def _ungrouped(text: str, field: FieldModel) -> str:
    assert field.group_char
    group = escaped(field.group_char)
    whole = f"(?:[0-9]{{1,3}}(?:{group}[0-9]{{3}})+|[0-9]{{1,2}}(?:{group}[0-9]{{2}})*{group}[0-9]{{3}})"
    tail = ""
    if field.type == "number":
        tail = f"(?:{escaped(field.decimal_char)}[0-9]*)?(?:[eE][+-]?[0-9]+)?"
    grouped = matches(text, f"{_SIGN}{whole}{tail}")
    mark = literal(field.group_char)
    return f"CASE WHEN NOT contains({text}, {mark}) THEN {text} WHEN {grouped} THEN replace({text}, {mark}, '') ELSE '' END"


def is_plain(text: str, integer: bool) -> str:
    """Write the condition that SQL itself decides the number: no exponent, no more characters than digits allowed."""
    pattern = patterns.INTEGER if integer else patterns.DECIMAL
    return f"strlen({text}) <= {MAX_DIGITS} AND {matches(text, pattern)}"


def plain_cell(cell: str, integer: bool) -> Plain:
    """Tell the numbers that are in normal form but for zeros behind the point, and few digits: nearly all there are."""
    short = f"strlen({cell}) <= {_SHORT if integer else MAX_DIGITS}"
    if integer:
        return Plain(f"{short} AND {matches(cell, patterns.PLAIN_INTEGER)}", cell)
    text = f"CASE WHEN ends_with({cell}, '0') AND contains({cell}, '.') THEN rtrim(rtrim({cell}, '0'), '.') ELSE {cell} END"
    return Plain(f"{short} AND {matches(cell, patterns.PLAIN_DECIMAL)}", text)


def needs_codec(text: str, integer: bool) -> str:
    """Write the condition that a cell looks like a number and only Python can tell its digits and range."""
    if integer:
        return f"strlen({text}) > {MAX_DIGITS} AND {matches(text, patterns.INTEGER)}"
    suspect = f"strlen({text}) > {MAX_DIGITS} OR contains({text}, 'e') OR contains({text}, 'E')"
    return f"({suspect}) AND {matches(text, patterns.NUMBER)}"


def may_need_codec(cell: str) -> str:
    """Write a cheap condition that holds wherever :func:`needs_codec` does, over the cell as it is written."""
    return f"strlen({cell}) > {MAX_DIGITS} OR regexp_matches({cell}, '[eE][+-]?[0-9]')"


def plain_text(text: str, integer: bool) -> str:
    """Write the canonical text of a number for which :func:`is_plain` holds. Text in normal form passes unchanged."""
    odd = f"starts_with({text}, '+') OR starts_with({text}, '-0') OR (starts_with({text}, '0') AND {text} <> '0'"
    if integer:
        return f"CASE WHEN {odd}) THEN {_normalised(text, integer=True)} ELSE {text} END"
    odd += f" AND NOT starts_with({text}, '0.')) OR starts_with({text}, '.') OR starts_with({text}, '-.')"
    return (
        f"CASE WHEN {odd} THEN {_normalised(text, integer=False)}"
        f" WHEN (ends_with({text}, '0') OR ends_with({text}, '.')) AND contains({text}, '.')"
        f" THEN rtrim(rtrim({text}, '0'), '.') ELSE {text} END"
    )


def _normalised(text: str, integer: bool) -> str:
    if integer:
        digits = f"ltrim({text}, '+-0')"
        return f"CASE WHEN {digits} = '' THEN '0' WHEN starts_with({text}, '-') THEN concat('-', {digits}) ELSE {digits} END"
    short = f"CASE WHEN contains({text}, '.') THEN rtrim(rtrim({text}, '0'), '.') ELSE {text} END"
    digits = f"ltrim({short}, '+-0')"
    sign = f"CASE WHEN starts_with({text}, '-') THEN '-' ELSE '' END"
    zero = f"CASE WHEN starts_with({digits}, '.') THEN '0' ELSE '' END"
    return f"CASE WHEN {digits} = '' THEN '0' ELSE concat({sign}, {zero}, {digits}) END"


def with_bare(cell: str, bare: str, body: Callable[[str], str]) -> str:
    """Write SQL over a cell's bare number, which is computed once where it is not the cell itself."""
    return body(cell) if bare == cell else let("bare", bare, body("bare"))


def decimal_type(field: FieldModel) -> str:
    """Tell the DECIMAL that a number is in expressions."""
    precision, scale = field.decimal or DEFAULT_DECIMAL
    return f"DECIMAL({precision},{scale})"


def fits_decimal(text: str, field: FieldModel) -> str:
    """Write the condition that a canonical number is held by the field's DECIMAL, digit for digit."""
    precision, scale = field.decimal or DEFAULT_DECIMAL
    whole = f"[0-9]{{1,{precision - scale}}}" if precision > scale else "0"
    fraction = rf"(?:\.[0-9]{{1,{scale}}})?" if scale else ""
    return matches(text, f"-?{whole}{fraction}")


def check_properties(field: FieldModel) -> None:
    """Refuse properties of a number that can't be told apart from digits or from each other.

    Raises :class:`~penstock.errors.ContractError`.
    """
    point = field.decimal_char if field.type == "number" else ""
    for name, mark in (("decimalChar", point), ("groupChar", field.group_char or "")):
        if any(character in "0123456789+-eE" for character in mark):
            raise refuse(field, f"`{name}` can't hold a digit, a sign or an exponent's E")
    if not field.decimal_char:
        raise refuse(field, "`decimalChar` can't be empty")
    if field.type == "number" and field.group_char == field.decimal_char:
        raise refuse(field, "`groupChar` and `decimalChar` must differ")
    precision, scale = field.decimal or DEFAULT_DECIMAL
    if not (1 <= precision <= MAX_DIGITS and 0 <= scale <= precision):
        raise refuse(field, f"`decimal` is [precision, scale], with 0 <= scale <= precision <= {MAX_DIGITS}")
