"""What a value of an event can be: anything that JSON can hold, and so checked before it is used."""

from __future__ import annotations

import re
from typing import Any, Final, TypeGuard

_ID: Final = re.compile(r"[0-9A-Za-z-]{1,100}")
_HALF: Final = re.compile("[\ud800-\udfff]")
_MOST: Final = 1 << 31


def is_id(text: Any) -> TypeGuard[str]:
    """Tell whether something can be a run's id, which is a part of keys in S3."""
    return isinstance(text, str) and _ID.fullmatch(text) is not None


def is_text(value: Any) -> TypeGuard[str]:
    """Tell whether something is text that can be written: JSON can have half a surrogate pair, which UTF-8 has not."""
    return isinstance(value, str) and not _HALF.search(value)


def is_number(value: Any) -> bool:
    """Tell whether something can count chunks or partitions."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _MOST


def is_time_zone(name: Any) -> TypeGuard[str]:
    """Tell whether something is the IANA name of a time zone."""
    from zoneinfo import ZoneInfo  # noqa: PLC0415 -- a loader has no use for it, and would start later

    try:
        return isinstance(name, str) and bool(ZoneInfo(name).key)
    except (ValueError, KeyError, OSError):  # the name of nothing, of a folder, or of a file elsewhere
        return False


def show(text: str, most: int) -> str:
    """Give the beginning of a text so that it can be written, whatever it holds."""
    return text[:most].encode("utf-8", "backslashreplace").decode()
