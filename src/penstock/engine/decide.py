"""What is decided over the whole file before anything is written: which rows win, and whether the file is refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Final

import duckdb

from penstock import verdicts
from penstock.engine.sql import files_sql, literal
from penstock.plan.model import Manifest, Plan, Quality

_ROWS_A_PART: Final = 500_000
"""Keys that are grouped at a time: some 40 MB."""
_ROWS_A_GROUP: Final = 16_384
"""Hashes in a group of a file's rows; those are read as a whole."""

RECOVERED_SHOWN = 1_000
"""How many recovered lines a report lists; their number is always exact."""


@dataclass(slots=True)
class Tally:
    """What was counted so far, in records; ``errors`` counts single errors by their code.

    ``keyless`` of those that are rejected have an item whose key can't be told. A survey counts them, for a manifest.
    """

    read: int = 0
    blank: int = 0
    rejected: int = 0
    filtered: int = 0
    superseded: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    recovered: list[int] = field(default_factory=list)
    recovered_count: int = 0
    keyless: int = 0

    @property
    def good(self) -> int:
        """Rows that are valid and were not filtered."""
        return self.read - self.blank - self.rejected - self.filtered

    def recover(self, lines: tuple[int, ...]) -> None:
        """Count rows that may be the text of a broken field, and keep the lines of the first ones."""
        self.recovered_count += len(lines)
        self.recovered.extend(lines[: max(0, RECOVERED_SHOWN - len(self.recovered))])


@dataclass(frozen=True, slots=True)
class Decision:
    """What the survey showed. ``losers`` and ``repeated`` tell whether those tables of the database hold anything.

    ``refused`` is None, or the code and the sentence that say why nothing of the file is loaded. With a manifest,
    ``unchanged`` tells whether that table holds anything; ``vanished`` items are to be deleted, and ``kept`` would be, were the
    keys of all rejected records known. Of the rows ``doubtful`` not all items are written, though the manifest has them.
    """

    losers: bool
    repeated: bool
    refused: tuple[str, str] | None
    unchanged: bool = False
    vanished: int = 0
    kept: int = 0
    doubtful: tuple[int, ...] = ()

    @property
    def removes(self) -> bool:
        """Whether items are to be deleted because they vanished."""
        return self.vanished > 0 and self.refused is None


def prepare_keys(database: duckdb.DuckDBPyConnection) -> None:
    """Make the tables of keys, empty. They are not temporary: every connection to the database notes keys there.

    A key is noted by the two halves of its MD5. Of a billion keys two share one with a probability of 10**-21.
    """
    database.execute("CREATE OR REPLACE TABLE keys (high UBIGINT, low UBIGINT, row BIGINT, item INTEGER)")
    database.execute("CREATE OR REPLACE TABLE hashes (h UBIGINT)")


def prepare_tables(database: duckdb.DuckDBPyConnection, key: str, last_modified: str) -> None:
    """Make the tables that a file's survey fills, and the one row of facts about the object."""
    prepare_keys(database)
    database.execute(
        "CREATE OR REPLACE TABLE object AS "
        "SELECT ?::VARCHAR AS source_key, ?::TIMESTAMPTZ AT TIME ZONE 'UTC' AS source_last_modified",
        [key, last_modified],
    )


def spill_hashes(database: duckdb.DuckDBPyConnection, file: Path) -> None:
    """Move the hashes that were noted into a file, in order, so that a part of them is found without reading the rest."""
    database.execute(
        f"COPY (SELECT h FROM hashes ORDER BY h) TO {literal(str(file))} (FORMAT parquet, ROW_GROUP_SIZE {_ROWS_A_GROUP})"
    )
    database.execute("CREATE OR REPLACE TABLE hashes (h UBIGINT)")


def has_repeats(database: duckdb.DuckDBPyConnection, spilled: Sequence[Path] = ()) -> bool:
    """Tell whether two rows that were scanned may have one key. No says surely that none have.

    ``spilled`` are the files of hashes that are no longer in the database.
    """
    noted = "SELECT h FROM hashes"
    if spilled:
        noted = f"{noted} UNION ALL SELECT h FROM {files_sql(spilled)}"
    return any(
        database.execute(
            f"SELECT count(*) > count(DISTINCT h) FROM ({noted}) WHERE h BETWEEN {first} AND {last}"
        ).fetchone()
        == (True,)
        for first, last in cut_ranges(count_rows(database, f"({noted})"))
    )


def decide_losers(database: duckdb.DuckDBPyConnection, plan: Plan) -> tuple[int, int]:
    """Decide which of the rows with one key wins; what loses is in the tables ``losers`` and ``repeated``.

    Gives how many items lose, and how many rows have one that does. The keys are dropped. They are grouped a part at a
    time, and the database spills what it does not use: memory does not grow with the file.
    """
    database.execute("CREATE OR REPLACE TABLE found (row BIGINT, item INTEGER)")
    wins = "max" if plan.on_duplicate == "last" else "min"
    place = f"row * {len(plan.items)} + item"
    for first, last in cut_ranges(count_rows(database, "keys")):
        part = f"(SELECT * FROM keys WHERE high BETWEEN {first} AND {last})"
        database.execute(
            f"INSERT INTO found SELECT row, item FROM {part} JOIN (SELECT high, low, {wins}({place}) AS winner FROM {part} "
            f"GROUP BY high, low HAVING count(*) > 1) USING (high, low) WHERE {place} <> winner"
        )
    prepare_keys(database)
    # In the order of rows, for batches ask for theirs.
    database.execute("CREATE OR REPLACE TABLE losers AS SELECT row, item FROM found ORDER BY row, item")
    database.execute("DROP TABLE found")
    find_repeated(database)
    return count_rows(database, "losers"), count_rows(database, "repeated")


def cut_ranges(rows: int, rows_a_part: int = _ROWS_A_PART) -> list[tuple[int, int]]:
    """Cut the range of a hash into parts of so many rows that one fits into a little memory."""
    parts = rows // rows_a_part + 1
    edges = [part * 2**64 // parts for part in range(parts + 1)]
    return [(first, following - 1) for first, following in pairwise(edges)]


def export_keys(database: duckdb.DuckDBPyConnection, folder: Path, partitions: int) -> list[Path]:
    """Move the keys into files below ``folder``, one for each hash partition; equal keys are of one partition."""
    folder.mkdir(exist_ok=True)
    files = [folder / f"{partition}.parquet" for partition in range(partitions)]
    for partition, file in enumerate(files):
        database.execute(
            f"COPY (SELECT * FROM keys WHERE low % {partitions} = {partition}) TO {literal(str(file))} (FORMAT parquet)"
        )
    prepare_keys(database)
    return files


def import_keys(database: duckdb.DuckDBPyConnection, files: Sequence[Path]) -> None:
    """Take back keys that :func:`export_keys` wrote, beside those that are there."""
    for file in files:
        database.execute(f"INSERT INTO keys SELECT * FROM {files_sql([file])}")


def export_losers(database: duckdb.DuckDBPyConnection, file: Path) -> None:
    """Copy what loses into a file."""
    file.parent.mkdir(exist_ok=True)
    database.execute(f"COPY losers TO {literal(str(file))} (FORMAT parquet)")


def import_losers(
    database: duckdb.DuckDBPyConnection, files: Sequence[Path], first_row: int, stop_row: int | None
) -> None:
    """Take back what loses of the rows from ``first_row`` to before ``stop_row``, or to the file's end."""
    database.execute("CREATE OR REPLACE TABLE losers (row BIGINT, item INTEGER)")
    bound = "" if stop_row is None else f" AND row < {stop_row}"
    for file in files:
        database.execute(
            f"INSERT INTO losers SELECT * FROM {files_sql([file])} WHERE row >= {first_row}{bound}"
        )
    find_repeated(database)


def count_repeated(database: duckdb.DuckDBPyConnection, files: Sequence[Path]) -> int:
    """Count the rows of which an item loses, in files that :func:`export_losers` wrote."""
    import_losers(database, files, 0, None)
    return count_rows(database, "repeated")


def find_repeated(database: duckdb.DuckDBPyConnection) -> None:
    """Find the rows that have an item that loses."""
    database.execute("CREATE OR REPLACE TABLE repeated AS SELECT DISTINCT row FROM losers ORDER BY row")


def _exactly(share: float) -> Decimal:
    """Give the share as it is written: as a float, 29% of 100 records would be less than 29."""
    return Decimal(repr(share))


def count_rows(database: duckdb.DuckDBPyConnection, table: str) -> int:
    """Count the rows of a table, or of what else may follow FROM."""
    found = database.execute(f"SELECT count(*) FROM {table}").fetchone()
    assert found is not None
    return int(found[0])


def refuse(quality: Quality, tally: Tally, repeated: int) -> tuple[str, str] | None:
    """Tell whether the file is refused as a whole, and why. ``repeated`` rows are rejected for an earlier row's key."""
    rejected, judged = tally.rejected + repeated, tally.read - tally.blank
    if quality.refuse_quote_errors and tally.errors[verdicts.QUOTE_ERROR]:
        count = tally.errors[verdicts.QUOTE_ERROR]
        return (
            verdicts.QUOTE_ERROR,
            f"{count} {'record has' if count == 1 else 'records have'} quote errors, and the contract refuses such a file",
        )
    if quality.max_reject_count is not None and rejected > quality.max_reject_count:
        limit = f"{quality.max_reject_count}"
    elif quality.max_reject_share is not None and rejected > _exactly(quality.max_reject_share) * judged:
        limit = f"{(_exactly(quality.max_reject_share) * 100).normalize():f}%"
    else:
        return None
    return (
        verdicts.REJECT_LIMIT,
        f"{rejected} of {judged} record{'' if judged == 1 else 's'} {'was' if rejected == 1 else 'were'} rejected, more than the limit of {limit}; nothing was loaded",
    )


def refuse_deletes(manifest: Manifest, vanished: int, held: int) -> tuple[str, str] | None:
    """Tell whether the file is refused because it lacks too many of the items that its object has."""
    if manifest.max_delete_count is not None and vanished > manifest.max_delete_count:
        limit = f"{manifest.max_delete_count}"
    elif manifest.max_delete_share is not None and vanished > _exactly(manifest.max_delete_share) * held:
        limit = f"{(_exactly(manifest.max_delete_share) * 100).normalize():f}%"
    else:
        return None
    reason = (
        f"{vanished} of the {held} items of this object are not in the file any more, more than the limit of {limit}; "
        "nothing was changed"
    )
    return verdicts.DELETE_LIMIT, reason
