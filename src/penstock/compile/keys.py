"""Keys: from a field or a template to a key attribute's text, its DynamoDB JSON, and what can be wrong with it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from penstock.compile.layers import all_of, any_of
from penstock.compile.rows import Attribute
from penstock.compile.sql import Pieces, literal, text_json
from penstock.contract.model import KeyModel, NamedValue
from penstock.contract.template import Literal as Text
from penstock.contract.template import Placeholder, parse_template
from penstock.errors import ContractError
from penstock.plan.model import KeyAttribute

PARTITION_BYTES = 2048
SORT_BYTES = 1024
_TEXT_BYTES = 64
"""More than the canonical text of a number, a date, a time or a boolean ever has."""
_IN_NUMBERS = "0123456789+-.E"
"""The characters that a number's canonical text can hold: 1.5 and 2 joined by a point would be 1 and 5.2."""


@dataclass(frozen=True, slots=True)
class KeySql:
    """A key attribute. ``absent`` tells that a row has no such key; ``problems`` are (message, condition) of the others.

    ``generated`` is true of a template's attribute, which the row does not have by itself.
    """

    attribute: KeyAttribute
    text: str
    json: Pieces
    absent: str
    problems: tuple[tuple[str, str], ...]
    reads: frozenset[str]
    sound: str
    generated: bool


def compile_key(
    key: KeyModel, path: str, attributes: Mapping[str, Attribute], limit: int = PARTITION_BYTES
) -> KeySql:
    """Compile a key over the attributes of a row, by the names under which they are loaded.

    ``limit`` is the most bytes it may have. Raises :class:`ContractError` for an unknown name or a type no key can have.
    """
    if isinstance(key, NamedValue):
        return _compile_template(key, path, attributes, limit)
    attribute = _attribute(key, path, attributes)
    if attribute.type not in ("S", "N", "B"):
        raise ContractError(
            [
                f"{path}: {key} is loaded as {attribute.type}, and a key is S, N or B: choose another field, or a template"
            ]
        )
    kind = attribute.type
    return KeySql(
        attribute=KeyAttribute(attribute.name, kind),
        text=attribute.text,
        json=attribute.json,
        absent="FALSE" if attribute.certain else f"{attribute.text} IS NULL",
        problems=_size_problems(key, kind, attribute.text, limit),
        reads=attribute.reads,
        sound=attribute.sound,
        generated=False,
    )


def _attribute(name: str, path: str, attributes: Mapping[str, Attribute]) -> Attribute:
    if name not in attributes:
        raise ContractError([f"{path}: there is no attribute {name!r}; there are {', '.join(attributes)}"])
    return attributes[name]


def _size_problems(
    name: str, kind: Literal["S", "N", "B"], text: str, limit: int
) -> tuple[tuple[str, str], ...]:
    if kind == "N":
        return ()
    size = f"strlen({text})" if kind == "S" else f"octet_length(from_base64({text}))"
    return (
        (f"the key {name} is empty", f"{size} = 0"),
        (f"the key {name} is longer than {limit} bytes", f"{size} > {limit}"),
    )


def _compile_template(key: NamedValue, path: str, attributes: Mapping[str, Attribute], limit: int) -> KeySql:
    parts = parse_template(key.value)
    used = [
        _attribute(part.name, f"{path}.value", attributes) for part in parts if isinstance(part, Placeholder)
    ]
    text = f"concat({', '.join(_part_sql(part, attributes) for part in parts)})"
    problems = list(_part_problems(key, path, parts, attributes))
    if _longest(parts, attributes) > limit:
        problems.extend(_size_problems(key.name, "S", text, limit)[1:])
    return KeySql(
        attribute=KeyAttribute(key.name, "S"),
        text=text,
        json=text_json(text),
        absent=any_of(f"{attribute.text} IS NULL" for attribute in used if not attribute.certain),
        problems=tuple(problems),
        reads=frozenset().union(*(attribute.reads for attribute in used)),
        sound=all_of(attribute.sound for attribute in used),
        generated=True,
    )


def _longest(parts: Sequence[Text | Placeholder], attributes: Mapping[str, Attribute]) -> float:
    """Give the most bytes that a template's text can have, infinity where a part is a text of any length."""
    longest = 0.0
    for part in parts:
        if isinstance(part, Text):
            longest += len(part.text.encode())
        elif attributes[part.name].sql_type == "VARCHAR":
            return math.inf
        else:
            longest += max(_TEXT_BYTES, part.width or 0)
    return longest


def _part_sql(part: Text | Placeholder, attributes: Mapping[str, Attribute]) -> str:
    if isinstance(part, Text):
        return literal(part.text)
    text = attributes[part.name].text
    if part.width is None:
        return text
    # As Python's format does: the sign first, then zeros up to the width; a longer number keeps all its digits.
    digits = f"ltrim({text}, '-')"
    sign = f"CASE WHEN starts_with({text}, '-') THEN '-' ELSE '' END"
    return f"concat({sign}, repeat('0', {part.width} - length({text})), {digits})"


def _part_problems(
    key: NamedValue, path: str, parts: tuple[Text | Placeholder, ...], attributes: Mapping[str, Attribute]
) -> list[tuple[str, str]]:
    """Two rows must not share a key by accident of joining: no part holds what ends a part of the template."""
    ends = _ends_of_parts(path, parts)
    problems: list[tuple[str, str]] = []
    for part in parts:
        if not isinstance(part, Placeholder):
            continue
        attribute = attributes[part.name]
        if attribute.sql_type == "VARCHAR":
            empty = f"the key {key.name} has an empty part {part.name}"
            problems.append((empty, f"{attribute.text} = ''"))
        possible = [end for end in ends if attribute.type != "N" or end in _IN_NUMBERS]
        if possible and not key.allow_separator:
            text = _part_sql(part, attributes)
            _refuse_certain(path, part.name, attribute, possible)
            problems.append(
                (
                    f"the key {key.name} has a part {part.name} that holds the template's separator",
                    any_of(f"contains({text}, {literal(end)})" for end in possible),
                )
            )
    return problems


def _refuse_certain(path: str, name: str, attribute: Attribute, ends: Sequence[str]) -> None:
    """A date with a hyphen behind it would make every row a key-error."""
    certain = {"DATE": ("date", "-"), "TIME": ("time", ":"), "TIMESTAMP": ("datetime", "-:T")}
    kind, held = certain.get(attribute.sql_type, ("", ""))
    for end in ends:
        if end in held:
            advice = "choose another separator, or set `allow_separator: true`"
            raise ContractError(
                [f"{path}.value: {name} is a {kind}, and every {kind} holds {end!r}: {advice}"]
            )


def _ends_of_parts(path: str, parts: tuple[Text | Placeholder, ...]) -> tuple[str, ...]:
    """Give the characters that end a part: the first of each text between two placeholders.

    A part without them can be read back from the key, whatever the rest of the separator is.
    """
    ends: list[str] = []
    for i, part in enumerate(parts[:-1]):
        following = parts[i + 1]
        if isinstance(part, Placeholder) and isinstance(following, Placeholder):
            raise ContractError(
                [
                    f"{path}.value: {part.name} and {following.name} stand together without a separator: put one between"
                ]
            )
        if isinstance(part, Placeholder) and any(isinstance(rest, Placeholder) for rest in parts[i + 2 :]):
            assert isinstance(following, Text)
            ends.append(following.text[0])
    return tuple(dict.fromkeys(ends))
