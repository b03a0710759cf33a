"""The loader's log: one line of JSON for each thing that happened. A cell's value never enters it.

``event`` says what happened and ``outcome`` how it ended; nothing else is promised to be there, but what is there has
one meaning everywhere: ``run``, ``bucket``, ``key``, ``version``, ``request_id``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal, TextIO

from penstock.aws.runs import format_time

Level = Literal["DEBUG", "INFO", "WARNING", "ERROR"]
LEVELS: Final[tuple[Level, ...]] = ("DEBUG", "INFO", "WARNING", "ERROR")


@dataclass(frozen=True)
class Log:
    """Writes lines of JSON to a stream. ``bound`` is in every line."""

    stream: TextIO
    clock: Callable[[], float]
    level: Level = "INFO"
    bound: Mapping[str, object] = field(default_factory=dict)

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

    def _write(self, level: Level, event: str, fields: Mapping[str, object]) -> None:
        if LEVELS.index(level) < LEVELS.index(self.level):
            return
        line = {"time": format_time(self.clock()), "level": level, "event": event, **self.bound, **fields}
        shown = {name: value for name, value in line.items() if value is not None}
        self.stream.write(json.dumps(shown, ensure_ascii=False, default=str) + "\n")
        self.stream.flush()
