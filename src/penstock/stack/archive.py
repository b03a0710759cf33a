"""Zips and digests of which the same inputs give the same bytes: names are sorted and times fixed."""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import penstock

KEPT_PACKAGES: Final = 8  # in a cache, of each kind: a project's own and its neighbours' last ones


def digest_parts(parts: Sequence[bytes]) -> str:
    """Give a digest of parts, which tells where one ends and the next begins."""
    found = hashlib.sha256()
    for part in parts:
        found.update(len(part).to_bytes(8, "big") + part)
    return found.hexdigest()


def read_rooms(rooms: Iterable[str]) -> dict[str, bytes]:
    """Give the files of these rooms of Penstock itself, by their names in a package."""
    root = Path(penstock.__file__).parent
    paths = [root / "__init__.py"]
    for room in rooms:
        single = root / f"{room}.py"
        paths += [single] if single.exists() else sorted((root / room).rglob("*"))
    return {
        path.relative_to(root.parent).as_posix(): path.read_bytes()
        for path in paths
        if path.is_file() and "__pycache__" not in path.parts
    }


def add_files(zipped: zipfile.ZipFile, files: Mapping[str, bytes]) -> None:
    """Add files by their names; what the system has to run may be run."""
    for name in sorted(files):
        entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
        entry.compress_type = zipfile.ZIP_DEFLATED
        entry.create_system = 3  # Unix, whatever this is: the permissions below are read only then
        entry.external_attr = (0o755 if name == "bootstrap" or name.endswith(".so") else 0o644) << 16
        zipped.writestr(entry, files[name], compresslevel=6)


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Give a path to write to that takes its name when it is whole, or never."""
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield scratch
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)


def forget_old(cache: Path, kind: str) -> None:
    """Delete the packages of a kind that were not used for longest."""
    used = sorted(cache.glob(f"{kind}-*.zip"), key=lambda path: path.stat().st_mtime)
    for path in used[:-KEPT_PACKAGES]:
        path.unlink(missing_ok=True)
