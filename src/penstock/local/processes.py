"""Start, recognize and end a process that may outlive the command that started it."""

from __future__ import annotations

import os
import platform
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path


def spawn(command: list[str], environment: dict[str, str], log: Path, *, stdin: int | None = None) -> int:
    """Start a command and give its process id. Its output goes to ``log``, its input is ``stdin`` or empty."""
    with log.open("wb") as output, Path(os.devnull).open("rb") as empty:
        source = empty.fileno() if stdin is None else stdin
        return os.posix_spawn(
            command[0],
            command,
            environment,
            file_actions=[
                (os.POSIX_SPAWN_DUP2, source, 0),
                (os.POSIX_SPAWN_DUP2, output.fileno(), 1),
                (os.POSIX_SPAWN_DUP2, output.fileno(), 2),
            ],
        )


def has_ended(pid: int) -> bool:
    """Tell whether a process has ended. A child of this one is reaped on the way."""
    with suppress(ChildProcessError):
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


def started_at(pid: int) -> str | None:
    """Give a text that is the same for the life of a process and differs for a later one of the same id; None if gone."""
    if platform.system() == "Linux":
        try:
            after_name = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2]
        except OSError:
            return None
        return after_name.split()[19]  # field 22 of proc(5): the start in ticks since boot
    told = subprocess.run(
        ["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return told.stdout.strip() or None


def wait_until(done: Callable[[], bool], seconds: float, pause: float = 0.02) -> bool:
    """Ask until it is done or the seconds are over, and tell which."""
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            return False
        time.sleep(pause)
    return True


def end(pid: int, seconds: float) -> bool:
    """Ask a process that leads a session to end, and kill what is left of its session afterwards.

    Gives False where it did not end within ``seconds`` by itself.
    """
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    willing = wait_until(lambda: has_ended(pid), seconds)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    wait_until(lambda: has_ended(pid), 5)
    return willing
