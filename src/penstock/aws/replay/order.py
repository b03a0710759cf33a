"""An order to load the rejects of a run again: whether it can be given, and giving it."""

from __future__ import annotations

from collections.abc import Mapping

from penstock.aws.connect import Client
from penstock.aws.events import ReplayOrder, encode_replay
from penstock.aws.hint import Hints
from penstock.aws.replay.corrections import put_changes
from penstock.aws.runs import Run, new_run_id
from penstock.errors import UsageError
from penstock.verdicts import NOTHING_LOADED


def order_replay(
    s3: Client,
    artifacts: str,
    hints: Hints,
    run: Run,
    changes: Mapping[int, bytes | None] | None,
    moment: float,
) -> str:
    """Have a feed's function load rejects of a run again; give the id that the replay's own run will have.

    ``changes`` tells by the offsets of rejects what to load in their place, None for what lies in the object; without it
    all rejects are loaded again as they are. Raises :class:`~penstock.errors.UsageError` where it can't be ordered, and
    :class:`~penstock.errors.ServiceError`.
    """
    check_replayable(run)
    replay = new_run_id(moment)
    corrections = None
    if changes is not None:
        corrections = put_changes(s3, artifacts, run.feed, run.id, replay, changes)
    hints.pass_on(encode_replay(ReplayOrder(replay, run.id, corrections)))
    return replay


def check_replayable(run: Run) -> None:
    """Raise :class:`~penstock.errors.UsageError` where a run has no rejects that could be loaded again."""
    if run.replays is not None:
        raise UsageError(
            f"{run.id} is itself a replay, of the run {run.replays}, which has the rejects that are left. Replay that one."
        )
    if not run.ended:
        raise UsageError(f"The run {run.id} has not ended: it is {run.status}. Replay it when it has.")
    if run.status == "failed":
        raise UsageError(
            f"The run {run.id} failed, and its file is loaded again as a whole. Replay the run that loads it."
        )
    if run.result is not None:
        raise UsageError(explain_query(run))
    if run.status == "rejected" and run.code != NOTHING_LOADED:
        raise UsageError(
            f"The run {run.id} was refused whole ({run.code}), and there is nothing loaded that its rejects could be added to. "
            "Send the mended file, or mend and deploy the contract and send the file as it is."
        )
    if not run.counts.get("rejected", 0):
        raise UsageError(f"The run {run.id} has no rejects, or none that are left.")


def explain_query(run: Run) -> str:
    """Say why the rejects of a run with a query can't be loaded again, and what to do instead."""
    return (
        f"The feed {run.feed} has a query over the whole file (`transform.sql`): what a record would have added to its result can't "
        "be told by itself. Mend the file and send it again, or mend and deploy the contract and run "
        f"`penstock backfill {run.key} --again`."
    )
