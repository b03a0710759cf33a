"""``python -m bench.volumes``: what many files, or many rows, come to an hour or a day, by what one takes.

Pure arithmetic. What a file takes of requests ``tests/simulation/test_requests_of_a_file.py`` counts; rates are of the benchmark page;
prices are list prices of us-east-1, 2026.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil
from typing import Final

from bench import prices
from penstock.aws.sweep.tally import CALL_DOLLARS, READ_UNIT_DOLLARS, WRITE_UNIT_DOLLARS

PUT_DOLLARS: Final = 5.0e-6
GET_DOLLARS: Final = 0.4e-6
MESSAGE_DOLLARS: Final = 0.4e-6
"""A request to SQS."""
LOG_BYTE_DOLLARS: Final = 0.50e-9

FILE_SECONDS: Final = 0.5
"""How long a function is at work on a small file, beside its rows: an assumption, for what AWS takes to answer can't be measured here."""
RATE: Final = 97_500
"""Rows of lineitem that a processor does in a second, in one pass."""
ROW_BYTES: Final = 128
"""A row of lineitem as CSV."""


@dataclass(frozen=True, slots=True)
class Requests:
    """What a clean file takes beside its rows' writes: requests to S3, units of the ledger, requests to SQS, bytes of log."""

    puts: int = 1
    gets: int = 6
    reads: int = 2
    writes: int = 8
    messages: int = 3
    log_bytes: int = 2500

    @property
    def parts(self) -> dict[str, float]:
        """The dollars of a file, by what they are for."""
        return {
            "ledger": self.writes * WRITE_UNIT_DOLLARS + self.reads * READ_UNIT_DOLLARS,
            "S3": self.puts * PUT_DOLLARS + self.gets * GET_DOLLARS,
            "SQS": self.messages * MESSAGE_DOLLARS,
            "logs": self.log_bytes * LOG_BYTE_DOLLARS,
        }


@dataclass(frozen=True, slots=True)
class Volume:
    """So many files of so many rows each, in so many seconds. ``rate`` is the rows that a processor does in a second."""

    files: int
    rows: int
    seconds: float
    rate: float

    @property
    def all_rows(self) -> int:
        """Rows of all files."""
        return self.files * self.rows

    @property
    def units_a_second(self) -> float:
        """Write units a second, where each row is one: an item of up to 1 KB, in no index."""
        return self.all_rows / self.seconds

    @property
    def file_seconds(self) -> float:
        """Seconds that a function is at work on a file, where the table takes what it sends."""
        return FILE_SECONDS + self.rows / self.rate

    @property
    def at_once(self) -> float:
        """Functions that are at work at once, on average."""
        return self.files / self.seconds * self.file_seconds

    @property
    def loader_dollars(self) -> float:
        """What Lambda costs."""
        return self.files * (CALL_DOLLARS + self.file_seconds * prices.lambda_second())

    def dollars(self, requests: Requests = Requests()) -> dict[str, float]:
        """Give the dollars of it all, by what they are for."""
        beside = {name: self.files * each for name, each in requests.parts.items()}
        return {"writes": self.all_rows * WRITE_UNIT_DOLLARS, "Lambda": self.loader_dollars, **beside}


def count_chunks(rows: float, row_bytes: float = ROW_BYTES) -> int:
    """Give how many chunks an object of so many rows is cut into."""
    return ceil(rows * row_bytes / prices.CHUNK_BYTES)


def largest_query(memory_mb: int = 3538, storage_mb: int = 10_240, seconds: float = 900.0) -> float:
    """Give the MB of CSV up to which a query without references is the function's, by the estimate of ``engine: auto``."""
    from penstock.load.choose import PROCESSOR_MB, Extent, estimate  # noqa: PLC0415 -- it reads the engine in

    low, high = 0.0, 1e6
    processors = min(memory_mb / PROCESSOR_MB, 2)
    while high - low > 1:
        middle = (low + high) / 2
        need = estimate(Extent(int(middle * 1e6)), ())
        fits = need.disk_mb <= storage_mb and need.seconds / processors <= seconds
        low, high = (middle, high) if fits else (low, middle)
    return low


def tell(volume: Volume) -> Iterator[str]:
    """Give the lines that say what a volume comes to."""
    spent = volume.dollars()
    yield f"{volume.files:,} files of {volume.rows:,} rows in {volume.seconds / 3600:g} hours: {volume.all_rows:,} rows"
    yield f"  {volume.files / volume.seconds:,.1f} files and {volume.units_a_second:,.0f} write units a second"
    yield f"  {volume.at_once:,.0f} functions at once; ledger {volume.files / volume.seconds * Requests().writes:,.0f} units a second"
    yield "  " + ", ".join(f"{name} ${each:,.2f}" for name, each in spent.items())
    yield f"  ${sum(spent.values()):,.2f}, of which writes {spent['writes'] / sum(spent.values()):.1%}"


def main() -> None:
    """Print what the page on scaling has."""
    for volume in (
        Volume(100_000, 100, 3600, RATE),
        Volume(100_000, 1000, 3600, RATE),
        Volume(100_000, 10_000, 3600, RATE),
        Volume(1_000_000, 1000, 86_400, RATE),
        Volume(1000, 1_000_000, 86_400, RATE),
    ):
        print("\n".join(tell(volume)))
    for workers, second, what in (
        (1, prices.lambda_second(), "one function"),
        (10, prices.lambda_second(), "ten functions"),
        (1, prices.glue_second(5), "a job with five workers"),
    ):
        each = [prices.paced_dollars(1e6, units, second, workers) for units in (4000, 40_000)]
        print(
            f"a million rows, waited for by {what}: ${each[0]:.4f} at 4,000 units a second, ${each[1]:.4f} at 40,000"
        )
    print(f"a query is the function's up to {largest_query():,.0f} MB, with 3,538 MB of memory")
    print(f"and up to {largest_query(1769, 2048, 300):,.0f} MB with what a function has unless said")


if __name__ == "__main__":
    main()
