"""What rows compete by, in their items: where the value stands, that it sorts, and the tombstone of a row that deletes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from penstock.compile.objects import Part
from penstock.compile.rows import Attribute, RowSql
from penstock.compile.sql import literal
from penstock.compile.sql_types import kind_of
from penstock.engine.newest import DELETED
from penstock.errors import ContractError

TOMBSTONE_PART: Final = Part(DELETED, (literal('{"BOOL":true}'),), "''", None)
"""What a tombstone begins with (:data:`~penstock.engine.newest.TOMBSTONE`)."""


def compete(
    row: RowSql, parts: Sequence[Part], attributes: Mapping[str, Attribute]
) -> tuple[list[Part], Part]:
    """Put what rows compete by behind the partition key, the first part; give that part by itself too.

    Raises :class:`~penstock.errors.ContractError` where its stored form does not sort as its value.
    """
    name = row.contract.load.newest_by
    assert name is not None
    attribute = attributes[name]
    _refuse_unsorted(attribute)
    row.needed_by_delete |= attribute.reads  # a tombstone has the value too
    first, *others = parts
    # As a key of an index, an absent one is left out and never NULL, which is neither less nor greater than a value.
    value = replace(next(part for part in others if part.name == name), null=False)
    return [first, value, *(part for part in others if part.name != name)], value


def _refuse_unsorted(attribute: Attribute) -> None:
    """A field is looked at where the contract is read; of what is computed only the type is known, and only here."""
    kind = kind_of(attribute.sql_type)
    if attribute.type == "N" or (attribute.type == "S" and kind not in {"number", "boolean", "list"}):
        return
    how = (
        "as text, which does not sort as its value does" if attribute.type == "S" else f"as {attribute.type}"
    )
    problem = (
        f"load.newest_by: {attribute.name} is loaded {how}; compare a number, a text, a date or a datetime"
    )
    raise ContractError([problem])
