"""Follow CloudFormation at its work: its events as they come, and where it failed, which resource and why.

Only events are believed, not the stack's status: right after an operation has begun, the status can still be the last
one's.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from penstock.errors import ServiceError
from penstock.stack.connect import Connection, explained

STACK: Final = "AWS::CloudFormation::Stack"
_SUCCESSES: Final = {"CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE", "DELETE_COMPLETE"}
_HANDLER: Final = re.compile(
    r'Resource handler returned message: "(?P<said>.*)" \(RequestToken: [^,()]*, HandlerErrorCode: (?P<code>\w+)\)',
    re.DOTALL,
)
_REQUEST: Final = re.compile(r"\s*\((?:Service: [^()]*|SDK Attempt Count: \d+)\)")
_CANCELLED: Final = (
    "Resource creation cancelled",
    "Resource update cancelled",
    "Resource deletion cancelled",
)


@dataclass(frozen=True, slots=True)
class StackEvent:
    """What happened to a resource of a stack, or to the stack itself: ``kind`` is then ``AWS::CloudFormation::Stack``.

    ``status`` and ``reason`` are CloudFormation's own words, less what is for its own people; ``resource`` is what the resource
    itself is called, where it has come so far.
    """

    stack: str
    kind: str
    name: str
    status: str
    reason: str
    resource: str = ""

    @property
    def failed(self) -> bool:
        """Whether this is a cause of failure: not a resource that was given up because another had failed."""
        return (
            self.status.endswith("_FAILED") and self.kind != STACK and not self.reason.startswith(_CANCELLED)
        )


OnEvent = Callable[[StackEvent], None]


@dataclass(frozen=True, slots=True)
class Follower:
    """The events that a stack had before an operation; :meth:`finish` follows those that come after."""

    connection: Connection
    stack_id: str
    seen: frozenset[str]
    poll_seconds: float

    def finish(self, on_event: OnEvent) -> None:
        """Give each new event to ``on_event`` until the operation is over.

        Raises :class:`ServiceError` where it failed, naming the resources at fault.
        """
        seen, causes = set(self.seen), list[StackEvent]()
        while True:
            for event_id, event, is_end in reversed(_read_events(self.connection, self.stack_id, seen)):
                seen.add(event_id)
                on_event(event)
                if event.failed:
                    causes.append(event)
                if is_end and not self._goes_on(event):
                    return self._conclude(event, causes)
            time.sleep(self.poll_seconds)

    def _goes_on(self, event: StackEvent) -> bool:
        """Tell whether a rollback follows: it does after a failure, unless something keeps CloudFormation from it."""
        if event.status not in {"CREATE_FAILED", "UPDATE_FAILED"}:
            return False
        with explained(f"look at the stack {event.stack}"):
            found = self.connection.client("cloudformation").describe_stacks(StackName=self.stack_id)
        return bool(found["Stacks"][0]["StackStatus"] != event.status)

    def _conclude(self, last: StackEvent, causes: list[StackEvent]) -> None:
        if last.status in _SUCCESSES:
            return
        # In the order of time: what failed first brought about the rest.
        lines = list(dict.fromkeys(_describe(cause) for cause in causes))
        if not lines:
            lines = read_validation_errors(self.connection.client("cloudformation"), StackName=self.stack_id)
        ended = f"The stack {last.stack} ended as {last.status}. {last.reason}".rstrip()
        raise ServiceError("\n".join([ended, *lines, *([_GO_ON] if lines else [])]))


_GO_ON: Final = "  Mend that, and do it again: what is done already stays as it is."


def _describe(cause: StackEvent) -> str:
    called = f" {cause.resource}" if cause.resource not in {"", cause.name} else ""
    return f"  {cause.name} ({cause.kind}{called}): {cause.reason or cause.status}"


def follow(connection: Connection, stack_id: str, poll_seconds: float) -> Follower:
    """Note what has happened to a stack so far, before the operation to follow begins."""
    known = _read_events(connection, stack_id, set())
    return Follower(connection, stack_id, frozenset(event_id for event_id, _, _ in known), poll_seconds)


def _read_events(connection: Connection, stack_id: str, seen: set[str]) -> list[tuple[str, StackEvent, bool]]:
    """Give the events not yet seen, newest first, and for each whether it can be the operation's end."""
    found: list[tuple[str, StackEvent, bool]] = []
    with explained(f"read the events of the stack {stack_id}"):
        pages = connection.client("cloudformation").get_paginator("describe_stack_events")
        for page in pages.paginate(StackName=stack_id):
            for event in page["StackEvents"]:
                if event["EventId"] in seen:
                    return found
                found.append((event["EventId"], _read_event(event), _is_end(event, stack_id)))
    return found


def _read_event(event: dict[str, Any]) -> StackEvent:
    return StackEvent(
        stack=event["StackName"],
        kind=event["ResourceType"],
        name=event["LogicalResourceId"],
        status=event["ResourceStatus"],
        reason=shorten_reason(event.get("ResourceStatusReason", "")),
        resource=event.get("PhysicalResourceId", ""),
    )


def shorten_reason(reason: str) -> str:
    """Give a reason without the tokens of requests and the names of handlers around what the service said; its code stays."""
    reason = _HANDLER.sub(lambda found: f"{found['said'].rstrip()} ({found['code']})", reason)
    return _REQUEST.sub("", reason).strip()


def _is_end(event: dict[str, Any], stack_id: str) -> bool:
    about_itself = event["ResourceType"] == STACK and event.get("PhysicalResourceId") == stack_id
    return about_itself and not event["ResourceStatus"].endswith("_IN_PROGRESS")


def read_validation_errors(client: Any, **about: str) -> list[str]:
    """Give what CloudFormation found wrong with a template before it began, in indented lines, for a failed stack
    (``StackName``) or change set (``ChangeSetName``); its other calls only say that there is something.

    Where it may not be asked, that is a line too: what is known already is not to be lost for it.
    """
    try:
        pages = list(client.get_paginator("describe_events").paginate(**about))
    except (ClientError, BotoCoreError) as error:
        return [f"  What it found wrong could not be asked (cloudformation:DescribeEvents): {error}"]
    return [
        f"  {event.get('LogicalResourceId')}: {event.get('ValidationStatusReason')}"
        for page in pages
        for event in page["OperationEvents"]
        if event.get("EventType") == "VALIDATION_ERROR"
    ]
