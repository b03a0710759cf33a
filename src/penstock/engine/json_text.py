"""JSON cells: read strictly with every number as its digits, and written again as canonical text or as DynamoDB JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Final

from penstock.engine.canonical import number_text

MAX_DEPTH: Final = 32
"""Levels of nesting that a DynamoDB attribute can have."""
MAX_READ_DEPTH: Final = 200
"""Levels of nesting that are read at all, so that it does not hang on how deep Python's stack is already."""


class JsonNumber(str):
    """A JSON number: its own digits."""

    __slots__ = ()


Json = Mapping[str, "Json"] | Sequence["Json"] | str | JsonNumber | bool | None


def read_json(text: str) -> Json:
    """Read JSON strictly (RFC 8259): member names are unique, NaN and infinities are no numbers, text is Unicode.

    Raises ValueError where it is not such JSON, or nested beyond what can be read at all.
    """
    try:
        value: Json = json.loads(
            text,
            parse_int=JsonNumber,
            parse_float=JsonNumber,
            parse_constant=_refuse_constant,
            object_pairs_hook=_unique_members,
        )
        canonical_json(value).encode()  # a lone surrogate is no text
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return value


def _refuse_constant(name: str) -> Json:
    raise ValueError(f"{name} is no JSON")


def _unique_members(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member's name is there twice")
    return members


def canonical_json(value: Json, depth: int = 0) -> str:
    """Write JSON without white space, members by name, and numbers in canonical form where DynamoDB can hold them.

    Raises ValueError where it is nested beyond :data:`MAX_READ_DEPTH`.
    """
    if depth > MAX_READ_DEPTH:
        raise ValueError("nested too deeply")
    if isinstance(value, JsonNumber):
        return number_text(value) or str(value)
    if isinstance(value, Mapping):
        members = (
            f"{_quoted(name)}:{canonical_json(member, depth + 1)}" for name, member in sorted(value.items())
        )
        return "{" + ",".join(members) + "}"
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, Sequence):
        return "[" + ",".join(canonical_json(member, depth + 1) for member in value) + "]"
    return json.dumps(value)


def attribute_value(value: Json, depth: int = 0) -> str:
    """Write JSON as a DynamoDB attribute value in DynamoDB JSON.

    Raises ValueError where DynamoDB can't hold it: a number of more than 38 digits or out of range, a member without
    a name, more than 32 levels.
    """
    if isinstance(value, JsonNumber):
        number = number_text(value)
        if number is None:
            raise ValueError("a number that DynamoDB can't hold")
        return f'{{"N":"{number}"}}'
    if isinstance(value, str):
        return f'{{"S":{_quoted(value)}}}'
    if value is None:
        return '{"NULL":true}'
    if isinstance(value, bool):
        return f'{{"BOOL":{"true" if value else "false"}}}'
    if depth == MAX_DEPTH:
        raise ValueError("nested deeper than DynamoDB goes")
    if isinstance(value, Mapping):
        if "" in value:
            raise ValueError("a member without a name")
        members = (f"{_quoted(name)}:{attribute_value(member, depth + 1)}" for name, member in value.items())
        return '{"M":{' + ",".join(members) + "}}"
    return '{"L":[' + ",".join(attribute_value(member, depth + 1) for member in value) + "]}"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
