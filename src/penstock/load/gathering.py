"""Many objects as one: what a query reads where its rows are those of a whole prefix, or of all that is new there.

A gathering is the objects of one run, each pinned to the version that it had when the run looked. Its name is the feed's
prefix, and its version a digest of its list, so that it is claimed, loaded once, and told of as an object is. Where it is
kept, the list is a file of JSON lines, in the order of the keys' bytes::

    {"key": "incoming/orders/1.csv", "version": "3HL4...", "size": 812, "etag": "9b2c...", "last_modified": "2026-11-29T05:30:00Z", "packed": false}

The rows of each object are read by its own header. They are all there before anything is decided: a limit of rejects is one
of all objects together, and where one object can't be read none of them is loaded.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

from penstock.engine.decide import Tally
from penstock.engine.result import Reject
from penstock.errors import DataError, ServiceError
from penstock.load.chunk import BATCH_BYTES, Seen, Stop, begin_object, never
from penstock.load.count import add_tallies
from penstock.load.files import FileSource
from penstock.load.judges import MEMORY_MB
from penstock.load.protocols import ObjectSource, RejectWriter
from penstock.load.rows import RowsRead, read_rows
from penstock.plan.model import Query

OBJECTS: Final = "objects.jsonl"
"""The list of a gathering, in a run's folder."""

COUNTS: Final = "object-counts.jsonl"
"""What each object of a gathering came to, in a run's folder: :class:`ObjectCounts`, a line each."""


@dataclass(frozen=True, slots=True)
class GatheredObject:
    """An object of a gathering as its list has it: the version that it is, its bytes as stored, and whether it is packed."""

    key: str
    version: str
    size: int
    etag: str
    last_modified: str
    packed: bool


@dataclass(frozen=True, slots=True)
class Member:
    """An object of a gathering, to be read; ``version`` is None for a file here, which has none."""

    source: ObjectSource
    version: str | None = None


@dataclass(frozen=True)
class Gathering:
    """What a query reads as one: ``members`` gives its objects anew each time, in order.

    ``key`` is the prefix that they are under, ``last_modified`` the time of the latest (ISO 8601, UTC).
    """

    key: str
    last_modified: str
    members: Callable[[], Iterable[Member]]


@dataclass(frozen=True, slots=True)
class FilesTogether:
    """Files here whose rows one query is over. ``key`` is the feed's prefix, the last part of which names where results go."""

    key: str
    files: tuple[FileSource, ...]

    @property
    def last_modified(self) -> str:
        """That of the latest."""
        return max(file.last_modified for file in self.files)

    @property
    def size(self) -> int:
        """The bytes of all."""
        return sum(file.size for file in self.files)

    @property
    def gathering(self) -> Gathering:
        """Give them as what a query reads as one."""
        return Gathering(self.key, self.last_modified, lambda: [Member(file) for file in self.files])


@dataclass(frozen=True, slots=True)
class ObjectCounts:
    """What the records of one object of a gathering came to; ``good`` are the rows that the query is given."""

    key: str
    version: str | None
    read: int
    good: int
    rejected: int
    filtered: int
    blank: int


@dataclass(frozen=True, slots=True)
class MemberRejects:
    """Marks rejects with the object that they are of, on their way to where rejects go."""

    rejects: RejectWriter
    member: Member

    def write(self, rejects: Sequence[Reject]) -> None:
        """Write rejects; see :class:`~penstock.load.protocols.RejectWriter`."""
        key, version = self.member.source.key, self.member.version
        self.rejects.write([replace(reject, key=key, version=version) for reject in rejects])


class Digest:
    """The version of a gathering: a hash of its list, taken line by line."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def add(self, found: GatheredObject) -> None:
        """Take the next object."""
        named = (found.key, found.version, found.size, found.etag, found.last_modified)
        self._hash.update(json.dumps(named).encode() + b"\n")

    @property
    def version(self) -> str:
        """The version of what was taken so far."""
        return f"gathered:{self._hash.hexdigest()[:40]}"


def write_line(found: GatheredObject) -> bytes:
    """Give an object as a line of a gathering's list."""
    return json.dumps(asdict(found), ensure_ascii=False).encode() + b"\n"


def read_lines(lines: Iterable[bytes]) -> Iterator[GatheredObject]:
    """Read what :func:`write_line` wrote. Raises :class:`~penstock.errors.ServiceError` for anything else."""
    for line in lines:
        try:
            yield GatheredObject(**json.loads(line))
        except (ValueError, TypeError) as error:
            raise ServiceError(
                "The list of a run's objects is not one that this version of Penstock wrote. Have the feed loaded anew: "
                "`penstock backfill PREFIX --again`."
            ) from error


Reached = tuple[RowsRead, tuple[str, ...]]
"""How far a source's rows are read, and the columns so far that the schema does not declare."""


def read_source(  # noqa: PLR0913 -- what a pass needs, each by its name
    query: Query,
    source: ObjectSource | Gathering,
    rejects: RejectWriter,
    scratch: Path,
    *,
    stop: Stop = never,
    batch_bytes: int = BATCH_BYTES,
    memory_mb: int = MEMORY_MB,
    seen: Seen | None = None,
    counts: Path | None = None,
) -> Iterator[Reached]:
    """Read the rows of an object, or of a gathering's objects one after the other; after each, give what all so far come to.

    Once ``stop`` says so, what is given is not finished, and the last. What each object of a gathering came to is written to the
    file ``counts``, as :class:`ObjectCounts`, a line each.

    Raises DataError, which names the object of a gathering, ServiceError and EngineError of :mod:`penstock.errors`.
    """

    def read(member: Member, rejects: RejectWriter, seen: Seen | None, folder: str) -> Reached:
        begun = begin_object(query.rows, member.source)
        found = read_rows(
            query.rows,
            query.columns,
            member.source,
            begun.binding,
            begun.whole,
            rejects,
            scratch,
            stop=stop,
            batch_bytes=batch_bytes,
            memory_mb=memory_mb,
            seen=seen,
            folder=folder,
        )
        return found, begun.binding.undeclared

    if not isinstance(source, Gathering):
        yield read(Member(source), rejects, seen, "rows")
        return
    with ExitStack() as stack:
        told = None if counts is None else stack.enter_context(counts.open("wb"))
        so_far: Reached | None = None
        for number, member in enumerate(source.members()):
            watch = _shift(seen, 0 if so_far is None else so_far[0].position.offset)
            try:
                found = read(member, MemberRejects(rejects, member), watch, f"rows/{number:06d}")
            except DataError as error:
                raise name_member(member.source.key, error) from error
            if told is not None:
                told.write(write_counts(member, found[0].tally))
            so_far = found if so_far is None else _add(so_far, found)
            yield so_far
            if not found[0].finished:
                return


def name_member(key: str, error: DataError) -> DataError:
    """Give the error of a gathering one of whose objects can't be read."""
    text = str(error)
    reason = text if key in text else f"{key}: {text}"
    return DataError(error.code, f"{reason}. None of the files that were read together is loaded")


def _shift(seen: Seen | None, before: int) -> Seen | None:
    return None if seen is None else lambda reached: seen(before + reached)


def _add(before: Reached, found: Reached) -> Reached:
    """Add what an object came to: of a gathering, a position counts the bytes, lines and rows of all so far."""
    (old, undeclared), (new, more) = before, found
    position = replace(
        new.position,
        offset=old.position.offset + new.position.offset,
        line=old.position.line + new.position.line,
        row=old.position.row + new.position.row,
    )
    read = RowsRead(
        position, add_tallies((old.tally, new.tally)), (*old.files, *new.files), finished=new.finished
    )
    return read, tuple(dict.fromkeys((*undeclared, *more)))


def write_counts(member: Member, tally: Tally) -> bytes:
    """Give what an object came to as a line of :data:`COUNTS`."""
    found = ObjectCounts(
        member.source.key,
        member.version,
        tally.read,
        tally.good,
        tally.rejected,
        tally.filtered,
        tally.blank,
    )
    return json.dumps(asdict(found), ensure_ascii=False).encode() + b"\n"
