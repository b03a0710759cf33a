"""Run a command with everything that it starts to the end of all: ``python -m bench.family COMMAND...``.

Spark leaves a Java process that outlives the program that began it, and that one Python processes of its own. Whoever has lost its
parent becomes a child of this process (``PR_SET_CHILD_SUBREAPER``, Linux), which waits for it; so the system's account of this process'
children has the processor time of all of them, to the last.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from typing import Final

_ADOPT_ORPHANS: Final = 36
"""``PR_SET_CHILD_SUBREAPER`` of ``<linux/prctl.h>``."""


def main() -> None:
    """Run the command, wait for all, and end with the command's code."""
    if not sys.platform.startswith("linux") or ctypes.CDLL(None).prctl(_ADOPT_ORPHANS, 1, 0, 0, 0) != 0:
        raise SystemExit("what a program's orphans take can be measured on Linux alone")
    child = subprocess.Popen(sys.argv[1:]).pid
    code = 1
    while True:
        try:
            ended, status = os.wait()
        except ChildProcessError:
            break
        if ended == child:
            code = os.waitstatus_to_exitcode(status)
    raise SystemExit(code if code >= 0 else 128 - code)


if __name__ == "__main__":
    main()
