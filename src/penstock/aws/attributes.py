"""Plain values as DynamoDB attributes, and back: what the ledger needs of the low-level API, and no more."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

Attribute = dict[str, Any]


def to_attribute(value: object) -> Attribute:
    """Give a value of JSON's types as an attribute."""
    match value:
        case None:
            return {"NULL": True}
        case bool():
            return {"BOOL": value}
        case int() | float():
            return {"N": repr(value)}
        case str():
            return {"S": value}
        case Mapping():
            return {"M": {str(name): to_attribute(inner) for name, inner in value.items()}}
        case list() | tuple():
            return {"L": [to_attribute(inner) for inner in value]}
        case _:
            raise TypeError(f"a {type(value).__name__} has no place in the ledger")


def from_attribute(attribute: Attribute) -> Any:
    """Give the value back. Of a number: an int where it is whole, otherwise a float."""
    ((kind, value),) = attribute.items()
    match kind:
        case "NULL":
            return None
        case "N":
            number = Decimal(value)
            return int(number) if number == number.to_integral_value() else float(number)
        case "M":
            return {name: from_attribute(inner) for name, inner in value.items()}
        case "L":
            return [from_attribute(inner) for inner in value]
        case _:
            return value


def to_item(values: Mapping[str, object]) -> dict[str, Attribute]:
    """Give an item; what is None is left out of it."""
    return {name: to_attribute(value) for name, value in values.items() if value is not None}


def from_item(item: Mapping[str, Attribute]) -> dict[str, Any]:
    """Give an item's values."""
    return {name: from_attribute(attribute) for name, attribute in item.items()}
