"""Load a version of an object by its feed's query: its rows are read, queried as a whole, and the result is loaded like an object.

::

    object ─ rows ─┐
    references ────┴─► query ─► result, kept in the run's folder ─► table: here, or by the state machine

The result is kept before anything of it is written, and the ledger says where. So whoever goes on with the run, or begins it
anew after a worker that died, loads that very result, whatever has become of the references meanwhile; and one that is large,
or takes longer than there is time, is handed over like any large object.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Final

from penstock import verdicts
from penstock.aws.artifacts import S3RejectWriter
from penstock.aws.attempt import Attempt, find_saved, forget, hand_over_attempt, report_fault
from penstock.aws.close import close_run
from penstock.aws.execute import execute, tell_progress
from penstock.aws.gather import keep_blocks, keep_list
from penstock.aws.large.hand_over import begin_folder, open_folder
from penstock.aws.loader import Deadline, Loader
from penstock.aws.manifests import Keeping
from penstock.aws.object_state import Saved
from penstock.aws.objects import ObjectVersion, S3Source
from penstock.aws.references import FoundReference, describe_references, find_references
from penstock.aws.runs import Run, get_run
from penstock.aws.scratch import explain_full_disk, make_scratch
from penstock.errors import DataError, ServiceError
from penstock.load.choose import PROCESSOR_MB, UNPACKED, Choice, Extent, choose_engine
from penstock.load.conclude import report_refusal
from penstock.load.files import FileSource
from penstock.load.gathering import COUNTS, Gathering
from penstock.load.protocols import ObjectSource
from penstock.load.query import QueryRun
from penstock.load.report import Report
from penstock.load.result import RESULT, Queried, ResultSource, conclude_query, count_object
from penstock.load.steps.query import ENGINE as CLUSTER
from penstock.load.steps.result import RESULT_STATE, Result
from penstock.load.steps.states import new_token

ENGINE: Final = "duckdb"
"""What runs a query in the function, as reports name it."""
_FRESH: Final = 0.9
"""The share of its time that an invocation has left at least which did nothing else before."""


def load_by_query(attempt: Attempt) -> Run:
    """Load a version, or hand it over. Gives the run as it is then.

    Raises :class:`~penstock.errors.ServiceError` where the ledger fails; whatever else does fails the run.
    """
    loader, run = attempt.loader, attempt.run
    rejects = S3RejectWriter(loader.s3, loader.artifacts, loader.plan.name, run.id)
    try:
        if attempt.gathered is not None:
            keep_list(loader, run, attempt.gathered)
        saved = find_saved(attempt)
        begun = None if saved is None else _find_begun(loader, saved)
        forget(attempt, None if begun is None else saved)
        if begun is not None:
            return _go_on(attempt.note(saved=saved), begun)
        references = find_references(loader, attempt.found.bucket)
        with make_scratch() as folder:
            scratch = Path(folder)
            choice = _choose_in_time(attempt, references, scratch)
            attempt = _note_choice(attempt, references, choice)
            found: Queried | Report | Choice = choice
            if choice.engine == "lambda":
                found = _query(attempt, references, rejects, scratch)
                rejects.close()
            if isinstance(found, Choice):
                begin_folder(loader, run, attempt.found)
                if attempt.gathered is not None:
                    keep_blocks(loader, run, attempt.gathered)
                attempt = attempt if found is choice else _note_choice(attempt, references, found)
                return hand_over_attempt(attempt.note(saved=run.id), engine="glue")
            if isinstance(found, Queried):
                return _load_result(attempt, found, rejects.parts, scratch)
    except DataError as error:
        found = report_refusal(loader.plan, run.key, error)
    except ServiceError as error:
        found = report_fault(attempt.run, str(error))
    return _close(attempt, found, rejects.parts)


def _find_begun(loader: Loader, saved: str) -> Result | Run | None:
    """Find how what is kept was begun: its result, or else the run that its folder is named after.

    None where no longer all is known of what the query is to read: it is begun anew then.
    """
    begun = open_folder(loader, saved).read(Result, RESULT_STATE) or get_run(loader.ledger, saved)
    assert loader.plan.query is not None, "a plan without a query is loaded row by row"
    named = {reference.name for reference in loader.plan.query.references}
    return begun if begun is not None and named <= begun.references.keys() else None


def _go_on(attempt: Attempt, begun: Result | Run) -> Run:
    """Hand a run over to what goes on with what is kept: a job, if one began it, and otherwise the function, which keeps results.

    The references stay what they were, for some of their rows may be kept already.
    """
    known = attempt.note(engine=begun.engine, engine_reason=begun.engine_reason, references=begun.references)
    by_function = isinstance(begun, Result) and begun.engine == ENGINE
    return hand_over_attempt(known, engine=None if by_function else "glue")


def _choose_in_time(attempt: Attempt, references: Sequence[FoundReference], scratch: Path) -> Choice:
    """Choose where the query runs; see :func:`_choose`.

    Raises :class:`~penstock.errors.ServiceError` where an invocation that did nothing before would have the time for it: to refuse
    a file is for good, and what else this one had to do says nothing of the file.
    """
    budget = attempt.budget
    whole = budget.seconds - (budget.end - budget.stop)
    try:
        return _choose(attempt, references, scratch)
    except DataError as error:
        if error.code != verdicts.QUERY_LIMIT or budget.left > _FRESH * whole:
            raise
        _choose(replace(attempt, budget=replace(budget, stop=budget.clock() + whole)), references, scratch)
        raise ServiceError(
            "What was left of this invocation's time is too little for the query. The file is tried again."
        ) from error


def _choose(attempt: Attempt, references: Sequence[FoundReference], scratch: Path) -> Choice:
    """Choose where the query runs. Raises :class:`~penstock.errors.DataError` where that is here, and it can't end here."""
    loader = attempt.loader
    plan = loader.plan if loader.job is not None else replace(loader.plan, engine="lambda")
    room = loader.measure_room(scratch, attempt.budget)
    beside = [_measure(each.found, parquet=each.reference.rows is None) for each in references]
    choice = choose_engine(plan, _measure_source(attempt), beside, room)
    if plan is not loader.plan and loader.plan.engine != "lambda":
        return replace(choice, reason=f"there is no Glue here; {choice.reason}")
    if _may_go_to_glue(loader) and attempt.claim.interrupted is not None:
        return Choice("glue", "a function died of this file before")
    return choice


def _may_go_to_glue(loader: Loader) -> bool:
    """Tell whether the contract lets a query go to Glue that the function can't end, and it can run there."""
    plan = loader.plan
    trusted = plan.query is not None and plan.query.spark is not None
    return plan.engine == "auto" and trusted and loader.job is not None


def _measure_source(attempt: Attempt) -> Extent:
    """Give how large the object is, or all objects together."""
    gathered = attempt.gathered
    if gathered is None:
        return _measure(attempt.found, parquet=False)
    size = gathered.found.size + (UNPACKED - 1) * gathered.packed
    return Extent(size, objects=gathered.count)


def _measure(found: ObjectVersion, *, parquet: bool) -> Extent:
    return Extent(found.size, "parquet" if parquet else "gzip" if found.packed else "csv")


def _note_choice(attempt: Attempt, references: Sequence[FoundReference], choice: Choice) -> Attempt:
    """Note in the run what computes its result, why, and from what; and say so."""
    attempt.log.info("engine chosen", outcome="done", engine=choice.engine, reason=choice.reason)
    return attempt.note(
        engine=ENGINE if choice.engine == "lambda" else CLUSTER,
        engine_reason=choice.reason,
        references=describe_references(references),
    )


def _query(
    attempt: Attempt, references: Sequence[FoundReference], rejects: S3RejectWriter, scratch: Path
) -> Queried | Report | Choice:
    """Read the rows and run the query. Gives what came of it, whose file is in the scratch folder, or the run's report.

    Where it takes more than there is here, and may go elsewhere, that is given.
    """
    loader, budget = attempt.loader, attempt.budget
    assert loader.plan.query is not None, "a plan without a query is loaded row by row"
    work = QueryRun(
        plan=loader.plan,
        query=loader.plan.query,
        source=_open_source(attempt),
        references={
            each.reference.name: S3Source(loader.s3, each.found, sleep=loader.sleep) for each in references
        },
        rejects=rejects,
        scratch=scratch,
        batch_bytes=loader.batch_bytes,
        memory_mb=loader.memory_mb,
        query_mb=loader.measure_room(scratch, budget).query_mb,
        threads=max(1, min(2, loader.function_mb // PROCESSOR_MB)),
        stop=Deadline(budget, math.inf).comes,
        progress=tell_progress(attempt),
        counts=scratch / COUNTS,
    )
    try:
        found = work.attempt()
    except OSError as error:
        found, work.lacks = report_fault(attempt.run, str(explain_full_disk(error))), True
    if attempt.gathered is not None and work.counts is not None and work.counts.exists():
        open_folder(loader, attempt.run.id).upload(COUNTS, work.counts)
    if isinstance(found, Queried):
        attempt.log.info(
            "query done", outcome="done", rows=found.tally.good, result=found.rows, seconds=found.seconds
        )
    elif work.lacks and _may_go_to_glue(loader):
        return Choice("glue", f"the function could not end it: {found.reason}")
    return found


def _open_source(attempt: Attempt) -> ObjectSource | Gathering:
    loader = attempt.loader
    if attempt.gathered is not None:
        return attempt.gathered.open(loader)
    return S3Source(loader.s3, attempt.found, sleep=loader.sleep)


def _load_result(attempt: Attempt, queried: Queried, parts: tuple[str, ...], scratch: Path) -> Run:
    """Load a result that lies in the scratch folder, once it is kept; or hand it over, where it is large."""
    loader = attempt.loader
    counts = asdict(count_object(queried.tally, withheld=False))
    attempt = replace(attempt.note(counts=counts, result={}), parts=parts)
    run = attempt.run
    rejects = S3RejectWriter(loader.s3, loader.artifacts, loader.plan.name, run.id, name="result")
    report: Report | Run
    try:
        size = (scratch / RESULT).stat().st_size
        if _keep(attempt, queried, scratch) and loader.weigh_bytes(size) > loader.large_bytes:
            return hand_over_attempt(attempt.note(saved=run.id))
        keeping = Keeping(loader, attempt.claim, attempt.log) if loader.plan.manifest is not None else None
        source = ResultSource(FileSource(scratch / RESULT), attempt.found.key, attempt.found.last_modified)
        report = execute(
            attempt,
            source,
            rejects,
            keeping,
            scratch,
            lambda: begin_folder(loader, run, attempt.found, partitions=1, result=size),
        )
        if isinstance(report, Run):
            return report
        report = conclude_query(queried, report)
        if keeping is not None and keeping.whole:
            attempt = attempt.note(manifest=run.id)
        rejects.close()
    except ServiceError as error:
        report = report_fault(run, str(error))
    return _close(attempt, report, (*parts, *rejects.parts))


def _keep(attempt: Attempt, queried: Queried, scratch: Path) -> bool:
    """Keep a result in the run's folder, and have the ledger say so: from here on every attempt loads this one.

    False where there is no state machine, which alone goes on with what is kept.
    """
    loader, run = attempt.loader, attempt.run
    if loader.state_machine is None:
        return False
    folder, file = open_folder(loader, run.id), scratch / RESULT
    name, size = f"result/{new_token()}.csv", file.stat().st_size
    folder.upload(name, file)
    assert run.engine is not None, "what computes a result is chosen first"
    result = Result(queried, name, size, attempt.parts, run.engine, run.engine_reason, run.references)
    folder.write(RESULT_STATE, result)
    begin_folder(loader, run, attempt.found, result=size)
    loader.ledger.save(attempt.claim, Saved(run.id, run.version, str(run.plan)))
    return True


def _close(attempt: Attempt, report: Report, parts: Sequence[str]) -> Run:
    """End the run as a report says, and say what it is of."""
    run = attempt.run
    told = replace(
        report,
        run=run.id,
        version=run.version,
        plan=run.plan,
        engine=run.engine,
        engine_reason=run.engine_reason,
    )
    return close_run(attempt.loader, run, told, parts, attempt.budget, attempt.log)
