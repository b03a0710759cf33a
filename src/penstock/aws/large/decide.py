"""The steps between the passes: which rows lose, partition by partition of their keys, and what holds for the object."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from penstock.aws.large.hand_over import new_token
from penstock.aws.large.job import Job
from penstock.aws.large.states import BASE, DECISION, decided_name, read_decided, read_decision, read_surveys
from penstock.aws.manifests import bring_base, find_base, publish, put_file
from penstock.engine.manifest import Base
from penstock.errors import ServiceError
from penstock.load.decide import Compared, Decided, decide_object, decide_partition, needs_losers
from penstock.load.survey import Surveyed


def decide_keys(job: Job, partition: int) -> dict[str, object]:
    """Decide which rows of a hash partition lose, by the keys that all surveys found."""
    name = decided_name(partition)
    if read_decision(job.folder) is not None or job.folder.read(Decided, name) is not None:
        return {"finished": True}
    place = f"keys/{partition:06d}/"
    surveys = _surveys(job)
    keys = [key for found in surveys for key in found.keys if key.startswith(place)]
    with job.make_scratch() as folder:
        scratch = Path(folder)
        job.download(keys, scratch)
        decided = decide_partition(
            job.loader.plan,
            partition,
            keys,
            scratch,
            compared=_compare(job, partition, surveys, scratch),
            memory_mb=job.loader.memory_mb,
        )
        decided = _keep(job, decided, scratch)
    job.folder.update(Decided, name, lambda old: old or decided)
    return {"finished": True, "counts": {"losers": decided.items}}


def _compare(job: Job, partition: int, surveys: Sequence[Surveyed], scratch: Path) -> Compared | None:
    """Bring what the keys of a partition are held against, where a manifest is kept.

    The manifest to begin with is noted once, for the ledger names the run's own as soon as all is decided.
    """
    if job.loader.plan.manifest is None:
        return None
    noted = job.folder.read(Base, BASE)
    if noted is None:
        pointer = job.loader.ledger.read_state(job.run.bucket, job.run.key).manifest
        found = find_base(job.loader, job.manifests, pointer, job.log)
        noted = job.folder.update(Base, BASE, lambda old: old or found)
    partitions = job.work.partitions
    base = bring_base(job.manifests, noted, scratch, partition, partitions)
    return Compared(base, partitions, sum(survey.tally.keyless for survey in surveys))


def _keep(job: Job, decided: Decided, scratch: Path) -> Decided:
    """Upload the files of what was decided, and give it with the names that they have there."""
    partition, token = decided.partition, new_token()
    if decided.losers is not None:
        stored = f"losers/{partition:06d}-{token}.parquet"
        job.folder.upload(stored, scratch / decided.losers)
        decided = replace(decided, losers=stored)
    if decided.unchanged is not None:
        stored = f"unchanged/{partition:06d}-{token}.parquet"
        job.folder.upload(stored, scratch / decided.unchanged)
        decided = replace(decided, unchanged=stored)
    if decided.manifest is not None:
        stored = put_file(job.manifests, str(job.run.saved), partition, scratch / decided.manifest)
        decided = replace(decided, manifest=stored)
    return decided


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
            limited=_is_limited(job),
            memory_mb=job.loader.memory_mb,
        )
    if job.loader.plan.manifest is not None and decision.refused is None:
        files = [str(decided[number].manifest) for number in sorted(decided)]
        publish(job.loader, job.claim, job.manifests, str(job.run.saved), files)
    job.folder.write(DECISION, decision)
    return {"finished": True}


def _is_limited(job: Job) -> bool:
    """Tell whether the limit of deletes holds for the run's version."""
    if job.loader.plan.manifest is None:
        return False
    return job.loader.ledger.read_state(job.run.bucket, job.run.key).approved != job.run.version


def _surveys(job: Job) -> list[Surveyed]:
    """Give the surveys of all chunks, in order."""
    count = len(job.read_cut().chunks)
    found = read_surveys(job.folder, count)
    missing = [chunk for chunk in range(count) if chunk not in found or not found[chunk].finished]
    if missing:
        raise ServiceError(f"The chunks {missing[:20]} are not surveyed. Start the load again.")
    return [found[chunk] for chunk in range(count)]
