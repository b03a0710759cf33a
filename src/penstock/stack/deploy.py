"""Deploy a project: plan, show, ask, do, follow.

The order: the foundation, then the function's package into its bucket, then the feeds side by side, then the landing
bucket with its notifications (or those of a bucket that is not the project's), then the stacks of feeds that are no more
are deleted (their tables are kept).

A queue that goes takes its messages along, and while a feed changes from one trigger to the other, or is not deployed,
nobody hears of a file that lands. The sweep of such a feed is called at the end, to look for them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from botocore.exceptions import ClientError

from penstock.contract.project import read_project
from penstock.errors import PenstockError
from penstock.stack.changes import ChangeLine, ChangeSet, create_change_set
from penstock.stack.connect import Connection, explained
from penstock.stack.emulate import finish_emulated
from penstock.stack.existing_bucket import turn_on
from penstock.stack.follow import OnEvent, StackEvent, follow
from penstock.stack.names import Names
from penstock.stack.package import Progress
from penstock.stack.plans import compile_feeds
from penstock.stack.prepare import (
    PreparedDeploy,
    PreparedStack,
    discard,
    discard_planned,
    prepare_deploy,
    side_by_side,
)
from penstock.stack.replace import MayReplace, require_asked
from penstock.stack.resources.sweep import FULL_SWEEP, write_order
from penstock.stack.state import delete_stack
from penstock.stack.target import Target
from penstock.stack.template import TIERS

Confirm = Callable[[tuple[ChangeLine, ...]], bool]
"""Shows the changes to a person, or not, and tells whether to go on."""

_MISSES_EVENTS: Final = {
    ("remove", "AWS::SQS::QueuePolicy"),
    ("remove", "AWS::Lambda::Permission"),
    ("adopt", "AWS::DynamoDB::Table"),
    ("adopt", "AWS::Logs::LogGroup"),
}
"""Changes of a feed's stack that tell of another trigger than before, and of an earlier deploy that was destroyed."""


@dataclass(frozen=True, slots=True)
class Deployed:
    """What a deploy came to. ``outputs`` are pairs of a label and a value, for people; ``left`` is what somebody else has to
    do before files are loaded, None for nothing.
    """

    names: Names
    changes: tuple[ChangeLine, ...]
    outputs: tuple[tuple[str, str], ...]
    left: str | None = None


def deploy(  # noqa: PLR0913 -- what a deploy takes, each by its name
    folder: Path,
    connection: Connection,
    target: Target,
    *,
    confirm: Confirm,
    may_replace: MayReplace = lambda _name: False,
    cache: Path | None = None,
    progress: Progress = lambda _message: None,
    on_event: OnEvent = lambda _event: None,
) -> Deployed | None:
    """Deploy the project in a folder; None where ``confirm`` says no.

    ``confirm`` is not called where nothing would change. ``may_replace`` tells which tables and buckets may be replaced by new
    ones; of others that is refused with :class:`~penstock.errors.UsageError`. ``cache`` holds packages; it is ``.penstock/package`` in the
    project's folder unless said. ``on_event`` is called for one event at a time. Raises
    :class:`~penstock.errors.ContractError` for the project itself, and :class:`~penstock.errors.ServiceError`, with the
    resource and the reason, where a stack fails: what was deployed before it stays, and a second deploy goes on.
    """
    project = read_project(folder)
    plans = compile_feeds(project)
    one_at_a_time = serialize(on_event)
    prepared = prepare_deploy(
        project,
        plans,
        connection,
        target,
        cache=cache or folder / ".penstock" / "package",
        progress=progress,
        on_event=one_at_a_time,
    )
    agreed = False
    try:
        require_asked(prepared.lines, may_replace)
        agreed = not prepared.lines or confirm(prepared.lines)
    finally:  # Ctrl-C is a no too
        if not agreed:
            discard(connection, prepared)
    if not agreed:
        return None
    try:
        left = execute_deploy(connection, prepared, progress, one_at_a_time)
    except PenstockError:
        with suppress(PenstockError):  # what went wrong first is what matters
            discard_planned(connection, project.name)
        raise
    return Deployed(prepared.names, prepared.lines, _outputs(prepared), left)


def execute_deploy(
    connection: Connection, prepared: PreparedDeploy, progress: Progress, on_event: OnEvent
) -> str | None:
    """Do what was planned, tier by tier, and give what is left for somebody else to do.

    Raises :class:`~penstock.errors.ServiceError` where a stack fails.
    """

    def execute(stack: PreparedStack) -> None:
        _execute_stack(connection, stack, prepared.target, on_event)

    for tier in TIERS:
        side_by_side(execute, [stack for stack in prepared.stacks if stack.template.tier == tier])
        if tier == "foundation":
            _upload(connection.client("s3"), prepared, progress)
    left = None if prepared.bucket is None else turn_on(connection, prepared.bucket)
    side_by_side(
        lambda state: delete_stack(connection, state, prepared.target.poll_seconds, on_event),
        prepared.obsolete,
    )
    _look_for_missed(connection, prepared, progress)
    if prepared.target.emulated:
        finish_emulated(connection, [stack.template for stack in prepared.stacks])
    return left


def _look_for_missed(connection: Connection, prepared: PreparedDeploy, progress: Progress) -> None:
    """Have the feeds that may have missed events compare what landed with what was loaded."""
    for stack in prepared.stacks:
        feed, lines = stack.template.feed, () if stack.change_set is None else stack.change_set.lines
        if feed is not None and any((line.action, line.kind) in _MISSES_EVENTS for line in lines):
            progress(f"Sweeping {feed} for files that it was not told of")
            with explained(f"call the sweep of {feed} (lambda:InvokeFunction)"):
                connection.client("lambda").invoke(
                    FunctionName=prepared.names.feed(feed).sweep,
                    InvocationType="Event",
                    Payload=write_order(FULL_SWEEP),
                )


def _execute_stack(connection: Connection, stack: PreparedStack, target: Target, on_event: OnEvent) -> None:
    if stack.change_set is not None and not stack.steps:
        _execute(connection, stack.change_set, target, on_event)
    new = stack.new
    for body in (*stack.steps, stack.template.body) if stack.steps else ():
        changes = create_change_set(
            connection, stack.template.name, body, stack.template.tags, new=new, target=target
        )
        if changes is not None:
            _execute(connection, changes, target, on_event)
        new = False


def _execute(connection: Connection, changes: ChangeSet, target: Target, on_event: OnEvent) -> None:
    follower = follow(connection, changes.stack_id, target.poll_seconds)
    with explained("execute the changes"):
        connection.client("cloudformation").execute_change_set(ChangeSetName=changes.change_set_id)
    follower.finish(on_event)


def _upload(client: Any, prepared: PreparedDeploy, progress: Progress) -> None:
    """Put the code where the functions and jobs expect it, unless it is there: its name is a hash of what is in it.

    A bucket of this name that is somebody else's would have the functions run what they put there, so that S3 is told
    whose it is to be.
    """
    bucket = prepared.names.artifacts_bucket
    own = {"Bucket": bucket, "ExpectedBucketOwner": prepared.names.account}
    for upload in prepared.uploads:
        with explained(f"look for {upload.what} in s3://{bucket}"):
            try:
                client.head_object(**own, Key=upload.key)
            except ClientError as error:
                if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") != 404:
                    raise
            else:
                continue
        size = f" ({upload.size / 2**20:.0f} MB)" if upload.size > 2**20 else ""
        progress(f"Uploading {upload.what}{size}")
        with explained(f"upload {upload.what} to s3://{bucket}"), upload.open() as body:
            client.put_object(**own, Key=upload.key, Body=body)


def serialize(on_event: OnEvent) -> OnEvent:
    """Stacks are followed side by side; whoever is told need not care."""
    lock = threading.Lock()

    def tell(event: StackEvent) -> None:
        with lock:
            on_event(event)

    return tell


def _outputs(prepared: PreparedDeploy) -> tuple[tuple[str, str], ...]:
    names = prepared.names
    feeds = [stack.template for stack in prepared.stacks if stack.template.feed is not None]
    return (
        ("Landing bucket", names.landing_bucket),
        ("Artifacts bucket", names.artifacts_bucket),
        ("Ledger", names.ledger),
        ("Alerts topic", names.topic_arn),
        ("Dashboard", names.dashboard),
        *((f"Table of {feed.feed}", str(feed.body["Outputs"]["Table"]["Value"])) for feed in feeds),
    )
