"""Values that expressions compute, written as canonical text and as DynamoDB JSON."""

from __future__ import annotations

import re
from typing import Final

from penstock.compile.fields import FieldCheck
from penstock.compile.sql import Pieces, joined, text_json, wrapped
from penstock.compile.sql_types import INTEGERS
from penstock.contract.model import AttributeType
from penstock.engine.canonical import MAX_DIGITS
from penstock.errors import ContractError

_STAMPS: Final = frozenset(("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"))
_DECIMAL: Final = re.compile(r"DECIMAL\((\d+), ?(\d+)\)")


def attribute_type_of(sql_type: str) -> AttributeType:
    """Tell the DynamoDB type of a computed value unless the contract says otherwise.

    Raises :class:`~penstock.errors.ContractError` for a type that no attribute holds exactly (DOUBLE among them).
    """
    if sql_type.endswith("[]"):
        attribute_type_of(sql_type.removesuffix("[]"))
        return "L"
    if sql_type in INTEGERS or _DECIMAL.fullmatch(sql_type):
        return "N"
    if sql_type == "BOOLEAN":
        return "BOOL"
    if sql_type in {"VARCHAR", "UUID", "DATE", "TIME"} | _STAMPS:
        return "S"
    if sql_type in {"DOUBLE", "FLOAT"}:
        raise ContractError(
            (f"a {sql_type} has no exact digits; use a DECIMAL (`CAST(... AS DECIMAL(18, 2))`)",)
        )
    raise ContractError((f"no attribute holds a {sql_type}; cast it to VARCHAR or another plain type",))


def allowed_for(sql_type: str) -> tuple[AttributeType, ...]:
    """Tell the DynamoDB types that a computed value can become, its default first."""
    default = attribute_type_of(sql_type)
    if default == "L":
        member = attribute_type_of(sql_type.removesuffix("[]"))
        sets: dict[AttributeType, AttributeType] = {"S": "SS", "N": "NS"}
        return ("L", sets[member]) if member in sets else ("L",)
    return (default,) if default == "S" else (default, "S")


def canonical_text(value: str, sql_type: str) -> str:
    """Write a computed scalar as canonical text, equal to that of a cell of the same value; NULL stays NULL."""
    decimal = _DECIMAL.fullmatch(sql_type)
    if decimal:
        return _decimal_text(value, int(decimal[1]), int(decimal[2]))
    if sql_type in _STAMPS:
        return f"replace(CAST({value} AS VARCHAR), ' ', 'T')"
    attribute_type_of(sql_type)
    return f"({value})" if sql_type == "VARCHAR" else f"CAST({value} AS VARCHAR)"


def _decimal_text(value: str, precision: int, scale: int) -> str:
    text = f"CAST({value} AS VARCHAR)"
    if scale == 0:
        return text
    text = f"rtrim(rtrim({text}, '0'), '.')"
    if precision == scale:  # DuckDB prints such a one as .5, and its zero as .0
        return f"CASE WHEN {value} = 0 THEN '0' ELSE regexp_replace({text}, '^(-?)[.]', '\\10.') END"
    return text


def attribute_json(value: str, sql_type: str, attribute_type: AttributeType | None) -> Pieces:
    """Give a computed value that is there as DynamoDB JSON.

    Raises :class:`~penstock.errors.ContractError` where the value can't become that attribute type.
    """
    allowed = allowed_for(sql_type)
    chosen = attribute_type or allowed[0]
    if chosen not in allowed:
        raise ContractError(
            (f"a {sql_type} can't become the attribute type {chosen}; it can become {', '.join(allowed)}",)
        )
    if chosen == "L":
        member_type = sql_type.removesuffix("[]")
        written = joined(attribute_json("member", member_type, None))
        member = f"CASE WHEN member IS NULL THEN '{{\"NULL\":true}}' ELSE {written} END"
        members = f"array_to_string(list_transform({value}, lambda member: {member}), ',')"
        return wrapped('{"L":[', members, "]}")
    if chosen in {"SS", "NS"}:
        texts = (
            f"list_transform({value}, lambda member: {canonical_text('member', sql_type.removesuffix('[]'))})"
        )
        return wrapped(f'{{"{chosen}":', f"to_json({texts})", "}")
    text = canonical_text(value, sql_type)
    if chosen == "BOOL":
        return wrapped('{"BOOL":', text, "}")
    if chosen == "N" or sql_type != "VARCHAR":
        return wrapped(f'{{"{chosen}":"', text, '"}')
    return text_json(text)


def item_checks(value: str, sql_type: str, attribute_type: AttributeType | None) -> tuple[FieldCheck, ...]:
    """Give what a computed value can be that DynamoDB can't hold; ``bad`` is NULL or FALSE for one that it can."""
    chosen = attribute_type or attribute_type_of(sql_type)
    if chosen in {"SS", "NS"}:
        repeated = f"len(list_distinct({value})) < len({value})"  # NULL is not counted as distinct
        return (
            FieldCheck("is an empty set", f"len({value}) = 0"),
            FieldCheck("has a member twice or one that is NULL, which a set can't hold", repeated),
        )
    if chosen == "N" and sql_type == "HUGEINT":
        long = f"({value} >= {10**MAX_DIGITS} OR {value} <= -{10**MAX_DIGITS}) AND {value} % 10 <> 0"
        return (FieldCheck("has more than the 38 digits that DynamoDB holds", long),)
    return ()
