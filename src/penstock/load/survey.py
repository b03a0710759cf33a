"""The first pass over a chunk: its records are judged and counted, and the keys of its good rows are noted.

Nothing is written. Keys leave a worker as files, one for each hash partition, so that the rows of
one key meet again in one place whatever chunks they are of.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from penstock.engine.batch import Position
from penstock.engine.bind import Binding
from penstock.engine.decide import Tally, export_keys
from penstock.engine.manifest import export_entries
from penstock.load.chunk import BATCH_BYTES, Chunk, ChunkReader, Seen, Stop, never
from penstock.load.count import add_tallies
from penstock.load.judges import MEMORY_MB, Judges, open_judges
from penstock.load.protocols import ObjectSource
from penstock.plan.model import Plan

PARTITIONS: Final = 16
"""Hash partitions of an object's keys, a power of two: each is decided by itself, in a database that holds no other."""


@dataclass(frozen=True, slots=True)
class Surveyed:
    """How far a chunk is surveyed: what was counted up to ``position``, and whether that is its end.

    ``keys`` are the files of keys so far, ``keys/<partition>/<chunk>-<offset>.parquet`` in the scratch folder, each of the
    bytes from its offset on. ``scanned`` tells that a scan was enough, which counts no rows.
    """

    position: Position
    tally: Tally = field(default_factory=Tally)
    keys: tuple[str, ...] = ()
    finished: bool = False
    scanned: bool = False


def survey_chunk(  # noqa: PLR0913 -- what a pass needs, each by its name
    plan: Plan,
    source: ObjectSource,
    binding: Binding,
    chunk: Chunk,
    scratch: Path,
    *,
    partitions: int = PARTITIONS,
    resume: Surveyed | None = None,
    stop: Stop = never,
    batch_bytes: int = BATCH_BYTES,
    memory_mb: int = MEMORY_MB,
    lanes: int | None = None,
    seen: Seen | None = None,
) -> Surveyed:
    """Survey a chunk to its end, or until ``stop`` says so between two batches; ``resume`` goes on where another stopped.

    The keys of what was surveyed now are left in files below ``scratch``; those that ``resume`` names need not be
    there. Raises DataError, ServiceError and EngineError of :mod:`penstock.errors`.
    """
    begun = resume or Surveyed(chunk.start)
    reader = ChunkReader(
        plan, source, binding, chunk, resume=begun.position, batch_bytes=batch_bytes, seen=seen
    )
    with (
        closing(reader),
        open_judges(plan, source, binding, scratch, memory_mb, lanes=lanes) as judges,
    ):
        surveyed = survey_leg(judges, reader, begun, stop)
        return keep_keys(plan, judges, chunk, begun, surveyed, partitions)


def survey_leg(judges: Judges, reader: ChunkReader, begun: Surveyed, stop: Stop) -> Surveyed:
    """Survey on from ``begun``; the keys are left in the database."""
    tally = begun.tally
    for _, _, counted in judges.judge(lambda judge, batch: judge.survey(batch), reader.leg(stop)):
        tally = add_tallies((tally, counted))
    return Surveyed(reader.position, tally, begun.keys, reader.finished)


def keep_keys(
    plan: Plan, judges: Judges, chunk: Chunk, begun: Surveyed, surveyed: Surveyed, partitions: int
) -> Surveyed:
    """Move the keys noted since ``begun`` from the database to files; give the state that names them."""
    names = list(surveyed.keys)
    folder = judges.scratch / "keys"
    export = export_keys if plan.manifest is None else export_entries
    for partition, path in enumerate(export(judges.database, folder, partitions)):
        name = f"keys/{partition}/{chunk.index:05d}-{begun.position.offset:015d}.parquet"
        place = judges.scratch / name
        place.parent.mkdir(exist_ok=True)
        path.replace(place)
        names.append(name)
    return replace(surveyed, keys=tuple(names))
