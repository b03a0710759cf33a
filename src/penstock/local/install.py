"""Install the embedded AWS, once, into a private environment in the user's cache folder.

It is MiniStack (https://pypi.org/project/ministack, MIT), which pins its own botocore: a private environment keeps
that away from everybody else's. The environment is built under another name and renamed when it is whole, so two
commands that install at once don't meet, and one that is interrupted leaves nothing half done.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from penstock.errors import ServiceError, UsageError

VERSION: Final = "1.5.33"
PINS: Final = Path(__file__).with_name("ministack.txt")

Progress = Callable[[str], None]


def be_quiet(_message: str) -> None:
    """Tell nobody."""


def cache_folder() -> Path:
    """Give the folder for what can be made again: ``$PENSTOCK_CACHE``, or the platform's place for a user's caches."""
    chosen = os.environ.get("PENSTOCK_CACHE")
    if chosen:
        return Path(chosen).expanduser().absolute()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "penstock"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "penstock"


def server_folder() -> Path:
    """Give the folder of the private environment: one for each version of the server and of Python."""
    return cache_folder() / f"ministack-{VERSION}-py{sys.version_info.major}.{sys.version_info.minor}"


def install_server(progress: Progress = be_quiet) -> Path:
    """Give the Python that can run the embedded AWS, after installing it if it is not there.

    Raises :class:`UsageError` where the cache can't be written or the platform is not supported, and
    :class:`ServiceError` where the packages can't be fetched.
    """
    if os.name != "posix":
        raise UsageError("The embedded AWS runs on Linux and macOS. On Windows, use WSL.")
    folder = server_folder()
    python = folder / "bin" / "python"
    if _works(python):
        return python
    progress(f"Installing the embedded AWS (MiniStack {VERSION}) into {folder}; this happens once")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".building-") as scratch:
            built = Path(scratch) / "environment"
            _build(built)
            _move(built, folder, Path(scratch))
    except OSError as error:
        raise UsageError(
            f"The embedded AWS can't be installed into {folder}: {error.strerror or error}. "
            "Set PENSTOCK_CACHE to a folder that can be written."
        ) from error
    return python


def _works(python: Path) -> bool:
    """Tell whether the environment is whole. Its Python is a link, which dangles once the user's own Python is gone."""
    return python.exists() and any(python.parent.parent.glob("lib/python3.*/site-packages/ministack/app.py"))


def _build(folder: Path) -> None:
    _run(
        [sys.executable, "-I", "-m", "venv", str(folder)],
        "The embedded AWS needs Python's venv module, and that failed. On Debian and Ubuntu: apt install python3-venv.",
    )
    python = str(folder / "bin" / "python")
    quiet = ["--quiet", "--disable-pip-version-check", "--no-input"]
    _run(
        [python, "-I", "-m", "pip", "install", *quiet, "--constraint", str(PINS), f"ministack=={VERSION}"],
        f"The embedded AWS (ministack=={VERSION}) could not be fetched from the Python package index. The first use "
        "needs a network, or an index that pip is configured to reach; later ones do not.",
    )


def _run(command: list[str], sorry: str) -> None:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        raise ServiceError("\n".join([sorry, *(f"  {line}" for line in lines[-3:])]))


def _move(built: Path, folder: Path, scratch: Path) -> None:
    """Put the environment in its place, unless another command was first."""
    if folder.exists() and not _works(folder / "bin" / "python"):
        with suppress(FileNotFoundError):
            folder.rename(scratch / "broken")
    try:
        built.rename(folder)
    except OSError:
        if not _works(folder / "bin" / "python"):
            raise
