"""What the model found wrong, in words for the person who wrote the contract."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping
from typing import Any, get_args

from pydantic_core import ErrorDetails

from penstock.contract.document import KeyPath
from penstock.contract.problem import Problem, near_miss, suggest
from penstock.contract.scalars import UNION_TAGS
from penstock.contract.standard import ConstraintsModel, FieldModel, Part

_UNKNOWN_KEY = "unknown key"
_MISSING = "the key is required"
_EXPECTED = {
    "int_type": "a whole number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "dict_type": "a mapping of keys to values",
    "model_type": "a mapping of keys to values",
    "string_type": "a text",
}


def word(errors: Iterable[ErrorDetails], top: type[Part]) -> list[Problem]:
    """The problems that pydantic's errors stand for; a consequence of another error is none.

    ``top`` is the model that was validated: its keys and those below it are what a misspelled key is compared with.
    """
    problems = [problem for error in errors if (problem := _word(error, top)) is not None]
    meant = {
        (*problem.path[:-1], near_miss(str(problem.path[-1]), _known_at(top, problem.path[:-1])))
        for problem in problems
        if problem.message.startswith(_UNKNOWN_KEY)
    }
    return [problem for problem in problems if problem.message != _MISSING or problem.path not in meant]


def _word(error: ErrorDetails, top: type[Part]) -> Problem | None:
    kind, given = error["type"], error["input"]
    path = tuple(step for step in error["loc"] if step not in UNION_TAGS)
    context = error.get("ctx", {})
    if kind == "too_short" and len(given) >= context["min_length"]:
        return None
    if kind == "extra_forbidden":
        return Problem(path, _unknown_key(path, top))
    if kind == "missing":
        return Problem(path, _missing(path))
    if kind in _EXPECTED:
        return Problem(path, _wrong_type(kind, given))
    if kind == "literal_error":
        return Problem(path, _unknown_value(path, given, context["expected"]))
    return Problem(path, _broken_limit(kind, context, error["msg"]))


def _broken_limit(kind: str, context: Mapping[str, Any], message: str) -> str:
    match kind:
        case "value_error":
            return str(context["error"])
        case "greater_than_equal":
            return f"must be at least {context['ge']}"
        case "less_than_equal":
            return f"must be at most {context['le']}"
        case "too_short":
            return "must have at least one entry"
        case "string_too_short":
            return "can't be empty"
        case _:
            return message[:1].lower() + message[1:]


def _missing(path: KeyPath) -> str:
    if path[-2:-1] == ("decimal",):
        return "must be two whole numbers, [precision, scale]"
    return _MISSING


def _wrong_type(kind: str, given: Any) -> str:
    expected = _EXPECTED[kind]
    if given is None:
        return "has no value; give it one or leave the key out"
    written = getattr(given, "written", None)
    if isinstance(given, bool):
        written = "true" if given else "false"
    if kind == "string_type" and written is not None:
        return f'must be a text; put it in quotes: "{written}"'
    if (
        kind == "bool_type"
        and isinstance(given, str)
        and given.lower() in {"yes", "no", "on", "off", "true", "false"}
    ):
        return f"must be true or false; {given} is a text"
    return f"must be {expected}"


def _unknown_value(path: KeyPath, given: Any, expected: str) -> str:
    known = [ast.literal_eval(literal) for literal in re.findall(r"'(?:[^'\\]|\\.)*'|[0-9]+", expected)]
    if path == ("penstock",):
        return f"this Penstock reads version {known[0]} of the contract's format"
    if not isinstance(given, str):
        return f"must be one of {', '.join(map(str, known))}"
    if path[-1] == "lineTerminator":
        return r'must be "\n", "\r\n" or "\r" (in double quotes)'
    return f'"{given}" is not known{suggest(given, known)}'


def _unknown_key(path: KeyPath, top: type[Part]) -> str:
    key = str(path[-1])
    parts = _parts_at(top, path[:-1])
    known = _known_at(top, path[:-1])
    if FieldModel in parts and near_miss(key, known) is None:
        inner = near_miss(key, keys_of(ConstraintsModel))
        if inner is not None:
            return f'{_UNKNOWN_KEY}; did you mean "constraints.{inner}"?'
    return f"{_UNKNOWN_KEY}{suggest(key, known)}"


def keys_of(part: type[Part]) -> list[str]:
    """The keys of a part as they are written in the file."""
    return [info.alias or name for name, info in part.model_fields.items()]


def _known_at(top: type[Part], path: KeyPath) -> list[str]:
    return [key for part in _parts_at(top, path) for key in keys_of(part)]


def _parts_at(top: type[Part], path: KeyPath) -> list[type[Part]]:
    parts = [top]
    for step in path:
        below = [
            inner
            for part in parts
            for name, info in part.model_fields.items()
            if (info.alias or name) == step
            for inner in parts_in(info.annotation)
        ]
        parts = below or parts
    return parts


def parts_in(annotation: Any) -> Iterable[type[Part]]:
    """The models that an annotation holds, at any depth."""
    if isinstance(annotation, type) and issubclass(annotation, Part):
        yield annotation
    for inner in get_args(annotation):
        yield from parts_in(inner)
