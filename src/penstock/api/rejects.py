"""Rejects that go nowhere: the first are kept to be shown, and all are counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

from penstock.engine.result import Reject

FIRST_REJECTS: Final = 10
"""How many rejects are kept; and as many again of a query's result."""


def outline(reject: Reject) -> dict[str, Any]:
    """Give where a reject is and why, as plain JSON types, without what it holds.

    ``of`` is there where it is of a query's result, ``key`` where many files are loaded as one.
    """
    return {
        **({} if reject.of == "object" else {"of": reject.of}),
        **({} if reject.key is None else {"key": reject.key}),
        "line": reject.line,
        "offset": reject.offset,
        "length": reject.length,
        "errors": [asdict(reason) for reason in reject.errors],
    }


class FirstRejects:
    """Keeps the first rejects; see :class:`~penstock.load.protocols.RejectWriter`."""

    def __init__(self) -> None:
        self._kept: dict[str, list[Reject]] = {"object": [], "result": []}
        self._counts: Counter[tuple[str, str | None]] = Counter()

    @property
    def errors(self) -> tuple[tuple[str, str | None, int], ...]:
        """How often each code was met, by field (None: the whole record); the most frequent first."""
        counts = [(code, field, count) for (code, field), count in self._counts.items()]
        return tuple(sorted(counts, key=lambda error: (-error[2], error[0], error[1] or "")))

    @property
    def rejects(self) -> list[Reject]:
        """The first rejects: the object's, and then its result's."""
        return [*self._kept["object"], *self._kept["result"]]

    def write(self, rejects: Sequence[Reject]) -> None:
        for reject in rejects:
            kept = self._kept[reject.of]
            if len(kept) < FIRST_REJECTS:
                kept.append(reject)
            self._counts.update((reason.code, reason.field) for reason in reject.errors)
