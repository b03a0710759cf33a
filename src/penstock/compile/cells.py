"""One cell of a field to SQL: which texts are of its type, and what they are in canonical form.

Full-match patterns decide; casts only follow (Table Schema, version 2:
https://datapackage.org/standard/table-schema/).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from penstock.compile import composites, numbers, patterns, temporal
from penstock.compile.fields import CellSql, refuse
from penstock.compile.sql import Pieces, literals, matches, text_json, wrapped
from penstock.contract.model import AttributeType, FieldModel
from penstock.plan.model import Codec

_STRING_PATTERNS: Final[Mapping[str, str]] = {
    "email": patterns.EMAIL,
    "uri": patterns.URI,
    "uuid": patterns.UUID,
    "binary": patterns.BASE64,
}


def compile_cell(index: int, field: FieldModel, attribute_type: AttributeType) -> CellSql:
    """Compile a field's cell to the attribute type given, which must be one of its own.

    Raises :class:`~penstock.errors.ContractError`, naming the field, for a format or property that does not fit it.
    """
    return _COMPILERS[field.type](index, field, attribute_type)


def _string(index: int, field: FieldModel, attribute_type: AttributeType) -> CellSql:
    cell, text = f"p{index}", f"t{index}"
    if field.format != "default" and field.format not in _STRING_PATTERNS:
        known = ", ".join(("default", *_STRING_PATTERNS))
        raise refuse(field, f"a string's format is one of {known}, not `{field.format}`")
    pattern = _STRING_PATTERNS.get(field.format)
    json = wrapped('{"B":"', text, '"}') if attribute_type == "B" else text_json(text)
    return CellSql(
        valid=f"{cell} IS NOT NULL" if pattern is None else matches(cell, pattern),
        text=cell,
        value=text,
        sql_type="VARCHAR",
        json=json,
        attribute_type=attribute_type,
    )


def _number(index: int, field: FieldModel, attribute_type: AttributeType) -> CellSql:
    cell, text, integer = f"p{index}", f"t{index}", field.type == "integer"
    _only_default(field)
    numbers.check_properties(field)
    bare = numbers.bare_text(cell, field)
    suspect = numbers.with_bare(
        cell, bare, lambda x: f"CASE WHEN {numbers.needs_codec(x, integer)} THEN {x} END"
    )
    if bare != cell:
        suspect = f"CASE WHEN {numbers.may_need_codec(cell)} THEN {suspect} END"
    valid = numbers.with_bare(cell, bare, lambda x: numbers.is_plain(x, integer))
    plain = numbers.with_bare(cell, bare, lambda x: numbers.plain_text(x, integer))
    sql_type = "HUGEINT" if integer else numbers.decimal_type(field)
    return CellSql(
        valid=f"(({valid}) OR d{index} IS NOT NULL)",
        text=f"CASE WHEN d{index} IS NOT NULL THEN d{index} ELSE {plain} END",
        value=f"TRY_CAST({text} AS {sql_type})",
        sql_type=sql_type,
        # An integer of few digits and many zeros does not fit.
        fits=f"TRY_CAST({text} AS HUGEINT) IS NOT NULL" if integer else numbers.fits_decimal(text, field),
        json=_plain_json(attribute_type, text),
        attribute_type=attribute_type,
        codec=Codec(field=index, kind="number", cell=suspect, options={}),
        plain=numbers.plain_cell(cell, integer) if bare == cell else None,
    )


def _boolean(index: int, field: FieldModel, attribute_type: AttributeType) -> CellSql:
    cell, text = f"p{index}", f"t{index}"
    _only_default(field)
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


def _year(index: int, field: FieldModel, attribute_type: AttributeType) -> CellSql:
    cell, text = f"p{index}", f"t{index}"
    _only_default(field)
    return CellSql(
        valid=matches(cell, patterns.YEAR),
        text=f"CASE WHEN starts_with({cell}, '0') THEN ltrim({cell}, '0') ELSE {cell} END",
        value=f"TRY_CAST({text} AS HUGEINT)",
        sql_type="HUGEINT",
        json=_plain_json(attribute_type, text),
        attribute_type=attribute_type,
    )


def _pattern(index: int, field: FieldModel, attribute_type: AttributeType) -> CellSql:
    _only_default(field)
    pattern = patterns.YEARMONTH if field.type == "yearmonth" else patterns.DURATION
    return CellSql(
        valid=matches(f"p{index}", pattern),
        text=f"p{index}",
        value=f"t{index}",
        sql_type="VARCHAR",
        json=_plain_json(attribute_type, f"t{index}"),
        attribute_type=attribute_type,
    )


def _only_default(field: FieldModel) -> None:
    if field.format != "default":
        raise refuse(field, f"the type {field.type} has no format `{field.format}`, only `default`")


def _plain_json(attribute_type: AttributeType, text: str) -> Pieces:
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
    "year": _year,
    "yearmonth": _pattern,
    "duration": _pattern,
    "list": composites.compile_list,
    "array": composites.compile_json,
    "object": composites.compile_json,
    "geojson": composites.compile_json,
    "geopoint": composites.compile_geopoint,
}
