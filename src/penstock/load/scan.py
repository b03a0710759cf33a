"""The narrowest first pass: does any key repeat at all? Where none does and there is no limit, nothing needs to be decided."""

from __future__ import annotations

from penstock.engine.assemble import RecordBatch
from penstock.engine.decide import Tally, has_repeats, prepare_keys
from penstock.load.chunk import ChunkReader, Stop
from penstock.load.judges import Judges
from penstock.plan.model import Plan


def can_scan(plan: Plan) -> bool:
    """Tell whether a scan can show that nothing needs to be decided. Whether a limit is passed, it can't."""
    return plan.quality.max_reject_count is None and plan.quality.max_reject_share is None


def scan_object(judges: Judges, reader: ChunkReader, stop: Stop) -> Tally | None:
    """Scan to the end; count the records, and of the errors those that are of records and not of rows.

    None where a key may repeat, which is looked for more and more seldom, or where ``stop`` says so: nothing is left
    in the database then.
    """
    tally = Tally()
    batches = 1
    stopped = False
    repeats = False
    while not (reader.finished or stopped or repeats):
        leg = _Leg(batches, stop)
        for batch, _, _ in judges.judge(lambda judge, batch: judge.scan(batch), reader.leg(leg)):
            _count(tally, batch)
        batches *= 2
        stopped = leg.stopped
        repeats = not stopped and has_repeats(judges.database)
    prepare_keys(judges.database)
    return None if stopped or repeats else tally


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


def _count(tally: Tally, batch: RecordBatch) -> None:
    tally.read += batch.rows + len(batch.errors) + batch.blanks
    tally.errors.update(error.code for error in batch.errors)
