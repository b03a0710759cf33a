"""Hand a run to the state machine, which goes on where the loader stopped.

The state machine calls the feed's own function for each step (:mod:`penstock.aws.large.steps`). Its input names the object's
version and where the lists of chunks and of key partitions lie; all else is in the run's folder and in the ledger.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import asdict, replace
from pathlib import Path
from typing import Final, Literal

from botocore.exceptions import ClientError

from penstock.aws.explain import AwsError, error_code, explain_error
from penstock.aws.folder import RunFolder, folder_prefix
from penstock.aws.large.states import WORK, Work
from penstock.aws.loader import Budget, Loader
from penstock.aws.object_state import Claim, Saved
from penstock.aws.objects import ObjectVersion
from penstock.aws.runs import Run, format_time, put_run
from penstock.engine.manifest import Fates
from penstock.errors import ServiceError
from penstock.load.chunk import Chunk
from penstock.load.conclude import count_items, count_records
from penstock.load.cut import Cut
from penstock.load.decide import Decided
from penstock.load.run import Checkpoint
from penstock.load.steps.states import (
    CHUNKS,
    CUT,
    DECISION,
    PARTITIONS,
    ChunkLoad,
    Effort,
    decided_name,
    load_name,
    new_token,
    read_loads,
    survey_name,
)

GRACE_SECONDS: Final = 3600.0
"""How long a claim outlives a step: the state machine may wait before the next, for a worker or for a retry."""

_MOST_CHUNKS: Final = 10_000
"""Children that a distributed map can have at once (Step Functions, quotas)."""

_KEYS_OF: Final = 1 << 30
"""Bytes of an object, as it is stored, whose keys are decided at once: some hundreds of megabytes of them."""
_ENTRIES_OF: Final = 1 << 28
"""The same where a manifest is kept, by what the object weighs then (:meth:`~penstock.aws.loader.Loader.weigh`)."""
_MOST_PARTITIONS: Final = 256


def open_folder(loader: Loader, name: str) -> RunFolder:
    """Give a run's folder."""
    return RunFolder(loader.s3, loader.artifacts, folder_prefix(loader.plan.name, name), loader.sleep)


def hand_over(
    loader: Loader, claim: Claim, run: Run, budget: Budget, engine: Literal["glue"] | None = None
) -> Run:
    """Give a run, whose folder is made, to the state machine; it keeps the claim. Gives the run as it is then.

    With an ``engine`` that is to load the object; otherwise the feed's own function does, step by step.

    Raises :class:`~penstock.errors.ServiceError`; the run has to be ended then as any other.
    """
    claimed = budget.claim_end + GRACE_SECONDS
    handed = replace(run, status="handed over", ends_by=format_time(claimed))
    loader.ledger.save(claim, Saved(str(run.saved), run.version, str(run.plan)))
    loader.ledger.extend(claim.bucket, claim.key, claim.run, claimed)
    put_run(loader.ledger, handed)
    start_execution(loader, handed, engine)
    return handed


def begin_folder(
    loader: Loader,
    run: Run,
    found: ObjectVersion,
    partitions: int | None = None,
    result: int | None = None,
) -> RunFolder:
    """Make the folder of a run, named like it. What is loaded is a query's result, where that has so many bytes."""
    folder = open_folder(loader, run.id)
    size = found.size if result is None else result
    chunk_bytes = max(loader.chunk_bytes, math.ceil(size / _MOST_CHUNKS))
    enough = math.ceil(size / _KEYS_OF)
    if loader.plan.manifest is not None:
        weight = loader.weigh(found) if result is None else loader.weigh_bytes(result)
        enough = math.ceil(weight / _ENTRIES_OF)
    enough = min(_MOST_PARTITIONS, enough)
    enough = 1 << max(0, enough - 1).bit_length()  # a power of two, as manifests need it
    folder.write(WORK, Work(found, loader.plan_hash, chunk_bytes, partitions or max(1, enough)))
    return folder


def keep_checkpoint(
    folder: RunFolder,
    reached: Checkpoint,
    scratch: Path,
    parts: tuple[str, ...],
    effort: Effort,
    manifest: str | None,
) -> None:
    """Put what a loader did into the run's folder: the part of the object that it went through is the first chunk.

    ``parts`` are the keys of its rejects, ``manifest`` is the file of its manifest, if it has one. Its keys are of one hash
    partition, which is all; what vanished of them is deleted by the worker of the first chunk.
    """
    decision = reached.decision
    end = reached.surveyed.position if decision is None else reached.loaded.position
    first = Chunk(0, reached.start, end.offset, end.row - reached.start.row)
    keys = () if decision is not None else _upload(folder, reached.surveyed.keys, scratch, "keys/000000")
    folder.write(survey_name(0), replace(reached.surveyed, keys=keys, finished=True))
    if decision is not None:
        (losers,) = _upload(folder, reached.named.losers, scratch, "losers") or (None,)
        (unchanged,) = _upload(folder, reached.named.unchanged, scratch, "unchanged") or (None,)
        # How many lose has told already: the decision is made.
        fates = Fates(vanished=decision.vanished)
        folder.write(decided_name(0), Decided(0, 0, 0, losers, fates, unchanged, manifest))
        folder.write(DECISION, decision)
        loaded = replace(reached.loaded, finished=not decision.removes)
        folder.write(load_name(0), ChunkLoad(loaded, parts, effort, invocations=reached.workers))
    folder.write(CUT, Cut(reached.binding, end, end, (first,)))


def note_progress(run: Run, reached: Checkpoint) -> Run:
    """Give a run with what a loader did of it."""
    done = reached.loaded
    counts = asdict(count_records(done.tally, done.outcome, reached.decision))
    items = asdict(count_items(done.outcome, None))
    if run.result is not None:  # what is loaded is the result of a query, and the records are counted already
        return replace(run, offset=done.position.offset, result=counts, items=items)
    return replace(run, offset=done.position.offset, counts=counts, items=items)


def start_execution(loader: Loader, run: Run, engine: Literal["glue"] | None = None) -> None:
    """Start the execution that takes over a run. That it was started before is success.

    Needs states:StartExecution on the state machine. Raises :class:`~penstock.errors.ServiceError`.
    """
    machine = loader.state_machine
    prefix = folder_prefix(run.feed, str(run.saved))
    order = {
        "run": run.id,
        "bucket": run.bucket,
        "key": run.key,
        "version": run.version,
        "attempt": run.attempt,
        "chunks": f"{prefix}{CHUNKS}",
        "partitions": f"{prefix}{PARTITIONS}",
        **({} if engine is None else {"engine": engine}),
    }
    try:
        loader.connections.stepfunctions.start_execution(
            stateMachineArn=machine, name=name_execution(run), input=json.dumps(order, sort_keys=True)
        )
    except AwsError as error:
        if isinstance(error, ClientError) and error_code(error) == "ExecutionAlreadyExists":
            return
        raise explain_error(error, f"start the state machine {machine}", "states:StartExecution") from error


def has_workers(loader: Loader, run: Run, now: float) -> bool:
    """Tell whether a step of a run that is over may be at work on its rows, as far as can be told: no other begins."""
    folder = open_folder(loader, str(run.saved))
    try:
        cut = folder.read(Cut, CUT)
        loads = read_loads(folder, 0 if cut is None else len(cut.chunks))
    except ServiceError:
        return True
    return any(until > now for state in loads.values() for until in state.workers.values())


def name_execution(run: Run) -> str:
    """Give the name of a run's execution: a hash of the object's version and the plan, the attempt, and one of the run.

    Attempts are counted anew once an object is settled. A name has at most 80 characters, and is taken for 90 days after
    its execution ended (Step Functions, quotas).
    """
    about = "\n".join((run.bucket, run.key, run.version, str(run.plan)))
    return f"{_hash(about)[:48]}-{run.attempt}-{_hash(run.id)[:8]}"


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _upload(folder: RunFolder, files: tuple[str, ...], scratch: Path, place: str) -> tuple[str, ...]:
    """Upload files, and give their names in the folder."""
    token = new_token()
    names = tuple(f"{place}/loader-{token}-{number}.parquet" for number in range(len(files)))
    for name, stored in zip(files, names, strict=True):
        folder.upload(stored, scratch / name)
    return names
