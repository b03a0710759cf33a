"""Rejects that go nowhere: the first are kept to be shown, and all are counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

from penstock.engine.result import Reject

FIRST_REJECTS: Final = 10
"""How many rejects are kept."""


def outline(reject: Reject) -> dict[str, Any]:
    """Give where a reject is and why, as plain JSON types, without what it holds."""
    return {
        "line": reject.line,
        "offset": reject.offset,
        "length": reject.length,
        "errors": [asdict(reason) for reason in reject.errors],
    }


class FirstRejects:
    """Keeps the first rejects; see :class:`~penstock.load.protocols.RejectWriter`."""

    def __init__(self) -> None:
        self.rejects: list[Reject] = []
        self._counts: Counter[tuple[str, str | None]] = Counter()

    @property
    def errors(self) -> tuple[tuple[str, str | None, int], ...]:
        """How often each code was met, by field (None: the whole record); the most frequent first."""
        counts = [(code, field, count) for (code, field), count in self._counts.items()]
        return tuple(sorted(counts, key=lambda error: (-error[2], error[0], error[1] or "")))

    def write(self, rejects: Sequence[Reject]) -> None:
        self.rejects.extend(rejects[: FIRST_REJECTS - len(self.rejects)])
        for reject in rejects:
            self._counts.update((reason.code, reason.field) for reason in reject.errors)
