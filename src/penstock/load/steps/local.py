"""A run's folder on a disk that all its workers share."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from penstock.errors import ServiceError
from penstock.load.state import from_json, to_json

S = TypeVar("S")


@dataclass(frozen=True)
class LocalFolder:
    """A folder for the workers on this computer; see :class:`~penstock.load.steps.folder.Folder`.

    Whatever is written is there whole or not at all, and the system lets go of the lock of a process that dies.
    """

    path: Path

    def below(self, name: str) -> LocalFolder:
        """Give the folder of that name in this one."""
        return LocalFolder(self.path / name)

    def read(self, kind: type[S], name: str) -> S | None:
        """Give a state; None where there is none."""
        with self._explained(name):
            try:
                return from_json(kind, (self.path / name).read_bytes())
            except FileNotFoundError:
                return None

    def write(self, name: str, state: object) -> None:
        """Write a state, over what was there."""
        self.put(name, to_json(state).encode())

    def update(self, kind: type[S], name: str, change: Callable[[S | None], S]) -> S:
        """Change a state, one worker at a time."""
        with self._lock(name):
            old = self.read(kind, name)
            new = change(old)
            if new != old:
                self.write(name, new)
            return new

    def put(self, name: str, body: bytes) -> None:
        """Write a file of these bytes."""
        with self._place(name) as part:
            part.write_bytes(body)

    def get(self, name: str) -> bytes:
        """Give the bytes of a file, which is there."""
        with self._explained(name):
            return (self.path / name).read_bytes()

    def upload(self, name: str, path: Path) -> None:
        """Write a file from elsewhere on the disk."""
        with self._place(name) as part:
            shutil.copyfile(path, part)

    def download(self, name: str, path: Path) -> None:
        """Copy a file, which is there."""
        with self._explained(name):
            shutil.copyfile(self.path / name, path)

    def list_sizes(self, start: str) -> dict[str, int]:
        """Give the names of the files that begin so, in order, and their bytes."""
        with self._explained(start):
            files = {path.relative_to(self.path).as_posix(): path for path in self.path.rglob("[!.]*")}
            return {
                name: path.stat().st_size
                for name, path in sorted(files.items())
                if name.startswith(start) and path.is_file()
            }

    @contextmanager
    def _place(self, name: str) -> Iterator[Path]:
        """Give a path to write to, which takes the file's name when it is written."""
        place = self.path / name
        part = place.with_name(f".{place.name}.{secrets.token_hex(4)}")
        with self._explained(name):
            place.parent.mkdir(parents=True, exist_ok=True)
            yield part
            part.replace(place)

    @contextmanager
    def _lock(self, name: str) -> Iterator[None]:
        import fcntl  # noqa: PLC0415 -- Windows has none, and needs it here alone

        lock = self.path / f".{name.replace('/', '-')}.lock"
        with self._explained(name):
            lock.parent.mkdir(parents=True, exist_ok=True)
            opened = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(opened, fcntl.LOCK_EX)
            yield
        finally:
            os.close(opened)

    @contextmanager
    def _explained(self, name: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            place = (self.path / name).as_posix()
            raise ServiceError(
                f"{place}: {error.strerror}. What the run has kept can't be used: run again."
            ) from error
