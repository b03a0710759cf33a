"""Fetch the libraries of the functions and the jobs as wheels for their Python and processor, with pip.

pip's configuration applies: an index, a proxy or a folder of wheels that the user has set is what is used.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from penstock.errors import ServiceError, UsageError
from penstock.stack.target import Architecture, Target

_HERE: Final = Path(__file__).parent
_GLIBC: Final = (
    34  # Amazon Linux 2023, the system under Lambda's Python 3.12 and later and under Glue 5, has glibc 2.34.
)
_MACHINES: Final = {"arm64": "aarch64", "x86_64": "x86_64"}


@dataclass(frozen=True, slots=True)
class Platform:
    """What wheels are for. ``here`` tells that it is this very Python, on this computer."""

    python: str
    architecture: Architecture
    here: bool = False


def read_pins(target: Target) -> tuple[str, ...]:
    """Give the requirements of the function's libraries, one ``name==version`` each."""
    names = ["function.txt", *(["function-emulated.txt"] if target.emulated else [])]
    lines = [line.strip() for name in names for line in (_HERE / name).read_text("utf-8").splitlines()]
    return tuple(sorted(line for line in lines if line and not line.startswith("#")))


def fetch_wheels(
    platform: Platform, pins: Sequence[str], folder: Path, whose: str = "the function's"
) -> tuple[Path, ...]:
    """Fetch the wheels into the folder and give their paths, sorted by name. ``whose`` they are, a message says.

    Raises :class:`UsageError` where this Python has no pip, :class:`ServiceError` where pip finds no wheel.
    """
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--disable-pip-version-check",
        "--no-input",
    ]
    command += ["--no-deps", "--only-binary=:all:", "--dest", str(folder), *_arguments(platform), *pins]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if "No module named pip" in done.stderr:
        raise UsageError(
            f"{whose.capitalize()} libraries are fetched with pip, and {sys.executable} has none. "
            f"Install it with: {sys.executable} -m ensurepip"
        )
    if done.returncode != 0:
        said = [line for line in done.stderr.splitlines() if line.strip() and not line.startswith("WARNING")]
        sorry = (
            f"pip could not fetch {whose} libraries for Python {platform.python} on {platform.architecture}. It needs "
            "a network, or an index or folder of wheels that pip is configured to use. pip said:"
        )
        raise ServiceError("\n".join([sorry, *(f"  {line}" for line in said[-4:])]))
    return tuple(sorted(folder.glob("*.whl")))


def _arguments(platform: Platform) -> list[str]:
    """Give pip's arguments for a platform."""
    if platform.here:
        return []
    machine = _MACHINES[platform.architecture]
    systems = [f"manylinux_2_{minor}_{machine}" for minor in range(_GLIBC, 16, -1)]
    platforms = [*systems, f"manylinux2014_{machine}"]
    arguments = [argument for name in platforms for argument in ("--platform", name)]
    return [*arguments, "--python-version", platform.python, "--implementation", "cp"]
