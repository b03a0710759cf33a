"""What a compiled field is: the SQL of one cell, from text to attribute."""

from __future__ import annotations

from dataclasses import dataclass

from penstock.compile.sql import Pieces
from penstock.contract.model import AttributeType, FieldModel
from penstock.errors import ContractError
from penstock.plan.model import Codec


@dataclass(frozen=True, slots=True)
class FieldCheck:
    """Something that can be wrong with a valid cell. ``bad`` is BOOLEAN SQL; NULL is fine."""

    message: str
    bad: str


@dataclass(frozen=True, slots=True)
class Plain:
    """How most cells are written, and so can be decided with little: SQL over ``p<i>``.

    ``valid`` holds only for cells for which the field's own ``valid`` does, and ``text`` gives their canonical text.
    A constraint may find fault with such a cell that it does not break: then its row is not plain, and that is all.
    """

    valid: str
    text: str


@dataclass(frozen=True, slots=True)
class CellSql:
    """How one type decides a cell and writes it; see :class:`FieldSql` for the parts."""

    valid: str
    text: str
    value: str | None
    sql_type: str
    json: Pieces
    attribute_type: AttributeType
    fits: str | None = None
    codec: Codec | None = None
    item_checks: tuple[FieldCheck, ...] = ()
    plain: Plain | None = None


@dataclass(frozen=True, slots=True)
class FieldSql:
    """The SQL of one field, ``i`` being its index.

    ``valid`` (never NULL where the cell is not) and ``text`` are over ``p{i}``, the cell's text, and, for a field with
    a codec, ``d{i}``, its answer. The others are over ``t{i}``, the canonical text, NULL where the cell is missing
    or not of the type; ``json`` and ``item_checks`` also over ``j{i}``, the codec's attribute value.

    ``text`` is canonical: two cells have one value exactly where their texts are equal. ``value`` is the typed value
    for expressions, of ``sql_type``; ``fits`` tells whether it is exact (None: always). ``json`` is the attribute
    value as DynamoDB JSON, of ``attribute_type``. ``checks`` are the field's constraints, ``item_checks`` what
    DynamoDB can't hold. ``plain`` is None where no cell can be decided without the codec.
    """

    valid: str
    text: str
    value: str | None
    sql_type: str
    fits: str | None
    json: Pieces
    codec: Codec | None
    checks: tuple[FieldCheck, ...]
    item_checks: tuple[FieldCheck, ...]
    attribute_type: AttributeType
    plain: Plain | None


def refuse(field: FieldModel, problem: str) -> ContractError:
    """Make the error that names a field and what is wrong with it."""
    return ContractError((f"field `{field.name}`: {problem}",))
