"""The functions' log: one line of JSON for each thing that happened. A cell's value never enters it.

``event`` says what happened and ``outcome`` how it ended; nothing else is promised to be there, but what is there has
one meaning everywhere: ``run``, ``bucket``, ``key``, ``version``, ``request_id``. A line can carry metrics too.

Of a share of all invocations, which their ids decide, everything is written.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal, TextIO

from penstock.aws.emf import Values, describe_metrics
from penstock.aws.runs import format_time

Level = Literal["DEBUG", "INFO", "WARNING", "ERROR"]
LEVELS: Final[tuple[Level, ...]] = ("DEBUG", "INFO", "WARNING", "ERROR")

_MOST_TEXT: Final = 8192
"""Characters of a text that are written: a line has to stay far below the megabyte that an event of CloudWatch can have."""


@dataclass(frozen=True)
class Log:
    """Writes lines of JSON to a stream. ``bound`` is in every line, ``dimensions`` are those of metrics.

    ``debug_share`` is the share of invocations, from 0 to 1, of which everything is written.
    """

    stream: TextIO
    clock: Callable[[], float]
    level: Level = "INFO"
    bound: Mapping[str, object] = field(default_factory=dict)
    dimensions: Mapping[str, str] = field(default_factory=dict)
    debug_share: float = 0.0

    def begin(self, request_id: str) -> Log:
        """Give the log of an invocation. One that is tried again has its id again, and is in the sample again."""
        sampled = _place(request_id) < self.debug_share
        log = self.bind(request_id=request_id, sampled=True if sampled else None)
        return replace(log, level="DEBUG") if sampled else log

    def bind(self, **fields: object) -> Log:
        """Give a log whose lines have these fields too."""
        return replace(self, bound={**self.bound, **fields})

    def debug(self, event: str, **fields: object) -> None:
        """Tell what helps to find out why something is slow, or who met whom."""
        self._write("DEBUG", event, fields)

    def info(self, event: str, **fields: object) -> None:
        """Tell what went as it should."""
        self._write("INFO", event, fields)

    def warning(self, event: str, **fields: object) -> None:
        """Tell what somebody may want to look at."""
        self._write("WARNING", event, fields)

    def failure(self, event: str, **fields: object) -> None:
        """Tell what failed."""
        self._write("ERROR", event, fields)

    def measure(self, event: str, values: Values, level: Level = "INFO", **fields: object) -> None:
        """Tell what happened and what it came to, in a line that is written whatever the level: metrics must not depend on it."""
        self._put(level, event, {**fields, **describe_metrics(values, self.dimensions, self.clock())})

    def _write(self, level: Level, event: str, fields: Mapping[str, object]) -> None:
        if LEVELS.index(level) >= LEVELS.index(self.level):
            self._put(level, event, fields)

    def _put(self, level: Level, event: str, fields: Mapping[str, object]) -> None:
        line = {"time": format_time(self.clock()), "level": level, "event": event, **self.bound, **fields}
        shown = {name: _cut(value) for name, value in line.items() if value is not None}
        text = json.dumps(shown, ensure_ascii=False, default=str)
        # A key can hold what is no character, such as half a pair of surrogates: it is written as JSON escapes it.
        self.stream.write(text.encode("utf-8", "backslashreplace").decode() + "\n")
        self.stream.flush()


def _cut(value: object) -> object:
    return f"{value[:_MOST_TEXT]}..." if isinstance(value, str) and len(value) > _MOST_TEXT else value


def _place(request_id: str) -> float:
    """Give an invocation a place from 0 to 1, evenly and always the same."""
    return int.from_bytes(hashlib.sha256(request_id.encode()).digest()[:8]) / 2**64
