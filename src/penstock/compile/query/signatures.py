"""What a function of a query takes, and what it makes of that."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from penstock.compile.calls import MAX_WIDTH
from penstock.compile.query.terms import Term


@dataclass(frozen=True, slots=True)
class Function:
    """A function that both engines compute alike, where its arguments fit.

    ``wants`` has a word for each argument: a kind (``text``, ``number``, ``boolean``, ``moment``, ``any``), ``whole`` for a
    number without decimal places, or a literal (``"n"``: a whole number from 0 on, ``"1"``: from 1 on, ``"width"``: one that a
    text may be made as long as, ``"'x'"``: a text that is not empty). The last ``optional`` may be left out, and with ``repeats`` the last may repeat.
    """

    wants: tuple[str, ...]
    build: Callable[[Sequence[Term]], Term]
    optional: int = 0
    repeats: bool = False

    def fits(self, terms: Sequence[Term]) -> bool:
        """Tell whether arguments are such as it takes."""
        least = len(self.wants) - self.optional
        if len(terms) < least or (len(terms) > len(self.wants) and not self.repeats):
            return False
        last = len(self.wants) - 1
        return all(_fits(self.wants[min(i, last)], term) for i, term in enumerate(terms))

    @property
    def takes(self) -> str:
        """What it takes, in words."""
        words = [_WORDS.get(want, want) for want in self.wants]
        least = len(words) - self.optional
        shown = [word if i < least else f"[{word}]" for i, word in enumerate(words)]
        return f"({', '.join([*shown, '...'] if self.repeats else shown)})"


_WORDS: Final = {
    "whole": "whole number",
    "n": "literal number",
    "width": "literal number",
    "1": "literal number from 1",
    "'x'": "literal text",
}


_RANGES: Final = {"n": range(1_000_001), "1": range(1, 1_000_001), "width": range(MAX_WIDTH + 1)}


def _fits(want: str, term: Term) -> bool:
    if want == "'x'":
        return isinstance(term.literal, str) and term.literal != ""
    if want in _RANGES:
        return isinstance(term.literal, int) and term.literal in _RANGES[want]
    if want == "any" or term.kind == "null":
        return True
    if want == "whole":
        return term.kind == "number" and term.sql_type.endswith(",0)")
    return term.kind in (("date", "timestamp") if want == "moment" else (want,))
