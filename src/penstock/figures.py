"""Numbers and sizes as people read them, in a terminal and on a page."""

from __future__ import annotations


def count(number: int, noun: str) -> str:
    """Write a number with its noun: ``1 row``, ``1,200 rows``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def size(length: float) -> str:
    """Write a number of bytes: ``812 bytes``, ``1.4 MB``."""
    if length < 1000:
        return f"{length:.0f} bytes"
    for unit in ("KB", "MB", "GB"):
        length /= 1000
        if length < 999.95:
            return f"{length:.1f} {unit}"
    return f"{length / 1000:.1f} TB"
