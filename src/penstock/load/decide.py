"""Between the passes: which of the rows with one key wins, and whether the object is refused.

The keys of a hash partition are decided together, each partition by itself, anywhere and in any order.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Final

import duckdb

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
    refuse_deletes,
)
from penstock.engine.manifest import (
    Base,
    Fates,
    decide_entries,
    export_unchanged,
    import_base,
    import_entries,
    prepare_entries,
)
from penstock.load.count import DOUBTFUL_KEPT, add_tallies
from penstock.load.judges import MEMORY_MB, explained
from penstock.plan.model import Plan

_NO_FATES: Final = Fates()


@dataclass(frozen=True, slots=True)
class Decided:
    """What was decided of a hash partition of keys: how many items lose against another row's, and of how many rows.

    ``losers`` is the file that names them, ``losers/<partition>.parquet`` in the scratch folder, or None where none lose.
    With a manifest ``fates`` tell more; ``unchanged`` is the file that names what needs no write, or None, and ``manifest``
    the partition's part of the manifest.
    """

    partition: int
    items: int
    rows: int
    losers: str | None
    fates: Fates = _NO_FATES
    unchanged: str | None = None
    manifest: str | None = None


@dataclass(frozen=True, slots=True)
class Compared:
    """What the keys of a partition, one of so many, are held against. ``keyless`` records are rejected whose keys can't be told."""

    base: Base
    partitions: int
    keyless: int


def decide_partition(
    plan: Plan,
    partition: int,
    keys: Sequence[str],
    scratch: Path,
    *,
    compared: Compared | None = None,
    memory_mb: int = MEMORY_MB,
) -> Decided:
    """Decide the keys of one hash partition, of all chunks: ``keys`` names their files below ``scratch``.

    What loses is left in a file there too. ``compared`` is due where the plan keeps a manifest; the base's files are below
    ``scratch`` then. Raises :class:`~penstock.errors.EngineError` where the database fails.
    """
    with explained(), open_database(scratch, memory_mb=memory_mb) as database:
        if compared is not None:
            prepare_entries(database)
            import_entries(database, [scratch / name for name in keys])
            return keep_fates(database, plan, partition, compared, scratch)
        prepare_keys(database)
        import_keys(database, [scratch / name for name in keys])
        items, rows = decide_losers(database, plan)
        if not items:
            return Decided(partition, 0, 0, None)
        name = f"losers/{partition}.parquet"
        export_losers(database, scratch / name)
    return Decided(partition, items, rows, name)


def keep_fates(
    database: duckdb.DuckDBPyConnection, plan: Plan, partition: int, compared: Compared, scratch: Path
) -> Decided:
    """Hold the entries of a partition against the base, and leave what comes of it in files below ``scratch``."""
    losers, unchanged, manifest = (
        f"{folder}/{partition}.parquet" for folder in ("losers", "unchanged", "manifest")
    )
    import_base(database, scratch, compared.base, partition, compared.partitions)
    fates = decide_entries(database, plan, scratch / manifest, keeps=compared.keyless > 0)
    if fates.losers:
        export_losers(database, scratch / losers)
    if fates.unchanged:
        export_unchanged(database, scratch / unchanged)
    return Decided(
        partition,
        fates.losers,
        fates.rows,
        losers if fates.losers else None,
        fates,
        unchanged if fates.unchanged else None,
        manifest,
    )


def needs_losers(plan: Plan) -> bool:
    """Tell whether :func:`decide_object` reads the files of losers: a row of several items can lose in several partitions."""
    return plan.on_duplicate == "reject" and len(plan.items) > 1


def decide_object(
    plan: Plan,
    tallies: Iterable[Tally],
    decided: Sequence[Decided],
    scratch: Path,
    *,
    limited: bool = True,
    memory_mb: int = MEMORY_MB,
) -> Decision:
    """Decide whether the object is refused, by the tallies of all its chunks and what was decided of all partitions.

    Where :func:`needs_losers` says so, the files of losers must be below ``scratch``. ``limited`` says that the limit of
    deletes holds: nobody has approved them.
    """
    losers = sum(partition.items for partition in decided)
    repeated = 0
    doubtful: tuple[int, ...] = ()
    if plan.on_duplicate == "reject":
        repeated = sum(partition.rows for partition in decided)
        if needs_losers(plan):
            files = [scratch / found.losers for found in decided if found.losers is not None]
            with explained(), open_database(scratch, memory_mb=memory_mb) as database:
                repeated = count_repeated(database, files)
                doubtful = list_doubtful(database, plan)
    fates = [partition.fates for partition in decided]
    return make_decision(
        plan, add_tallies(tallies), losers, repeated, add_fates(fates), doubtful, limited=limited
    )


def add_fates(fates: Sequence[Fates]) -> Fates:
    """Add up what was decided of partitions."""
    return Fates(*(sum(numbers) for numbers in zip(*map(astuple, fates), strict=True))) if fates else Fates()


def list_doubtful(database: duckdb.DuckDBPyConnection, plan: Plan) -> tuple[int, ...]:
    """Give the rows that are rejected for one of their items' keys, and whose other items the manifest has.

    There can be one more than :data:`~penstock.load.count.DOUBTFUL_KEPT`, which says that there are too many to be told.
    """
    if plan.manifest is None or not needs_losers(plan):
        return ()
    found = database.execute("SELECT row FROM repeated LIMIT ?", [DOUBTFUL_KEPT + 1]).fetchall()
    return tuple(row for (row,) in found)


def make_decision(
    plan: Plan,
    tally: Tally,
    losers: int,
    repeated: int,
    fates: Fates = _NO_FATES,
    doubtful: tuple[int, ...] = (),
    *,
    limited: bool = True,
) -> Decision:
    """Give the decision, where so many items lose, in so many rows."""
    rejects = plan.on_duplicate == "reject"
    refused = refuse(plan.quality, tally, repeated if rejects else 0)
    if refused is None and limited and plan.manifest is not None:
        refused = refuse_deletes(plan.manifest, fates.vanished, fates.held)
    return Decision(
        losers=losers > 0 and not rejects,
        repeated=repeated > 0 and rejects,
        refused=refused,
        unchanged=fates.unchanged > 0,
        vanished=fates.vanished,
        kept=fates.kept,
        doubtful=doubtful,
    )
