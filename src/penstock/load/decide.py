"""Between the passes: which of the rows with one key wins, and whether the object is refused.

The keys of a hash partition are decided together, each partition by itself, anywhere and in any order.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from penstock.engine.database import open_database
from penstock.engine.decide import (
    Decision,
    Tally,
    count_repeated,
    decide_losers,
    export_losers,
    import_keys,
    prepare_keys,
    refuse,
)
from penstock.load.count import add_tallies
from penstock.load.judges import MEMORY_MB, explained
from penstock.plan.model import Plan


@dataclass(frozen=True, slots=True)
class Decided:
    """What was decided of a hash partition of keys: how many items lose against another row's, and of how many rows.

    ``losers`` is the file that names them, ``losers/<partition>.parquet`` in the scratch folder, or None where none lose.
    """

    partition: int
    items: int
    rows: int
    losers: str | None


def decide_partition(
    plan: Plan, partition: int, keys: Sequence[str], scratch: Path, *, memory_mb: int = MEMORY_MB
) -> Decided:
    """Decide the keys of one hash partition, of all chunks: ``keys`` names their files below ``scratch``.

    What loses is left in a file there too. Raises :class:`~penstock.errors.EngineError` where the database fails.
    """
    with explained(), open_database(scratch, memory_mb=memory_mb) as database:
        prepare_keys(database)
        import_keys(database, [scratch / name for name in keys])
        items, rows = decide_losers(database, plan)
        if not items:
            return Decided(partition, 0, 0, None)
        name = f"losers/{partition}.parquet"
        export_losers(database, scratch / name)
    return Decided(partition, items, rows, name)


def needs_losers(plan: Plan) -> bool:
    """Tell whether :func:`decide_object` reads the files of losers: a row of several items can lose in several partitions."""
    return plan.on_duplicate == "reject" and len(plan.items) > 1


def decide_object(
    plan: Plan,
    tallies: Iterable[Tally],
    decided: Sequence[Decided],
    scratch: Path,
    *,
    memory_mb: int = MEMORY_MB,
) -> Decision:
    """Decide whether the object is refused, by the tallies of all its chunks and what was decided of all partitions.

    Where :func:`needs_losers` says so, the files of losers must be below ``scratch``.
    """
    losers = sum(partition.items for partition in decided)
    repeated = 0
    if plan.on_duplicate == "reject":
        repeated = sum(partition.rows for partition in decided)
        if needs_losers(plan):
            files = [scratch / found.losers for found in decided if found.losers is not None]
            with explained(), open_database(scratch, memory_mb=memory_mb) as database:
                repeated = count_repeated(database, files)
    return make_decision(plan, add_tallies(tallies), losers, repeated)


def make_decision(plan: Plan, tally: Tally, losers: int, repeated: int) -> Decision:
    """Give the decision, where so many items lose, in so many rows."""
    rejects = plan.on_duplicate == "reject"
    return Decision(
        losers=losers > 0 and not rejects,
        repeated=repeated > 0 and rejects,
        refused=refuse(plan.quality, tally, repeated if rejects else 0),
    )
