"""Where an object's query runs: in the function, if an estimate says that it can end there, or on a cluster.

The estimate is of the object's bytes and those of its references, and of no statistics: what a query comes to nobody knows
before it has run. So it takes a result as large as the object for granted, and figures measured for queries that keep
all columns of all rows (``python -m bench.query``; the file is TPC-H's lineitem, 750 MB at scale 1). What a query makes of it
beyond that, a product of two tables say, ends with an error that says so, and nothing is written.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

UNPACKED: Final = 8
"""Bytes that a byte of a .gz file is taken for. CSV packs to a third or a sixth; how far a file does is known at its end."""

ROW_FILES: Final = 0.19
SPILLED: Final = 0.0
SORTED: Final = 0.20
RESULT: Final = 1.1
KEYS: Final = 0.1

READ_SECONDS: Final = 0.064
QUERY_SECONDS: Final = 0.016
LOAD_SECONDS: Final = 0.2


@dataclass(frozen=True, slots=True)
class Extent:
    """How large an object is, as it lies in the bucket: ``bytes``, and what these are."""

    bytes: int
    kind: Literal["csv", "gzip", "parquet"] = "csv"


@dataclass(frozen=True, slots=True)
class Room:
    """What a function has: MB of memory and of disk, and seconds until its time is up."""

    memory_mb: int
    storage_mb: int
    seconds: float
