"""Numbers, sizes, durations and moments as people read them. Moments are seconds of the epoch; all times are UTC."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

_SPANS: Final = ((86_400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s"))


def span(seconds: float) -> str:
    """Write a duration in two units at most: ``340 ms``, ``4.2 s``, ``3 min 20 s``, ``2 d 5 h``."""
    if seconds < 0.9995:
        return f"{max(seconds, 0) * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s" if seconds < 9.95 else f"{seconds:.0f} s"
    for unit, name, lesser, lesser_name in _SPANS:
        if seconds >= unit - lesser / 2:
            whole, rest = divmod(round(seconds / lesser), unit // lesser)
            return f"{whole} {name} {rest} {lesser_name}" if rest else f"{whole} {name}"
    raise AssertionError(seconds)  # the last unit takes what is left


def share(part: int, whole: int) -> str:
    """Write a part of a whole in percent. What is not nothing is not written as 0%, nor what is not all as 100%."""
    if not whole or not part:
        return "0%"
    percent = 100 * part / whole
    if percent < 0.1:
        return "under 0.1%"
    if percent > 99.9 and part != whole:
        return "over 99.9%"
    return f"{percent:.1f}%".replace(".0%", "%")


def clock(moment: float, *, seconds: bool = True) -> str:
    """Write a moment with its date: ``29 Nov 2026, 08:46:12``."""
    found = datetime.fromtimestamp(moment, UTC)
    return f"{found.day} {found:%b %Y, %H:%M:%S}" if seconds else f"{found.day} {found:%b %Y, %H:%M}"


def ago(moment: float, now: float) -> str:
    """Write how long a moment is past: ``4 min ago``, in the one unit that matters."""
    passed = now - moment
    if passed < 1.5:
        return "just now"
    for unit, name in ((86_400, "d"), (3600, "h"), (60, "min")):
        if passed >= 1.5 * unit:
            return f"{passed / unit:.0f} {name} ago"
    return f"{passed:.0f} s ago"
