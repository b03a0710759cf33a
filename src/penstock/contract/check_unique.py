"""Checks of ``primaryKey``, ``uniqueKeys`` and ``unique``: true of the load's key, and of nothing else.

Whether other fields repeat could only be known with a memory that grows with the file.
"""

from __future__ import annotations

from collections.abc import Iterator

from penstock.contract.document import KeyPath
from penstock.contract.model import Contract, KeyModel, NamedValue, SchemaModel
from penstock.contract.names import Unknown
from penstock.contract.problem import Problem
from penstock.contract.template import Placeholder, parse_template


def has_unique(schema: SchemaModel) -> bool:
    """Whether the schema says that something is unique."""
    return any(True for _ in unique_sets(schema))


def check_unique(contract: Contract) -> Iterator[Problem]:
    """The problems of everything in the schema that says that something is unique."""
    schema, load = contract.schema_, contract.load
    fields = {field.name for field in schema.fields}
    key = _key_fields(contract)
    known = True
    for path, names in unique_sets(schema):
        missing = [name for name in names if name not in fields]
        for name in missing:
            known = False
            message = Unknown({}).explain(name, fields)
            yield Problem(path, message.replace("neither a field nor set", "no field of the schema"))
        if not missing and load.items is not None:
            yield Problem(path, "refused: with load.items a row has several keys, none of which is this one")
        elif not missing and set(names) != key:
            is_key = (
                f"the load's key is made of {', '.join(sorted(key))}"
                if key
                else "the load's key is made by set"
            )
            yield Problem(
                path,
                f"refused: only the load's key can be kept unique (more would need memory that grows with the file), "
                f"and {is_key}",
            )
    if not known or not has_unique(schema):
        return
    if "on_duplicate" in load.model_fields_set and load.on_duplicate != "reject":
        yield Problem(
            ("load", "on_duplicate"),
            f"is {load.on_duplicate}, and the schema says that the key is unique; write reject or leave it out",
        )


def unique_sets(schema: SchemaModel) -> Iterator[tuple[KeyPath, tuple[str, ...]]]:
    """Everything in a schema that says that something is unique: where it stands, and the fields that it names."""
    primary = (schema.primary_key,) if isinstance(schema.primary_key, str) else schema.primary_key
    if primary:
        yield ("schema", "primaryKey"), primary
    for index, names in enumerate(schema.unique_keys):
        yield ("schema", "uniqueKeys", index), names
    for index, field in enumerate(schema.fields):
        if field.constraints.unique:
            yield ("schema", "fields", index, "constraints", "unique"), (field.name,)


def _key_fields(contract: Contract) -> set[str]:
    """The fields, by their names in the schema, that the load's key is made of; empty if anything else is in it."""
    old = {new: name for name, new in contract.transform.rename.items()}
    names: set[str] = set()
    for key in (contract.load.partition_key, contract.load.sort_key):
        names.update(old.get(name, name) for name in _names_in(key))
    return names if not names & set(contract.transform.set) else set()


def _names_in(key: KeyModel | None) -> list[str]:
    if key is None:
        return []
    if not isinstance(key, NamedValue):
        return [key]
    try:
        return [part.name for part in parse_template(key.value) if isinstance(part, Placeholder)]
    except ValueError:
        return []  # said where the key is checked
