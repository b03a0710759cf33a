"""The same real file on five days, whole and cut down to what makes it worth loading five times."""

import gzip
from pathlib import Path

from ourairports_oracle import EXAMPLE

DAYS = [
    path.read_bytes()
    for path in sorted(
        [
            *(EXAMPLE / "data").glob("runways-*.csv.gz"),
            *(Path(__file__).parent / "data").glob("runways-*.csv.gz"),
        ],
        key=lambda path: path.name,
    )
]
"""Whole, the oldest first: the first and the last are loaded so in ``test_real_files.py``."""


def cut(rows: int) -> list[bytes]:
    """Give of each day the first rows and all in which days differ: to write forty-seven thousand, again and again, takes minutes."""
    days = [gzip.decompress(day).splitlines(keepends=True) for day in DAYS]
    same = set.intersection(*map(set, days))
    return [
        gzip.compress(b"".join(line for at, line in enumerate(day) if at <= rows or line not in same))
        for day in days
    ]
