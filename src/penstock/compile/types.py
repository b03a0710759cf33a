"""A field of the schema to SQL: its cells, its constraints, and the attribute it becomes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from penstock.compile import composites
from penstock.compile.cells import compile_cell
from penstock.compile.constraints import compile_checks
from penstock.compile.fields import CellSql, FieldCheck, FieldSql, Plain, refuse
from penstock.compile.sql import Pieces, wrapped
from penstock.contract.model import AttributeType, FieldModel

__all__ = ["FieldCheck", "FieldSql", "allowed_attribute_types", "compile_field"]

_ATTRIBUTE_TYPES: Final[Mapping[str, tuple[AttributeType, ...]]] = {
    "string": ("S",),
    "any": ("S",),
    "integer": ("N", "S"),
    "number": ("N", "S"),
    "year": ("N", "S"),
    "boolean": ("BOOL", "S"),
    "date": ("S",),
    "time": ("S",),
    "datetime": ("S",),
    "yearmonth": ("S",),
    "duration": ("S",),
    "array": ("L", "S"),
    "object": ("M", "S"),
    "geojson": ("M", "S"),
    "geopoint": ("M", "L", "S"),
}


def allowed_attribute_types(field: FieldModel) -> tuple[AttributeType, ...]:
    """Tell the DynamoDB types that a field can become, its default first."""
    if field.type == "string" and field.format == "binary":
        return ("B", "S")
    if field.type == "list":
        return composites.list_attribute_types(field)
    return _ATTRIBUTE_TYPES[field.type]


def compile_field(
    index: int, field: FieldModel, attribute_type: AttributeType | None, *, plain: bool = False
) -> FieldSql:
    """Compile a field. ``attribute_type`` is the contract's override; None means the type's own.

    With ``plain`` the constraints are those of plain cells only.

    Raises :class:`~penstock.errors.ContractError`, naming the field, for a format, property, constraint or attribute
    type that does not fit it.
    """
    allowed = allowed_attribute_types(field)
    if attribute_type is not None and attribute_type not in allowed:
        raise refuse(
            field,
            f"the type {field.type} can't become the attribute type {attribute_type}; it can become {', '.join(allowed)}",
        )
    cell = compile_cell(index, field, attribute_type or allowed[0])
    return FieldSql(
        valid=cell.valid,
        text=cell.text,
        value=cell.value,
        sql_type=cell.sql_type,
        fits=cell.fits,
        json=_json(field, cell, index),
        codec=cell.codec,
        checks=compile_checks(index, field, plain=plain),
        item_checks=cell.item_checks,
        attribute_type=cell.attribute_type,
        plain=cell.plain or (Plain(cell.valid, cell.text) if cell.codec is None else None),
    )


def _json(field: FieldModel, cell: CellSql, index: int) -> Pieces:
    """Give the field's JSON; what is one of a few texts that need no escaping is not looked through for it."""
    if field.type != "string" or cell.attribute_type != "S" or not field.constraints.enum:
        return cell.json
    if any(json.dumps(value, ensure_ascii=False) != f'"{value}"' for value in field.constraints.enum):
        return cell.json
    return wrapped('{"S":"', f"t{index}", '"}')
