"""A query's result in its run's folder: what the steps load in the place of the object, and what came before it.

It lies there as one file, where one process ran the query, or in pieces, where many did.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from typing import Final

from penstock.load.blocks import cut_blocks
from penstock.load.chunk import Chunk, begin_object
from penstock.load.cut import Cut
from penstock.load.protocols import ItemWriter, ObjectSource, RejectWriter
from penstock.load.result import Queried, ResultRejects, result_plan
from penstock.load.steps.folder import Folder
from penstock.load.steps.states import CUT, Stats, further, write_lists
from penstock.load.steps.workplace import Outlet
from penstock.plan.model import Plan

RESULT_STATE: Final = "result.json"


@dataclass(frozen=True, slots=True)
class Piece:
    """Some of the rows of a query's result, as records in a file of the folder: how many, in how many bytes and lines."""

    name: str
    rows: int
    bytes: int
    lines: int


@dataclass(frozen=True, slots=True)
class Result:
    """A query's result: the ``file`` in the folder that holds it, of so many bytes, and what the object came to before.

    Where many ran the query there is no such file, but ``pieces``, in order; before them its header is to be thought.

    ``parts`` are the keys of the rejects of the object's own records, in order. ``engine`` computed it, for the reason that is
    given, from the ``references``: the key and version of each, by its name.
    """

    queried: Queried
    file: str
    size: int
    parts: tuple[str, ...]
    engine: str
    engine_reason: str | None
    references: Mapping[str, Mapping[str, str]]
    pieces: tuple[Piece, ...] = ()


@dataclass(frozen=True)
class PiecesSource:
    """A result in pieces as an object; see :class:`~penstock.load.protocols.ObjectSource`.

    Its name and time are those of the object that was ``queried``.
    """

    folder: Folder
    queried: ObjectSource
    header: str
    pieces: tuple[Piece, ...]

    @property
    def key(self) -> str:
        return self.queried.key

    @property
    def last_modified(self) -> str:
        return self.queried.last_modified

    def blocks(self, size: int, start: int = 0) -> Iterator[bytes]:
        """Give the bytes from ``start`` on, in blocks of ``size``."""
        return cut_blocks(self._cut(start), size)

    def _cut(self, start: int) -> Iterator[bytes]:
        header = f"{self.header}\n".encode()
        if start < len(header):
            yield header[start:]
        begins = len(header)
        for piece in self.pieces:
            if start < begins + piece.bytes:
                yield self.folder.get(piece.name)[max(0, start - begins) :]
            begins += piece.bytes


def open_pieces(plan: Plan, folder: Folder, queried: ObjectSource, result: Result) -> PiecesSource:
    """Give a result that is in pieces as an object."""
    assert plan.query is not None, "only a query has a result"
    return PiecesSource(folder, queried, plan.query.header, result.pieces)


def cut_pieces(plan: Plan, folder: Folder, source: PiecesSource, partitions: int) -> Cut:
    """Have the steps load a result piece by piece: where each begins is known, so that nothing has to be read for it."""
    begun = begin_object(result_plan(plan), source)
    position, chunks = begun.position, []
    for index, piece in enumerate(source.pieces):
        end = replace(
            position,
            offset=position.offset + piece.bytes,
            line=position.line + piece.lines,
            row=position.row + piece.rows,
        )
        stop = end.offset if index + 1 < len(source.pieces) else None
        chunks.append(Chunk(index, position, stop, piece.rows))
        position = end
    whole = tuple(chunks) or (Chunk(0, position, None, 0),)
    found = Cut(begun.binding, position, position, whole, finished=True)
    # Another may have read the same result from its beginning, as a step cuts any object, and then others go by that.
    cut = folder.update(Cut, CUT, lambda old: further(old, found))
    write_lists(folder, len(cut.chunks), partitions)
    return cut


@contextmanager
def mark_result(open_outlet: Callable[[], AbstractContextManager[Outlet]]) -> Iterator[Outlet]:
    """Open an outlet in which rejects are marked as those of the result."""
    with open_outlet() as outlet:
        yield _ResultOutlet(outlet)


@dataclass(frozen=True, slots=True)
class _ResultOutlet:
    outlet: Outlet

    @property
    def stats(self) -> Stats:
        return self.outlet.stats

    def begin_leg(self, stem: str) -> tuple[ItemWriter, RejectWriter]:
        items, rejects = self.outlet.begin_leg(stem)
        return items, ResultRejects(rejects)

    def end_leg(self) -> tuple[str, ...]:
        return self.outlet.end_leg()
