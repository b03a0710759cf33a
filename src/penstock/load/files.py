"""A run without AWS: an object that is a file, and writers that are files.

Everything is written as JSON lines: items in the form that DynamoDB's own import reads.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from types import TracebackType
from typing import BinaryIO, Self

from penstock.engine.result import DELETE, PUT, SEPARATOR, Reject, WriteBatch
from penstock.errors import NO_SPACE, PenstockError, ServiceError, UsageError
from penstock.load.blocks import DEFAULT_LIMITS, GzipLimits, cut_blocks, read_ahead, skip_bytes, unpack_gzip
from penstock.load.protocols import Written, all_written
from penstock.load.rejects import reject_to_json

_PUT, _DELETE = PUT.index('{"Item"'), DELETE.index('{"Key"')
_NEXT_PUT = "}" + SEPARATOR + PUT[:_PUT]
"""What stands between the lines of two puts in a batch. The separator is nowhere in an item."""
ITEMS, DELETES, REJECTS = "items.jsonl", "deletes.jsonl", "rejects.jsonl"
"""The files of a run's results."""
_READ_BYTES = 1 << 18
_BUFFER_BYTES = 1 << 20


class FileSource:
    """A file as an object; ``.gz`` is unpacked. It must not change while it is read.

    ``key`` is the path as it was given, with forward slashes. Raises :class:`~penstock.errors.UsageError` where
    there is no such file, or it can't be opened.
    """

    def __init__(self, path: str | os.PathLike[str], limits: GzipLimits = DEFAULT_LIMITS) -> None:
        self._path = Path(path)
        self._limits = limits
        self._seen = _look(self._path)

    @property
    def key(self) -> str:
        return self._path.as_posix()

    @property
    def last_modified(self) -> str:
        """ISO 8601 in UTC, to the second as S3 has it."""
        return f"{datetime.fromtimestamp(self._seen.st_mtime, UTC):%Y-%m-%dT%H:%M:%SZ}"

    @property
    def size(self) -> int:
        """The file's bytes, as they are stored."""
        return self._seen.st_size

    @property
    def packed(self) -> bool:
        """Whether it is unpacked on the way."""
        return self._path.suffix.lower() == ".gz"

    def blocks(self, size: int, start: int = 0) -> Iterator[bytes]:
        """Give the file's uncompressed bytes in blocks of ``size``; see :class:`~penstock.load.protocols.ObjectSource`."""
        if self.packed:
            unpacked = unpack_gzip(self._pieces(0, _READ_BYTES), self.key, self._limits)
            return read_ahead(cut_blocks(skip_bytes(unpacked, start), size), Event())
        return read_ahead(cut_blocks(self._pieces(start, size), size), Event())

    def _pieces(self, start: int, size: int) -> Iterator[bytes]:
        try:
            with self._path.open("rb", buffering=0) as file:
                self._check_unchanged(os.fstat(file.fileno()))
                file.seek(start)
                while piece := file.read(size):
                    yield piece
                self._check_unchanged(os.fstat(file.fileno()))
        except OSError as error:
            raise ServiceError(f"{self.key} can't be read any more: {error.strerror}.") from error

    def _check_unchanged(self, found: os.stat_result) -> None:
        seen = self._seen
        if (found.st_ino, found.st_size, found.st_mtime_ns) != (seen.st_ino, seen.st_size, seen.st_mtime_ns):
            raise ServiceError(f"{self.key} changed while it was read. Run again when nothing writes to it.")


def _look(path: Path) -> os.stat_result:
    try:
        with path.open("rb") as file:
            return os.fstat(file.fileno())
    except FileNotFoundError:
        raise UsageError(f"{path.as_posix()}: there is no such file.") from None
    except IsADirectoryError:
        raise UsageError(f"{path.as_posix()} is a folder. Name the files in it.") from None
    except OSError as error:
        raise UsageError(f"{path.as_posix()} can't be opened: {error.strerror}.") from error


class _LineFile:
    """A file of lines that explains why it could not be written."""

    def __init__(self, path: Path, length: int | None) -> None:
        """Begin the file anew, or go on after so many bytes of it: what lies beyond is dropped."""
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file: BinaryIO = path.open("wb" if length is None else "r+b", buffering=_BUFFER_BYTES)
            if length is not None:
                self._cut(length)
        except OSError as error:
            raise self._explain(error) from error

    def _cut(self, length: int) -> None:
        if self._file.seek(0, os.SEEK_END) < length:
            self._file.close()
            raise ServiceError(
                f"{self._path.as_posix()} is shorter than it was when the run stopped: somebody changed it. Run again "
                "without --resume."
            )
        self._file.seek(length)
        self._file.truncate()

    def keep(self) -> int:
        """Make what was written durable; give the file's length in bytes."""
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
            return self._file.tell()
        except OSError as error:
            raise self._explain(error) from error

    def write(self, lines: str) -> None:
        """Write lines, all of which are ended but the last."""
        try:
            self._file.write(lines.encode())
            self._file.write(b"\n")
        except OSError as error:
            raise self._explain(error) from error

    def close(self) -> None:
        try:
            self._file.close()
        except OSError as error:
            raise self._explain(error) from error

    def _explain(self, error: OSError) -> PenstockError:
        path = self._path.as_posix()
        if error.errno in NO_SPACE:
            return ServiceError(
                f"{path}: the disk is full. Free some space, or name another folder, and run again: "
                "what is in this folder is not complete."
            )
        return ServiceError(f"{path} can't be written: {error.strerror}. Name another folder, and run again.")


Lengths = Mapping[str, int]
"""How many bytes files have, by their names."""


class JsonlItemWriter:
    """Writes puts to ``items.jsonl`` as ``{"Item": ...}`` and deletes to ``deletes.jsonl`` as ``{"Key": ...}``.

    Where rows compete, all of them are there, tombstones among the items: which one stays is decided in a table.

    A context manager. Both files are made, and emptied if they were there; with the lengths that :meth:`keep` gave, they
    are cut to those and gone on with. Raises :class:`~penstock.errors.ServiceError` where the folder can't be written
    to; leaving the context raises it too, for what was still in memory.
    """

    def __init__(self, folder: Path, resume: Lengths | None = None) -> None:
        self._puts = _LineFile(folder / ITEMS, None if resume is None else resume[ITEMS])
        self._deletes = _LineFile(folder / DELETES, None if resume is None else resume[DELETES])

    def write(self, batches: Sequence[WriteBatch]) -> Written:
        """Write all; a file refuses nothing."""
        for batch in batches:
            if not batch.deletes:
                self._puts.write(batch.requests[_PUT:-1].replace(_NEXT_PUT, "\n"))
                continue
            for request in batch.requests.split(SEPARATOR):
                if request.startswith(PUT):
                    self._puts.write(request[_PUT:-1])
                else:
                    self._deletes.write(request[_DELETE:-1])
        return all_written(batches)

    def keep(self) -> dict[str, int]:
        """Make what was written durable; give the files' lengths."""
        return {ITEMS: self._puts.keep(), DELETES: self._deletes.keep()}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with ExitStack() as stack:
            if error is not None:  # the first error is the one to tell
                stack.enter_context(suppress(ServiceError))
            stack.callback(self._puts.close)
            stack.callback(self._deletes.close)


class JsonlRejectWriter:
    """Writes rejects to ``rejects.jsonl``, as :func:`~penstock.load.rejects.reject_to_json` shapes them.

    A context manager that resumes like :class:`JsonlItemWriter`.
    """

    def __init__(self, folder: Path, resume: Lengths | None = None) -> None:
        self._lines = _LineFile(folder / REJECTS, None if resume is None else resume[REJECTS])

    def write(self, rejects: Sequence[Reject]) -> None:
        for reject in rejects:
            self._lines.write(reject_to_json(reject))

    def keep(self) -> dict[str, int]:
        """Make what was written durable; give the file's length."""
        return {REJECTS: self._lines.keep()}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with ExitStack() as stack:
            if error is not None:
                stack.enter_context(suppress(ServiceError))
            stack.callback(self._lines.close)
