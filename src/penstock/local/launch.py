"""Start the embedded AWS inside its own interpreter. Run as a script there, with nothing of Penstock on its path.

The server gets a session of its own, so that Ctrl-C in the terminal reaches only the command that started it. With
``--with-parent`` it ends when its parent does, however that ends: standard input is a pipe that the parent holds open.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading


def _stop_with_parent() -> None:
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    os.setsid()
    if "--with-parent" in sys.argv:
        threading.Thread(target=_stop_with_parent, daemon=True).start()
    sys.argv = ["ministack"]
    runpy.run_module("ministack", run_name="__main__", alter_sys=True)
