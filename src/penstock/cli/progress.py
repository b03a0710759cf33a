"""How far the reading is: a bar on a terminal, and lines in a pipe, for anything that takes longer than a moment."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from penstock.cli.output import console, tell, visible
from penstock.figures import size

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

BAR_AFTER_SECONDS: Final = 1.0
LINE_EVERY_SECONDS: Final = 10.0
_DOING: Final = {
    "survey": "checking",
    "load": "loading",
    "rows": "reading",
    "query": "querying",
    "survey result": "checking the result",
    "load result": "loading the result",
}
_OF_UNKNOWN_SIZE: Final = ("query", "survey result", "load result")
"""What is read there is no file that is named."""


class Meter:
    """Shows how far files are read, on standard error. A context manager, called with a file, a pass and its bytes."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._said = clock()
        self._sizes: dict[str, int] = {}
        self._bar: tuple[Progress, TaskID] | None = None
        # A timer, because the first chunk alone can take longer than a moment.
        self._timer = threading.Timer(BAR_AFTER_SECONDS, self._show_bar)
        self._timer.daemon = True

    def __call__(self, file: str, name: str, seen: int) -> None:
        total = self._total(file, name, seen)
        if self._bar is not None:
            bar, task = self._bar
            bar.update(task, description=_describe(file, name), completed=seen, total=total)
        elif not sys.stderr.isatty() and self._clock() - self._said >= LINE_EVERY_SECONDS:
            self._said = self._clock()
            tell(f"{_describe(file, name)}: {size(seen)}" + (f" of {size(total)}" if total else ""))

    def _total(self, file: str, name: str, seen: int) -> int | None:
        """Give the bytes that a pass has. How many a packed file unpacks to is known after its first pass."""
        if name in _OF_UNKNOWN_SIZE or file.endswith("/"):  # a prefix, where many files are read as one
            return None
        if not file.lower().endswith(".gz"):
            if file not in self._sizes:
                self._sizes[file] = Path(file).stat().st_size
        elif name in {"survey", "rows"}:
            self._sizes[file] = seen
            return None
        return self._sizes.get(file)

    def _show_bar(self) -> None:
        self._bar = _start_bar()

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        if self._timer.is_alive():
            self._timer.join()
        if self._bar is not None:
            self._bar[0].stop()


def _describe(file: str, name: str) -> str:
    return f"{visible(Path(file).name)}: {_DOING[name]}"


def _start_bar() -> tuple[Progress, TaskID]:
    from rich.progress import (  # noqa: PLC0415 -- it costs time, and most runs are over before it is needed
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    bar = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
        console=console(stderr=True),
        transient=True,
    )
    bar.start()
    return bar, bar.add_task("starting", total=None)
