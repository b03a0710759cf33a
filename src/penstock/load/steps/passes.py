"""The steps that go through an object's bytes: cut it into chunks, survey a chunk, load a chunk.

Each goes on where its saved state says, saves what it has done now and then and when its deadline nears, and tells
whether it is done. Whatever is delivered twice gives the same, be it at once: files have names of their worker, and of
two states of a chunk the one that is further counts.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

from penstock.engine.decide import Decision
from penstock.errors import DataError, PenstockError, ServiceError
from penstock.load.chunk import Chunk
from penstock.load.conclude import count_records
from penstock.load.cut import Cut, cut_object
from penstock.load.load import Named, load_chunk
from penstock.load.steps.states import (
    CUT,
    REFUSED,
    ChunkLoad,
    Refusal,
    further,
    load_name,
    new_token,
    read_decided,
    read_decision,
    survey_name,
    write_lists,
)
from penstock.load.steps.unpacked import unpack_object
from penstock.load.steps.workplace import Deadline, Workplace
from penstock.load.survey import Surveyed, survey_chunk

Answer = dict[str, object]


def cut(place: Workplace) -> Answer:
    """Cut the object into chunks, after unpacking it where it is compressed. An object that is refused has none."""
    folder, deadline = place.folder, place.make_deadline()
    if folder.read(Refusal, REFUSED) is not None:
        return {"finished": True, "conclude": True}
    try:
        if place.packed and not unpack_object(folder, place.stored, deadline.comes):
            return {"finished": False}
        found = _cut(place, deadline)
    except DataError as error:
        folder.write(REFUSED, Refusal(error.code, str(error)))
        return {"finished": True, "conclude": True}
    if found.finished:
        write_lists(folder, len(found.chunks), place.partitions)
    return {
        "finished": found.finished,
        "conclude": False,
        "chunks": len(found.chunks),
        "bytes": found.position.offset,
    }


def _cut(place: Workplace, deadline: Deadline) -> Cut:
    source = place.source
    found = place.folder.read(Cut, CUT)
    while found is None or not found.finished:
        deadline.begin_leg()
        reached = cut_object(
            place.plan,
            source,
            chunk_bytes=place.chunk_bytes,
            resume=found,
            stop=deadline.ends_leg,
        )
        found = place.folder.update(Cut, CUT, partial(_take_further, reached))
        if deadline.near:
            break
    return found


def _take_further(reached: Cut, old: Cut | None) -> Cut:
    return further(old, reached)


def survey(place: Workplace, index: int) -> Answer:
    """Survey a chunk. Where the object was decided before it was handed over, nothing is left to survey."""
    name = survey_name(index)
    state = place.folder.read(Surveyed, name)
    if state is not None and state.finished:
        return {"finished": True}
    found, chunk = place.find_chunk(index)
    if read_decision(place.folder) is not None:
        place.folder.write(name, Surveyed(chunk.start, finished=True))
        return {"finished": True}
    deadline = place.make_deadline()
    with place.make_scratch() as scratch:
        reached = survey_chunk(
            place.plan,
            place.source,
            found.binding,
            chunk,
            Path(scratch),
            partitions=place.partitions,
            resume=state,
            stop=deadline.comes,
            batch_bytes=place.batch_bytes,
            memory_mb=place.memory_mb,
            lanes=place.lanes,
        )
        known = () if state is None else state.keys
        token = new_token()
        keys = [_keep_keys(place, Path(scratch), key, index, token) for key in reached.keys[len(known) :]]
    named = replace(reached, keys=(*known, *keys))
    found_state = place.folder.update(Surveyed, name, lambda old: further(old, named))
    tally = found_state.tally
    counts = {"read": tally.read, "rejected": tally.rejected, "filtered": tally.filtered}
    return {"finished": found_state.finished, "counts": counts}


def _keep_keys(place: Workplace, scratch: Path, key: str, index: int, token: str) -> str:
    """Upload a file of keys, ``keys/<partition>/<file>`` here, and give its name there."""
    _, partition, file = key.split("/")
    name = f"keys/{int(partition):06d}/{index:06d}-{token}-{file}"
    place.folder.upload(name, scratch / key)
    return name


def load(place: Workplace, index: int) -> Answer:
    """Load a chunk: write its items, keep its rejects."""
    name, token, until = load_name(index), new_token(), place.until
    known = place.folder.read(ChunkLoad, name)
    if known is not None and known.finished:
        return {"finished": True}
    found, chunk = place.find_chunk(index)
    decision = read_decision(place.folder)
    if decision is None:
        raise ServiceError("What holds for the whole object is not decided yet. Start the load again.")
    state = place.folder.update(ChunkLoad, name, lambda old: _begin(old, token, until))
    try:
        place.check()
        state = _load(place, found, chunk, decision, state, token)
    except PenstockError:  # after any of these, none of its requests is under way
        place.folder.update(ChunkLoad, name, lambda old: _leave(old, token))
        raise
    assert state.loaded is not None
    counts = count_records(state.loaded.tally, state.loaded.outcome, decision)
    return {"finished": state.finished, "counts": asdict(counts)}


def _load(
    place: Workplace, found: Cut, chunk: Chunk, decision: Decision, state: ChunkLoad, token: str
) -> ChunkLoad:
    """Load leg by leg, and save after each."""
    source, deadline = place.source, place.make_deadline()
    leg = 0
    with place.make_scratch() as scratch, place.open_outlet() as outlet:
        named = _bring_named(place, decision, chunk.index, len(found.chunks), Path(scratch))
        while True:
            deadline.begin_leg()
            began, before = place.clock(), outlet.stats
            items, rejects = outlet.begin_leg(f"{chunk.index:06d}-{token}-{leg:03d}")
            loaded = load_chunk(
                place.plan,
                source,
                found.binding,
                chunk,
                decision,
                named,
                items,
                rejects,
                Path(scratch),
                resume=state.loaded,
                stop=deadline.ends_leg,
                batch_bytes=place.load_bytes,
                memory_mb=place.memory_mb,
                lanes=place.lanes,
            )
            parts = outlet.end_leg()
            ends = loaded.finished or deadline.near
            effort = state.effort.add(place.clock() - began, before, outlet.stats)
            reached = ChunkLoad(loaded, (*state.parts, *parts), effort, invocations=state.invocations)
            state = _save(place, chunk.index, reached, token, ends=ends)
            told = {"leg": leg, "offset": loaded.position.offset, "finished": state.finished}
            place.tell("chunk saved", told)
            if ends or state.finished:
                return state
            leg += 1


def _begin(old: ChunkLoad | None, token: str, until: float) -> ChunkLoad:
    """Note who begins to work on a chunk."""
    state = old or ChunkLoad()
    new = token not in state.workers
    return replace(
        state, workers={**state.workers, token: until}, invocations=state.invocations + (1 if new else 0)
    )


def _leave(old: ChunkLoad | None, token: str) -> ChunkLoad:
    """Note who is gone."""
    state = old or ChunkLoad()
    return replace(state, workers={name: until for name, until in state.workers.items() if name != token})


def _save(place: Workplace, index: int, reached: ChunkLoad, token: str, *, ends: bool) -> ChunkLoad:
    """Save what a worker reached, unless another got further; and that it is gone, where it ends here."""

    def change(old: ChunkLoad | None) -> ChunkLoad:
        other = old or ChunkLoad()
        assert reached.loaded is not None
        ahead = further(other.loaded, reached.loaded) is reached.loaded
        state = replace(reached if ahead else other, workers=other.workers, invocations=other.invocations)
        return _leave(state, token) if ends else state

    return place.folder.update(ChunkLoad, load_name(index), change)


def _bring_named(place: Workplace, decision: Decision, index: int, chunks: int, scratch: Path) -> Named:
    """Bring the files below ``scratch`` that a chunk's worker needs, and give their names.

    What vanished is deleted by all workers: the keys of partition p by that of chunk p, counted round the chunks.
    """
    if not (decision.losers or decision.repeated or decision.unchanged or decision.removes):
        return Named()
    decided = read_decided(place.folder, place.partitions)
    losers = [found.losers for found in decided.values() if found.losers is not None]
    unchanged = [found.unchanged for found in decided.values() if found.unchanged is not None]
    place.download([*losers, *unchanged], scratch)
    mine = [
        found.manifest
        for number, found in sorted(decided.items())
        if number % chunks == index and found.fates.vanished and found.manifest is not None
    ]
    vanished = place.upkeep.bring(mine, scratch) if place.upkeep is not None and decision.removes else ()
    return Named(tuple(losers), tuple(unchanged), vanished)
