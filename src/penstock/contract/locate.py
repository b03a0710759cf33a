"""Where in its file a problem stands that shows itself only after the contract was read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from penstock.contract.document import Node, merge, read_document
from penstock.contract.problem import Place, Placed
from penstock.contract.read import read_defaults, with_schema_file
from penstock.errors import ContractError


@contextmanager
def located(path: Path) -> Iterator[None]:
    """Put file and line before the problems of a contract that was read from ``path``.

    They begin with the keys that lead to them: ``transform.set.total: message``.
    """
    try:
        yield
    except ContractError as error:
        root = _read(path)
        placed = [Placed(_place_of(root, problem), (), problem) for problem in error.problems]
        raise ContractError([str(problem) for problem in placed]) from error


def _read(path: Path) -> Node:
    """The contract's tree, with the project's defaults under it; the top of the file, if it is gone by now."""
    root = read_document(path).root
    if root is None:
        return Node(Place(str(path), 1), None)
    defaults, _ = read_defaults(path)
    return root if defaults is None else merge(defaults, root)


def read_tree(path: Path) -> Node:
    """Give a contract's tree as :func:`~penstock.contract.read.read_contract` sees it, with the line of everything in it.

    What is wrong with it is passed over. Raises :class:`~penstock.errors.UsageError` where the file can't be read.
    """
    return with_schema_file(_read(path), [])


def _place_of(node: Node, problem: str) -> Place:
    """The place of the deepest node that the beginning of ``problem`` leads to.

    A name may hold what stands between names, so that the text is held against the names that there are, the longest
    first.
    """
    for name, child in sorted(_named(node), key=lambda pair: -len(pair[0])):
        if problem.startswith(name) and problem[len(name) : len(name) + 1] in {".", ":"}:
            return _place_of(child, problem[len(name) + 1 :])
    return node.place


def _named(node: Node) -> Iterator[tuple[str, Node]]:
    """What is below a node, by name: the keys of a mapping, and of a list the parts that have a name."""
    if isinstance(node.value, dict):
        yield from node.value.items()
    elif isinstance(node.value, list):
        for part in node.value:
            name = part.child("name")
            if name is not None:
                yield str(name.value), part
