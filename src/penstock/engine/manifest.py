"""The manifest: what the table holds of an object's items, kept from one version to the next; and what a version changes.

It is a set of files, one for each hash partition of keys, written before the first item is. Of each key it says what the
table holds once the run has ended (``after``), and what it holds where the run ended half-way (``during``), each as the
hash of the request that made it so: :data:`~penstock.engine.entries.GONE` where the item was deleted, NULL where that is
not certain. ``holds`` is false for a key that vanished, which the run deletes. ``row`` is the row of the file that the item
is of, NULL where it is of an earlier version.

So whoever comes next knows what is there from the one manifest that was begun last, whether or not its run ended, and
whatever the runs before it did.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import duckdb

from penstock.engine.decide import count_rows, cut_ranges, find_repeated
from penstock.engine.entries import GONE
from penstock.engine.sql import files_sql, literal
from penstock.plan.model import Plan

_ROWS_A_PART: Final = 200_000
"""Entries that are compared at a time: they take more memory than keys alone."""


@dataclass(frozen=True, slots=True)
class Fates:
    """What a version does to its object's items. ``losers`` items lose against another row's, of ``rows`` rows.

    ``unchanged`` need no write. ``held`` may be in the table as the base says; of these ``vanished`` are to be deleted, and
    ``kept`` would be, were it certain that no rejected record has their key.
    """

    losers: int = 0
    rows: int = 0
    unchanged: int = 0
    held: int = 0
    vanished: int = 0
    kept: int = 0


@dataclass(frozen=True, slots=True)
class Base:
    """The manifest that a run begins with: its files, by name; empty where there is none.

    ``whole`` tells that its run ended. ``doubtful`` are rows of which it is not certain that all their items were written.
    """

    files: tuple[str, ...] = ()
    whole: bool = True
    doubtful: tuple[int, ...] = ()


def prepare_entries(database: duckdb.DuckDBPyConnection) -> None:
    """Make the table of entries, empty. One without a row is of a key that stays as it is, for its row is rejected."""
    database.execute(
        "CREATE OR REPLACE TABLE entries (high UBIGINT, low UBIGINT, row BIGINT, item INTEGER, hash BIGINT, key VARCHAR)"
    )


def export_entries(database: duckdb.DuckDBPyConnection, folder: Path, partitions: int) -> list[Path]:
    """Move the entries into files below ``folder``, one for each hash partition; equal keys are of one partition."""
    folder.mkdir(exist_ok=True)
    files = [folder / f"{partition}.parquet" for partition in range(partitions)]
    for partition, file in enumerate(files):
        rows = f"SELECT * FROM entries WHERE low % {partitions} = {partition}"
        database.execute(f"COPY ({rows}) TO {literal(str(file))} (FORMAT parquet)")
    prepare_entries(database)
    return files


def import_entries(database: duckdb.DuckDBPyConnection, files: Sequence[Path]) -> None:
    """Take back entries that :func:`export_entries` wrote, beside those that are there."""
    for file in files:
        database.execute(f"INSERT INTO entries SELECT * FROM {files_sql([file])}")


def import_base(
    database: duckdb.DuckDBPyConnection, scratch: Path, base: Base, partition: int, partitions: int
) -> None:
    """Take what the base says of the keys of one hash partition of so many, into the table ``base``."""
    database.execute("CREATE OR REPLACE TABLE base (high UBIGINT, low UBIGINT, hash BIGINT, key VARCHAR)")
    database.execute(
        "CREATE OR REPLACE TABLE doubtful AS SELECT unnest(?::BIGINT[]) AS row", [list(base.doubtful)]
    )
    found, holds = "during", "TRUE"
    if base.whole:
        found, holds = (
            "CASE WHEN row IS NULL OR row NOT IN (SELECT row FROM doubtful) THEN after END",
            "holds",
        )
    for name in base.files:
        database.execute(
            f"INSERT INTO base SELECT high, low, {found}, key FROM {files_sql([scratch / name])} "
            f"WHERE {holds} AND low % {partitions} = {partition}"
        )


def decide_entries(database: duckdb.DuckDBPyConnection, plan: Plan, file: Path, *, keeps: bool) -> Fates:
    """Hold the entries against the base, and write the manifest of it; entries and base are dropped.

    What loses is in the tables ``losers`` and ``repeated`` afterwards, what needs no write in ``unchanged``. ``keeps`` tells
    that there are rejected records whose keys can't be told: then nothing vanishes.
    """
    assert plan.manifest is not None
    database.execute("CREATE OR REPLACE TABLE found (row BIGINT, item INTEGER)")
    database.execute(
        "CREATE OR REPLACE TABLE fates (high UBIGINT, low UBIGINT, key VARCHAR, row BIGINT, item INTEGER, after BIGINT, "
        "during BIGINT, fate VARCHAR)"
    )
    held = count_rows(database, f"base WHERE hash IS DISTINCT FROM {GONE}")
    rows = count_rows(database, "entries") + count_rows(database, "base")
    for first, last in cut_ranges(rows, _ROWS_A_PART):
        _decide_part(database, plan, f"high BETWEEN {first} AND {last}", keeps=keeps)
    for name in ("entries", "base"):
        database.execute(f"TRUNCATE {name}")
    for name, source in (("losers", "found"), ("unchanged", "fates WHERE fate = 'unchanged'")):
        database.execute(
            f"CREATE OR REPLACE TABLE {name} AS SELECT row, item FROM {source} ORDER BY row, item"
        )
    find_repeated(database)
    counts = _write_manifest(database, file)
    return Fates(
        count_rows(database, "losers"),
        count_rows(database, "repeated"),
        counts.get("unchanged", 0),
        held,
        counts.get("vanished", 0),
        counts.get("kept", 0),
    )


def _write_manifest(database: duckdb.DuckDBPyConnection, file: Path) -> dict[str, int]:
    """Write what was decided of keys, and drop it; give how many came to each fate."""
    file.parent.mkdir(exist_ok=True)
    database.execute(
        "COPY (SELECT high, low, key, row, after, during, fate <> 'vanished' AS holds FROM fates) "
        f"TO {literal(str(file))} (FORMAT parquet, COMPRESSION zstd)"
    )
    counts = dict(database.execute("SELECT fate, count(*) FROM fates GROUP BY fate").fetchall())
    for name in ("found", "fates"):
        database.execute(f"DROP TABLE {name}")
    return counts


def _decide_part(database: duckdb.DuckDBPyConnection, plan: Plan, part: str, *, keeps: bool) -> None:
    """Decide the keys of a part of the hashes' range."""
    wins = "max" if plan.on_duplicate == "last" else "min"
    place = f"row * {len(plan.items)} + item"
    rows = f"SELECT * FROM entries WHERE {part} AND row IS NOT NULL"
    ranked = f"SELECT *, {place} = {wins}({place}) OVER (PARTITION BY high, low) AS wins FROM ({rows})"
    database.execute(f"CREATE OR REPLACE TABLE ranked AS {ranked}")
    database.execute("INSERT INTO found SELECT row, item FROM ranked WHERE NOT wins")
    stays = f"SELECT DISTINCT high, low, TRUE AS stays FROM entries WHERE {part} AND row IS NULL"
    compared = (
        "SELECT high, low, coalesce(won.key, old.key) AS key, won.row, won.item, won.hash AS hash, old.hash AS old_hash, "
        f"{_fate(plan, keeps=keeps)} AS fate FROM (SELECT * FROM ranked WHERE wins) AS won "
        f"FULL JOIN (SELECT * FROM base WHERE {part}) AS old USING (high, low) LEFT JOIN ({stays}) USING (high, low)"
    )
    database.execute(
        "INSERT INTO fates SELECT high, low, key, row, item, "
        "CASE fate WHEN 'vanished' THEN NULL WHEN 'kept' THEN old_hash WHEN 'stays' THEN old_hash ELSE hash END, "
        "CASE WHEN fate NOT IN ('sent', 'vanished') THEN old_hash END, "
        f"fate FROM ({compared}) WHERE fate IS NOT NULL"
    )
    database.execute("DROP TABLE ranked")


def _fate(plan: Plan, *, keeps: bool) -> str:
    """Write the SQL of what becomes of a key; NULL where nothing more need be known of it."""
    assert plan.manifest is not None
    missing = "NULL"
    if plan.manifest.deletes:
        missing = f"CASE WHEN old.hash IS DISTINCT FROM {GONE} THEN '{'kept' if keeps else 'vanished'}' END"
    return (
        "CASE WHEN won.row IS NOT NULL THEN CASE WHEN won.hash = old.hash THEN 'unchanged' ELSE 'sent' END "
        f"WHEN stays THEN 'stays' ELSE {missing} END"
    )


def note_touched(database: duckdb.DuckDBPyConnection) -> None:
    """Note the keys that the wanted rows may write, those of items that lose too (:mod:`penstock.engine.select`).

    The keys of all good rows are copied from the entries to where they are decided on, and the entries are dropped.
    """
    database.execute(
        "CREATE OR REPLACE TABLE touched AS SELECT high, low, min(key) AS key FROM entries JOIN wanted USING (row) "
        "GROUP BY high, low"
    )
    database.execute("INSERT INTO keys SELECT high, low, row, item FROM entries WHERE row IS NOT NULL")
    prepare_entries(database)


def touch_base(database: duckdb.DuckDBPyConnection, scratch: Path, base: Base) -> list[Path]:
    """Write the manifest that holds while the touched keys are written, and after: the base, with these as uncertain."""
    (scratch / "touched").mkdir(exist_ok=True)
    files: list[Path] = []
    partitions = len(base.files) or 1
    for partition in range(partitions):
        part = replace(base, files=base.files[partition : partition + 1])
        import_base(database, scratch, part, partition, partitions)
        files.append(scratch / "touched" / f"{partition}.parquet")
        database.execute(
            "COPY (SELECT high, low, key, NULL::BIGINT AS row, hash AS after, hash AS during, TRUE AS holds "
            "FROM base ANTI JOIN touched USING (high, low) UNION ALL "
            "SELECT high, low, key, NULL, NULL, NULL, TRUE FROM touched "
            f"WHERE low % {partitions} = {partition}) TO {literal(str(files[-1]))} (FORMAT parquet, COMPRESSION zstd)"
        )
    return files


def export_unchanged(database: duckdb.DuckDBPyConnection, file: Path) -> None:
    """Copy what needs no write into a file. Rows that follow one another take little there."""
    file.parent.mkdir(exist_ok=True)
    database.execute(
        f"COPY unchanged TO {literal(str(file))} (FORMAT parquet, PARQUET_VERSION v2, COMPRESSION zstd)"
    )


def import_unchanged(
    database: duckdb.DuckDBPyConnection, files: Sequence[Path], first_row: int, stop_row: int | None
) -> None:
    """Take back what needs no write of the rows from ``first_row`` to before ``stop_row``, or to the file's end."""
    database.execute("CREATE OR REPLACE TABLE unchanged (row BIGINT, item INTEGER)")
    bound = "" if stop_row is None else f" AND row < {stop_row}"
    for file in files:
        database.execute(
            f"INSERT INTO unchanged SELECT * FROM {files_sql([file])} WHERE row >= {first_row}{bound}"
        )


def read_vanished(
    database: duckdb.DuckDBPyConnection, files: Sequence[Path], skipped: int, number: int
) -> Generator[list[str], None, None]:
    """Give the requests that delete what vanished, so many at a time, without the first ``skipped`` of all files."""
    for file in files:
        count = count_rows(database, f"{files_sql([file])} WHERE NOT holds")
        if skipped >= count:
            skipped -= count
            continue
        found = database.execute(f"SELECT key FROM {files_sql([file])} WHERE NOT holds OFFSET {skipped}")
        skipped = 0
        while rows := found.fetchmany(number):
            yield [key for (key,) in rows]
