"""What is decided over the whole file before anything is written: which rows win, and whether the file is refused."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal

import duckdb

from penstock import verdicts
from penstock.plan.model import Plan, Quality

RECOVERED_SHOWN = 1_000
"""How many recovered lines a report lists; their number is always exact."""


@dataclass(slots=True)
class Tally:
    """What was counted so far, in records; ``errors`` counts single errors by their code."""

    read: int = 0
    blank: int = 0
    rejected: int = 0
    filtered: int = 0
    superseded: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    recovered: list[int] = field(default_factory=list)
    recovered_count: int = 0

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

    ``refused`` is None, or the code and the sentence that say why nothing of the file is loaded.
    """

    losers: bool
    repeated: bool
    refused: tuple[str, str] | None


def prepare_tables(database: duckdb.DuckDBPyConnection, key: str, last_modified: str) -> None:
    """Make the tables that a file's survey fills, and the one row of facts about the object."""
    database.execute("CREATE OR REPLACE TEMP TABLE keys (row BIGINT, item INTEGER, key VARCHAR)")
    database.execute(
        "CREATE OR REPLACE TEMP TABLE object AS "
        "SELECT ?::VARCHAR AS source_key, ?::TIMESTAMPTZ AT TIME ZONE 'UTC' AS source_last_modified",
        [key, last_modified],
    )


def decide(database: duckdb.DuckDBPyConnection, plan: Plan, tally: Tally) -> Decision:
    """Decide which of the rows with one key wins, in the tables ``losers`` and ``repeated``, and whether to refuse.

    The keys are grouped by the database, which spills to its scratch folder: memory does not grow with the file.
    """
    database.execute(
        "CREATE OR REPLACE TEMP TABLE rivals AS SELECT row, item, key FROM keys SEMI JOIN "
        "(SELECT key FROM keys GROUP BY key HAVING count(*) > 1) AS shared USING (key)"
    )
    database.execute("DROP TABLE keys")
    direction = "DESC" if plan.on_duplicate == "last" else "ASC"
    database.execute(
        "CREATE OR REPLACE TEMP TABLE losers AS SELECT row, item FROM (SELECT row, item, row_number() OVER "
        f"(PARTITION BY key ORDER BY row {direction}, item {direction}) AS place FROM rivals) WHERE place > 1"
    )
    database.execute("DROP TABLE rivals")
    database.execute("CREATE OR REPLACE TEMP TABLE repeated AS SELECT DISTINCT row FROM losers")
    losers = _count(database, "losers")
    if plan.on_duplicate != "reject":
        return Decision(losers > 0, repeated=False, refused=refuse(plan.quality, tally, 0))
    repeated = _count(database, "repeated")
    return Decision(losers=False, repeated=repeated > 0, refused=refuse(plan.quality, tally, repeated))


def _exactly(share: float) -> Decimal:
    """Give the share as it is written: as a float, 29% of 100 records would be less than 29."""
    return Decimal(repr(share))


def _count(database: duckdb.DuckDBPyConnection, table: str) -> int:
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
            f"{count} records have quote errors, and the contract refuses such a file",
        )
    if quality.max_reject_count is not None and rejected > quality.max_reject_count:
        limit = f"{quality.max_reject_count}"
    elif quality.max_reject_share is not None and rejected > _exactly(quality.max_reject_share) * judged:
        limit = f"{(_exactly(quality.max_reject_share) * 100).normalize():f}%"
    else:
        return None
    return (
        verdicts.REJECT_LIMIT,
        f"{rejected} of {judged} records were rejected, more than the limit of {limit}; nothing was loaded",
    )
