"""A query's result in its run's folder: what the steps load in the place of the object, and what came before it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from penstock.load.result import Queried

RESULT_STATE: Final = "result.json"


@dataclass(frozen=True, slots=True)
class Result:
    """A query's result: the ``file`` in the folder that holds it, of so many bytes, and what the object came to before.

    ``parts`` are the keys of the rejects of the object's own records, in order. ``engine`` computed it, for the reason that is
    given, from the ``references``: the key and version of each, by its name.
    """

    queried: Queried
    file: str
    size: int
    parts: tuple[str, ...]
    engine: str
    engine_reason: str | None
    references: Mapping[str, Mapping[str, str]]
