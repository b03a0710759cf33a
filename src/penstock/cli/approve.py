"""``penstock approve``: let a version of a mirrored object be loaded, whatever it deletes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock.cli.deployment import agree, require_somebody
from penstock.cli.options import Json, LocalToChange, Profile, ProjectFolder, Region, RunId, Yes
from penstock.cli.output import give_json, say, tell, visible
from penstock.errors import ServiceError, UsageError

if TYPE_CHECKING:
    from penstock.aws.runs import Run
    from penstock.cli.place import Place
    from penstock.contract.model import Contract

EXAMPLE = "penstock approve 2026-11-23T05-30-00Z-1f0c9a3e"


def command(
    run_id: RunId,
    yes: Yes = False,
    local: LocalToChange = None,
    region: Region = None,
    profile: Profile = None,
    project: ProjectFolder = None,
    json: Json = False,
) -> int:
    """Let a refused file delete more than its contract allows.

    For a run that `load.max_deletes` refused (delete-limit), as long as its file is
    the newest of its key: shows how many items would go, asks, and has the file
    loaded. A newer file is held to the limit again.
    """
    from penstock.cli.follow import require_run  # noqa: PLC0415 -- `--help` does not need it
    from penstock.cli.place import find_place  # noqa: PLC0415 -- as above

    require_somebody(yes)
    place = find_place(project, local, region, profile, changes=True)
    run = require_run(place, run_id)
    feed = _require_approvable(place, run)
    show = tell if json else say
    show(f"{visible(run.key)}: {visible(str(run.reason).partition(';')[0])}.")
    approved = agree("Delete them?", yes)
    if approved:
        _approve(place, feed, run)
    else:
        tell("Nothing was approved.")
    if json:
        give_json({"run": run.id, "feed": run.feed, "key": run.key, "approved": approved})
    return 0


def _approve(place: Place, feed: Contract, run: Run) -> None:
    from penstock.cli.place import open_hints  # noqa: PLC0415 -- as above

    if not place.ledger.approve(run.feed, run.bucket, run.key, run.id, run.version):
        raise ServiceError(
            f"s3://{run.bucket}/{run.key} is being loaded at this moment, or a newer file was. `penstock runs` shows it."
        )
    open_hints(place, feed).send([(run.bucket, run.key)])
    tell("Approved. The file is loaded now: `penstock runs` shows it.")


def _require_approvable(place: Place, run: Run) -> Contract:
    """Give the run's feed. Raises UsageError where there is nothing to approve."""
    from penstock.verdicts import DELETE_LIMIT  # noqa: PLC0415 -- as above

    if run.code != DELETE_LIMIT:
        what = f"refused as {run.code}" if run.status == "rejected" else run.status
        raise UsageError(f"The run {run.id} is {what}: only one that delete-limit refused can be approved.")
    applied = place.ledger.read_state(run.bucket, run.key).applied
    if applied is None or applied.run != run.id:
        raise UsageError(
            f"The run {run.id} is not its file's last one any more. `penstock runs` shows what came after it."
        )
    for feed in place.project.feeds:
        if feed.name == run.feed:
            return feed
    raise UsageError(f"The project has no feed {run.feed} any more.")
