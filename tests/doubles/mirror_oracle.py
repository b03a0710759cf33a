"""What a load with a manifest does to a table, in plain Python: a dictionary, and what is known of it from run to run."""

from __future__ import annotations

import json
from collections.abc import Hashable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from run_memory import Write
from run_oracle import NAMES, Feed, expect, judge, read_cell

Key = Hashable
UNKNOWN = "unknown"
"""What is known of a key that may hold either of two items."""
GONE = "gone"
"""What is known of a key that was deleted."""


def told_key(feed: Feed, cells: list[str]) -> Key | None:
    """Give the key of a row with an error, None where the row does not tell it for certain."""
    errors, kept, _, values = judge(feed, cells)
    names = {*feed.key_fields, "key" if "id" in feed.key_fields else "", "pk"}
    if any(read_cell(name, cells[NAMES.index(name)])[1] for name in feed.key_fields):
        return None
    if any(code in {"key-error", "expression-error"} and name in names for code, name in errors):
        return None
    key = tuple(values[name] for name in feed.key_fields)
    unfit = feed.key == "number" and feed.doubled and kept and values["p"] != round(values["p"], 2)
    ambiguous = feed.key == "template" and "#" in (values["id"] or "")
    return None if None in key or unfit or ambiguous else key


def key_of(feed: Feed, body: dict[str, Any]) -> Key:
    """Give the key of an item."""
    if feed.key == "template":
        name, _, number = body["pk"]["S"].rpartition("#")
        return (name, int(number))
    found = {
        "id": body.get("key", {}).get("S"),
        "n": body.get("n", {}).get("N"),
        "p": body.get("p", {}).get("N"),
    }
    return tuple(found[name] if name == "id" else Decimal(found[name]) for name in feed.key_fields)


@dataclass
class Model:
    """A table, and what a manifest says of it: for each key the item, that it is gone, or that nobody knows."""

    feed: Feed
    mirrors: bool
    table: dict[Key, Any] = field(default_factory=dict)
    known: dict[Key, Any] = field(default_factory=dict)

    def plan(self, records: list[list[str]]) -> Change:
        """Say what a version does."""
        expected = expect(self.feed, records)
        wins = {
            key_of(self.feed, item): GONE if operation == "delete" else item
            for operation, item in expected.writes
        }
        refused = expected.code == "reject-limit"
        stays, keyless = set(), False
        for line, cells in number_lines(records):
            if line in expected.codes and expected.codes[line] != [("primary-key", None)]:
                key = told_key(self.feed, cells) if len(cells) == len(NAMES) else None
                stays.add(key)
                keyless |= key is None
        missing = {
            key for key, item in self.known.items() if item != GONE and key not in wins and key not in stays
        }
        return Change(
            expected.counts,
            wins,
            {key: item for key, item in wins.items() if self.known.get(key) != item},
            {key for key in self.known if key in stays and key not in wins},
            set() if keyless or not self.mirrors else missing,
            missing if keyless and self.mirrors else set(),
            sum(item != GONE for item in self.known.values()),
            refused,
        )

    def write(self, writes: tuple[Write, ...]) -> None:
        """Do what was acknowledged."""
        for write in writes:
            item = json.loads(write.body)
            if write.operation == "put":
                self.table[key_of(self.feed, item)] = item
            else:
                self.table.pop(key_of(self.feed, item), None)

    def end(self, change: Change) -> None:
        """Note what is known once a run has written all."""
        left = {key: self.known[key] for key in change.stays | change.kept}
        self.known = {**left, **change.wins}

    def break_off(self, change: Change) -> None:
        """Note what is known where a run ended half-way."""
        left = {key: self.known[key] for key in change.stays | change.kept}
        same = {key: item for key, item in change.wins.items() if key not in change.sends}
        self.known = {**left, **same, **dict.fromkeys((*change.sends, *change.vanished), UNKNOWN)}


@dataclass
class Change:
    """What a version does: the keys that have an item in it, of which it ``sends`` some; what stays, vanishes or is kept."""

    counts: dict[str, int]
    wins: dict[Key, Any]
    sends: dict[Key, Any]
    stays: set[Key]
    vanished: set[Key]
    kept: set[Key]
    held: int
    refused: bool


def number_lines(records: list[list[str]]) -> list[tuple[int, list[str]]]:
    """Give the records with the lines that they begin on."""
    found, line = [], 2
    for cells in records:
        found.append((line, cells))
        line += 1 + sum(cell.count("\n") for cell in cells)
    return found
