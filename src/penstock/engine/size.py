"""The size of an item as DynamoDB counts it.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any, Final

ITEM_BYTES = 400 * 1024


def item_size(item: str | bytes) -> int:
    """Count the bytes of an item given as DynamoDB JSON: attribute names and values.

    A number takes a byte for every two significant digits and one more, and one for a minus sign; a list or map three
    bytes and one for each of its elements.
    """
    return sum(len(name.encode()) + _value_size(value) for name, value in json.loads(item).items())


def _value_size(value: dict[str, Any]) -> int:
    kind, content = next(iter(value.items()))
    if kind in _SCALARS:
        return _SCALARS[kind](content)
    if kind in _SETS:
        return sum(_SCALARS[kind[0]](member) for member in content)
    if kind == "L":
        return 3 + sum(1 + _value_size(element) for element in content)
    assert kind == "M", kind
    return 3 + sum(1 + len(name.encode()) + _value_size(element) for name, element in content.items())


def _number_size(text: str) -> int:
    mantissa = text.lower().partition("e")[0]
    digits = mantissa.lstrip("-+").replace(".", "").lstrip("0").rstrip("0")
    return 1 + (len(digits) + 1) // 2 + text.startswith("-")


_SCALARS: Final[dict[str, Callable[[Any], int]]] = {
    "S": lambda text: len(text.encode()),
    "N": _number_size,
    "B": lambda text: len(base64.b64decode(text)),
    "BOOL": lambda _: 1,
    "NULL": lambda _: 1,
}
_SETS: Final = frozenset(("SS", "NS", "BS"))
