"""Templates of keys and attributes: ``CUSTOMER#{customer_id}``, ``{n:010d}``."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Literal:
    """Text that stands as it is."""

    text: str


@dataclass(frozen=True, slots=True)
class Placeholder:
    """A value of the row. ``width`` is the number of digits that an integer is padded to with zeros."""

    name: str
    width: int | None = None


Part = Literal | Placeholder

_TOKEN = re.compile(r"\{\{|\}\}|\{(?P<inside>[^{}]*)\}|(?P<text>[^{}]+)|(?P<brace>[{}])")


def parse_template(text: str) -> tuple[Part, ...]:
    """The parts of a template, adjoining text in one.

    ``{name}`` is a placeholder, ``{name:0<width>d}`` one padded with zeros, ``{{`` and ``}}`` are braces. Raises
    ValueError, with a message for people, for anything else and for a template without a placeholder.
    """
    parts: list[Part] = []
    written = ""
    for token in _TOKEN.finditer(text):
        if token["brace"]:
            raise ValueError(f'"{token["brace"]}" stands alone; write {token["brace"] * 2} for a brace')
        if token["inside"] is None:
            written += token["text"] or token[0][0]
            continue
        if written:
            parts.append(Literal(written))
            written = ""
        parts.append(_placeholder(token["inside"]))
    if written:
        parts.append(Literal(written))
    if not any(isinstance(part, Placeholder) for part in parts):
        raise ValueError("a template must hold at least one {name}; every row would have one value")
    return tuple(parts)


def _placeholder(inside: str) -> Placeholder:
    name, colon, form = inside.partition(":")
    if not name.strip():
        raise ValueError("{} holds no name")
    if name != name.strip():
        raise ValueError(f'"{{{inside}}}" has spaces around the name')
    if not colon:
        return Placeholder(name)
    width = re.fullmatch(r"0([1-9][0-9]?)d", form)
    if not width or int(width[1]) > 38:
        raise ValueError(
            f'the format "{form}" is not understood; only 0<width>d, such as 010d, up to 38 digits'
        )
    return Placeholder(name, int(width[1]))
