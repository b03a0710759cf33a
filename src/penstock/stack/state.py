"""What of a project is in an account: its stacks, found by their tag, and whether each can be changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from botocore.exceptions import ClientError

from penstock.errors import ServiceError, UsageError
from penstock.stack.connect import Connection, explained
from penstock.stack.follow import OnEvent, follow
from penstock.stack.names import Names
from penstock.stack.resources.table import PROJECT_TAG

_CHANGEABLE: Final = {
    "CREATE_COMPLETE",
    "IMPORT_COMPLETE",
    "IMPORT_ROLLBACK_COMPLETE",
    "UPDATE_COMPLETE",
    "UPDATE_ROLLBACK_COMPLETE",
}
_NEVER_MADE: Final = {"ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED"}

_NOT_THERE: Final = {"DELETE_COMPLETE", "REVIEW_IN_PROGRESS"}
_NO_SUCH_STACK: Final = "ValidationError"
"""What CloudFormation calls it that a stack "does not exist"."""


@dataclass(frozen=True, slots=True)
class StackState:
    """A stack as it is: its name, ARN, status and tags."""

    name: str
    stack_id: str
    status: str
    tags: Mapping[str, str]

    @property
    def planned_only(self) -> bool:
        """Whether there is no more of it than a change set."""
        return self.status == "REVIEW_IN_PROGRESS"


def find_stacks(connection: Connection, project: str) -> dict[str, StackState]:
    """Give the project's stacks by name, those that are only planned among them."""
    with explained("list the stacks"):
        pages = connection.client("cloudformation").get_paginator("describe_stacks").paginate()
        states = [_read_state(stack) for page in pages for stack in page["Stacks"]]
    return {state.name: state for state in states if state.tags.get(PROJECT_TAG) == project}


def require_deployed(connection: Connection, names: Names, feed: str) -> None:
    """Raise :class:`UsageError` where a feed is not deployed. Where that may not be looked at, it is taken to be."""
    client = connection.client("cloudformation")
    try:
        found = client.describe_stacks(StackName=names.feed(feed).stack)["Stacks"]
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") != _NO_SUCH_STACK:
            return
        found = []
    if not any(stack["StackStatus"] not in _NOT_THERE for stack in found):
        raise UsageError(f"The feed {feed} is not deployed here: {connection.deploy_command}")


def require_ours(connection: Connection, name: str, ours: Mapping[str, StackState]) -> None:
    """Raise :class:`UsageError` where the stack exists and is not this project's."""
    if name in ours:
        return
    client = connection.client("cloudformation")
    try:
        found = client.describe_stacks(StackName=name)["Stacks"]
    except client.exceptions.ClientError:
        return  # "does not exist", which CloudFormation calls a ValidationError; another error will come again
    if found and found[0]["StackStatus"] != "DELETE_COMPLETE":
        raise UsageError(
            f"The stack {name} exists and is not of this project (it lacks the tag {PROJECT_TAG}). "
            "Delete it, or give the project another name."
        )


def settle(state: StackState | None, connection: Connection, poll_seconds: float, on_event: OnEvent) -> bool:
    """Make sure that a stack can be deployed, and tell whether it is to be created.

    What is left of a stack whose creation failed is deleted: CloudFormation can't go on from there. Raises
    :class:`ServiceError` where the stack is being changed, or is stuck.
    """
    if state is None or state.planned_only:
        return True
    if state.status in _CHANGEABLE:
        return False
    if state.status in _NEVER_MADE:
        delete_stack(connection, state, poll_seconds, on_event)
        return True
    if state.status.endswith("_IN_PROGRESS"):
        raise ServiceError(
            f"The stack {state.name} is being changed ({state.status}). Wait until that is done, and try again."
        )
    raise ServiceError(
        f"The stack {state.name} is stuck in {state.status}. Continue its rollback in the CloudFormation console, "
        f"or with: aws cloudformation continue-update-rollback --stack-name {state.name}"
    )


def delete_stack(connection: Connection, state: StackState, poll_seconds: float, on_event: OnEvent) -> None:
    """Delete a stack and follow it to the end; what it is told to keep is kept."""
    client = connection.client("cloudformation")
    follower = follow(connection, state.stack_id, poll_seconds)
    with explained(f"delete the stack {state.name}"):
        client.delete_stack(StackName=state.stack_id)
    if not state.planned_only:  # one that is only planned is gone at once, and has no events to follow
        follower.finish(on_event)


def _read_state(stack: Mapping[str, Any]) -> StackState:
    tags = {tag["Key"]: tag["Value"] for tag in stack.get("Tags", [])}
    return StackState(stack["StackName"], stack["StackId"], stack["StackStatus"], tags)
