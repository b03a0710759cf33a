"""The one error tree.

Every error a person can cause derives from :class:`PenstockError` and carries the exit code of its kind, so
that the command line needs no table of its own. A message says what happened, where, and what to do next; it
never holds the value of a cell.
"""

from __future__ import annotations

import errno
from typing import Final

NO_SPACE: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""What the system says, as ``errno``, of a disk that has no room."""


class PenstockError(Exception):
    """Something that Penstock can explain to the person who met it."""

    exit_code = 2


class UsageError(PenstockError):
    """The call itself is wrong: a missing file, two files of one name, an option that does not fit."""


class ContractError(PenstockError):
    """A contract, project or schema file that can't be used. ``problems`` holds one line per problem."""

    def __init__(self, problems: tuple[str, ...] | list[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class DataError(PenstockError):
    """A file that breaks its contract as a whole: it is refused before any of its rows is loaded.

    ``code`` is the stable code of the reason, in Frictionless terms where there is one.
    """

    exit_code = 1

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(message)


class ServiceError(PenstockError):
    """A service refused, failed or made no progress. What was done so far is kept."""

    exit_code = 3


class CapacityError(ServiceError):
    """The work takes more memory, disk or time than it was given. Where it has more, it can be done."""


class EngineError(PenstockError):
    """The engine met something that its own rules exclude. It is a defect, and the run fails rather than guess."""

    exit_code = 3


class ConservationError(EngineError):
    """Records, bytes or writes were met that nothing accounts for, or are missing: the sum that is promised does not hold."""
