"""One heap for all threads, so that memory follows what is in use and not how many threads once used it."""

from __future__ import annotations

import ctypes
import sys
from functools import cache
from typing import Final

_M_ARENA_MAX: Final = -8


@cache
def share_heap() -> None:
    """Have the C library's threads share one heap, for the life of the process, where it is glibc.

    It makes a heap for each thread otherwise (mallopt(3), M_ARENA_MAX), and of a heap it gives back only the end: with
    batches of megabytes that wander from thread to thread each of them comes to hold as much as all are using. Elsewhere
    nothing is done.
    """
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, 1)
