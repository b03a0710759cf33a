"""Checks of the table, its keys and indexes, and the other attributes of its items."""

from __future__ import annotations

from collections.abc import Iterator

from penstock.contract.check_keys import KeyUse, check_key, check_key_uses
from penstock.contract.document import KeyPath
from penstock.contract.model import AttributeType, Contract, FieldModel, ItemModel, LoadModel, NamedValue
from penstock.contract.names import Names, Unknown, names_of_row
from penstock.contract.problem import Problem

ATTRIBUTE_TYPES: dict[str, tuple[AttributeType, ...]] = {
    "string": ("S", "B"),
    "integer": ("N", "S"),
    "number": ("N", "S"),
    "year": ("N", "S"),
    "boolean": ("BOOL", "S"),
    "object": ("M", "S"),
    "geojson": ("M", "S"),
    "array": ("L", "S"),
    "list": ("L", "SS", "NS", "S"),
    "geopoint": ("M", "L", "S"),
}
"""The DynamoDB types that a field can become, its default first; those of the other types are texts."""

_TTL_TYPES = ("integer", "date", "datetime")


def check_load(contract: Contract) -> Iterator[Problem]:
    """The problems of ``load``."""
    load = contract.load
    names = names_of_row(contract)
    unknown = Unknown(contract.transform.rename)
    yield from _check_manifest(load)
    yield from _check_table(load)
    yield from _check_indexes(load)
    yield from _check_keys(contract, names, unknown)
    yield from _check_types(contract, names, unknown)
    yield from _check_ttl(contract, names, unknown)
    for index, item in enumerate(load.items or ()):
        yield from _check_item(item, ("load", "items", index), names, unknown)


def _check_manifest(load: LoadModel) -> Iterator[Problem]:
    """The problems of what a manifest of an object's items is kept for."""
    mirrors = load.mode == "mirror"
    if mirrors and not load.skip_unchanged and "skip_unchanged" in load.model_fields_set:
        yield Problem(
            ("load", "skip_unchanged"), "a mirror always leaves alone what did not change; leave it out"
        )
    if not mirrors and "max_deletes" in load.model_fields_set:
        yield Problem(("load", "max_deletes"), "belongs to mode: mirror; nothing is deleted without it")


def _check_table(load: LoadModel) -> Iterator[Problem]:
    capacities = {"read_capacity": load.read_capacity, "write_capacity": load.write_capacity}
    for key, capacity in capacities.items():
        if load.table_exists and key in load.model_fields_set:
            yield Problem(
                ("load", key), "belongs to a table that is made here, and table_exists says that it is not"
            )
        elif load.billing == "provisioned" and capacity is None:
            yield Problem(("load", key), "is due: billing is provisioned")
        elif load.billing == "on-demand" and capacity is not None:
            yield Problem(("load", key), "belongs to billing: provisioned")
    for key in ("billing", "stream"):
        if load.table_exists and key in load.model_fields_set and getattr(load, key) is not None:
            yield Problem(
                ("load", key), "belongs to a table that is made here, and table_exists says that it is not"
            )
    if load.table_key is not None and not load.table_exists:
        yield Problem(
            ("load", "table_key"),
            "is the key of a table that exists; one that is made here is under the project's: encryption.key",
        )


def _check_indexes(load: LoadModel) -> Iterator[Problem]:
    if len(load.indexes) > 20:
        yield Problem(
            ("load", "indexes"), f"DynamoDB takes 20 indexes a table, and these are {len(load.indexes)}"
        )
    names = [index.name for index in load.indexes]
    for number, name in enumerate(names):
        if name in names[:number]:
            yield Problem(("load", "indexes", number, "name"), f'another index is called "{name}"')


def _check_keys(contract: Contract, names: Names, unknown: Unknown) -> Iterator[Problem]:
    load = contract.load
    uses: list[KeyUse] = []
    if load.items is None:
        if load.partition_key is None:
            yield Problem(("load", "partition_key"), "the key is required, unless there are items")
        uses += [
            KeyUse(("load", kind), kind, getattr(load, kind), names) for kind in ("partition_key", "sort_key")
        ]
    for number, item in enumerate(load.items or ()):
        path: KeyPath = ("load", "items", number)
        seen = {**names, **dict.fromkeys(item.set)}
        uses += [
            KeyUse((*path, kind), kind, getattr(item, kind), seen) for kind in ("partition_key", "sort_key")
        ]
    if load.items is not None:
        for kind in ("partition_key", "sort_key"):
            if getattr(load, kind) is not None:
                yield Problem(("load", kind), f"with items, each item has its own {kind}; put it there")
        yield from _check_one_design(load.items)
    by_item = {**names, **{name: None for item in load.items or () for name in item.set}}
    for number, index in enumerate(load.indexes):
        path = ("load", "indexes", number)
        uses += [
            KeyUse((*path, kind), kind, getattr(index, kind), by_item)
            for kind in ("partition_key", "sort_key")
        ]
        yield from _check_projection(index.projection, (*path, "projection"), by_item, unknown)
    for use in uses:
        yield from check_key(use, unknown)
    yield from check_key_uses(contract, uses)


def _check_one_design(items: tuple[ItemModel, ...]) -> Iterator[Problem]:
    """All items go into one table: their key attributes have the same names."""
    first = items[0]
    for number, item in enumerate(items):
        path = ("load", "items", number)
        if item.name in {other.name for other in items[:number]}:
            yield Problem((*path, "name"), f'another item is called "{item.name}"')
        for kind in ("partition_key", "sort_key"):
            wanted, given = _attribute(getattr(first, kind)), _attribute(getattr(item, kind))
            if wanted != given:
                other = f"that of {first.name} is {wanted}" if wanted else f"{first.name} has none"
                mine = f"the attribute is {given}" if given else "there is none"
                yield Problem((*path, kind), f"{mine}, and {other}: a table has one key for all its items")


def _attribute(key: str | NamedValue | None) -> str | None:
    return key.name if isinstance(key, NamedValue) else key


def _check_projection(
    projection: str | tuple[str, ...], path: KeyPath, names: Names, unknown: Unknown
) -> Iterator[Problem]:
    if isinstance(projection, str):
        return
    if not 1 <= len(projection) <= 20:
        yield Problem(path, f"must be ALL, KEYS_ONLY, or 1 to 20 attributes, not {len(projection)}")
    for number, name in enumerate(projection):
        if name not in names:
            yield Problem((*path, number), unknown.explain(name, names))


def _check_types(contract: Contract, names: Names, unknown: Unknown) -> Iterator[Problem]:
    by_item = {name for item in contract.load.items or () for name in item.set}
    for name, wanted in contract.load.types.items():
        path = ("load", "types", name)
        if name not in names and name not in by_item:
            yield Problem(path, unknown.explain(name, names))
        elif name in contract.transform.drop:
            yield Problem(path, f'"{name}" is dropped')
        else:
            field = names.get(name)
            allowed = attribute_types(field) if field is not None and name not in by_item else (wanted,)
            if wanted not in allowed:
                assert field is not None
                yield Problem(
                    path, f"a field of type {field.type} can become {' or '.join(allowed)}, not {wanted}"
                )


def attribute_types(field: FieldModel) -> tuple[AttributeType, ...]:
    """The DynamoDB types that a field can become, its default first."""
    if field.type == "string":
        return ("B", "S") if field.format == "binary" else ("S",)
    if field.type == "list":
        sets: dict[str, tuple[AttributeType, ...]] = {"integer": ("NS",), "number": ("NS",), "boolean": ()}
        return ("L", *sets.get(field.item_type, ("SS",)), "S")
    return ATTRIBUTE_TYPES.get(field.type, ("S",))


def _check_ttl(contract: Contract, names: Names, unknown: Unknown) -> Iterator[Problem]:
    ttl = contract.load.ttl
    if ttl is None:
        return
    if isinstance(ttl, NamedValue):
        if "allow_separator" in ttl.model_fields_set:
            yield Problem(("load", "ttl", "allow_separator"), "a TTL is an expression, not a template")
        return
    path = ("load", "ttl")
    if ttl not in names:
        yield Problem(path, unknown.explain(ttl, names))
        return
    field = names[ttl]
    if field is not None and field.type not in _TTL_TYPES:
        yield Problem(
            path, f"must be an integer (Unix time in seconds), a date or a datetime, not {field.type}"
        )


def _check_item(item: ItemModel, path: KeyPath, names: Names, unknown: Unknown) -> Iterator[Problem]:
    for number, name in enumerate(item.keep or ()):
        if name not in names:
            yield Problem((*path, "keep", number), unknown.explain(name, names))
