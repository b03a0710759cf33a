"""Cells that Python decides, because SQL would lose digits or order.

The compiled plan says which cells those are (:class:`~penstock.plan.model.Codec`); the engine asks once for each
distinct text. Standard library only: this runs in the function.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from penstock.plan import canonical


@dataclass(frozen=True, slots=True)
class Decided:
    """A cell of the type: its canonical text, and its attribute value as DynamoDB JSON.

    ``json`` is None where SQL writes the attribute from the text, or where DynamoDB can't hold the value.
    """

    text: str
    json: str | None


def _number(text: str, _options: Mapping[str, str]) -> Decided | None:
    """Decide a number or integer that is long or has an exponent."""
    number = canonical.number_text(text)
    return None if number is None else Decided(number, None)


CODECS: Final[Mapping[str, Callable[[str, Mapping[str, str]], Decided | None]]] = {
    "number": _number,
}
"""The function of each kind of codec: a cell's text and the codec's options to its decision; None is a type error."""
