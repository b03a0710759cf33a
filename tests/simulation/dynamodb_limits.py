"""What DynamoDB takes for an item and for its key: sizes, types and numbers (developer guide, "Quotas", "Naming rules and data types")."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from dynamodb_expressions import Attribute, Item, as_number

KeyValue = tuple[str, str]
"""A key attribute's type and value."""

KEY_BYTES: Final = (2048, 1024)
"""The longest partition key and sort key."""


class InvalidError(Exception):
    """The service finds a request invalid."""


def item_bytes(item: Item) -> int:
    """Give about how large an item is, as the service counts it."""
    return sum(len(name.encode()) + _attribute_bytes(value) for name, value in item.items())


def _attribute_bytes(attribute: Attribute) -> int:
    ((kind, value),) = attribute.items()
    if kind in {"S", "B"}:
        return len(value.encode())
    if kind == "N":
        return (len(as_number(value).as_tuple().digits) + 1) // 2 + 1
    if kind == "M":
        return 3 + item_bytes(value) + len(value)
    if kind == "L":
        return 3 + sum(_attribute_bytes(entry) + 1 for entry in value)
    if kind in {"SS", "NS"}:
        return sum(len(entry.encode()) for entry in value)
    return 1


def key_value(item: Item, name: str, kind: str, most: int) -> KeyValue:
    if name not in item:
        raise InvalidError(
            f"One of the required keys was not given a value: Missing the key {name} in the item"
        )
    if kind not in item[name]:
        actual = next(iter(item[name]))
        raise InvalidError(f"Type mismatch for key {name} expected: {kind} actual: {actual}")
    value = item[name][kind]
    if kind == "N":
        check_attribute(item[name])
        return kind, str(as_number(value).normalize() + 0)
    if not value:
        raise InvalidError(
            f"The AttributeValue for a key attribute cannot contain an empty string value. Key: {name}"
        )
    if len(value.encode()) > most:
        which = "hashkey" if most == KEY_BYTES[0] else "all range keys"
        raise InvalidError(f"Size of {which} has exceeded the maximum size limit of {most} bytes")
    return kind, value


def check_index_key(index: str, attribute: str, kind: str, most: int, item: Item) -> None:
    try:
        key_value(item, attribute, kind, most)
    except InvalidError as error:
        raise InvalidError(f"One or more parameter values were invalid: {error} IndexName: {index}") from None


def check_attribute(attribute: Attribute) -> None:
    if len(attribute) != 1:
        raise InvalidError("Supplied AttributeValue has more than one datatypes set")
    ((kind, value),) = attribute.items()
    if kind == "N":
        _check_number(value)
    elif kind in {"SS", "NS"} and (not value or len(set(value)) < len(value)):
        raise InvalidError(
            "Input collection contains duplicates" if value else "An string set  may not be empty"
        )
    elif kind == "M":
        for inner in value.values():
            check_attribute(inner)
    elif kind == "L":
        for inner in value:
            check_attribute(inner)


def _check_number(text: str) -> None:
    try:
        number = Decimal(text)
    except ArithmeticError:
        raise InvalidError("The parameter cannot be converted to a numeric value") from None
    if len("".join(map(str, number.as_tuple().digits)).strip("0")) > 38:
        raise InvalidError("Attempting to store more than 38 significant digits in a Number")
    if number and not Decimal("1E-130") <= abs(number) < Decimal("1E126"):
        raise InvalidError("Number overflow or underflow")
