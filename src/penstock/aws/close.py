"""The end of a run, however it came about: its rejects, its report and its item are written, and people are told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace

from penstock import verdicts
from penstock.aws.artifacts import put_parts, put_report
from penstock.aws.ledger import Ledger
from penstock.aws.loader import Budget, Loader
from penstock.aws.log import Log
from penstock.aws.measure import measure_run, tell_end
from penstock.aws.notify import notify_people
from penstock.aws.runs import Run, conclude_run, end_run, format_time, get_run, mark_interrupted
from penstock.errors import ServiceError
from penstock.load.report import Counts, ItemCounts, Report, Status
from penstock.metrics import FILES_FAILED


def close_run(
    loader: Loader, run: Run, report: Report, parts: Sequence[str], budget: Budget, log: Log
) -> Run:
    """End a run as its report says, and give it as it ended. ``parts`` are the keys of its rejects, in order.

    Where another has ended it meanwhile, what that one said stands; and where that was in this very moment, the report is
    made to say so too. A run whose rejects can't be kept has failed. Raises :class:`~penstock.errors.ServiceError` where the ledger fails.
    """
    known = get_run(loader.ledger, run.id)
    if known is not None and known.ended:  # before anything that it left is written over
        return known
    if report.code == verdicts.DELETE_LIMIT:
        report = replace(report, reason=f"{report.reason}. If that is right: penstock approve {run.id}")
    report = _hold_sums(report)
    rejects = None
    try:
        rejects = put_parts(loader.s3, loader.artifacts, loader.plan.name, run.id, parts)
    except ServiceError as error:
        report = replace(report, status="failed", reason=str(error))
    ended = conclude_run(run, report, format_time(budget.clock()))
    ended = replace(ended, rejects=rejects, report=_keep_report(loader, report, run.id, log))
    first = end_run(loader.ledger, ended)
    if (first.status, first.ended_at) != (ended.status, ended.ended_at):
        stands = replace(
            report,
            status=_status(first),
            code=first.code,
            reason=first.reason,
            counts=Counts(**first.counts),
            items=ItemCounts(**first.items),
            result=None if first.result is None else Counts(**first.result),
        )
        _keep_report(loader, stands, run.id, log)
        return first
    _tell(ended, report, budget, log)
    if loader.topic and ended.status != "done":
        notify_people(loader.connections.sns, loader.topic, ended, log)
    return ended


def end_interrupted(ledger: Ledger, run_id: str, log: Log) -> None:
    """Say of a run that its worker died, and that it failed, unless it came to an end after all.

    Raises :class:`~penstock.errors.ServiceError`.
    """
    run = mark_interrupted(ledger, run_id, format_time(ledger.clock()))
    if run is None:
        return
    about = {"bucket": run.bucket, "key": run.key, "version": run.version, "reason": run.reason}
    if run.replays is not None:
        log.failure("replay failed", outcome="failed", run=run.id, replays=run.replays, **about)
    else:
        log.measure("run failed", {FILES_FAILED: 1}, "ERROR", outcome="failed", run=run.id, **about)


def _hold_sums(report: Report) -> Report:
    """Fail a report whose records, or the rows of whose query's result, do not add up."""
    sums = [counts for counts in (report.counts, report.result) if counts is not None]
    if report.status == "failed" or all(counts.conserved for counts in sums):
        return report
    reason = "the counts do not add up: this is a defect, please report it"
    return replace(report, status="failed", code=verdicts.NOT_CONSERVED, reason=reason)


def _status(run: Run) -> Status:
    """Give the status of a run that has ended, as a report's."""
    return "done" if run.status == "done" else "rejected" if run.status == "rejected" else "failed"


def _keep_report(loader: Loader, report: Report, run: str, log: Log) -> str | None:
    """Write the report. That it could not be written is no reason to load a file again: the ledger has the counts."""
    try:
        return put_report(loader.s3, loader.artifacts, report, run)
    except ServiceError as error:
        log.failure("report not written", outcome="failed", reason=str(error))
        return None


def _tell(run: Run, report: Report, budget: Budget, log: Log) -> None:
    tell_end(
        "run",
        run,
        measure_run(run, budget),
        log,
        code=run.code,
        counts=asdict(report.counts),
        items=asdict(report.items),
        result=None if report.result is None else asdict(report.result),
        engine=report.engine,
        errors=dict(run.errors),
        seconds=report.seconds,
        chunks=report.chunks,
        write_units=report.write_units,
        throttled=report.throttled,
        resent=report.resent,
    )
