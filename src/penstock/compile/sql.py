"""The few spellings of SQL that everything compiled shares."""

from __future__ import annotations

import re
from collections.abc import Iterable

from penstock.engine.sql import literal

__all__ = ["Pieces", "joined", "let", "literal", "literals", "matches", "text_json", "wrapped"]

Pieces = tuple[str, ...]
"""SQL texts that make a value's JSON when they are concatenated. They are those of a value that is there."""

_LITERAL = re.compile("'(?:[^']|'')*'", re.DOTALL)


def literals(texts: Iterable[str]) -> str:
    """Write texts as the members of an SQL list, without its brackets."""
    return ", ".join(literal(text) for text in texts)


def matches(value: str, pattern: str) -> str:
    """Write the condition that the whole of a value matches an RE2 pattern."""
    return f"regexp_full_match({value}, {literal(pattern)})"


def wrapped(before: str, value: str, after: str) -> Pieces:
    """Give a value between two constant texts."""
    return (literal(before), value, literal(after))


def text_json(text: str) -> Pieces:
    """Give a text as the DynamoDB JSON of a string."""
    return wrapped('{"S":', f"to_json({text})", "}")


def joined(pieces: Iterable[str]) -> str:
    """Write one concatenation of all pieces: one for a whole item copies each of its bytes once.

    A piece that is NULL counts as empty, as ``concat`` has it.
    """
    merged: list[str] = []
    for piece in pieces:
        if merged and _LITERAL.fullmatch(piece) and _LITERAL.fullmatch(merged[-1]):
            merged[-1] = merged[-1][:-1] + piece[1:]
        else:
            merged.append(piece)
    return f"concat({', '.join(merged)})"


def let(name: str, value: str, body: str) -> str:
    """Write ``body`` with ``name`` standing for a value that is computed once a row (50 ns; SQL has no let)."""
    return f"list_transform([{value}], lambda {name}: {body})[1]"
