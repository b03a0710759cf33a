"""The functions' log: one line of JSON for each thing that happened. A cell's value never enters it.

``event`` says what happened and ``outcome`` how it ended; nothing else is promised to be there, but what is there has
one meaning everywhere: ``run``, ``bucket``, ``key``, ``version``, ``request_id``. A line can carry metrics too.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal, TextIO

from penstock.aws.emf import Values, describe_metrics
from penstock.aws.runs import format_time

Level = Literal["DEBUG", "INFO", "WARNING", "ERROR"]
LEVELS: Final[tuple[Level, ...]] = ("DEBUG", "INFO", "WARNING", "ERROR")


@dataclass(frozen=True)
class Log:
    """Writes lines of JSON to a stream. ``bound`` is in every line, ``dimensions`` are those of metrics."""

    stream: TextIO
    clock: Callable[[], float]
    level: Level = "INFO"
    bound: Mapping[str, object] = field(default_factory=dict)
    dimensions: Mapping[str, str] = field(default_factory=dict)

    def bind(self, **fields: object) -> Log:
        """Give a log whose lines have these fields too."""
        return replace(self, bound={**self.bound, **fields})

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
        shown = {name: value for name, value in line.items() if value is not None}
        self.stream.write(json.dumps(shown, ensure_ascii=False, default=str) + "\n")
        self.stream.flush()
