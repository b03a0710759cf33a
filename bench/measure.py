"""Measure one command: a fresh process, its CPU seconds with its children's, its time, and its memory over time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
SAMPLE_SECONDS: Final = 0.1
TELL_SECONDS: Final = 15.0

Say = Callable[[str], None]


class BenchError(Exception):
    """A measurement that could not be made, or did not do what it should have."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What a process took. ``cpu`` and ``wall`` are in seconds, ``peak`` and ``memory`` in MB (10⁶ bytes).

    Of a family, ``peak`` and ``memory`` are of all processes together, and ``peaks`` of those of one program, by its name.
    """

    cpu: float
    wall: float
    peak: float
    memory: tuple[tuple[float, float], ...]
    """Resident memory: seconds since the start, and MB."""
    output: str
    peaks: Mapping[str, float] = field(default_factory=dict)


def measure(  # noqa: PLR0913 -- what differs between commands, each by its name
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    label: str,
    say: Say,
    cpus: Sequence[int] = (),
    accept: Sequence[int] = (0,),
    timeout: float = 1200.0,
    family: bool = False,
) -> Measured:
    """Run a command to its end. Raises :class:`BenchError` where its exit code is not one of ``accept``.

    Its CPU time is the system's account of it and of the children it waited for (``wait4``), and so is its peak of
    resident memory; the memory over time is looked up ten times a second. With ``family`` all that it starts is
    waited for and counted (:mod:`bench.family`), and memory is the sum of what each process has resident: pages that
    several share count for each of them.
    """
    if family:
        command = python("-m", "bench.family", *command)
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as errors:
        started = time.monotonic()
        process = subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=errors,
            env=clean(environment),
            cwd=ROOT,
        )
        if cpus:
            os.sched_setaffinity(process.pid, cpus)
        done = threading.Event()
        watch = _Watch(process.pid, label, say, started, started + timeout, family=family)
        watcher = threading.Thread(target=watch.run, args=(done,))
        watcher.start()
        try:
            _, status, usage = os.wait4(process.pid, 0)
        finally:
            done.set()
            watcher.join()
        wall = time.monotonic() - started
        process.returncode = os.waitstatus_to_exitcode(
            status
        )  # it was waited for here, and not by subprocess
        out.seek(0)
        errors.seek(0)
        output, complaint = out.read(), errors.read()
    if process.returncode not in accept:
        last = (complaint.strip() or output.strip()).splitlines()[-3:]
        raise BenchError(f"{label} ended with code {process.returncode}: {' / '.join(last)}")
    peak = max([usage.ru_maxrss * 1024 / 1e6, *(megabytes for _, megabytes in watch.memory)])
    if family:
        peak = max(megabytes for _, megabytes in watch.memory)
    return Measured(usage.ru_utime + usage.ru_stime, wall, peak, tuple(watch.memory), output, watch.peaks)


def clean(environment: Mapping[str, str]) -> dict[str, str]:
    """Give an environment without what the caller's own says of AWS, proxies and Python."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.upper().startswith(
            ("AWS_", "PYTHON", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "PENSTOCK_")
        )
    }
    return {**kept, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'src'}", **environment}


class _Watch:
    """Looks at a process now and then, tells that it still runs, and ends it when its time is up."""

    def __init__(
        self, pid: int, label: str, say: Say, started: float, end: float, *, family: bool = False
    ) -> None:
        self._pid, self._label, self._say, self._started, self._end = pid, label, say, started, end
        self._family = family
        self.memory: list[tuple[float, float]] = []
        self.peaks: dict[str, float] = {}

    def run(self, done: threading.Event) -> None:
        told = self._started
        while not done.wait(SAMPLE_SECONDS):
            now = time.monotonic()
            resident = self._look()
            if resident is not None:
                self.memory.append((round(now - self._started, 2), resident))
            if now - told >= TELL_SECONDS and self.memory:
                told = now
                self._say(
                    f"  {self._label}: {now - self._started:.0f} s, {self.memory[-1][1]:.0f} MB resident"
                )
            if now > self._end:
                self._say(f"  {self._label}: ended, for it takes too long")
                for pid in (*family_of(self._pid), self._pid) if self._family else (self._pid,):
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                return

    def _look(self) -> float | None:
        if not self._family:
            return _resident(self._pid)
        each: dict[str, float] = {}
        for pid in family_of(self._pid):
            name, resident = _name(pid), _resident(pid)
            if name is not None and resident is not None:
                each[name] = each.get(name, 0.0) + resident
        for name, resident in each.items():
            self.peaks[name] = max(self.peaks.get(name, 0.0), resident)
        return sum(each.values())


def family_of(pid: int) -> list[int]:
    """Give the processes that descend from one, without it, the youngest of each line first."""
    try:
        children = [
            int(child)
            for task in Path(f"/proc/{pid}/task").iterdir()
            for child in Path(task, "children").read_text("ascii").split()
        ]
    except OSError:  # it has ended
        return []
    return [one for child in children for one in (*family_of(child), child)]


def _name(pid: int) -> str | None:
    """Give the name of a process's program, without its version; None where it has ended."""
    try:
        return Path(f"/proc/{pid}/comm").read_text("ascii").strip().rstrip("0123456789.")
    except OSError:
        return None


def _resident(pid: int) -> float | None:
    """Give a process's resident memory in MB; None where there is no telling, as on other systems than Linux."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1])
    except (OSError, IndexError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def python(*arguments: str) -> list[str]:
    """Give the command that runs this Python with some arguments."""
    return [sys.executable, *arguments]
