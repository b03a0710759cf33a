"""The steps that go through an object's bytes: cut it into chunks, survey a chunk, load a chunk.

Each goes on where its saved state says, saves what it has done now and then and when its deadline nears, and tells
whether it is done. Whatever is delivered twice gives the same, be it at once: files have names of their worker, and of
two states of a chunk the one that is further counts.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

from penstock.aws.artifacts import S3RejectWriter
from penstock.aws.large.hand_over import new_token
from penstock.aws.large.job import Job
from penstock.aws.large.states import (
    CUT,
    REFUSED,
    ChunkLoad,
    Refusal,
    further,
    load_name,
    read_decided,
    read_decision,
    survey_name,
    write_lists,
)
from penstock.aws.large.unpacked import unpack_object
from penstock.aws.loader import Deadline
from penstock.aws.manifests import bring_files
from penstock.aws.measure import measured
from penstock.aws.runs import get_run
from penstock.engine.decide import Decision
from penstock.errors import DataError, PenstockError, ServiceError, UsageError
from penstock.load.chunk import Chunk
from penstock.load.conclude import count_records
from penstock.load.cut import Cut, cut_object
from penstock.load.load import Named, load_chunk
from penstock.load.survey import Surveyed, survey_chunk


def cut(job: Job) -> dict[str, object]:
    """Cut the object into chunks, after unpacking it where it is compressed. An object that is refused has none."""
    folder, deadline = job.folder, job.make_deadline()
    if folder.read(Refusal, REFUSED) is not None:
        return {"finished": True, "conclude": True}
    try:
        if job.work.found.packed and not unpack_object(folder, job.stored, deadline.comes):
            return {"finished": False}
        found = _cut(job, deadline)
    except DataError as error:
        folder.write(REFUSED, Refusal(error.code, str(error)))
        return {"finished": True, "conclude": True}
    if found.finished:
        write_lists(folder, len(found.chunks), job.work.partitions)
    return {
        "finished": found.finished,
        "conclude": False,
        "chunks": len(found.chunks),
        "bytes": found.position.offset,
    }


def _cut(job: Job, deadline: Deadline) -> Cut:
    source = job.source
    found = job.folder.read(Cut, CUT)
    while found is None or not found.finished:
        deadline.begin_leg()
        reached = cut_object(
            job.loader.plan,
            source,
            chunk_bytes=job.work.chunk_bytes,
            resume=found,
            stop=deadline.ends_leg,
        )
        found = job.folder.update(Cut, CUT, partial(_take_further, reached))
        if deadline.near:
            break
    return found


def _take_further(reached: Cut, old: Cut | None) -> Cut:
    return further(old, reached)


def survey(job: Job, index: int) -> dict[str, object]:
    """Survey a chunk. Where the object was decided before it was handed over, nothing is left to survey."""
    name = survey_name(index)
    state = job.folder.read(Surveyed, name)
    if state is not None and state.finished:
        return {"finished": True}
    found, chunk = job.find_chunk(index)
    if read_decision(job.folder) is not None:
        job.folder.write(name, Surveyed(chunk.start, finished=True))
        return {"finished": True}
    deadline = job.make_deadline()
    with job.make_scratch() as scratch:
        reached = survey_chunk(
            job.loader.plan,
            job.source,
            found.binding,
            chunk,
            Path(scratch),
            partitions=job.work.partitions,
            resume=state,
            stop=deadline.comes,
            batch_bytes=job.loader.batch_bytes,
            memory_mb=job.loader.memory_mb,
        )
        known = () if state is None else state.keys
        token = new_token()
        keys = [_keep_keys(job, Path(scratch), key, index, token) for key in reached.keys[len(known) :]]
    named = replace(reached, keys=(*known, *keys))
    found_state = job.folder.update(Surveyed, name, lambda old: further(old, named))
    tally = found_state.tally
    counts = {"read": tally.read, "rejected": tally.rejected, "filtered": tally.filtered}
    return {"finished": found_state.finished, "counts": counts}


def _keep_keys(job: Job, scratch: Path, key: str, index: int, token: str) -> str:
    """Upload a file of keys, ``keys/<partition>/<file>`` here, and give its name there."""
    _, partition, file = key.split("/")
    name = f"keys/{int(partition):06d}/{index:06d}-{token}-{file}"
    job.folder.upload(name, scratch / key)
    return name


def load(job: Job, index: int) -> dict[str, object]:
    """Load a chunk: write its items, keep its rejects."""
    name, token, until = load_name(index), new_token(), job.budget.claim_end
    known = job.folder.read(ChunkLoad, name)
    if known is not None and known.finished:
        return {"finished": True}
    found, chunk = job.find_chunk(index)
    decision = read_decision(job.folder)
    if decision is None:
        raise ServiceError("What holds for the whole object is not decided yet. Start the load again.")
    state = job.folder.update(ChunkLoad, name, lambda old: _begin(old, token, until))
    try:
        _check_still_goes_on(job)
        state = _load(job, found, chunk, decision, state, token)
    except PenstockError:  # after any of these, none of its requests is under way
        job.folder.update(ChunkLoad, name, lambda old: _leave(old, token))
        raise
    assert state.loaded is not None
    counts = count_records(state.loaded.tally, state.loaded.outcome, decision)
    return {"finished": state.finished, "counts": asdict(counts)}


def _check_still_goes_on(job: Job) -> None:
    """Look at the run once more, now that whoever ends it sees this worker.

    Steps of an execution that failed may still begin, and the object must not be free while one of them is at work.
    """
    run = get_run(job.loader.ledger, job.run.id)
    if run is None or run.ended:
        raise UsageError(f"The run {job.run.id} came to an end before this chunk was begun.")


def _load(job: Job, found: Cut, chunk: Chunk, decision: Decision, state: ChunkLoad, token: str) -> ChunkLoad:
    """Load leg by leg, and save after each."""
    loader, source, deadline = job.loader, job.source, job.make_deadline()
    writer = loader.open_writer(job.budget, loader.chunk_workers)
    leg = 0
    with job.make_scratch() as scratch, measured(writer, job.log) as items:
        named = _bring_named(job, decision, chunk.index, len(found.chunks), Path(scratch))
        while True:
            deadline.begin_leg()
            began, before = job.budget.clock(), items.stats
            stem = f"{chunk.index:06d}-{token}-{leg:03d}"
            rejects = S3RejectWriter(loader.s3, loader.artifacts, loader.plan.name, job.run.id, name=stem)
            loaded = load_chunk(
                loader.plan,
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
                batch_bytes=loader.size_batch(job.budget, loader.chunk_workers),
                memory_mb=loader.memory_mb,
            )
            rejects.close()
            ends = loaded.finished or deadline.near
            effort = state.effort.add(job.budget.clock() - began, before, items.stats)
            reached = ChunkLoad(loaded, (*state.parts, *rejects.parts), effort, invocations=state.invocations)
            state = _save(job, chunk.index, reached, token, ends=ends)
            job.log.debug("chunk saved", leg=leg, offset=loaded.position.offset, finished=state.finished)
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


def _save(job: Job, index: int, reached: ChunkLoad, token: str, *, ends: bool) -> ChunkLoad:
    """Save what a worker reached, unless another got further; and that it is gone, where it ends here."""

    def change(old: ChunkLoad | None) -> ChunkLoad:
        other = old or ChunkLoad()
        assert reached.loaded is not None
        ahead = further(other.loaded, reached.loaded) is reached.loaded
        state = replace(reached if ahead else other, workers=other.workers, invocations=other.invocations)
        return _leave(state, token) if ends else state

    return job.folder.update(ChunkLoad, load_name(index), change)


def _bring_named(job: Job, decision: Decision, index: int, chunks: int, scratch: Path) -> Named:
    """Bring the files below ``scratch`` that a chunk's worker needs, and give their names.

    What vanished is deleted by all workers: the keys of partition p by that of chunk p, counted round the chunks.
    """
    if not (decision.losers or decision.repeated or decision.unchanged or decision.removes):
        return Named()
    decided = read_decided(job.folder, job.work.partitions)
    losers = [found.losers for found in decided.values() if found.losers is not None]
    unchanged = [found.unchanged for found in decided.values() if found.unchanged is not None]
    job.download([*losers, *unchanged], scratch)
    mine = [
        found.manifest
        for number, found in sorted(decided.items())
        if number % chunks == index and found.fates.vanished and found.manifest is not None
    ]
    vanished = bring_files(job.manifests, mine, scratch, "vanished") if decision.removes else ()
    return Named(tuple(losers), tuple(unchanged), vanished)
