"""Reading YAML and JSON into a tree that knows the line of everything in it.

YAML is read as version 1.2 (https://yaml.org/spec/1.2.2/): ``NO`` and ``on`` are texts, only ``true`` and ``false``
are booleans. A number keeps the digits it was written with, because a limit such as ``0.10`` or one of thirty
digits must not pass through a float.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode

from penstock.contract.compose import (
    MOST_LEVELS,
    MOST_NODES,
    TOO_DEEP,
    TOO_MANY,
    SyntaxProblemError,
    compose,
    line_of,
    require_json,
)
from penstock.contract.problem import Place, Placed
from penstock.errors import UsageError

KeyPath = tuple[str | int, ...]

_MOST_BYTES: Final = 1_000_000
_CORE = "tag:yaml.org,2002:"
_TEXT_TAGS = {f"{_CORE}{name}" for name in ("str", "timestamp", "value", "merge", "binary")}
_HOLDER_TAGS = (f"{_CORE}map", f"{_CORE}seq")


class WholeNumber(int):
    """An integer of the document. ``written`` is its source text."""

    written: str


class DecimalNumber(float):
    """A number of the document that is not an integer. ``written`` is its source text; the float is never used."""

    written: str


@dataclass(frozen=True, slots=True)
class Node:
    """A value of the document and where it stands: the line of its key in a mapping, else its own.

    ``value`` is None, a bool, a :class:`WholeNumber`, a :class:`DecimalNumber`, a str, or a dict or list of nodes.
    """

    place: Place
    value: Any

    def plain(self) -> Any:
        """The value without places: dicts, lists and scalars."""
        if isinstance(self.value, dict):
            return {key: child.plain() for key, child in self.value.items()}
        if isinstance(self.value, list):
            return [child.plain() for child in self.value]
        return self.value

    def child(self, step: str | int) -> Node | None:
        """The node one step down, or None where there is none."""
        if isinstance(self.value, dict) and isinstance(step, str):
            return self.value.get(step)
        if isinstance(self.value, list) and isinstance(step, int) and step < len(self.value):
            found: Node = self.value[step]
            return found
        return None

    def trail(self, path: KeyPath) -> Iterator[tuple[str | int, Node]]:
        """The nodes on the way down ``path``. A step that the document does not have is passed over.

        A model's error path holds more than the document does: the names of a union's branches.
        """
        node = self
        for step in path:
            below = node.child(step)
            if below is not None:
                node = below
                yield step, node

    def place_of(self, path: KeyPath) -> Place:
        """The place of the deepest node on ``path``."""
        place = self.place
        for _, node in self.trail(path):
            place = node.place
        return place


@dataclass(frozen=True, slots=True)
class Document:
    """A file as a tree, with the problems that were met while reading it. Without a root nothing else can be said."""

    root: Node | None
    problems: tuple[Placed, ...]


def read_document(path: Path) -> Document:
    """Read a YAML file, or a JSON file if its name ends in ``.json``. Raises UsageError if it can't be read."""
    try:
        return _read(path)
    except SyntaxProblemError as error:
        return Document(None, (Placed(Place(str(path), error.line), (), error.message),))


def _read(path: Path) -> Document:
    text = _read_text(path)
    if path.suffix == ".json":
        require_json(text)
    top = compose(text)
    if top is None:
        raise SyntaxProblemError(1, "the file is empty")
    if not isinstance(top, MappingNode):
        raise SyntaxProblemError(line_of(top), "the file must be a mapping of keys to values")
    problems: list[Placed] = []
    root = _Converter(str(path), problems).node(top, Place(str(path), line_of(top)), ())
    return Document(root, tuple(problems))


def _read_text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{path}: can't be read: {error.strerror}") from error
    if len(data) > _MOST_BYTES:
        raise SyntaxProblemError(1, f"the file is larger than {_MOST_BYTES:,} bytes")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise SyntaxProblemError(line, "not UTF-8 text; save the file as UTF-8") from error


def merge(under: Node, over: Node) -> Node:
    """Both mappings in one, key by key to any depth; where both have a value that is not a mapping, ``over`` has it."""
    if not (isinstance(under.value, dict) and isinstance(over.value, dict)):
        return over
    both = dict(under.value)
    for key, node in over.value.items():
        both[key] = merge(both[key], node) if key in both else node
    return Node(over.place, both)


@dataclass(slots=True)
class _Converter:
    """Turns the parser's nodes into ours and notes what is wrong with them."""

    file: str
    problems: list[Placed]
    nodes: int = 0

    def node(self, source: Any, place: Place, path: KeyPath, above: tuple[int, ...] = ()) -> Node:
        if id(source) in above:
            self.problems.append(Placed(place, path, "an alias can't refer to what it is part of"))
            return Node(place, None)
        self.nodes += 1
        if self.nodes > MOST_NODES:  # an alias is the node that it refers to, as often as it stands there
            raise SyntaxProblemError(place.line, TOO_MANY)
        if len(above) > MOST_LEVELS:
            raise SyntaxProblemError(place.line, TOO_DEEP)
        above = (*above, id(source))
        if not isinstance(source, ScalarNode) and str(source.tag) not in _HOLDER_TAGS:
            self._refuse_tag(source.tag, place, path)
        if isinstance(source, MappingNode):
            return Node(place, self._mapping(source, path, above))
        if isinstance(source, SequenceNode):
            items = [
                self.node(item, Place(self.file, line_of(item)), (*path, index), above)
                for index, item in enumerate(source.value)
            ]
            return Node(place, items)
        return Node(place, self._scalar(source, place, path))

    def _mapping(self, source: MappingNode, path: KeyPath, above: tuple[int, ...]) -> dict[str, Node]:
        children: dict[str, Node] = {}
        for key_node, value_node in source.value:
            place = Place(self.file, line_of(key_node))
            if not isinstance(key_node, ScalarNode):
                self.problems.append(Placed(place, path, "a key must be a text"))
                continue
            key = _join_surrogates(key_node.value)
            if key in children:
                first = children[key].place.line
                self.problems.append(
                    Placed(place, (*path, key), f"the key is given twice (first in line {first})")
                )
                continue
            children[key] = self.node(value_node, place, (*path, key), above)
        return children

    def _scalar(self, source: ScalarNode, place: Place, path: KeyPath) -> Any:
        tag, text = str(source.tag), _join_surrogates(source.value)
        if tag == f"{_CORE}null":
            return None
        if tag == f"{_CORE}bool" and text.lower() in {"true", "false"}:
            return text.lower() == "true"
        if tag == f"{_CORE}int" and len(text) < 4000:  # Python refuses to read longer ones
            return _whole_number(text)
        if tag in {f"{_CORE}int", f"{_CORE}float"}:
            decimal = DecimalNumber("nan")
            decimal.written = text
            return decimal
        # What YAML 1.1 would call a boolean (`NO` under a %YAML 1.1 directive) is a text here too.
        if tag not in _TEXT_TAGS and tag != f"{_CORE}bool":
            self._refuse_tag(tag, place, path)
        return text

    def _refuse_tag(self, tag: object, place: Place, path: KeyPath) -> None:
        self.problems.append(Placed(place, path, f'the tag "{tag}" is not understood; leave it out'))


def _whole_number(text: str) -> WholeNumber:
    digits = text.replace("_", "")
    base = {"0x": 16, "0o": 8, "0b": 2}.get(digits.lstrip("+-")[:2].lower(), 10)
    number = WholeNumber(digits, base)
    number.written = text
    return number


def _join_surrogates(text: str) -> str:
    """JSON writes a character beyond U+FFFF as two escapes; YAML reads each alone."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
