"""A run's folder: what its steps leave for one another, in S3 (:mod:`penstock.aws.folder`) or on a disk (:mod:`~penstock.load.steps.local`).

It holds states, small JSON documents, and files. A file is written once, under a name that nobody else takes, and counts only
when a state names it; a state changes by a conditional write, so that of two workers who change it at once neither
undoes what the other did. So any step can be done twice, and a worker can die at any moment.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeVar

S = TypeVar("S")


class Folder(Protocol):
    """The folder of one run. All methods raise :class:`~penstock.errors.ServiceError` for what its place does not do."""

    def below(self, name: str) -> Folder:
        """Give the folder of that name in this one."""
        ...

    def read(self, kind: type[S], name: str) -> S | None:
        """Give a state; None where there is none."""
        ...

    def write(self, name: str, state: object) -> None:
        """Write a state, over what was there. For what is the same whoever writes it."""
        ...

    def update(self, kind: type[S], name: str, change: Callable[[S | None], S]) -> S:
        """Change a state: ``change`` gets what it is, or None, and gives what it is to be, which is given back.

        ``change`` may be called again, with what another worker wrote meanwhile.
        """
        ...

    def put(self, name: str, body: bytes) -> None:
        """Write a file of these bytes."""
        ...

    def get(self, name: str) -> bytes:
        """Give the bytes of a file, which is there."""
        ...

    def upload(self, name: str, path: Path) -> None:
        """Write a file from the disk."""
        ...

    def download(self, name: str, path: Path) -> None:
        """Read a file, which is there, to the disk."""
        ...

    def list_sizes(self, start: str) -> dict[str, int]:
        """Give the names of the files that begin so, in order, and their bytes."""
        ...
