"""Ctrl-C and SIGTERM: a command ends at once, and says what goes on without it, or how to go on."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from penstock.cli.output import tell

_caught: list[int] = []


class Ended(BaseException):
    """A signal to end, raised so that scratch folders are removed on the way out."""


def listen() -> None:
    """Have the signals that end a process raise :class:`Ended`."""
    signal.signal(signal.SIGINT, _end)
    signal.signal(signal.SIGTERM, _end)


def _end(number: int, frame: FrameType | None) -> NoReturn:
    del frame
    _caught.append(number)
    raise Ended


def ended_by() -> int | None:
    """Give the signal that the process was told to end by, None where it was not: an exception may not say so itself.

    DuckDB, met by a signal, makes an error of its own of it.
    """
    return _caught[0] if _caught else None


@contextmanager
def if_ended(words: Callable[[], str]) -> Iterator[None]:
    """Say these words on standard error where a signal ends what is done meanwhile; none where they are empty."""
    try:
        yield
    except BaseException:
        if ended_by() is not None and (text := words()):
            tell(text)
        raise
