"""What a person or a program reads: results on standard output, messages on standard error, never mixed.

In a pipe there are no escape codes and no bars; colours are for terminals, and not where NO_COLOR is set.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console


def console(*, stderr: bool = False) -> Console:
    """Give a console that prints texts as they are: nothing in them is markup."""
    from rich.console import Console  # noqa: PLC0415 -- `--help` and JSON can do without

    return Console(stderr=stderr, markup=False, highlight=False, emoji=False, soft_wrap=True)


def say(text: str = "", style: str | None = None) -> None:
    """Print a line of the result."""
    if style is not None and sys.stdout.isatty():
        console().print(text, style=style)
    else:
        sys.stdout.write(f"{text}\n")


def tell(text: str, style: str | None = None) -> None:
    """Print a line of what happens, or of what went wrong."""
    if style is not None and sys.stderr.isatty():
        console(stderr=True).print(text, style=style)
    else:
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()


def give_json(value: Any) -> None:
    """Print one JSON document."""
    say(json.dumps(value, ensure_ascii=False, indent=2))


def say_table(headings: Sequence[str], rows: Sequence[Sequence[str]], indent: int = 2) -> None:
    """Print rows in columns; numbers to the right. The last column is as long as it is."""
    if not rows:
        return
    lines = [list(headings), *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(headings))]
    right = [all(row[column].replace(",", "").isdigit() for row in rows) for column in range(len(headings))]
    for index, line in enumerate(lines):
        cells = [
            cell.rjust(width) if to_the_right else cell.ljust(width)
            for cell, width, to_the_right in zip(line, widths, right, strict=True)
        ]
        say(f"{' ' * indent}{'  '.join(cells)}".rstrip(), style="bold" if index == 0 else None)


def visible(text: str) -> str:
    """Give text with what a terminal would obey or not show written as escapes: it is data, not ours."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text
    )


def span(seconds: float) -> str:
    """Write a time that something took for people: ``0.4 s``, ``12 min``, ``3 h``, ``2 d``."""
    if seconds < 99.5:
        return f"{seconds:.1f} s" if seconds < 9.95 else f"{seconds:.0f} s"
    for unit, length in (("min", 60), ("h", 3600)):
        if seconds < 99.5 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds / 86_400:.0f} d"


def clip(text: str, width: int) -> str:
    """Give text in at most so many characters; what is cut off is shown to be."""
    return text if len(text) <= width else f"{text[: width - 1]}…"
