"""A table of DynamoDB in memory, with its indexes, which follow late, and its items as they were lately."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from dynamodb_expressions import Item
from dynamodb_limits import (
    KEY_BYTES,
    InvalidError,
    KeyValue,
    check_attribute,
    check_index_key,
    item_bytes,
    key_value,
)

ItemKey = tuple[KeyValue, ...]
"""An item's key, equal where DynamoDB's is: numbers by what they are worth."""

_ITEM_BYTES: Final = 400 << 10


@dataclass(frozen=True)
class Index:
    """A secondary index: its key's attributes with their types, the partition key's first."""

    key: tuple[tuple[str, str], ...]
    keys_only: bool = False


@dataclass
class Table:
    """A table. ``wrote`` is told of each item that is put or deleted, when it is."""

    key: tuple[tuple[str, str], ...]
    indexes: dict[str, Index] = field(default_factory=dict)
    items: dict[ItemKey, Item] = field(default_factory=dict)
    views: dict[str, dict[ItemKey, Item]] = field(default_factory=dict)
    wrote: Callable[[str, ItemKey, Item | None], None] | None = None
    old: dict[ItemKey, Item | None] = field(default_factory=dict)
    """Items as they were before they were last written, as reads may see them that are not consistent."""
    later: Callable[[Callable[[], None]], None] = lambda follow: follow()
    """How an index follows: it is given what brings it up to date with one item."""

    def find_key(self, item: Item, *, exact: bool = False) -> ItemKey:
        """Give an item's key. Raises :class:`InvalidError` where it is none."""
        if exact and item.keys() != {name for name, _ in self.key}:
            raise InvalidError("The provided key element does not match the schema")
        return tuple(
            key_value(item, name, kind, most) for (name, kind), most in zip(self.key, KEY_BYTES, strict=False)
        )

    def check(self, item: Item) -> ItemKey:
        """Give the key of an item that may be put. Raises :class:`InvalidError`."""
        key = self.find_key(item)
        for attribute in item.values():
            check_attribute(attribute)
        if item_bytes(item) > _ITEM_BYTES:
            raise InvalidError("Item size has exceeded the maximum allowed size")
        for name, index in self.indexes.items():
            for (part, kind), most in zip(index.key, KEY_BYTES, strict=False):
                if part in item:
                    check_index_key(name, part, kind, most, item)
        return key

    def put(self, key: ItemKey, item: Item | None, who: str) -> None:
        """Put an item, or delete it."""
        self.old[key] = self.items.get(key)
        self.later(lambda: self._forget(key))
        if item is None:
            self.items.pop(key, None)
        else:
            self.items[key] = item
        for name, index in self.indexes.items():
            self.later(lambda name=name, index=index: self._follow(name, index, key))  # type: ignore[misc]  # bound now
        if self.wrote is not None:
            self.wrote(who, key, item)

    def _forget(self, key: ItemKey) -> None:
        self.old.pop(key, None)

    def recall(self, key: ItemKey) -> Item | None:
        """Give an item as it was lately."""
        return self.old[key] if key in self.old else self.items.get(key)

    def _follow(self, name: str, index: Index, key: ItemKey) -> None:
        """Bring an index up to date with an item."""
        view = self.views.setdefault(name, {})
        item = self.items.get(key)
        if item is None or any(attribute not in item for attribute, _ in index.key):
            view.pop(key, None)
            return
        kept = {attribute for attribute, _ in (*self.key, *index.key)}
        view[key] = {n: v for n, v in item.items() if not index.keys_only or n in kept}
