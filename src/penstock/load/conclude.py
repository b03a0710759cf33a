"""The end of a run: what its parts counted is added up, held against itself, and told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from penstock import verdicts
from penstock.engine.bind import Binding
from penstock.engine.decide import Decision, Tally
from penstock.errors import DataError
from penstock.load.count import DOUBTFUL_KEPT, Outcome, add_outcomes, add_tallies
from penstock.load.cut import Cut
from penstock.load.load import Loaded
from penstock.load.report import Counts, ItemCounts, Report, Status
from penstock.load.survey import Surveyed
from penstock.plan.model import Plan

_SHOWN = 20


def conclude_chunks(
    plan: Plan,
    key: str,
    cut: Cut,
    decision: Decision,
    surveyed: Mapping[int, Surveyed],
    loaded: Mapping[int, Loaded],
) -> Report:
    """Conclude an object that was loaded in chunks; the states are by the chunk's index.

    Where states are missing, or of chunks that are not finished, the report says which, and its status is ``failed``.
    """
    chunks = cut.chunks
    left = [chunk.index for chunk in chunks if not _is_done(chunk.index, surveyed, loaded)]
    parts = [loaded[chunk.index] for chunk in chunks if chunk.index in loaded]
    if left or not cut.finished:
        what = "the object is not cut to its end"
        if cut.finished:
            what = f"of its {len(chunks)} chunks these are not loaded: {_list(left)}"
        reason = f"{what}. Start the execution again: it does what is left"
        return report_failure(plan, key, reason, parts, decision)
    whole = Loaded(
        cut.position,
        add_tallies(part.tally for part in parts),
        add_outcomes(part.outcome for part in parts),
        finished=True,
    )
    surveys = [surveyed[chunk.index] for chunk in chunks]
    first = Surveyed(
        cut.position,
        add_tallies(survey.tally for survey in surveys),
        finished=True,
        scanned=any(survey.scanned for survey in surveys),
    )
    return conclude(plan, key, cut.binding, decision, first, whole)


def hold_writes(report: Report, puts: int, deletes: int) -> Report:
    """Fail a report that counts other writes than the table has acknowledged."""
    counted = report.items
    if report.status == "failed" or (counted.put, counted.deleted) == (puts, deletes):
        return report
    reason = (
        f"{counted.put} puts and {counted.deleted} deletes were counted, and the table acknowledged {puts} and {deletes}: "
        "run it again, and please report this as a defect"
    )
    return replace(report, status="failed", code=verdicts.NOT_CONSERVED, reason=reason)


def _is_done(index: int, surveyed: Mapping[int, Surveyed], loaded: Mapping[int, Loaded]) -> bool:
    first, second = surveyed.get(index), loaded.get(index)
    return first is not None and first.finished and second is not None and second.finished


def conclude(
    plan: Plan,
    key: str,
    binding: Binding,
    decision: Decision,
    surveyed: Surveyed,
    loaded: Loaded,
) -> Report:
    """Conclude an object that was loaded to its end. Passes that do not agree, or counts that do not add up, fail it."""
    tally, outcome = loaded.tally, loaded.outcome
    counts = count_records(tally, outcome, decision)
    status, code, reason = _judge(counts, decision)
    if decision.removes and outcome.removed != decision.vanished:
        status, code = "failed", verdicts.NOT_CONSERVED
        reason = f"{decision.vanished} items vanished and {outcome.removed} were deleted: this is a defect, please report it"
    if not _agree(surveyed, tally, decision):
        status, code = "failed", verdicts.NOT_CONSERVED
        reason = "the second pass over the object counted other records than the first: run it again"
    return Report(
        feed=plan.name,
        key=key,
        status=status,
        counts=counts,
        items=count_items(outcome, decision),
        errors=dict(sorted((tally.errors + outcome.errors).items())),
        recovered=tuple(tally.recovered),
        recovered_count=tally.recovered_count,
        undeclared=binding.undeclared,
        code=code,
        reason=reason,
        bytes=loaded.position.offset,
    )


def report_refusal(plan: Plan, key: str, error: DataError) -> Report:
    """Give the report of an object that was refused unread: its header is wrong, or it can't be unpacked."""
    return Report(
        plan.name,
        key,
        "rejected",
        Counts(),
        ItemCounts(),
        errors={error.code: 1},
        code=error.code,
        reason=str(error),
    )


def report_failure(
    plan: Plan, key: str, reason: str, parts: Iterable[Loaded] = (), decision: Decision | None = None
) -> Report:
    """Give the report of a load that failed, with what its parts had done; ``decision`` is None where none was made."""
    done = list(parts)
    tally = add_tallies(part.tally for part in done)
    outcome = add_outcomes(part.outcome for part in done)
    return Report(
        plan.name,
        key,
        "failed",
        count_records(tally, outcome, decision),
        count_items(outcome, decision),
        errors=dict(sorted((tally.errors + outcome.errors).items())),
        reason=reason,
    )


def count_records(tally: Tally, outcome: Outcome, decision: Decision | None) -> Counts:
    """Bring what was judged and what was written together."""
    refused = decision is not None and decision.refused is not None
    return Counts(
        read=tally.read,
        loaded=outcome.loaded,
        rejected=tally.rejected + outcome.refused,
        filtered=tally.filtered,
        superseded=0 if refused else tally.superseded,
        withheld=tally.good if refused else 0,
        blank=tally.blank,
    )


def find_doubtful(decision: Decision, outcome: Outcome) -> tuple[int, ...] | None:
    """Give the rows that the manifest has and of which not all items were written; None where they are too many to be told."""
    rows = (*decision.doubtful, *outcome.refused_rows)
    told = outcome.refused == len(outcome.refused_rows) and len(rows) <= DOUBTFUL_KEPT
    return rows if told else None


def count_items(outcome: Outcome, decision: Decision | None) -> ItemCounts:
    """Give the counts of items as a report has them; what vanished and was kept counts only at the end."""
    kept = 0 if decision is None or decision.refused is not None else decision.kept
    return ItemCounts(
        put=outcome.puts,
        deleted=outcome.deletes + outcome.removed,
        unchanged=outcome.unchanged,
        outdated=outcome.outdated,
        kept=kept,
    )


def _judge(counts: Counts, decision: Decision) -> tuple[Status, str | None, str | None]:
    """Give the status of a load that came to its end, with its code and reason."""
    if counts.conserved and decision.refused is not None:
        return "rejected", *decision.refused
    return judge_counts(counts)


def judge_counts(counts: Counts) -> tuple[Status, str | None, str | None]:
    """Give the status, code and reason that counts come to where no limit was passed."""
    if not counts.conserved:
        return (
            "failed",
            verdicts.NOT_CONSERVED,
            "the counts do not add up: this is a defect, please report it",
        )
    if counts.loaded == 0 and counts.rejected > 0:
        reason = f"nothing was loaded, and {counts.rejected} {'record was' if counts.rejected == 1 else 'records were'} rejected"
        return "rejected", verdicts.NOTHING_LOADED, reason
    return "done", None, None


def _agree(surveyed: Surveyed, second: Tally, decision: Decision) -> bool:
    first = surveyed.tally
    if surveyed.scanned:
        return first.read == second.read
    if decision.repeated:  # the rows that repeat a key are known only after the first pass
        return first.read == second.read and first.good >= second.good
    return (first.read, first.rejected, first.filtered) == (second.read, second.rejected, second.filtered)


def _list(chunks: Sequence[int]) -> str:
    shown = ", ".join(str(index) for index in chunks[:_SHOWN])
    return shown if len(chunks) <= _SHOWN else f"{shown} and {len(chunks) - _SHOWN} more"
