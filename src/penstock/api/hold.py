"""One run at a time into a file's folder of results: two would each cut and remove what the other wrote."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from penstock.errors import UsageError


@contextmanager
def hold(folder: Path) -> Iterator[None]:
    """Make a folder, and hold it against other runs until the end. The system lets go of it for a process that dies.

    Raises :class:`~penstock.errors.UsageError` where another run has it. Where it can't be made or held, nothing is said:
    that it can't be written to the run will say itself.
    """
    lock = None
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        lock = _take(folder)
    try:
        yield
    finally:
        if lock is not None:
            os.close(lock)


def is_held(folder: Path) -> bool:
    """Tell whether a run is under way into a folder."""
    try:
        os.close(_take(folder))
    except UsageError:
        return True
    except OSError:
        return False
    return False


def _take(folder: Path) -> int:
    """Lock the folder itself, so that no file has to be made and removed; give what is to be closed."""
    if not hasattr(os, "O_DIRECTORY"):
        raise OSError("here a folder can't be opened, nor locked")
    import fcntl  # noqa: PLC0415 -- it is not there where folders can't be opened

    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(opened)
        raise UsageError(
            f"Another run writes into {folder.as_posix()}. Wait for its end, or name another folder."
        ) from None
    except OSError:  # a file system that has no such locks
        os.close(opened)
        raise
    return opened
