"""What a run comes to in metrics. It is published once, by whoever ended it.

What was done with records and files is a run's, and counted when it has ended. What the work took is an invocation's: the steps of
a large file, and replays, publish their own, so that a table that throttles is seen while it does, and where the work fails of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from penstock import metrics, verdicts
from penstock.aws.loader import Budget
from penstock.aws.log import Level, Log
from penstock.aws.runs import Run, read_time
from penstock.aws.table.stats import WriterStats
from penstock.aws.table.write import TableWriter
from penstock.metrics import Metric

_RECORDS: Final = {
    "loaded": metrics.RECORDS_LOADED,
    "rejected": metrics.RECORDS_REJECTED,
    "filtered": metrics.RECORDS_FILTERED,
    "superseded": metrics.RECORDS_SUPERSEDED,
    "withheld": metrics.RECORDS_WITHHELD,
    "blank": metrics.RECORDS_BLANK,
}
_FILES: Final = {
    "done": metrics.FILES_LOADED,
    "rejected": metrics.FILES_REJECTED,
    "failed": metrics.FILES_FAILED,
}

_LEVELS: Final[Mapping[str, Level]] = {"done": "INFO", "rejected": "WARNING"}


def measure_run(run: Run, budget: Budget) -> dict[Metric, float]:
    """Give the metrics of a run that has just ended.

    A run that failed says nothing of records: what became of them is told by the run that follows it.
    """
    values: dict[Metric, float] = {
        _FILES[run.status]: 1,
        metrics.NOT_CONSERVED: run.code == verdicts.NOT_CONSERVED,
        metrics.RUN_DURATION: _seconds(run.started_at, run.ended_at),
    }
    if run.status != "failed":
        values |= _measure_records(run)
    if run.status == "done" and run.arrived_at is not None:
        # S3's times are whole seconds, and its clock is another.
        values[metrics.FRESHNESS] = max(0.0, _seconds(run.arrived_at, run.ended_at))
    if run.saved is None:
        values |= _measure_writes(run.write_units, run.throttled, run.resent)
        values[metrics.TIME_USED] = 100 * (1 - (budget.end - _moment(run.ended_at)) / budget.seconds)
    return values


def measure_replay(own: Run) -> dict[Metric, float]:
    """Give the metrics of a replay: where rejects went that are none any more, and whether it lost count of them.

    They were counted as rejected when their file was loaded, and so they stay in the metrics of that time.
    """
    values: dict[Metric, float] = {metrics.NOT_CONSERVED: own.code == verdicts.NOT_CONSERVED}
    if own.status == "failed":
        return values
    moved = {metric: own.counts.get(name, 0) for name, metric in _RECORDS.items() if name != "rejected"}
    return {**values, **moved}


@contextmanager
def measured(writer: TableWriter, log: Log) -> Iterator[TableWriter]:
    """Open a writer, and tell in the end what it wrote, be it that the work fails: a table that throttles may be why."""
    try:
        with writer:
            yield writer
    finally:
        tell_writes(writer.stats, log)
        log.debug("write units a second", over_time=writer.stats.rate_over_time)


def tell_writes(stats: WriterStats, log: Log) -> None:
    """Tell what an invocation wrote whose run goes on, or was ended by another."""
    log.measure(
        "items written",
        _measure_writes(stats.write_units, stats.throttled, stats.resent),
        outcome="unfinished",
        puts=stats.puts,
        deletes=stats.deletes,
        write_units=round(stats.write_units, 3),
        throttled=stats.throttled,
        resent=stats.resent,
    )


def tell_end(what: str, run: Run, values: Mapping[Metric, float], log: Log, **fields: object) -> None:
    """Tell how a run, or a replay, ended, with its metrics: the one line of it that has them."""
    log.measure(
        f"{what} {run.status}",
        values,
        _LEVELS.get(run.status, "ERROR"),
        outcome=run.status,
        reason=run.reason,
        **fields,
    )


def _measure_writes(units: float, throttled: int, resent: int) -> dict[Metric, float]:
    return {metrics.WRITE_UNITS: units, metrics.THROTTLES: throttled, metrics.ITEMS_RESENT: resent}


def _measure_records(run: Run) -> dict[Metric, float]:
    values: dict[Metric, float] = {metric: run.counts.get(name, 0) for name, metric in _RECORDS.items()}
    values[metrics.BYTES] = run.bytes
    # Of a query both are looked at: its result can have rejects where the file has none.
    shares = [_share_rejects(counts) for counts in (run.counts, run.result) if counts]
    if told := [share for share in shares if share is not None]:
        values[metrics.REJECT_SHARE] = max(told)
    return values


def _share_rejects(counts: Mapping[str, int]) -> float | None:
    """Give the share of rejects in percent; None where nothing was judged."""
    judged = counts.get("read", 0) - counts.get("blank", 0)
    return 100 * counts["rejected"] / judged if judged else None


def _seconds(begin: str, end: str | None) -> float:
    return _moment(end) - _moment(begin)


def _moment(time: str | None) -> float:
    """Give a time of the ledger in seconds of the epoch."""
    assert time is not None, "a run that has ended says when"
    return read_time(time)
