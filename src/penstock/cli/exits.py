"""How a command ends: exit codes, and words instead of tracebacks."""

from __future__ import annotations

import errno
import os
import sys
import traceback
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Final, ParamSpec, TextIO

import typer

from penstock.cli.output import tell
from penstock.errors import NO_SPACE, ContractError, PenstockError

DONE: Final = 0
CONTRACT_BROKEN: Final = 1
NOT_WELL: Final = 1
CALL_WRONG: Final = 2
SERVICE_FAILED: Final = 3
INTERRUPTED: Final = 130
PIPE_CLOSED: Final = 141
TERMINATED: Final = 143

MEANINGS: Final = {
    DONE: "Done. Rejected records within the contract's limit are no failure.",
    CONTRACT_BROKEN: "The data broke its contract: too many rejects, a wrong header, an empty file where a header is due, "
    "or nothing loaded and something rejected. Of `penstock status`: something wants a look, or is wrong; of `penstock doctor`: there is a problem.",
    CALL_WRONG: "The call or the contract is wrong. Nothing was done.",
    SERVICE_FAILED: "A service failed, or made no progress. What was done is kept.",
    INTERRUPTED: "Ctrl-C.",
    PIPE_CLOSED: "Whoever read the output stopped reading.",
    TERMINATED: "Somebody ended the process (SIGTERM).",
}
"""With several files a command ends with the highest of their codes."""

_OF_STATUS: Final = {"done": DONE, "rejected": CONTRACT_BROKEN, "failed": SERVICE_FAILED}

_SURROUNDINGS: Final = NO_SPACE | {errno.EACCES, errno.EPERM, errno.EROFS, errno.EIO}
"""What goes wrong with files and is no defect: rights, and disks that are full or broken."""

P = ParamSpec("P")


def exit_code(statuses: Iterable[str]) -> int:
    """Give the worst of the codes of runs that ended so."""
    return max((_OF_STATUS[status] for status in statuses), default=DONE)


def ending(command: Callable[P, int]) -> Callable[P, None]:
    """Make a command end by its exit code; errors that Penstock can explain end in words on standard error."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            code = command(*args, **kwargs)
            sys.stdout.flush()
        except ContractError as error:
            code = error.exit_code
            for problem in error.problems:
                tell(problem)
        except PenstockError as error:
            code = error.exit_code
            tell(f"Error: {error}")
        except BrokenPipeError:
            code = PIPE_CLOSED
            _be_quiet()
        except OSError as error:
            if error.errno not in _SURROUNDINGS:
                raise
            code = end_unforeseen(error)
        raise typer.Exit(code)

    return run


def end_unforeseen(error: BaseException) -> int:
    """Say what no command foresaw, and give the exit code: a disk in words, a defect whole. It may be the messages that can't be written."""
    try:
        if isinstance(error, OSError) and error.errno in _SURROUNDINGS:
            place = "The output" if error.filename is None else error.filename
            tell(f"Error: {place}: {error.strerror}. Mend that, and do it again.")
            _be_quiet()
        else:
            traceback.print_exception(error)
            tell("This is a defect of Penstock and not of your data. Please report it, with the lines above.")
    except OSError:
        _be_quiet(sys.stdout, sys.stderr)
    return SERVICE_FAILED


def _be_quiet(*streams: TextIO) -> None:
    """Let what is still buffered, of standard output unless said, go nowhere, so that the end of the process does not complain about it."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in streams or (sys.stdout,):
        os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
