"""Reading YAML and JSON into a tree that knows the line of everything in it.

YAML is read as version 1.2 (https://yaml.org/spec/1.2.2/): ``NO`` and ``on`` are texts, only ``true`` and ``false``
are booleans. A number keeps the digits it was written with, because a limit such as ``0.10`` or one of thirty
digits must not pass through a float.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from penstock.contract.problem import Place, Placed
from penstock.errors import UsageError

KeyPath = tuple[str | int, ...]

_CORE = "tag:yaml.org,2002:"
_TEXT_TAGS = {f"{_CORE}{name}" for name in ("str", "timestamp", "value", "merge", "binary")}


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
    except _SyntaxProblemError as error:
        return Document(None, (Placed(Place(str(path), error.line), (), error.message),))


class _SyntaxProblemError(Exception):
    """The file is not what it should be, at a 1-based line."""

    def __init__(self, line: int, message: str) -> None:
        self.line = line
        self.message = message
        super().__init__(message)


def _read(path: Path) -> Document:
    text = _read_text(path)
    if path.suffix == ".json":
        _require_json(text)
    top = _compose(text)
    if top is None:
        raise _SyntaxProblemError(1, "the file is empty")
    if not isinstance(top, MappingNode):
        raise _SyntaxProblemError(_line(top), "the file must be a mapping of keys to values")
    problems: list[Placed] = []
    root = _Converter(str(path), problems).node(top, Place(str(path), _line(top)), ())
    return Document(root, tuple(problems))


def _read_text(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: can't be read: {error.strerror}") from error
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _SyntaxProblemError(line, "not UTF-8 text; save the file as UTF-8") from error


def merge(under: Node, over: Node) -> Node:
    """Both mappings in one, key by key to any depth; where both have a value that is not a mapping, ``over`` has it."""
    if not (isinstance(under.value, dict) and isinstance(over.value, dict)):
        return over
    both = dict(under.value)
    for key, node in over.value.items():
        both[key] = merge(both[key], node) if key in both else node
    return Node(over.place, both)


def _compose(text: str) -> Any:
    try:
        return YAML(typ="safe", pure=True).compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise _SyntaxProblemError(
            mark.line + 1 if mark else 1, f"not valid YAML: {_explain(error)}"
        ) from error
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise _SyntaxProblemError(
            line,
            f"not valid YAML: the character U+{ord(text[error.position]):04X} can't stand in a text file",
        ) from error
    except RecursionError as error:
        raise _SyntaxProblemError(1, "the file is nested too deeply") from error


_COMPLAINTS = {
    "mapping values are not allowed": 'a ":" where none can be; put a text that holds ": " in quotes, '
    "and check the indentation",
    "expected <block end>": "the indentation does not fit the lines above",
    "another document": "the file holds more than one document; a contract is a file of its own",
}


def _explain(error: MarkedYAMLError) -> str:
    """The parser's complaint, with what to do about the commonest ones."""
    problem, context = str(error.problem), str(error.context or "")
    for complaint, meaning in _COMPLAINTS.items():
        if complaint in problem:
            return meaning
    if "cannot start any token" in problem:
        character = problem.partition("'")[2].rpartition("'")[0]
        if character == "\\t":
            return "a tab can't indent or separate; use spaces"
        return f"a text that begins with {character} must be put in quotes"
    if "flow" in context:
        return "a comma or a closing bracket is missing here"
    return f"{context}: {problem}" if context else problem


def _require_json(text: str) -> None:
    def refuse(constant: str) -> None:
        raise _SyntaxProblemError(1, f"not valid JSON: {constant} is not a JSON value")

    try:
        json.loads(text, parse_constant=refuse)
    except json.JSONDecodeError as error:
        raise _SyntaxProblemError(error.lineno, f"not valid JSON: {error.msg}") from error
    except RecursionError as error:
        raise _SyntaxProblemError(1, "the file is nested too deeply") from error


def _line(node: Any) -> int:
    return int(node.start_mark.line) + 1


@dataclass(frozen=True, slots=True)
class _Converter:
    """Turns the parser's nodes into ours and notes what is wrong with them."""

    file: str
    problems: list[Placed]

    def node(self, source: Any, place: Place, path: KeyPath, above: tuple[int, ...] = ()) -> Node:
        if id(source) in above:
            self.problems.append(Placed(place, path, "an alias can't refer to what it is part of"))
            return Node(place, None)
        above = (*above, id(source))
        if isinstance(source, MappingNode):
            return Node(place, self._mapping(source, path, above))
        if isinstance(source, SequenceNode):
            items = [
                self.node(item, Place(self.file, _line(item)), (*path, index), above)
                for index, item in enumerate(source.value)
            ]
            return Node(place, items)
        return Node(place, self._scalar(source, place, path))

    def _mapping(self, source: MappingNode, path: KeyPath, above: tuple[int, ...]) -> dict[str, Node]:
        children: dict[str, Node] = {}
        for key_node, value_node in source.value:
            place = Place(self.file, _line(key_node))
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
            self.problems.append(Placed(place, path, f'the tag "{tag}" is not understood; leave it out'))
        return text


def _whole_number(text: str) -> WholeNumber:
    digits = text.replace("_", "")
    base = {"0x": 16, "0o": 8, "0b": 2}.get(digits.lstrip("+-")[:2].lower(), 10)
    number = WholeNumber(digits, base)
    number.written = text
    return number


def _join_surrogates(text: str) -> str:
    """JSON writes a character beyond U+FFFF as two escapes; YAML reads each alone."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
