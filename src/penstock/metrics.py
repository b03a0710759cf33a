"""The metrics of a feed: what the functions publish, and what alarms and dashboard look at. One name, one meaning.

All are in one namespace, by project and feed, and are published in CloudWatch's Embedded Metric Format. A metric costs
$0.30 a month for each feed, in the hours in which it has data. A count of nothing is not published: no data means none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

NAMESPACE: Final = "Penstock"
DIMENSIONS: Final = ("Project", "Feed")
"""How values are told apart; few, for each combination is a metric to pay for."""

Unit = Literal["Bytes", "Count", "Percent", "Seconds"]


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric: its name, its unit in CloudWatch's words, and what it says."""

    name: str
    unit: Unit
    meaning: str


def dimensions_of(project: str, feed: str) -> dict[str, str]:
    """Give the dimensions of a feed's metrics, by name."""
    return dict(zip(DIMENSIONS, (project, feed), strict=True))


RECORDS_LOADED: Final = Metric("RecordsLoaded", "Count", "records whose items are in the table")
RECORDS_REJECTED: Final = Metric("RecordsRejected", "Count", "records that broke the grammar or the contract")
RECORDS_FILTERED: Final = Metric("RecordsFiltered", "Count", "records that the contract leaves out")
RECORDS_SUPERSEDED: Final = Metric(
    "RecordsSuperseded", "Count", "records whose key a later one of the file has"
)
RECORDS_WITHHELD: Final = Metric("RecordsWithheld", "Count", "good records of files that were refused")
RECORDS_BLANK: Final = Metric("RecordsBlank", "Count", "empty lines, and records whose cells are all empty")
FILES_LOADED: Final = Metric("FilesLoaded", "Count", "runs that are done")
FILES_REJECTED: Final = Metric("FilesRejected", "Count", "runs of files that were refused")
FILES_FAILED: Final = Metric("FilesFailed", "Count", "runs that failed")
NOT_CONSERVED: Final = Metric("NotConserved", "Count", "runs whose counts do not add up")
REJECT_SHARE: Final = Metric(
    "RejectShare",
    "Percent",
    "rejected of the records that are not blank, of each file; with a query that of its result, where it is greater",
)
BYTES: Final = Metric("Bytes", "Bytes", "bytes of each file that was read to its end, unpacked")
RUN_DURATION: Final = Metric("RunDuration", "Seconds", "from a run's start to its end")
FRESHNESS: Final = Metric(
    "Freshness",
    "Seconds",
    "from a file's arrival in S3 to the end of the run that loaded it: its last row is in the table",
)
TIME_USED: Final = Metric(
    "TimeUsed", "Percent", "of its invocation's time, gone when a run ended that took one invocation"
)
WRITE_UNITS: Final = Metric("WriteUnits", "Count", "write units that the table took")
THROTTLES: Final = Metric("Throttles", "Count", "write requests that the table turned away for their rate")
ITEMS_RESENT: Final = Metric("ItemsResent", "Count", "items that had to be sent again")
COLD_STARTS: Final = Metric("ColdStarts", "Count", "invocations of the loader that began a new process")
SWEEPS: Final = Metric(
    "Sweeps", "Count", "sweeps that ended as they should; there is one at least every five minutes"
)
OVERDUE: Final = Metric(
    "Overdue", "Seconds", "how long the feed has been silent beyond what its contract allows"
)
FILES_MISSING: Final = Metric(
    "FilesMissing", "Count", "expected files that were not there when they were due"
)

METRICS: Final = (
    RECORDS_LOADED,
    RECORDS_REJECTED,
    RECORDS_FILTERED,
    RECORDS_SUPERSEDED,
    RECORDS_WITHHELD,
    RECORDS_BLANK,
    FILES_LOADED,
    FILES_REJECTED,
    FILES_FAILED,
    NOT_CONSERVED,
    REJECT_SHARE,
    BYTES,
    RUN_DURATION,
    FRESHNESS,
    TIME_USED,
    WRITE_UNITS,
    THROTTLES,
    ITEMS_RESENT,
    COLD_STARTS,
    SWEEPS,
    OVERDUE,
    FILES_MISSING,
)
"""All of them."""
