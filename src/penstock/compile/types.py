"""A field of the schema to the SQL that decides its cells (Table Schema, version 2).

Full-match patterns decide; casts only follow. https://datapackage.org/standard/table-schema/
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from penstock.compile import numbers, patterns, temporal
from penstock.compile.fields import CellSql, FieldCheck, FieldSql, refuse
from penstock.compile.sql import literals, matches, wrapped
from penstock.contract.model import AttributeType, FieldModel
from penstock.plan.model import Codec

__all__ = ["FieldCheck", "FieldSql", "allowed_attribute_types", "compile_field"]

_STRING_PATTERNS: Final[Mapping[str, str]] = {
    "email": patterns.EMAIL,
    "uri": patterns.URI,
    "uuid": patterns.UUID,
    "binary": patterns.BASE64,
}

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
}


def allowed_attribute_types(field: FieldModel) -> tuple[AttributeType, ...]:
    """Tell the DynamoDB types that a field can become, its default first."""
    if field.type == "string" and field.format == "binary":
        return ("B", "S")
    return _ATTRIBUTE_TYPES[field.type]


def compile_field(index: int, field: FieldModel, attribute_type: AttributeType | None) -> FieldSql:
    """Compile a field. ``attribute_type`` is the contract's override; None means the type's own.

    Raises :class:`~penstock.errors.ContractError`, naming the field, for a format, property, constraint or attribute
    type that does not fit it.
    """
    allowed = allowed_attribute_types(field)
    if attribute_type is not None and attribute_type not in allowed:
        raise refuse(
            field,
            f"a {field.type} can't become the attribute type {attribute_type}; it can become {', '.join(allowed)}",
        )
    cell = _COMPILERS[field.type](index, field, attribute_type or allowed[0])
    return FieldSql(
        valid=cell.valid,
        text=cell.text,
        value=cell.value,
        sql_type=cell.sql_type,
        fits=cell.fits,
        json=cell.json,
        codec=cell.codec,
        checks=(),
        item_checks=cell.item_checks,
        attribute_type=cell.attribute_type,
    )


def _string(index: int, field: FieldModel, attribute_type: AttributeType) -> CellSql:
    cell, text = f"p{index}", f"t{index}"
    if field.format != "default" and field.format not in _STRING_PATTERNS:
        known = ", ".join(("default", *_STRING_PATTERNS))
        raise refuse(field, f"a string's format is one of {known}, not `{field.format}`")
    pattern = _STRING_PATTERNS.get(field.format)
    json = (
        wrapped('{"B":"', text, '"}') if attribute_type == "B" else wrapped('{"S":', f"to_json({text})", "}")
    )
    return CellSql(
        valid=f"{cell} IS NOT NULL" if pattern is None else matches(cell, pattern),
        text=f"lower({cell})" if field.format == "uuid" else cell,
        value=text,
        sql_type="VARCHAR",
        json=json,
        attribute_type=attribute_type,
    )


def _number(index: int, field: FieldModel, attribute_type: AttributeType) -> CellSql:
    cell, text, integer = f"p{index}", f"t{index}", field.type == "integer"
    numbers.check_properties(field)
    bare = numbers.bare_text(cell, field)
    suspect = numbers.with_bare(
        cell, bare, lambda x: f"CASE WHEN {numbers.needs_codec(x, integer)} THEN {x} END"
    )
    valid = numbers.with_bare(cell, bare, lambda x: numbers.is_plain(x, integer))
    plain = numbers.with_bare(cell, bare, lambda x: numbers.plain_text(x, integer))
    sql_type = "HUGEINT" if integer else numbers.decimal_type(field)
    return CellSql(
        valid=f"(({valid}) OR d{index} IS NOT NULL)",
        text=f"CASE WHEN d{index} IS NOT NULL THEN d{index} ELSE {plain} END",
        value=f"TRY_CAST({text} AS {sql_type})",
        sql_type=sql_type,
        fits=f"TRY_CAST({text} AS HUGEINT) IS NOT NULL" if integer else numbers.fits_decimal(text, field),
        json=_plain_json(attribute_type, text),
        attribute_type=attribute_type,
        codec=Codec(field=index, kind="number", cell=suspect, options={}),
    )


def _boolean(index: int, field: FieldModel, attribute_type: AttributeType) -> CellSql:
    cell, text = f"p{index}", f"t{index}"
    both = set(field.true_values) & set(field.false_values)
    if both:
        raise refuse(field, f"`{min(both)}` is in both `trueValues` and `falseValues`")
    if not field.true_values or not field.false_values:
        raise refuse(field, "`trueValues` and `falseValues` need a value each")
    return CellSql(
        valid=f"{cell} IN ({literals((*field.true_values, *field.false_values))})",
        text=f"CASE WHEN {cell} IN ({literals(field.true_values)}) THEN 'true' ELSE 'false' END",
        value=f"{text} = 'true'",
        sql_type="BOOLEAN",
        json=wrapped('{"BOOL":', text, "}") if attribute_type == "BOOL" else _plain_json("S", text),
        attribute_type=attribute_type,
    )


def _temporal(index: int, field: FieldModel, attribute_type: AttributeType) -> CellSql:
    cell, text = f"p{index}", f"t{index}"
    iso = temporal.iso_text(cell, field)
    return CellSql(
        valid=temporal.is_iso(iso, field.type),
        text=iso,
        value=temporal.utc_value(text, field.type),
        sql_type=temporal.SQL_TYPES[field.type],
        fits=None if field.type == "date" else f"NOT {temporal.finer_than_microseconds(text)}",
        json=_plain_json(attribute_type, text),
        attribute_type=attribute_type,
    )


def _plain_json(attribute_type: AttributeType, text: str) -> str:
    """Write a scalar whose canonical text never needs escaping."""
    return wrapped(f'{{"{attribute_type}":"', text, '"}')


_Compiler = Callable[[int, FieldModel, AttributeType], CellSql]

_COMPILERS: Final[Mapping[str, _Compiler]] = {
    "string": _string,
    "any": _string,
    "integer": _number,
    "number": _number,
    "boolean": _boolean,
    "date": _temporal,
    "time": _temporal,
    "datetime": _temporal,
}
