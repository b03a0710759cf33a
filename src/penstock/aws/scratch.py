"""Scratch folders of runs, and what is left of those whose process was ended.

Lambda ends a process that runs out of time or memory and starts another in the same sandbox, where ``/tmp`` is as it was
(Lambda guide, "Failures during the invoke phase"). What a dead run had spilled would take the next one's space.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from pathlib import Path

from penstock.errors import NO_SPACE, ServiceError

_NAME = re.compile(r"penstock-run-(\d+)-\w+")


def make_scratch() -> tempfile.TemporaryDirectory[str]:
    """Make a folder for one run, which goes with the block that it is used in. Its name tells this process."""
    return tempfile.TemporaryDirectory(prefix=f"penstock-run-{os.getpid()}-")


def clear_scratch(folder: Path | None = None) -> None:
    """Remove the runs' folders whose process is no more, for a process that has made none yet."""
    for path in (folder or Path(tempfile.gettempdir())).glob("penstock-run-*"):
        name = _NAME.fullmatch(path.name)
        if name is not None and not _is_anothers(int(name[1])):
            shutil.rmtree(path, ignore_errors=True)


def _is_anothers(pid: int) -> bool:
    if pid == os.getpid():
        return False  # of an earlier process that had this one's number
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def explain_full_disk(error: OSError) -> ServiceError:
    """Give the error to raise where there is no space left; any other error of the system is raised as it is."""
    if error.errno not in NO_SPACE:
        raise error
    return ServiceError(
        "There is no space left under /tmp: give the function more `storage`, or send the file in parts."
    )
