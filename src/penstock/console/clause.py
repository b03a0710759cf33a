"""The line of a contract that refused a record: where the contract says what an error says was broken.

An error has a code, the name of a field or attribute, and a message (docs/verdicts.md). The messages are Penstock's own
(:mod:`penstock.compile.steps`, :mod:`penstock.compile.constraints`) and hold no cell.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from penstock import verdicts
from penstock.contract.document import KeyPath, Node
from penstock.contract.problem import Place
from penstock.engine.result import Reason
from penstock.errors import UsageError

_CONSTRAINTS: Final = (
    ("is missing, and the field is required", "required"),
    ("shorter than the minimum length", "minLength"),
    ("longer than the maximum length", "maxLength"),
    ("below the minimum", "minimum"),
    ("above the maximum", "maximum"),
    ("not above the exclusive minimum", "exclusiveMinimum"),
    ("not below the exclusive maximum", "exclusiveMaximum"),
    ("does not match the pattern", "pattern"),
    ("one of the enumerated values", "enum"),
    ("one of the categories", "categories"),
)
"""What a broken constraint's message says, and the constraint's name."""

_OF_CODE: Final[dict[str, tuple[KeyPath, ...]]] = {
    verdicts.QUOTE_ERROR: (("source", "dialect", "quoteChar"), ("source", "dialect")),
    verdicts.ENCODING_ERROR: (("source", "dialect", "encoding"), ("source", "dialect")),
    verdicts.RECORD_TOO_LONG: (("source", "dialect", "max_record_bytes"), ("source", "dialect")),
    verdicts.MISSING_CELL: (("schema", "fields"),),
    verdicts.EXTRA_CELL: (("schema", "fields"),),
    verdicts.PRIMARY_KEY: (
        ("load", "on_duplicate"),
        ("schema", "primaryKey"),
        ("load", "partition_key"),
        ("load", "items"),
    ),
}
"""Where the contract speaks of what a code means, the most exact place first."""

_RULE: Final = re.compile(r"the (?:row breaks the rule|rule) (.+?)(?: could not be computed)?")
_FAILED: Final = re.compile(r"(.+) failed")


@dataclass(frozen=True, slots=True)
class Contract:
    """A feed's contract as it is written: its tree, and the lines of the files that it stands in."""

    root: Node
    lines: dict[str, tuple[str, ...]]

    def excerpt(self, place: Place, around: int = 2) -> tuple[tuple[int, str], ...]:
        """Give the lines around a place, with their numbers, and without the indentation that all of them have."""
        lines = self.lines.get(place.file, ())
        first, last = max(place.line - around, 1), min(place.line + around, len(lines))
        found = lines[first - 1 : last]
        indent = min((len(line) - len(line.lstrip(" ")) for line in found if line.strip()), default=0)
        return tuple((number, line[indent:]) for number, line in enumerate(found, first))


@dataclass(frozen=True, slots=True)
class Clause:
    """A place in a contract, and the key or name there that is meant."""

    place: Place
    word: str

    def split(self, line: str) -> tuple[str, str, str]:
        """Give the line before, at and after the word; all of it is before where it does not hold the word."""
        for pattern in (
            rf"(?<![\w-]){re.escape(self.word)}(?=['\"]?:)",
            rf"(?<![\w-]){re.escape(self.word)}(?![\w-])",
        ):
            if found := re.search(pattern, line):
                return line[: found.start()], found[0], line[found.end() :]
        return line, "", ""


def read_lines(root: Node) -> Contract:
    """Give a contract with the lines of its files: its own, the project's if that gives defaults, the schema's."""
    lines: dict[str, tuple[str, ...]] = {}
    for file in _files(root):
        try:
            lines[file] = tuple(Path(file).read_text("utf-8-sig").splitlines())
        except (OSError, ValueError) as error:
            raise UsageError(f"{file}: can't be read. Correct the file.") from error
    return Contract(root, lines)


def _files(node: Node) -> set[str]:
    below = (
        node.value.values()
        if isinstance(node.value, dict)
        else node.value
        if isinstance(node.value, list)
        else ()
    )
    return {node.place.file}.union(*map(_files, below))


def find_clause(root: Node, reason: Reason) -> Clause | None:
    """Give the place in a contract that an error is about; None where the contract does not speak of it."""
    for path in _paths(root, reason):
        found = _find(root, path)
        if found is not None:
            words = [step for step in path if isinstance(step, str)]
            return Clause(found.place, words[-1])
    return None


def _paths(root: Node, reason: Reason) -> Iterable[KeyPath]:
    """The places to look at, the most exact one first. A name in a path finds the part of a list that has it."""
    field: KeyPath = ("schema", "fields", reason.field or "")
    if reason.code in {verdicts.CONSTRAINT_ERROR, verdicts.TYPE_ERROR}:
        return _of_field(field, reason)
    if reason.code == verdicts.KEY_ERROR:
        return _keys(root, reason.field)
    if rule := _RULE.fullmatch(reason.message):
        return ("rules", rule[1], "check"), ("rules", rule[1])
    if failed := _FAILED.fullmatch(reason.message):
        return _dotted(root, failed[1]), field
    if reason.field is not None:
        return ("load", "types", reason.field), ("transform", "set", reason.field), field
    return _OF_CODE.get(reason.code, ())


def _of_field(field: KeyPath, reason: Reason) -> Iterable[KeyPath]:
    if reason.code == verdicts.TYPE_ERROR:
        yield (*field, "type")
    for told, name in _CONSTRAINTS:
        if told in reason.message:
            yield (*field, "constraints", name)
            yield (*field, name)
    yield field


def _dotted(root: Node, text: str) -> KeyPath:
    """Read ``transform.set.total``: a name may hold a dot, so that the longest name that is there is taken."""
    path: list[str | int] = []
    node: Node | None = root
    while text and node is not None:
        words = text.split(".")
        step = next(
            (s for n in range(len(words), 0, -1) if _step(node, s := ".".join(words[:n])) is not None), None
        )
        if step is None:
            break
        path.append(step)
        node, text = _step(node, step), text[len(step) + 1 :]
    return tuple(path)


def _keys(root: Node, attribute: str | None) -> Iterable[KeyPath]:
    """The keys that could be meant: those that give the attribute, of the table, its indexes, and of each item."""
    load = root.child("load")
    if load is None or attribute is None:
        return
    holders: list[tuple[KeyPath, Node]] = [(("load",), load)]
    for name in ("indexes", "items"):
        parts = load.child(name)
        if parts is not None and isinstance(parts.value, list):
            holders += [(("load", name, index), part) for index, part in enumerate(parts.value)]
    for path, holder in holders:
        for key in ("partition_key", "sort_key", "ttl"):
            found = holder.child(key)
            if found is not None and attribute in (found.value, getattr(found.child("name"), "value", None)):
                yield (*path, key)


def _find(root: Node, path: KeyPath) -> Node | None:
    node: Node | None = root
    for step in path:
        if node is None:
            return None
        node = _step(node, step)
    return node if path else None


def _step(node: Node, step: str | int) -> Node | None:
    """One step down; of a list also the part that has this name."""
    if isinstance(node.value, list) and isinstance(step, str):
        named = ((part, part.child("name")) for part in node.value)
        return next((part for part, name in named if name is not None and name.value == step), None)
    return node.child(step)
