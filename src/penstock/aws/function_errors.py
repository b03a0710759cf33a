"""What the loader raises for whoever called it, and what they tell of it, in words that may be shown.

Lambda passes on, and logs, whatever the function raised. The message of an error that is none of ours can hold a cell's
value, so that it is left behind: where it was raised is told.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from penstock.aws.log import Log
from penstock.errors import PenstockError, ServiceError

_RUNTIME: Final = ("Sandbox.", "Runtime.", "Lambda.")
"""How the kinds of errors begin that Lambda itself tells of: time, memory, a process that ended."""

_MOST_TEXT: Final = 1000


class NotLoadedError(ServiceError):
    """Something of an invocation could not be loaded, and is to be tried again."""


class DefectError(PenstockError):
    """The function met an error that nobody expected."""

    exit_code = 3


@contextmanager
def hide_defects(log: Log) -> Iterator[None]:
    """Let out no error but our own: of another the log tells the kind and the places, and not what it says.

    Raises :class:`DefectError` in its stead.
    """
    try:
        yield
    except PenstockError:
        raise
    except Exception as error:  # noqa: BLE001 -- whatever it is, Lambda would log its message
        kind = type(error).__name__
        places = [f"{at.filename}:{at.lineno} {at.name}" for at in traceback.extract_tb(error.__traceback__)]
        log.failure("defect", outcome="failed", kind=kind, places=places)
        raise DefectError(
            f"The function stopped with {kind}, and its log says where. This is a defect: please report it"
        ) from None


def explain_function_error(kind: str, message: str) -> str:
    """Give the reason of a function's failure, of which Lambda gives the error's class and its message."""
    if kind in _names_of(PenstockError) or kind.startswith(_RUNTIME):
        return message[:_MOST_TEXT]
    return f"The function stopped with {kind}, and its log says where. This is a defect: please report it"


def _names_of(kind: type[Exception]) -> set[str]:
    """Give the names of a kind of error and of all below it."""
    return {kind.__name__}.union(*(_names_of(below) for below in kind.__subclasses__()))
