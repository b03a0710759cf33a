"""Canonical text: what SQL made on the desk and codecs run by the engine must both call the same value.

Two cells hold one value exactly where their canonical texts are equal, so keys, enumerations and DynamoDB's sets
compare canonical text.
"""

from __future__ import annotations

import re
from typing import Final

MAX_DIGITS: Final = 38
"""Significant digits that a DynamoDB number holds."""
LARGEST_EXPONENT: Final = 125
SMALLEST_EXPONENT: Final = -130
"""Exponents of the first significant digit: 1E-130 to 9.99...E+125 (DynamoDB's data types)."""

_PLAIN_INTEGER_DIGITS: Final = 39
_PLAIN_FRACTION_DIGITS: Final = 38
_NUMBER: Final = re.compile(
    r"(?P<sign>[+-]?)(?:(?P<whole>[0-9]+)(?:\.(?P<fraction>[0-9]*))?|\.(?P<only>[0-9]+))(?:[eE](?P<exponent>[+-]?[0-9]+))?"
)


def number_text(text: str) -> str | None:
    """Write a decimal number in canonical form, or give None where it is none or DynamoDB can't hold it.

    Canonical is plain notation without needless zeros or plus, as DuckDB prints a DECIMAL or HUGEINT; where that
    would take more than 39 digits before the point or 38 after it, which neither type holds, one digit, the other
    digits after a point, and a signed exponent (``1E-130``, ``9.99E+125``).
    """
    match = _NUMBER.fullmatch(text)
    if match is None:
        return None
    fraction = match["fraction"] or match["only"] or ""
    padded = ((match["whole"] or "") + fraction).lstrip("0")
    digits = padded.rstrip("0")
    if not digits:
        return "0"
    shift = _small_integer(match["exponent"] or "0")
    if shift is None or len(digits) > MAX_DIGITS:
        return None
    last = shift - len(fraction) + len(padded) - len(digits)  # exponent of the last significant digit
    first = last + len(digits) - 1
    if not SMALLEST_EXPONENT <= first <= LARGEST_EXPONENT:
        return None
    sign = "-" if match["sign"] == "-" else ""
    return sign + _written(digits, first, last)


def _small_integer(text: str) -> int | None:
    """Read an exponent, or give None where it is too long to matter: no cell has digits enough to make up for it."""
    digits = text.lstrip("+-").lstrip("0")
    if len(digits) > 9:
        return None
    return int(digits or "0") * (-1 if text.startswith("-") else 1)  # int() itself refuses thousands of zeros


def _written(digits: str, first: int, last: int) -> str:
    if first >= _PLAIN_INTEGER_DIGITS or last < -_PLAIN_FRACTION_DIGITS:
        tail = f".{digits[1:]}" if len(digits) > 1 else ""
        return f"{digits[0]}{tail}E{first:+d}"
    if last >= 0:
        return digits + "0" * last
    if first < 0:
        return "0." + "0" * (-first - 1) + digits
    return f"{digits[: first + 1]}.{digits[first + 1 :]}"
