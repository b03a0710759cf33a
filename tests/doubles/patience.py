"""How long tests wait for what is to come: until it is there, or so long that it never comes."""

import time
from collections.abc import Callable
from typing import TypeVar

PATIENCE = 300.0
"""Seconds. A wait ends with what it waits for; this ends one that would have no end, on the slowest computer too."""

Found = TypeVar("Found")


def wait_for(find: Callable[[], Found | None], what: str, pause: float = 0.1) -> Found:
    """Ask until the answer is neither nothing, nor False, nor empty, and give it. Fails where that never happens."""
    deadline = time.monotonic() + PATIENCE
    while not (found := find()):
        assert time.monotonic() < deadline, f"not within {PATIENCE:.0f} seconds: {what}"
        time.sleep(pause)
    return found
