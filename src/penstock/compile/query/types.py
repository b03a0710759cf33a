"""The types of a query, by DuckDB's names for them, and the rules for numbers.

Both engines have these types and hold the same values in them. What an operation gives is decided here, and every
operation is written with casts to that type, so that it does not matter what either engine would make of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from penstock.compile.terms import RefusedError

MOST_DIGITS: Final = 38

TEXT: Final = "VARCHAR"
BOOLEAN: Final = "BOOLEAN"
DATE: Final = "DATE"
TIMESTAMP: Final = "TIMESTAMP"
UNKNOWN: Final = "NULL"
"""The type of a NULL that nothing has given a type yet."""
INTEGER: Final = "DECIMAL(38,0)"
COUNT: Final = "DECIMAL(18,0)"
"""A count: more rows than 18 digits can say are nowhere."""

_DECIMAL: Final = re.compile(r"DECIMAL\((\d+),(\d+)\)")
_KINDS: Final = {
    TEXT: "text",
    BOOLEAN: "boolean",
    DATE: "date",
    TIMESTAMP: "timestamp",
    UNKNOWN: "null",
}
NAMES: Final = {
    "text": "text",
    "boolean": "a boolean",
    "date": "a date",
    "timestamp": "a timestamp",
    "number": "a number",
    "null": "NULL",
}
"""The kinds of types as messages call them."""


def decimal(precision: int, scale: int) -> str:
    """Write the type of a number of so many digits, of which ``scale`` are its fraction; at most 38 are kept."""
    return f"DECIMAL({min(precision, MOST_DIGITS)},{scale})"


def kind_of(sql_type: str) -> str:
    """Tell the kind of a type: what can be compared, added, or chosen from together is of one kind."""
    return _KINDS.get(sql_type, "number")


def digits_of(sql_type: str) -> tuple[int, int]:
    """Give precision and scale of a number's type."""
    found = _DECIMAL.fullmatch(sql_type)
    assert found is not None, sql_type
    return int(found[1]), int(found[2])


def is_whole(sql_type: str) -> bool:
    """Tell whether a type is that of whole numbers."""
    return kind_of(sql_type) == "number" and digits_of(sql_type)[1] == 0


def common_type(types: Iterable[str], verb: str) -> str:
    """Give the type that holds values of all these types: what is compared, or chosen from.

    Of numbers it has room for the most whole digits and the most decimal places; where 38 digits are too few for both,
    what does not fit fails when the query runs. Raises :class:`RefusedError` on a mix of kinds.
    """
    found = [sql_type for sql_type in types if sql_type != UNKNOWN]
    kinds = {kind_of(sql_type) for sql_type in found}
    if kinds == {"date", "timestamp"}:
        return TIMESTAMP
    if len(kinds) > 1:
        mixed = " and ".join(sorted(NAMES[kind] for kind in kinds))
        raise RefusedError(f"{verb} {mixed}; cast one of them")
    if kinds != {"number"}:
        return found[0] if found else UNKNOWN
    digits = [digits_of(sql_type) for sql_type in found]
    scale = max(scale for _, scale in digits)
    return decimal(max(precision - own for precision, own in digits) + scale, scale)


def holds_all(sql_type: str, of_type: str) -> bool:
    """Tell whether a type holds every value of another type of its kind."""
    if kind_of(sql_type) != "number" or kind_of(of_type) != "number":
        return True
    precision, scale = digits_of(sql_type)
    own_precision, own_scale = digits_of(of_type)
    return precision - scale >= own_precision - own_scale and scale >= own_scale


def sum_type(left: str, right: str) -> str:
    """Give the type of a sum or difference of two numbers."""
    (p1, s1), (p2, s2) = digits_of(left), digits_of(right)
    scale = max(s1, s2)
    return decimal(max(p1 - s1, p2 - s2) + scale + 1, scale)


def product_type(left: str, right: str) -> str:
    """Give the type of a product. Raises :class:`RefusedError` where its decimal places alone are more than 38."""
    (p1, s1), (p2, s2) = digits_of(left), digits_of(right)
    if s1 + s2 > MOST_DIGITS:
        raise RefusedError(
            f"the product has {s1 + s2} decimal places, and a number has at most 38 digits: round a factor first"
        )
    return decimal(p1 + p2, s1 + s2)
