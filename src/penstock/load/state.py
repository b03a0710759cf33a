"""The state of a run as JSON, and back: what one worker leaves is read by the next, perhaps of another invocation.

States are frozen dataclasses of plain values. What is read is held to their annotations, so that a state that was cut,
edited, or written by another version is refused and never half believed.
"""

from __future__ import annotations

import json
import types
import typing
from collections import Counter
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, Final, TypeVar

from penstock.errors import ServiceError

STATE_VERSION: Final = 3
"""Raised whenever an older loader would read a newer state wrongly."""

S = TypeVar("S")


def to_json(state: Any) -> str:
    """Write a state as one line of JSON. The same state gives the same text."""
    shape = {"version": STATE_VERSION, "kind": type(state).__name__, "state": _write(state)}
    return json.dumps(shape, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def from_json(kind: type[S], text: str | bytes) -> S:
    """Read what :func:`to_json` wrote of a state of this kind.

    Raises :class:`~penstock.errors.ServiceError` for anything else, a state of another version included.
    """
    try:
        shape = json.loads(text)
        if not isinstance(shape, dict) or shape.get("kind") != kind.__name__:
            raise ValueError(f"it is no state of the kind {kind.__name__}")
        if shape.get("version") != STATE_VERSION:
            raise ValueError(
                f"it has version {shape.get('version')!r}, and this Penstock reads {STATE_VERSION}"
            )
        state: S = _read(kind, shape.get("state"))
    except (ValueError, RecursionError) as error:
        raise ServiceError(
            f"A run's kept state can't be used: {error}. It was cut or changed, or another version of Penstock wrote it. "
            "Begin the load again from the start."
        ) from error
    return state


def _write(value: Any) -> Any:
    if is_dataclass(value):
        return {field.name: _write(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(name): _write(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_write(entry) for entry in value]
    return value


def _read(wanted: Any, value: Any) -> Any:
    """Make a value of the type ``wanted`` from plain JSON. Raises ValueError where it is of another shape."""
    origin, arguments = typing.get_origin(wanted), typing.get_args(wanted)
    if is_dataclass(wanted) and isinstance(wanted, type):
        return _read_fields(wanted, value)
    if origin in (types.UnionType, typing.Union):
        return _read_union(arguments, value)
    if origin is typing.Literal:
        return _expect(value in arguments, value, wanted)
    if origin is not None:
        return _read_container(origin, arguments, value)
    if wanted is float and type(value) is int:
        return float(value)
    return _expect(wanted is Any or type(value) is wanted, value, wanted)


def _read_container(origin: Any, arguments: tuple[Any, ...], value: Any) -> Any:
    if origin is Counter:
        _expect(isinstance(value, dict), value, origin)
        return Counter({name: _read(int, count) for name, count in value.items()})
    if issubclass(origin, Mapping):
        _expect(isinstance(value, dict), value, origin)
        return {name: _read(arguments[1], entry) for name, entry in value.items()}
    _expect(isinstance(value, list), value, origin)
    if origin is list or arguments[-1] is Ellipsis:
        return origin(_read(arguments[0], entry) for entry in value)
    _expect(len(value) == len(arguments), value, origin)
    return tuple(_read(kind, entry) for kind, entry in zip(arguments, value, strict=True))


def _read_fields(wanted: Any, value: Any) -> Any:
    hints = typing.get_type_hints(wanted)
    names = {field.name for field in fields(wanted)}
    _expect(isinstance(value, dict) and set(value) == names, value, wanted)
    return wanted(**{name: _read(hints[name], value[name]) for name in names})


def _read_union(options: tuple[Any, ...], value: Any) -> Any:
    """A union in a state is something or None."""
    if value is None:
        return _expect(type(None) in options, value, options)
    [other] = (option for option in options if option is not type(None))
    return _read(other, value)


def _expect(holds: bool, value: Any, wanted: Any) -> Any:
    if not holds:
        name = getattr(wanted, "__name__", None) or str(wanted)
        raise ValueError(f"{type(value).__name__} stands where {name} is due")
    return value
