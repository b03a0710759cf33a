"""Files that are loaded as one, by a contract whose query is over many (``transform.over``)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from penstock.errors import UsageError
from penstock.load.files import FileSource
from penstock.load.gathering import FilesTogether
from penstock.plan.model import Plan

Unit = FileSource | FilesTogether
"""What one run is over."""


def take_together(plan: Plan, files: tuple[FileSource, ...]) -> tuple[Unit, ...]:
    """Give what runs are over: each file by itself, or all as one where the plan's query is over many.

    Raises :class:`~penstock.errors.UsageError` where a file is named twice, or two runs would share a folder.
    """
    if plan.query is None or plan.query.over == "object":
        _refuse_same_names(files)
        return files
    seen: set[Path] = set()
    for file in files:
        path = Path(file.key).resolve()
        if path in seen:
            raise UsageError(f"{file.key} is named twice, and its rows would count twice. Name it once.")
        seen.add(path)
    return (FilesTogether(plan.prefix, files),) if files else ()


def files_of(unit: Unit) -> tuple[FileSource, ...]:
    """Give the files of a run."""
    return unit.files if isinstance(unit, FilesTogether) else (unit,)


def identify(unit: Unit) -> tuple[int, int]:
    """Give what tells whether files are as they were: the bytes of all, and the time in ns, or a number that stands for all times."""
    found = [(file.key, Path(file.key).stat()) for file in files_of(unit)]
    size = sum(stat.st_size for _, stat in found)
    if isinstance(unit, FileSource):
        return size, found[0][1].st_mtime_ns
    about = repr([(key, stat.st_size, stat.st_mtime_ns) for key, stat in found])
    return size, int.from_bytes(hashlib.sha256(about.encode()).digest()[:7])


def _refuse_same_names(sources: Iterable[FileSource]) -> None:
    """Files of one name would share a folder, as would names that differ only in case on some computers."""
    seen: dict[str, str] = {}
    for source in sources:
        name = Path(source.key).name.casefold()
        if name in seen:
            raise UsageError(
                f"{seen[name]} and {source.key} have one name, and results are kept by name. Run them one at a time, "
                "each into a folder of its own."
            )
        seen[name] = source.key
