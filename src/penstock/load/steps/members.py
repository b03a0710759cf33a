"""The steps of a query over many objects, up to where all their rows are read: each is cut by itself, and their chunks are read side by side.

===========================================  ==========================================================================
``object/<number>/``                         an object's own ``cut.json``, ``refused.json`` and what unpacking it leaves
``members.json``                             :class:`Chunked`: how many chunks each has
``object-counts.jsonl``                      what each object came to
===========================================  ==========================================================================

A chunk of a gathering has a number that tells its object too (:func:`name_chunk`). What is left of it, and all that follows, is as of
one object (:mod:`penstock.load.steps.query`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from penstock.engine.decide import Tally
from penstock.errors import DataError, ServiceError
from penstock.load.count import add_tallies
from penstock.load.cut import Cut
from penstock.load.gathering import COUNTS, Member, MemberRejects, name_member, write_counts
from penstock.load.protocols import ItemWriter, RejectWriter
from penstock.load.steps.passes import Answer, cut
from penstock.load.steps.states import CUT, REFUSED, Refusal, Stats
from penstock.load.steps.workplace import Members, Outlet, Workplace

OBJECT: Final = "object"
_CHUNKED: Final = "members.json"
_BITS: Final = 20
"""Of a number the bits that tell the chunk: more than an object has, at megabytes each."""


@dataclass(frozen=True, slots=True)
class Chunked:
    """How many chunks each object of a gathering has."""

    chunks: tuple[int, ...]

    @property
    def numbers(self) -> tuple[int, ...]:
        """The numbers of all chunks, in the order of the objects."""
        return tuple(
            name_chunk(member, chunk) for member, count in enumerate(self.chunks) for chunk in range(count)
        )


def name_chunk(member: int, chunk: int) -> int:
    """Give the number of a chunk of an object of a gathering."""
    return member << _BITS | chunk


def split_number(number: int) -> tuple[int, int]:
    """Give the object and the chunk that a number tells."""
    return number >> _BITS, number & ((1 << _BITS) - 1)


def members_of(place: Workplace) -> Members:
    """Give the objects of a run that is over many."""
    assert place.members is not None, "these are steps of a run over many objects"
    return place.members


def member_place(place: Workplace, number: int) -> Workplace:
    """Give the place as it is for the records of one object of a gathering. Rejects are marked as of it."""
    assert place.plan.query is not None, "only a query is over many objects"
    member, packed = members_of(place).open(number)
    return replace(
        place,
        plan=place.plan.query.rows,
        folder=place.folder.below(f"{OBJECT}/{number:06d}"),
        stored=member.source,
        packed=packed,
        open_outlet=partial(_mark, place.open_outlet, member),
        upkeep=None,
    )


def cut_member(place: Workplace, number: int) -> Answer:
    """Cut an object of a gathering into chunks."""
    return cut(member_place(place, number))


def take_cuts(place: Workplace) -> Answer:
    """Take together how all objects are cut. Where one can't be read, all are refused, and it is named."""
    members = members_of(place)
    places = {number: place.folder.below(f"{OBJECT}/{number:06d}") for number in range(members.count)}
    chunks = []
    for number, folder in places.items():
        refused = folder.read(Refusal, REFUSED)
        if refused is not None:
            member, _ = members.open(number)
            error = name_member(member.source.key, DataError(refused.code, refused.reason))
            place.folder.below(OBJECT).write(REFUSED, Refusal(error.code, str(error)))
            return {"finished": True, "conclude": True}
        found = folder.read(Cut, CUT)
        if found is None or not found.finished:
            raise ServiceError(
                f"The object {number} of the run is not cut into chunks yet. Start the load again."
            )
        chunks.append(len(found.chunks))
    place.folder.write(_CHUNKED, Chunked(tuple(chunks)))
    return {"finished": True, "conclude": False, "chunks": sum(chunks)}


def read_chunked(place: Workplace) -> Chunked:
    """Give how the objects are cut. Raises :class:`~penstock.errors.ServiceError` where they are not yet."""
    found = place.folder.read(Chunked, _CHUNKED)
    if found is None:
        raise ServiceError("The objects are not cut into chunks yet. Start the load again.")
    return found


def sum_cuts(place: Workplace, tallies: Mapping[int, Tally]) -> tuple[int, tuple[str, ...]]:
    """Give the bytes of all objects, and the columns that the schema does not declare; keep what each object came to.

    ``tallies`` are those of all chunks, by their numbers.
    """
    members, size, undeclared, lines = members_of(place), 0, dict[str, None](), []
    for number, count in enumerate(read_chunked(place).chunks):
        found = member_place(place, number).read_cut()
        size += found.bytes
        undeclared |= dict.fromkeys(found.binding.undeclared)
        tally = add_tallies(tallies[name_chunk(number, chunk)] for chunk in range(count))
        lines.append(write_counts(members.open(number)[0], tally))
    place.folder.put(COUNTS, b"".join(lines))
    return size, tuple(undeclared)


@contextmanager
def _mark(open_outlet: Callable[[], AbstractContextManager[Outlet]], member: Member) -> Iterator[Outlet]:
    with open_outlet() as outlet:
        yield _MemberOutlet(outlet, member)


@dataclass(frozen=True, slots=True)
class _MemberOutlet:
    """Marks rejects with the object that they are of."""

    outlet: Outlet
    member: Member

    @property
    def stats(self) -> Stats:
        return self.outlet.stats

    def begin_leg(self, stem: str) -> tuple[ItemWriter, RejectWriter]:
        items, rejects = self.outlet.begin_leg(stem)
        return items, MemberRejects(rejects, self.member)

    def end_leg(self) -> tuple[str, ...]:
        return self.outlet.end_leg()
