"""The few spellings of SQL that everything compiled shares."""

from __future__ import annotations

from collections.abc import Iterable

from penstock.engine.sql import literal

__all__ = ["let", "literal", "literals", "matches", "text_json", "wrapped"]


def literals(texts: Iterable[str]) -> str:
    """Write texts as the members of an SQL list, without its brackets."""
    return ", ".join(literal(text) for text in texts)


def matches(value: str, pattern: str) -> str:
    """Write the condition that the whole of a value matches an RE2 pattern."""
    return f"regexp_full_match({value}, {literal(pattern)})"


def wrapped(before: str, value: str, after: str) -> str:
    """Write a value between two constant texts. NULL stays NULL, unlike in ``concat``."""
    return f"CASE WHEN {value} IS NOT NULL THEN concat({literal(before)}, {value}, {literal(after)}) END"


def text_json(text: str) -> str:
    """Write a text as the DynamoDB JSON of a string. NULL stays NULL."""
    return f"""CASE WHEN {text} IS NOT NULL THEN concat('{{"S":', to_json({text}), '}}') END"""


def let(name: str, value: str, body: str) -> str:
    """Write ``body`` with ``name`` standing for a value that is computed once a row (50 ns; SQL has no let)."""
    return f"list_transform([{value}], lambda {name}: {body})[1]"
