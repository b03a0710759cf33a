"""Reading a contract: every problem at once, each with its file, line and key.

The document is read with the line of everything in it, the model says what is wrong with its shape, and the
cross-checks say what is wrong between its parts. Where only the shape of some keys is wrong, the rest is
cross-checked all the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from penstock.contract.check import check
from penstock.contract.document import KeyPath, Node, merge, read_document
from penstock.contract.model import Contract
from penstock.contract.problem import Placed, Problem
from penstock.contract.resolve import feeds_wanted, resolve_feeds, without_project
from penstock.contract.standard import Part
from penstock.contract.wording import word
from penstock.errors import ContractError, UsageError

PROJECT_FILE = "penstock.yaml"
CONTRACTS_FOLDER = "contracts"

_STAND_INS: dict[KeyPath, str | int] = {
    ("penstock",): 1,
    ("name",): "feed",
    ("source", "prefix"): "feed/",
    ("load", "table"): "feed",
}
"""Values for required keys, so that the rest of a contract can be checked without them."""

AnyPart = TypeVar("AnyPart", bound=Part)


def read_contract(path: Path) -> Contract:
    """Read and check a contract, a YAML file.

    A contract in the ``contracts`` folder of a project takes the project's ``defaults``, and its references the
    contracts of their feeds. Raises ContractError with a line for every problem, and UsageError if the file can't be read.
    """
    contract, problems = examine(path, *read_defaults(path))
    if contract is None:
        raise ContractError(in_order(problems))
    return _with_feeds(contract, path) if feeds_wanted(contract) else contract


def _with_feeds(contract: Contract, path: Path) -> Contract:
    """The contract with the contracts of the feeds that it refers to, from the files beside its own."""
    root = read_document(path).root
    assert root is not None
    defaults, _ = read_defaults(path)
    if not _is_in_project(path):
        raise ContractError(in_order(place(without_project(contract), root)))
    others = [other for other in sorted(path.parent.glob("*.yaml")) if not other.samefile(path)]
    names = {name: other for other in others if (name := _name_in(other)) is not None}
    feeds, found = {contract.name: contract}, []
    for name in sorted(feeds_wanted(contract) & names.keys()):
        read, problems = examine(names[name], defaults)
        found += problems
        feeds |= {} if read is None else {name: read}
    resolved, problems_here = resolve_feeds(contract, feeds, names)
    found += [] if found else place(problems_here, root)
    if found:
        raise ContractError(in_order(found))
    return resolved


def _name_in(path: Path) -> str | None:
    root = read_document(path).root
    name = None if root is None else root.child("name")
    return name.value if name is not None and isinstance(name.value, str) else None


def examine(
    path: Path, defaults: Node | None = None, problems: Iterable[Placed] = ()
) -> tuple[Contract | None, list[Placed]]:
    """A contract and the problems it has; with problems there is no contract. ``defaults`` lie under the file.

    ``problems`` are those known before, of the defaults. Raises UsageError if the file can't be read.
    """
    document = read_document(path)
    found = [*problems, *document.problems]
    if document.root is None:
        return None, found
    root = document.root if defaults is None else merge(defaults, document.root)
    root = with_schema_file(root, found)
    contract, shape, mended = build(Contract, root)
    found += [problem for problem in shape if problem.path != ("schema",) or not found]
    if contract is not None:
        crossed = place([problem for problem in check(contract) if not _follows(problem, mended)], root)
        found += [problem for problem in crossed if not _is_for_others(problem, document.root)]
    return (None if found else contract), found


def read_defaults(path: Path) -> tuple[Node | None, tuple[Placed, ...]]:
    """The ``defaults`` of the project that a contract belongs to, if it belongs to one, and the file's problems."""
    if not _is_in_project(path):
        return None, ()
    document = read_document(_folder(path).parent / PROJECT_FILE)
    return defaults_of(document.root) if document.root else None, document.problems


def _folder(path: Path) -> Path:
    return path.parent if path.parent.name not in {"", ".."} else path.resolve().parent


def _is_in_project(path: Path) -> bool:
    folder = _folder(path)
    return folder.name == CONTRACTS_FOLDER and (folder.parent / PROJECT_FILE).is_file()


def defaults_of(project: Node) -> Node | None:
    """What lies under every contract of a project, if anything: its ``defaults``, and under them its ``large_objects``."""
    defaults, large = project.child("defaults"), project.child("large_objects")
    if defaults is not None and not isinstance(defaults.value, dict):
        defaults = None
    if large is None:
        return defaults
    under = Node(large.place, {"large_objects": large})
    return under if defaults is None else merge(under, defaults)


def in_order(problems: Iterable[Placed]) -> list[str]:
    """The problems as lines, by file and line, each once."""
    return list(
        dict.fromkeys(str(problem) for problem in sorted(problems, key=lambda problem: problem.place))
    )


def place(problems: Iterable[Problem], root: Node) -> list[Placed]:
    """The problems with the places that the document has for them."""
    return [Placed(root.place_of(problem.path), problem.path, problem.message) for problem in problems]


def build(model: type[AnyPart], root: Node) -> tuple[AnyPart | None, list[Placed], list[KeyPath]]:
    """A model from a document: the model, the problems of its shape, and the keys that were left out for them.

    There is no model where what is left without those keys has no right shape either.
    """
    data = root.plain()
    try:
        return model.model_validate(data, by_alias=True, by_name=False), [], []
    except ValidationError as error:
        problems = word(error.errors(include_url=False), model)
    placed = place(problems, root)
    mended = [_leave_out(data, problem.path) for problem in problems]
    _stand_in(data, mended)
    try:
        return model.model_validate(data, by_alias=True, by_name=False), placed, mended
    except ValidationError:
        return None, placed, mended


def _leave_out(data: Any, path: KeyPath) -> KeyPath:
    """Remove the key that ``path`` leads to, or the nearest one above it that is a key and not a place in a list."""
    while path and isinstance(path[-1], int):
        path = path[:-1]
    holder = data
    for step in path[:-1]:
        try:
            holder = holder[step]
        except (KeyError, IndexError, TypeError):
            return path  # left out already, with something around it
    if isinstance(holder, dict) and path:
        holder.pop(path[-1], None)
    return path


def _stand_in(data: Any, mended: Iterable[KeyPath]) -> None:
    """Put a value where a required one is wrong or missing, if no cross-check looks at it."""
    for path in mended:
        if path in _STAND_INS:
            holder = data
            for step in path[:-1]:
                holder = holder.get(step, {})  # what holds the key may have been left out too
            holder[path[-1]] = _STAND_INS[path]


def _follows(problem: Problem, mended: Iterable[KeyPath]) -> bool:
    """Whether a problem may be nothing but the consequence of a key that was left out."""
    return any(_touches(path, problem.path) for path in mended)


def _is_for_others(problem: Placed, own: Node) -> bool:
    """Whether a problem is that the project's defaults say a job's size, which is for those contracts that have a job."""
    return problem.path == ("glue",) and own.child("glue") is None


def _touches(left_out: KeyPath, path: KeyPath) -> bool:
    if _gives_names(left_out) and path[0] in {"transform", "load"}:
        return True
    if left_out[:2] == ("schema", "fields"):
        return path[:3] == left_out[:3] or path[:2] in {("schema", "primaryKey"), ("schema", "uniqueKeys")}
    if left_out[0] == "references":
        return path[:2] == left_out[:2]
    return left_out[0] == "load" and path[: len(left_out) - 1] == left_out[:-1]


def _gives_names(path: KeyPath) -> bool:
    """Whether the key decides which names the later parts of the contract know, or what type they have."""
    return path[0] == "transform" or (
        path[:2] == ("schema", "fields") and path[-1] in {"fields", "name", "type"}
    )


def with_schema_file(root: Node, problems: list[Placed]) -> Node:
    """The contract with the schemas' files in the places of their paths: its own, and those of its references."""
    root = _with_schema(root, ("schema",), problems)
    references = root.child("references")
    if references is None or not isinstance(references.value, dict):
        return root
    read = {
        name: _with_schema(node, ("references", name, "schema"), problems)
        for name, node in references.value.items()
    }
    return Node(root.place, {**root.value, "references": Node(references.place, read)})


def _with_schema(holder: Node, where: KeyPath, problems: list[Placed]) -> Node:
    """A mapping whose ``schema`` may be a path, with what the file holds; ``where`` is that key's path."""
    schema = holder.child("schema")
    if schema is None or not isinstance(schema.value, str):
        return holder
    path = Path(schema.place.file).parent / schema.value
    if path.suffix != ".json":
        problems.append(Placed(schema.place, where, "must be a Table Schema, or the path of a .json file"))
        return _without(holder, "schema")
    try:
        document = read_document(path)
    except UsageError as error:
        problems.append(Placed(schema.place, where, str(error)))
        return _without(holder, "schema")
    problems += document.problems
    if document.root is None:
        return _without(holder, "schema")
    return Node(holder.place, {**holder.value, "schema": document.root})


def _without(node: Node, key: str) -> Node:
    return Node(node.place, {name: child for name, child in node.value.items() if name != key})
