"""Where an object's query runs: in the function, if an estimate says that it can end there, or on a cluster.

The estimate is of bytes alone, the object's and its references': what a query comes to nobody knows before it has run. So it
takes for granted that all columns are read, a sort of all rows, and a result as large as the object. A query that makes more of them, a
product of two tables, say, ends with an error that says so, and nothing is written.

What a MB takes is measured on TPC-H's lineitem, on one processor, with so little memory that the query spills
(``python -m bench.query``): the greatest of five queries, rounded up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from penstock import verdicts
from penstock.errors import DataError
from penstock.load.query import SPILL_SHARE
from penstock.plan.model import Plan

UNPACKED: Final = 8
"""MB that a MB of a .gz file is taken for. CSV packs to a third or a sixth, and how far a file does is known at its end."""

# MB of disk for a MB of CSV; measured were at most 0.20, 1.08, 0.21 and 1.13:
ROW_FILES: Final = 0.25
SPILL: Final = 1.2
SORTED: Final = 0.25
RESULT: Final = 1.2

# Seconds of a processor for a MB of CSV; measured were at most 0.060, 0.052 and 0.065, with nothing sent:
READ: Final = 0.07
QUERY: Final = 0.06
LOAD: Final = 0.1

OBJECT: Final = 0.06
"""Seconds of a processor for each object more that is read with the first, whatever its size; measured was 0.050."""

SLOWER: Final = 2
"""How much longer it may take in a function: its processor can be slower than the one measured on, and others answer in their time."""

PROCESSOR_MB: Final = 1769
"""Memory for which a function has one processor (Lambda guide, "Configure Lambda function memory")."""
_PROCESSORS_USED: Final = 2
_TEXTS_MB: Final = 64
"""What lies on the disk of texts on their way into files, and of batches."""

PROCESS_MB: Final = 350
"""What everything but the query's own memory takes of a function's: the program, the batches, the requests under way."""
LEAST_MB: Final = 128
"""Less memory than that is no good to a query, whatever it spills."""


@dataclass(frozen=True, slots=True)
class Extent:
    """How large an object is as it lies in the bucket, in bytes, and what they are; or so many ``objects`` that are read as one."""

    bytes: int
    kind: Literal["csv", "gzip", "parquet"] = "csv"
    objects: int = 1

    @property
    def megabytes(self) -> float:
        """MB of CSV that it is taken for; of Parquet, MB of just that."""
        return self.bytes / 1e6 * (UNPACKED if self.kind == "gzip" else 1)


@dataclass(frozen=True, slots=True)
class Room:
    """What a function has: MB of memory and of disk, and the seconds that are left to it."""

    memory_mb: int
    storage_mb: int
    seconds: float

    @property
    def query_mb(self) -> int:
        """What of the memory the query may have."""
        return self.memory_mb - PROCESS_MB


@dataclass(frozen=True, slots=True)
class Need:
    """What a run is estimated to take: MB of disk, and seconds of a processor in a function."""

    disk_mb: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Choice:
    """Where a query runs, and why, in a sentence."""

    engine: Literal["lambda", "glue"]
    reason: str


def choose_engine(plan: Plan, source: Extent, references: Sequence[Extent], room: Room) -> Choice:
    """Choose where an object's query runs, as the contract's ``engine`` says.

    Raises :class:`~penstock.errors.DataError` with the code ``query-limit`` where the contract has it run in the function, and it can't
    end there by the estimate: nothing is begun that can't be finished.
    """
    assert plan.query is not None, "a feed without a query is loaded in chunks, however large its objects are"
    if plan.engine == "glue":
        return Choice("glue", "the contract says engine: glue")
    need = estimate(source, references)
    seconds = need.seconds / min(room.memory_mb / PROCESSOR_MB, _PROCESSORS_USED)
    lacks = [
        lack
        for lack, holds in (
            (
                f"{room.query_mb:,} MB of memory are left to it, and {LEAST_MB} are the least",
                room.query_mb >= LEAST_MB,
            ),
            (
                f"{need.disk_mb:,.0f} MB of disk, and it has {room.storage_mb:,}",
                need.disk_mb <= room.storage_mb,
            ),
            (f"{seconds:,.0f} seconds, and it has {room.seconds:,.0f}", seconds <= room.seconds),
        )
        if not holds
    ]
    if not lacks:
        fits = f"an estimated {need.disk_mb:,.0f} MB of disk and {seconds:,.0f} seconds"
        return Choice(
            "lambda",
            f"{fits} are within the function's {room.storage_mb:,} MB and {room.seconds:,.0f} seconds",
        )
    reason = f"the query would take the function an estimated {'; '.join(lacks)}"
    if plan.engine == "auto" and plan.query.spark is not None:
        return Choice("glue", reason)
    raise DataError(
        verdicts.QUERY_LIMIT, f"{reason}. Nothing was begun. {_say_way_out(plan)}, and send the file again"
    )


def estimate(source: Extent, references: Sequence[Extent]) -> Need:
    """Estimate what a query over an object takes, from reading its rows to the last item. The table's own speed is not in it."""
    csv = source.megabytes
    beside = sum(found.megabytes for found in references)
    files = ROW_FILES * csv + sum(
        2 * found.megabytes if found.kind == "parquet" else ROW_FILES * found.megabytes
        for found in references
    )
    steps = (
        files + _TEXTS_MB + SPILL * (csv + beside) / SPILL_SHARE,  # the query, beside what it reads
        (SORTED + RESULT) * csv,  # its records, beside its rows
        2 * RESULT * csv,  # the load, beside what it notes of keys: that is taken for as much again
    )
    seconds = (READ + QUERY) * (csv + beside) + LOAD * RESULT * csv + OBJECT * (source.objects - 1)
    return Need(max(steps), SLOWER * seconds)


def _say_way_out(plan: Plan) -> str:
    larger = "give the function more `storage`, `memory` or `timeout`"
    if plan.query is not None and plan.query.spark is None:
        return f"Spark can't run this query ({'; '.join(plan.query.refused)}): {larger}"
    return f"Say `engine: auto` in the contract, and such a file goes to Glue, or {larger}"
