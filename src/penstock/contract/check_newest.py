"""Checks of ``load.newest_by``: an attribute of every item, whose stored form sorts as its value does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from penstock.contract.check_load import attribute_types
from penstock.contract.model import Contract, FieldModel, ItemModel, NamedValue
from penstock.contract.names import Unknown, names_of_row
from penstock.contract.problem import Problem

RESERVED: Final = ("penstock_digest", "penstock_deleted")
"""The attributes that a load by ``newest_by`` adds to items."""

_PATH: Final = ("load", "newest_by")
_UNSORTED_DIRECTIVES: Final = frozenset("fz")
"""Fractions of any length and offsets: 10:00:00.5Z comes before 10:00:00Z in texts, and after it in time."""


def check_newest(contract: Contract) -> Iterator[Problem]:
    """The problems of ``newest_by``, where the contract has one."""
    name = contract.load.newest_by
    if name is None:
        if contract.load.revision:
            yield Problem(("load", "revision"), "belongs to newest_by, and there is none")
        return
    yield from _check_others(contract)
    yield from _check_place(contract, name)
    field = names_of_row(contract).get(name)
    if field is not None and not _is_set_by_items(contract, name):
        reason = _explain_unsorted(name, field, contract.load.types.get(name))
        if reason is not None:
            yield Problem(_PATH, reason)


def _check_others(contract: Contract) -> Iterator[Problem]:
    """What else in ``load`` would decide between the rows of one key."""
    load = contract.load
    for key, what in (
        ("mode", load.mode == "mirror" and "mirror"),
        ("skip_unchanged", load.skip_unchanged and "it"),
    ):
        if what:
            yield Problem(
                ("load", key),
                f"{what} can't go with newest_by, which decides by value: what an object wrote last is no longer what is there",
            )
    if "on_duplicate" in load.model_fields_set and load.on_duplicate != "reject":
        yield Problem(
            ("load", "on_duplicate"),
            f"is {load.on_duplicate}, and newest_by decides by value within a file too; leave one of them out",
        )
    own = {name for item in load.items or () for name in item.set}
    made = {key.name for key in _list_keys(contract) if isinstance(key, NamedValue)}
    if isinstance(load.ttl, NamedValue):
        made.add(load.ttl.name)
    for name in RESERVED:
        if name in own | made | names_of_row(contract).keys() - set(contract.transform.drop):
            yield Problem(
                _PATH,
                f'adds an attribute "{name}" to each item; call yours something else (`transform.rename`)',
            )


def _check_place(contract: Contract, name: str) -> Iterator[Problem]:
    """Every item has the attribute, for what it is, and nothing else goes by its name."""
    load, names = contract.load, names_of_row(contract)
    everywhere = _is_set_by_items(contract, name)
    if name not in names and not everywhere:
        yield Problem(_PATH, Unknown(contract.transform.rename).explain(name, names))
        return
    if name in contract.transform.drop:
        yield Problem(_PATH, f'"{name}" is dropped, and it must be in the item to be compared')
    if name in _list_keys(contract):
        yield Problem(_PATH, f"{name} is a key: all items of one key have the same, and none is the newest")
    if name == (load.ttl.name if isinstance(load.ttl, NamedValue) else load.ttl):
        yield Problem(
            _PATH, f"{name} is the TTL; give that a name of its own, as in `{{name: expires_at, value: ...}}`"
        )
    for number, item in enumerate(load.items or ()):
        if not _has(item, name):
            yield Problem(
                ("load", "items", number, "keep"),
                f'leaves out "{name}", which load.newest_by compares in every item',
            )


def _list_keys(contract: Contract) -> list[str | NamedValue | None]:
    load = contract.load
    items = load.items or ()
    return [load.partition_key, load.sort_key, *(key for i in items for key in (i.partition_key, i.sort_key))]


def _has(item: ItemModel, name: str) -> bool:
    return item.keep is None or name in item.keep or name in item.set


def _is_set_by_items(contract: Contract, name: str) -> bool:
    """Whether every item computes the attribute for itself: its type is then known to the compiler alone."""
    items = contract.load.items
    return items is not None and all(name in item.set for item in items)


def _explain_unsorted(name: str, field: FieldModel, override: str | None) -> str | None:
    """Say why a field can't be compared as it is stored, or give None where it can."""
    types = attribute_types(field)
    kind = override or types[0]
    if kind not in {"N", "S"}:
        return f"{name} is loaded as {kind}, and only a number or a text can be compared"
    if kind == "S" and types[0] == "N":
        return f"{name} is loaded as text, where 10 comes before 9; take it out of load.types"
    if kind == "S" and types[0] != "S":
        return f"{name} is of the type {field.type} loaded as text, which does not sort as its value does; choose another field"
    return _explain_unsorted_text(name, field)


def _explain_unsorted_text(name: str, field: FieldModel) -> str | None:
    if field.type == "duration":
        return f"{name} is a duration, and durations have no order: is a month longer than 30 days?"
    if field.type in {"time", "datetime"} and not _sorts_as_time(field.format):
        return (
            f"{name} is stored with its fraction and offset as written, which does not sort as time does; name a value "
            f"that set makes of it, in UTC (`set: {{{name}_utc: {name}}}`), or give the field a format without %f and %z"
        )
    return None


def _sorts_as_time(written: str) -> bool:
    return written != "default" and _UNSORTED_DIRECTIVES.isdisjoint(re.findall("%(.)", written))
