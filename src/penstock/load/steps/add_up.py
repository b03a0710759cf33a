"""What all chunks of a run come to, as far as they are loaded."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from penstock.engine.decide import Decision
from penstock.errors import DataError
from penstock.load.conclude import conclude_chunks, hold_writes, report_failure, report_refusal
from penstock.load.cut import Cut
from penstock.load.load import Loaded
from penstock.load.report import ItemCounts, Report
from penstock.load.result import conclude_query, count_object, result_plan
from penstock.load.steps.folder import Folder
from penstock.load.steps.members import OBJECT
from penstock.load.steps.query import ENGINE, JUDGED, Judged
from penstock.load.steps.result import RESULT_STATE, Result
from penstock.load.steps.states import (
    CUT,
    REFUSED,
    ChunkLoad,
    Refusal,
    read_decision,
    read_loads,
    read_surveys,
)
from penstock.plan.model import Plan


@dataclass(frozen=True, slots=True)
class Sum:
    """What all chunks come to. ``parts`` are what their workers left, in the order of the object.

    ``whole`` tells whether every one is loaded to its end, whatever that came to.
    """

    report: Report
    parts: tuple[str, ...]
    loads: Mapping[int, ChunkLoad]
    decision: Decision | None
    whole: bool


def add_up(plan: Plan, key: str, folder: Folder) -> Sum:
    """Make the report of what is in a run's folder: whoever reads it says what it is of, and how long it took.

    Of a plan with a query it tells both what the object came to and its result.
    """
    if plan.query is None:
        return _add_up(plan, key, folder)
    result = folder.read(Result, RESULT_STATE)
    if result is None:
        return _add_up_rows(plan, key, folder)
    found = _add_up(result_plan(plan), key, folder)
    report = conclude_query(result.queried, found.report)
    report = replace(report, engine=result.engine, engine_reason=result.engine_reason)
    return replace(found, report=report, parts=(*result.parts, *found.parts))


def _add_up_rows(plan: Plan, key: str, folder: Folder) -> Sum:
    """Make the report of an object whose query has no result: it is refused, or the run failed before."""
    unread, judged = folder.below(OBJECT).read(Refusal, REFUSED), folder.read(Judged, JUDGED)
    if unread is not None:
        report = report_refusal(plan, key, DataError(unread.code, unread.reason))
    elif judged is None:
        report = report_failure(plan, key, "Its rows were not read to their end, and nothing of it is loaded")
    else:
        report = _report_judged(plan, key, judged, folder.read(Refusal, REFUSED))
    parts = () if judged is None else judged.parts
    return Sum(replace(report, engine=ENGINE), parts, {}, None, whole=False)


def _report_judged(plan: Plan, key: str, judged: Judged, refused: Refusal | None) -> Report:
    tally = judged.tally
    return Report(
        plan.name,
        key,
        "failed" if refused is None else "rejected",
        count_object(tally, withheld=True),
        ItemCounts(),
        errors=dict(sorted(tally.errors.items())),
        recovered=tuple(tally.recovered),
        recovered_count=tally.recovered_count,
        undeclared=judged.undeclared,
        code=None if refused is None else refused.code,
        reason="Its query has no result, and nothing of it is loaded" if refused is None else refused.reason,
        bytes=judged.bytes,
    )


def _add_up(plan: Plan, key: str, folder: Folder) -> Sum:
    cut, refusal = folder.read(Cut, CUT), folder.read(Refusal, REFUSED)
    count = 0 if cut is None else len(cut.chunks)
    loads = read_loads(folder, count)
    loaded = {chunk: state.loaded for chunk, state in loads.items() if state.loaded is not None}
    decision = read_decision(folder)
    if refusal is not None:
        report = report_refusal(plan, key, DataError(refusal.code, refusal.reason))
    elif cut is None or decision is None:
        done: list[Loaded] = list(loaded.values())
        report = report_failure(plan, key, "It was not read to its end, and nothing of it is decided", done)
    else:
        report = conclude_chunks(plan, key, cut, decision, read_surveys(folder, count), loaded)
    parts = tuple(part for chunk in sorted(loads) for part in loads[chunk].parts)
    whole = (
        cut is not None
        and cut.finished
        and all(chunk in loads and loads[chunk].finished for chunk in range(count))
    )
    return Sum(_describe(report, loads, count), parts, loads, decision, whole)


def _describe(report: Report, loads: Mapping[int, ChunkLoad], chunks: int) -> Report:
    """Say in a report what the work took, and hold its counts against what was written."""
    effort = [state.effort for state in loads.values()]
    held = hold_writes(report, sum(found.puts for found in effort), sum(found.deletes for found in effort))
    return replace(
        held,
        write_units=math.ceil(sum(found.write_units for found in effort)),
        throttled=sum(found.throttled for found in effort),
        resent=sum(found.resent for found in effort),
        chunks=max(1, chunks),
        invocations=max((state.invocations for state in loads.values()), default=1),
    )
