"""The steps of a feed with a query, up to the query's result: an object's rows are read, and what the query reads beside them.

Whoever runs the query leaves its result in pieces (:func:`take_result`); these are then surveyed, decided and loaded as chunks of an
object of its own.

===========================================  ==========================================================================
``object/``                                  the object's own ``cut.json``, ``refused.json`` and what unpacking it leaves
``rows/<chunk>.json``, ``rows/``             :class:`ChunkRows`: the rows of a chunk, in files
``judged.json``                              :class:`Judged`: what the object's records come to
``references/<number>.json``, ``references/``  :class:`ReferenceRead`: a reference's rows, in files
``refused.json``                             why nothing is loaded, once the object's records are read
``result.json``, ``result/``                 :class:`~penstock.load.steps.result.Result`: the pieces of the query's result
===========================================  ==========================================================================
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

from penstock.engine.decide import Tally
from penstock.engine.relations import RowFile
from penstock.errors import DataError, ServiceError
from penstock.load.chunk import Chunk
from penstock.load.count import add_tallies
from penstock.load.cut import Cut
from penstock.load.protocols import ObjectSource
from penstock.load.references import find_missing, read_reference
from penstock.load.result import Queried, judge_rows, result_plan
from penstock.load.rows import RowsRead, read_rows
from penstock.load.steps.folder import Folder
from penstock.load.steps.members import OBJECT, member_place, read_chunked, split_number, sum_cuts
from penstock.load.steps.passes import Answer, cut
from penstock.load.steps.result import RESULT_STATE, Piece, Result, cut_pieces, mark_result, open_pieces
from penstock.load.steps.states import REFUSED, Refusal, new_token, read_all
from penstock.load.steps.workplace import Workplace
from penstock.plan.model import Query

JUDGED: Final = "judged.json"
ENGINE: Final = "spark"
"""What runs a query over files that many have left, as reports name it."""


@dataclass(frozen=True, slots=True)
class ChunkRows:
    """How far the rows of a chunk are read, into which files. ``parts`` are what its workers left of rejects, in order."""

    read: RowsRead
    parts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Judged:
    """What the records of an object come to, once all are read. ``parts`` are what is left of its rejects, in order."""

    tally: Tally
    bytes: int
    undeclared: tuple[str, ...]
    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReferenceRead:
    """The files of a reference's rows, or why it can't be used."""

    files: tuple[RowFile, ...] = ()
    refused: Refusal | None = None


def query_of(place: Workplace) -> Query:
    """Give the query of the plan, which has one."""
    assert place.plan.query is not None, "these are steps of a feed with a query"
    return place.plan.query


def object_place(place: Workplace) -> Workplace:
    """Give the place as it is for the object's own records."""
    return replace(place, plan=query_of(place).rows, folder=place.folder.below(OBJECT), upkeep=None)


def cut_rows(place: Workplace) -> Answer:
    """Cut the object into chunks, unless what the query reads beside it is not there."""
    try:
        missing = find_missing(query_of(place), place.references())
    except DataError as error:
        missing = error
    if missing is not None:
        object_place(place).folder.write(REFUSED, Refusal(missing.code, str(missing)))
    if place.members is not None:  # each is cut by itself
        return {"finished": True, "conclude": missing is not None}
    return cut(object_place(place))


def read_chunk(place: Workplace, index: int) -> Answer:
    """Read the rows of a chunk, and keep its rejects."""
    state = place.folder.read(ChunkRows, _rows_name(index))
    if state is not None and state.read.finished:
        return {"finished": True}
    own, number = object_place(place), index
    if place.members is not None:
        member, number = split_number(index)
        own = member_place(place, member)
    found, chunk = own.find_chunk(number)
    state = state or ChunkRows(RowsRead(chunk.start))
    working = replace(place, open_outlet=own.open_outlet)
    state = _read_legs(working, own.source, found, chunk, state, index)
    counts = {"read": state.read.tally.read, "rejected": state.read.tally.rejected}
    return {"finished": state.read.finished, "counts": counts}


def _read_legs(
    place: Workplace, source: ObjectSource, found: Cut, chunk: Chunk, state: ChunkRows, index: int
) -> ChunkRows:
    """Read leg by leg, and save after each. ``index`` is the chunk's number among all of the run."""
    query, token, deadline, leg = query_of(place), new_token(), place.make_deadline(), 0
    with place.make_scratch() as folder, place.open_outlet() as outlet:
        scratch = Path(folder)
        while True:
            deadline.begin_leg()
            _, rejects = outlet.begin_leg(f"rows-{index:06d}-{token}-{leg:03d}")
            read = read_rows(
                query.rows,
                query.columns,
                source,
                found.binding,
                chunk,
                rejects,
                scratch,
                resume=state.read,
                stop=deadline.ends_leg,
                batch_bytes=place.batch_bytes,
                memory_mb=place.memory_mb,
                lanes=place.lanes,
            )
            known = len(state.read.files)
            start = f"rows/{index:06d}-{token}"
            files = keep_files(place.folder, scratch, read.files[known:], start)
            read = replace(read, files=(*read.files[:known], *files))
            reached = ChunkRows(read, (*state.parts, *outlet.end_leg()))
            ends = read.finished or deadline.near
            state = place.folder.update(ChunkRows, _rows_name(index), partial(_take_further, reached))
            place.tell("rows saved", {"leg": leg, "offset": read.position.offset, "finished": read.finished})
            if ends or state.read.finished:
                return state
            leg += 1


def _take_further(reached: ChunkRows, old: ChunkRows | None) -> ChunkRows:
    if old is None:
        return reached
    ahead = (reached.read.finished, reached.read.position.offset) > (
        old.read.finished,
        old.read.position.offset,
    )
    return reached if ahead else old


def keep_files(folder: Folder, scratch: Path, files: Sequence[RowFile], start: str) -> list[RowFile]:
    """Move files of rows from below ``scratch`` to a run's folder, and give them with their names there, which begin so."""
    kept = []
    for file in files:
        path = scratch / file.name
        name = f"{start}-{path.name}"
        folder.upload(name, path)
        path.unlink()
        kept.append(replace(file, name=name))
    return kept


def judge_object(place: Workplace) -> Answer:
    """Say what the object's records come to, when all chunks are read, and whether it is refused."""
    numbers = number_chunks(place)
    states = read_all(place.folder, ChunkRows, {number: _rows_name(number) for number in numbers})
    missing = [number for number in numbers if number not in states or not states[number].read.finished]
    if missing:
        raise ServiceError(f"The rows of the chunks {missing[:20]} are not read. Start the load again.")
    tallies = {number: states[number].read.tally for number in numbers}
    tally = add_tallies(tallies.values())
    parts = tuple(part for number in numbers for part in states[number].parts)
    if place.members is not None:
        size, undeclared = sum_cuts(place, tallies)
    else:
        found = object_place(place).read_cut()
        size, undeclared = found.bytes, found.binding.undeclared
    place.folder.write(JUDGED, Judged(tally, size, undeclared, parts))
    refused = judge_rows(query_of(place), tally)
    if refused is not None:
        refuse_object(place, *refused)
    return {"finished": True, "conclude": refused is not None}


def number_chunks(place: Workplace) -> tuple[int, ...]:
    """Give the numbers of all chunks whose rows are to be read, in the order of the object, or of the objects."""
    if place.members is not None:
        return read_chunked(place).numbers
    return tuple(chunk.index for chunk in object_place(place).read_cut().chunks)


def refuse_object(place: Workplace, code: str, reason: str) -> None:
    """Say that nothing of the object is loaded, once its records are read."""
    place.folder.write(REFUSED, Refusal(code, reason))


def is_refused(place: Workplace) -> bool:
    """Tell whether nothing of the object is loaded."""
    return place.folder.read(Refusal, REFUSED) is not None


def take_reference(place: Workplace, number: int) -> Answer:
    """Read a reference of the query. Where it can't be used, the object is refused."""
    name = _reference_name(number)
    if place.folder.read(ReferenceRead, name) is not None:
        return {"finished": True}
    query = query_of(place)
    source = place.references()[query.references[number].name]
    try:
        with place.make_scratch() as folder:
            found = read_reference(
                query,
                number,
                source,
                Path(folder),
                batch_bytes=place.batch_bytes,
                memory_mb=place.memory_mb,
                lanes=place.lanes,
            )
            files = keep_files(place.folder, Path(folder), found, f"references/{number:06d}-{new_token()}")
        state = ReferenceRead(tuple(files))
    except DataError as error:
        state = ReferenceRead(refused=Refusal(error.code, str(error)))
        refuse_object(place, error.code, str(error))
    place.folder.update(ReferenceRead, name, lambda old: old or state)
    return {"finished": True}


def read_relations(place: Workplace) -> dict[str, tuple[RowFile, ...]]:
    """Give the files of all that the query reads, by its names there, when all of it is there and is right."""
    rows = read_all(place.folder, ChunkRows, {number: _rows_name(number) for number in number_chunks(place)})
    found = {"rows": tuple(file for index in sorted(rows) for file in rows[index].read.files)}
    references = query_of(place).references
    states = read_all(place.folder, ReferenceRead, {n: _reference_name(n) for n in range(len(references))})
    return found | {reference.name: states[number].files for number, reference in enumerate(references)}


def take_result(place: Workplace, pieces: Sequence[Piece], began: float, reason: str | None) -> Result:
    """Take the pieces of the query's result, in order, once, and have them loaded. ``began`` is when the run did.

    ``reason`` says why this engine was taken.
    """
    judged = place.folder.read(Judged, JUDGED)
    assert judged is not None, "the query was given the object's rows"
    rows = sum(piece.rows for piece in pieces)
    seconds = round(place.clock() - began, 3)
    queried = Queried(judged.tally, judged.bytes, judged.undeclared, rows, seconds)
    size = sum(piece.bytes for piece in pieces)
    found = Result(
        queried, "", size, judged.parts, ENGINE, reason, place.describe_references(), tuple(pieces)
    )
    result = place.folder.update(Result, RESULT_STATE, lambda old: old or found)
    source = open_pieces(place.plan, place.folder, place.stored, result)
    cut_pieces(place.plan, place.folder, source, place.partitions)
    return result


def result_place(place: Workplace) -> Workplace | None:
    """Give the place as it is once the query's result is there; None where it is not."""
    result = place.folder.read(Result, RESULT_STATE)
    if result is None:
        return None
    return replace(
        place,
        plan=result_plan(place.plan),
        stored=open_pieces(place.plan, place.folder, place.stored, result),
        packed=False,
        open_outlet=partial(mark_result, place.open_outlet),
    )


def _rows_name(chunk: int) -> str:
    return f"rows/{chunk:06d}.json"


def _reference_name(number: int) -> str:
    return f"references/{number:06d}.json"
