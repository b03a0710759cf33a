"""A problem of a contract: where it is, and the near miss that explains it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A file, as it was given, and a 1-based line in it."""

    file: str
    line: int


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with the value at ``path``, a way of keys and indexes from the top of the contract."""

    path: tuple[str | int, ...]
    message: str


@dataclass(frozen=True, slots=True)
class Placed:
    """A problem and its place. As text it is one line: ``contracts/orders.yaml:12: load.table: message``."""

    place: Place
    path: tuple[str | int, ...]
    message: str

    def __str__(self) -> str:
        where = f"{self.place.file}:{self.place.line}: "
        line = f"{where}{dotted(self.path)}: {self.message}" if self.path else f"{where}{self.message}"
        # Keys and values are somebody's text: a newline or a terminal's control character in it stays harmless.
        return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in line)


def dotted(path: Iterable[str | int]) -> str:
    """A path as people write it: ``schema.fields[3].constraints.minimum``."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += f".{step}" if text else step
    return text


def near_miss(word: str, known: Iterable[str]) -> str | None:
    """The known word that ``word`` was probably meant to be, or None."""
    by_shape = {_shape(name): name for name in known}
    found = difflib.get_close_matches(_shape(word), by_shape, n=1, cutoff=0.6)
    return by_shape[found[0]] if found else None


def suggest(word: str, known: Iterable[str]) -> str:
    """``; did you mean "x"?``, or the known words where none is near, to be put behind a message."""
    names = list(known)
    near = near_miss(word, names)
    if near is not None:
        return f'; did you mean "{near}"?'
    return f"; known here: {', '.join(names)}" if 0 < len(names) <= 30 else ""


def _shape(word: str) -> str:
    return word.lower().replace("_", "").replace("-", "")
