"""The narrowest first pass: does any key repeat at all? Where none does and there is no limit, nothing needs to be decided.

Where rows compete by a value, no key is looked at: the scan shows that the object can be read to its end, and counts.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from penstock.engine.batch import Batch
from penstock.engine.decide import Tally, has_repeats, prepare_keys, spill_hashes
from penstock.load.chunk import ChunkReader, Stop
from penstock.load.judges import Judges
from penstock.plan.model import Plan

_BATCHES: Final = 32
"""After so many batches their hashes leave the database: some hundreds of thousands."""


def can_scan(plan: Plan) -> bool:
    """Tell whether a scan can show that nothing needs to be decided. Whether a limit is passed, it can't."""
    return plan.quality.max_reject_count is None and plan.quality.max_reject_share is None


def scan_object(judges: Judges, reader: ChunkReader, stop: Stop) -> Tally | None:
    """Scan to the end; count the records, and of the errors those that are of records and not of rows.

    None where a key may repeat, which is looked for more and more seldom, or where ``stop`` says so: nothing is left
    in the database then.
    """
    with TemporaryDirectory(dir=judges.scratch, prefix="hashes-") as folder:
        tally = _scan(judges, reader, stop, Path(folder))
    prepare_keys(judges.database)
    return tally


def _scan(judges: Judges, reader: ChunkReader, stop: Stop, folder: Path) -> Tally | None:
    tally = Tally()
    spilled: list[Path] = []
    done, look = 0, 1
    while not reader.finished:
        leg = _Leg(min(look - done, _BATCHES), stop)
        for batch, _, _ in judges.judge(lambda judge, batch: judge.scan(batch), reader.leg(leg)):
            _count(tally, batch)
            done += 1
        if leg.stopped:
            return None
        if done >= (len(spilled) + 1) * _BATCHES:
            spilled.append(folder / f"{len(spilled)}.parquet")
            spill_hashes(judges.database, spilled[-1])
        if done >= look or reader.finished:
            if has_repeats(judges.database, spilled):
                return None
            look = 2 * done
    return tally


class _Leg:
    """Ends a leg after some batches, or where the run is to stop."""

    def __init__(self, batches: int, stop: Stop) -> None:
        self._left = batches
        self._stop = stop
        self.stopped = False

    def __call__(self) -> bool:
        self._left -= 1
        self.stopped = self._stop()
        return self.stopped or self._left == 0


def _count(tally: Tally, batch: Batch) -> None:
    tally.read += batch.rows + len(batch.errors) + batch.blanks
    tally.errors.update(error.code for error in batch.errors)
