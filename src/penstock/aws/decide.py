"""The steps between the passes: which rows lose, partition by partition of their keys, and what holds for the object."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from penstock.aws.hand_over import new_token
from penstock.aws.job import Job
from penstock.aws.states import DECISION, decided_name, read_decided, read_decision, read_surveys
from penstock.errors import ServiceError
from penstock.load.decide import Decided, decide_object, decide_partition, needs_losers
from penstock.load.survey import Surveyed


def decide_keys(job: Job, partition: int) -> dict[str, object]:
    """Decide which rows of a hash partition lose, by the keys that all surveys found."""
    name = decided_name(partition)
    if read_decision(job.folder) is not None or job.folder.read(Decided, name) is not None:
        return {"finished": True}
    place = f"keys/{partition:06d}/"
    keys = [key for found in _surveys(job) for key in found.keys if key.startswith(place)]
    with job.make_scratch() as folder:
        scratch = Path(folder)
        job.download(keys, scratch)
        decided = decide_partition(job.loader.plan, partition, keys, scratch, memory_mb=job.loader.memory_mb)
        if decided.losers is not None:
            stored = f"losers/{partition:06d}-{new_token()}.parquet"
            job.folder.upload(stored, scratch / decided.losers)
            decided = replace(decided, losers=stored)
    job.folder.update(Decided, name, lambda old: old or decided)
    return {"finished": True, "counts": {"losers": decided.items}}


def decide_all(job: Job) -> dict[str, object]:
    """Decide whether anything of the object is loaded, when all chunks are surveyed and all partitions decided."""
    if read_decision(job.folder) is not None:
        return {"finished": True}
    surveys = _surveys(job)
    decided = read_decided(job.folder, job.work.partitions)
    missing = [number for number in range(job.work.partitions) if number not in decided]
    if missing:
        raise ServiceError(f"The keys of the partitions {missing} are not decided. Start the load again.")
    with job.make_scratch() as scratch:
        if needs_losers(job.loader.plan):
            names = [found.losers for found in decided.values() if found.losers is not None]
            job.download(names, Path(scratch))
        decision = decide_object(
            job.loader.plan,
            [found.tally for found in surveys],
            list(decided.values()),
            Path(scratch),
            memory_mb=job.loader.memory_mb,
        )
    job.folder.write(DECISION, decision)
    return {"finished": True}


def _surveys(job: Job) -> list[Surveyed]:
    """Give the surveys of all chunks, in order."""
    count = len(job.read_cut().chunks)
    found = read_surveys(job.folder, count)
    missing = [chunk for chunk in range(count) if chunk not in found or not found[chunk].finished]
    if missing:
        raise ServiceError(f"The chunks {missing[:20]} are not surveyed. Start the load again.")
    return [found[chunk] for chunk in range(count)]
