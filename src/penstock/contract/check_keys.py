"""Checks of keys: the fields and templates that a table's and its indexes' key attributes are made of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal as Choice
from typing import cast

from penstock.contract.document import KeyPath
from penstock.contract.model import Contract, FieldModel, KeyModel, NamedValue
from penstock.contract.names import Names, Unknown
from penstock.contract.problem import Problem
from penstock.contract.template import Placeholder, parse_template

KeyType = Choice["S", "N", "B"]

_NO_KEY = ("boolean", "object", "array", "list", "geojson", "geopoint")


_NO_PART = ("object", "array", "list", "geojson", "geopoint")


@dataclass(frozen=True, slots=True)
class KeyUse:
    """A key where it stands: its path, ``partition_key`` or ``sort_key``, and the names that it can use."""

    path: KeyPath
    kind: str
    key: KeyModel | None
    names: Names

    @property
    def attribute(self) -> str:
        """The key attribute's name."""
        return self.key.name if isinstance(self.key, NamedValue) else str(self.key)


def key_type(field: FieldModel, override: str | None = None) -> KeyType | None:
    """The DynamoDB type that a field has as a key, or None if it can't be one. ``override`` is from ``load.types``."""
    if override is not None:
        return cast("KeyType", override) if override in {"S", "N", "B"} else None
    if field.type in _NO_KEY:
        return None
    if field.type in {"integer", "number", "year"}:
        return "N"
    return "B" if field.type == "string" and field.format == "binary" else "S"


def check_key(use: KeyUse, unknown: Unknown) -> Iterator[Problem]:
    """The problems of one key by itself."""
    if use.key is None:
        return
    if len(use.attribute.encode()) > 255:
        yield Problem(use.path, "the name of a key attribute has at most 255 bytes")
    if isinstance(use.key, NamedValue):
        yield from _check_template(use, use.key, unknown)
    elif use.key not in use.names:
        yield Problem(use.path, unknown.explain(use.key, use.names))


def _check_template(use: KeyUse, key: NamedValue, unknown: Unknown) -> Iterator[Problem]:
    path = (*use.path, "value")
    try:
        parts = parse_template(key.value)
    except ValueError as error:
        yield Problem(path, str(error))
        return
    for part, following in zip(parts, (*parts[1:], None), strict=True):
        if not isinstance(part, Placeholder):
            continue
        if part.name not in use.names:
            yield Problem(path, unknown.explain(part.name, use.names))
            continue
        if isinstance(following, Placeholder):
            yield Problem(
                path, f"{{{part.name}}} and {{{following.name}}} need a separator between them, such as #"
            )
        field = use.names[part.name]
        if field is None:
            continue
        if part.width is not None and field.type not in {"integer", "year"}:
            yield Problem(path, f"only an integer can be padded, and {part.name} is of type {field.type}")
        if field.type in _NO_PART:
            yield Problem(path, f"{part.name} is of type {field.type}, which can't be part of a key")


def check_key_uses(contract: Contract, uses: Sequence[KeyUse]) -> Iterator[Problem]:
    """The problems of all keys together: types, names that clash, names that are dropped."""
    types: dict[str, tuple[KeyType, str]] = {}
    for use in uses:
        if use.key is None:
            continue
        if isinstance(use.key, NamedValue):
            yield from _check_made(contract, use)
            found: KeyType = "S"
        else:
            yield from _check_field(contract, use, use.key)
            field = use.names.get(use.key)
            kind = None if field is None else key_type(field, contract.load.types.get(use.key))
            if kind is None:
                continue
            found = kind
        first, where = types.setdefault(use.attribute, (found, ".".join(map(str, use.path))))
        if first != found:
            yield Problem(use.path, f"{use.attribute} is {found} here and {first} in {where}")
    yield from _check_pairs(uses)


def _check_field(contract: Contract, use: KeyUse, name: str) -> Iterator[Problem]:
    if name in contract.transform.drop and name in use.names:
        yield Problem(use.path, f'"{name}" is dropped; a key attribute stays in the item')
    field = use.names.get(name)
    if field is None:
        return
    override = contract.load.types.get(name)
    if key_type(field, override) is None:
        kind = override or f"of type {field.type}"
        yield Problem(
            use.path,
            f"{name} is {kind}, and a key is text, number or binary; choose another field or make a template of it",
        )


def _check_made(contract: Contract, use: KeyUse) -> Iterator[Problem]:
    """A template's attribute must not take the name of another attribute of the item."""
    name = use.attribute
    if name in use.names and name not in contract.transform.drop:
        yield Problem(
            (*use.path, "name"),
            f'"{name}" is an attribute of the row already; choose another name, or drop the row\'s',
        )


def _check_pairs(uses: Sequence[KeyUse]) -> Iterator[Problem]:
    made: dict[tuple[KeyPath, str], NamedValue] = {}
    for use, previous in zip(uses, (None, *uses[:-1]), strict=True):
        if use.key is None:
            continue
        # The partition key of the same table, item or index stands right before its sort key.
        if use.kind == "sort_key" and previous is not None and previous.attribute == use.attribute:
            yield Problem(use.path, f"{use.attribute} is the partition key already")
        if isinstance(use.key, NamedValue):
            # Items are separate: each may fill an attribute in its own way. Within one, and in indexes, it has one value.
            scope = use.path[:3] if use.path[1] == "items" else ("load",)
            other = made.setdefault((scope, use.attribute), use.key)
            if other != use.key:
                yield Problem((*use.path, "value"), f"{use.attribute} is made by another template elsewhere")
