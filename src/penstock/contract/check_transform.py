"""Checks of the names in ``transform`` and ``rules``; their expressions are the compiler's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from penstock.contract.model import Contract
from penstock.contract.names import Unknown, names_before_rename, names_of_row
from penstock.contract.problem import Problem


def check_transform(contract: Contract) -> Iterator[Problem]:
    """The problems of ``transform`` and ``rules``."""
    transform = contract.transform
    fields = {field.name for field in contract.schema_.fields}
    for name in transform.prepare:
        if name not in fields:
            yield Problem(("transform", "prepare", name), _no_field(name, fields, transform.set))
    yield from _check_rename(contract)
    known = names_of_row(contract)
    unknown = Unknown(transform.rename)
    for index, name in enumerate(transform.drop):
        if name not in known:
            yield Problem(("transform", "drop", index), unknown.explain(name, known))
        elif name in transform.drop[:index]:
            yield Problem(("transform", "drop", index), f'"{name}" is dropped twice')
    for name, count in Counter(rule.name for rule in contract.rules).items():
        if count > 1:
            last = max(index for index, rule in enumerate(contract.rules) if rule.name == name)
            yield Problem(("rules", last, "name"), f'another rule is called "{name}"')


def _no_field(name: str, fields: set[str], derived: dict[str, str]) -> str:
    if name in derived:
        return f'"{name}" is set, and prepare works on the cells of the file; do it in set'
    return Unknown({}).explain(name, fields).replace("neither a field nor set", "no field of the schema")


def _check_rename(contract: Contract) -> Iterator[Problem]:
    rename = contract.transform.rename
    before = names_before_rename(contract)
    after = Counter(rename.get(name, name) for name in before)
    for old, new in rename.items():
        path = ("transform", "rename", old)
        if old not in before:
            yield Problem(path, Unknown({}).explain(old, before))
        elif after[new] > 1:
            yield Problem(path, f'another value is called "{new}" already')
        elif old == new:
            yield Problem(path, "is renamed to what it is called")
