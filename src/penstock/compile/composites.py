"""Lists, JSON and geography: what has parts. Python decides these cells, except lists of text."""

from __future__ import annotations

from typing import Final

from penstock.compile import patterns
from penstock.compile.fields import CellSql, FieldCheck, refuse
from penstock.compile.sql import Pieces, literal, text_json, wrapped
from penstock.contract.model import AttributeType, FieldModel
from penstock.plan.model import Codec

_ITEM_PATTERNS: Final = {
    "integer": patterns.INTEGER,
    "number": patterns.NUMBER,
    "boolean": "",
    "date": patterns.DATE,
    "time": patterns.TIME,
    "datetime": patterns.DATETIME,
}
_GEOPOINT_FORMATS: Final = ("default", "array", "object")


def list_attribute_types(field: FieldModel) -> tuple[AttributeType, ...]:
    """Tell the DynamoDB types that a list can become, its default first."""
    if field.item_type in {"integer", "number"}:
        return ("L", "NS", "S")
    return ("L", "S") if field.item_type == "boolean" else ("L", "SS", "S")


def members(field: FieldModel, text: str) -> str:
    """Write the members of a list's canonical text, as VARCHAR[]."""
    return f"string_split({text}, {literal(field.delimiter)})"


def compile_list(index: int, field: FieldModel, attribute_type: AttributeType) -> CellSql:
    """Compile a list: one member at least, none of them trimmed."""
    cell, text = f"p{index}", f"t{index}"
    if not field.delimiter:
        raise refuse(field, "a list's `delimiter` can't be empty")
    plain = field.item_type == "string"
    if not plain and any(character.isalnum() or character in "+-.:" for character in field.delimiter):
        raise refuse(
            field, f"a list of {field.item_type} can't be divided by characters that its members have"
        )
    codec = None
    if not plain:
        options = {
            "delimiter": field.delimiter,
            "kind": "number" if field.item_type in {"integer", "number"} else field.item_type,
            "pattern": _ITEM_PATTERNS[field.item_type],
            "attribute": attribute_type,
        }
        codec = Codec(field=index, kind="list", cell=cell, options=options)
    repeated = FieldCheck(
        "has a member twice, which a set can't hold",
        f"len(list_distinct({members(field, text)})) < len({members(field, text)})",
    )
    return CellSql(
        valid=f"{cell} IS NOT NULL" if plain else f"d{index} IS NOT NULL",
        text=cell if plain else f"d{index}",
        value=members(field, text),
        sql_type="VARCHAR[]",
        json=_strings(field, text, attribute_type) if plain else (f"j{index}",),
        attribute_type=attribute_type,
        codec=codec,
        item_checks=(repeated,) if attribute_type in {"SS", "NS"} else (),
    )


def _strings(field: FieldModel, text: str, attribute_type: AttributeType) -> Pieces:
    if attribute_type == "S":
        return text_json(text)
    if attribute_type == "SS":
        return wrapped('{"SS":', f"to_json({members(field, text)})", "}")
    if all(character in ",;| :/" for character in field.delimiter):
        # These are in no escape of JSON, so they can be replaced where the whole text is one JSON string.
        # That is three times as fast as a list.
        replaced = f"replace(to_json({text}), {literal(field.delimiter)}, {literal(_BETWEEN)})"
        return wrapped('{"L":[{"S":', replaced, "}]}")
    written = (
        f"""list_transform({members(field, text)}, lambda member: concat('{{"S":', to_json(member), '}}'))"""
    )
    return wrapped('{"L":[', f"array_to_string({written}, ',')", "]}")


_BETWEEN: Final = '"},{"S":"'


def compile_json(index: int, field: FieldModel, attribute_type: AttributeType) -> CellSql:
    """Compile an array, an object, or GeoJSON."""
    if field.format != "default":
        raise refuse(
            field,
            f"the format `{field.format}` of the type {field.type} is not supported; there is `default`",
        )
    return _decided(index, field, attribute_type, {"attribute": attribute_type})


def compile_geopoint(index: int, field: FieldModel, attribute_type: AttributeType) -> CellSql:
    """Compile a point: longitude within 180 degrees, latitude within 90."""
    if field.format not in _GEOPOINT_FORMATS:
        raise refuse(
            field, f"a geopoint's format is one of {', '.join(_GEOPOINT_FORMATS)}, not `{field.format}`"
        )
    return _decided(index, field, attribute_type, {"attribute": attribute_type, "format": field.format})


def _decided(
    index: int, field: FieldModel, attribute_type: AttributeType, options: dict[str, str]
) -> CellSql:
    unheld = FieldCheck(
        "holds what DynamoDB can't: a number beyond 38 digits or its range, a member without a name, or over 32 levels",
        f"t{index} IS NOT NULL AND j{index} IS NULL",
    )
    return CellSql(
        valid=f"d{index} IS NOT NULL",
        text=f"d{index}",
        value=f"t{index}",
        sql_type="VARCHAR",
        json=(f"j{index}",),
        attribute_type=attribute_type,
        codec=Codec(field=index, kind=field.type, cell=f"p{index}", options=options),
        item_checks=(unheld,),
    )
