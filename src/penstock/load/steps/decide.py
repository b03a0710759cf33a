"""The steps between the passes: which rows lose, partition by partition of their keys, and what holds for the object."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from penstock.engine.manifest import Base
from penstock.errors import ServiceError
from penstock.load.decide import Compared, Decided, decide_object, decide_partition, needs_losers
from penstock.load.steps.states import (
    BASE,
    DECISION,
    decided_name,
    new_token,
    read_decided,
    read_decision,
    read_surveys,
)
from penstock.load.steps.workplace import Workplace
from penstock.load.survey import Surveyed


def decide_keys(place: Workplace, partition: int) -> dict[str, object]:
    """Decide which rows of a hash partition lose, by the keys that all surveys found."""
    name = decided_name(partition)
    if read_decision(place.folder) is not None or place.folder.read(Decided, name) is not None:
        return {"finished": True}
    start = f"keys/{partition:06d}/"
    surveys = _surveys(place)
    keys = [key for found in surveys for key in found.keys if key.startswith(start)]
    with place.make_scratch() as folder:
        scratch = Path(folder)
        place.download(keys, scratch)
        decided = decide_partition(
            place.plan,
            partition,
            keys,
            scratch,
            compared=_compare(place, partition, surveys, scratch),
            memory_mb=place.memory_mb,
        )
        decided = _keep(place, decided, scratch)
    place.folder.update(Decided, name, lambda old: old or decided)
    return {"finished": True, "counts": {"losers": decided.items}}


def _compare(place: Workplace, partition: int, surveys: Sequence[Surveyed], scratch: Path) -> Compared | None:
    """Bring what the keys of a partition are held against, where a manifest is kept.

    The manifest to begin with is noted once, for the run's own counts as soon as all is decided.
    """
    upkeep = place.upkeep
    if upkeep is None:
        return None
    noted = place.folder.read(Base, BASE)
    if noted is None:
        found = upkeep.find_base()
        noted = place.folder.update(Base, BASE, lambda old: old or found)
    base = upkeep.bring_base(noted, scratch, partition)
    return Compared(base, place.partitions, sum(survey.tally.keyless for survey in surveys))


def _keep(place: Workplace, decided: Decided, scratch: Path) -> Decided:
    """Upload the files of what was decided, and give it with the names that they have there."""
    partition, token = decided.partition, new_token()
    if decided.losers is not None:
        stored = f"losers/{partition:06d}-{token}.parquet"
        place.folder.upload(stored, scratch / decided.losers)
        decided = replace(decided, losers=stored)
    if decided.unchanged is not None:
        stored = f"unchanged/{partition:06d}-{token}.parquet"
        place.folder.upload(stored, scratch / decided.unchanged)
        decided = replace(decided, unchanged=stored)
    if decided.manifest is not None:
        assert place.upkeep is not None, "only a plan that keeps a manifest makes one"
        stored = place.upkeep.keep(partition, scratch / decided.manifest)
        decided = replace(decided, manifest=stored)
    return decided


def decide_all(place: Workplace) -> dict[str, object]:
    """Decide whether anything of the object is loaded, when all chunks are surveyed and all partitions decided."""
    if read_decision(place.folder) is not None:
        return {"finished": True}
    surveys = _surveys(place)
    decided = read_decided(place.folder, place.partitions)
    missing = [number for number in range(place.partitions) if number not in decided]
    if missing:
        raise ServiceError(f"The keys of the partitions {missing} are not decided. Start the load again.")
    with place.make_scratch() as scratch:
        if needs_losers(place.plan):
            names = [found.losers for found in decided.values() if found.losers is not None]
            place.download(names, Path(scratch))
        decision = decide_object(
            place.plan,
            [found.tally for found in surveys],
            list(decided.values()),
            Path(scratch),
            limited=place.upkeep is not None and place.upkeep.is_limited(),
            memory_mb=place.memory_mb,
        )
    if place.upkeep is not None and decision.refused is None:
        place.upkeep.publish([str(decided[number].manifest) for number in sorted(decided)])
    place.folder.write(DECISION, decision)
    return {"finished": True}


def _surveys(place: Workplace) -> list[Surveyed]:
    """Give the surveys of all chunks, in order."""
    count = len(place.read_cut().chunks)
    found = read_surveys(place.folder, count)
    missing = [chunk for chunk in range(count) if chunk not in found or not found[chunk].finished]
    if missing:
        raise ServiceError(f"The chunks {missing[:20]} are not surveyed. Start the load again.")
    return [found[chunk] for chunk in range(count)]
