"""What a check is about, and what it finds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Literal

from botocore.exceptions import ClientError

from penstock.contract.model import Contract
from penstock.contract.project import Project
from penstock.plan.model import Plan
from penstock.stack.connect import Connection, explained
from penstock.stack.names import FeedNames, Names
from penstock.stack.state import StackState
from penstock.stack.template import StackTemplate

Verdict = Literal["ok", "warning", "problem"]

_ABSENT: Final = {
    "404",
    "AWS.SimpleQueueService.NonExistentQueue",
    "EntityNotFoundException",
    "NoSuchBucket",
    "NoSuchEntity",
    "NotFound",
    "NotFoundException",
    "QueueDoesNotExist",
    "ResourceNotFoundException",
    "ServerSideEncryptionConfigurationNotFoundError",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found. ``feed`` is None for what feeds share; ``do`` is what to do about it, empty where it is well."""

    check: str
    feed: str | None
    verdict: Verdict
    text: str
    do: str = ""


@dataclass(frozen=True, slots=True)
class Subject:
    """A project, what would be deployed of it, and where to look. ``states`` are its stacks, None where they can't be listed."""

    project: Project
    plans: Mapping[str, Plan]
    names: Names
    connection: Connection
    templates: tuple[StackTemplate, ...]
    states: Mapping[str, StackState] | None

    def client(self, service: str) -> Any:
        """Give a client of one of the services."""
        return self.connection.client(service)

    @property
    def deploy(self) -> str:
        """The command that deploys the project to where this is."""
        return self.connection.deploy_command

    @property
    def make_anew(self) -> str:
        """What makes again what was changed by hand, which CloudFormation does not see."""
        if self.connection.embedded:
            return "`penstock down --forget`, then `penstock up`: all that the embedded AWS holds goes."
        return f"`penstock destroy`, then `{self.deploy}`: all data is kept."

    @property
    def make_missing(self) -> str:
        """What makes again what is gone from a stack that is there."""
        return self.make_anew if self.connection.embedded else self.deploy

    def is_deployed(self, feed: str | None) -> bool:
        """Tell whether the stack of a feed is there, or that of what feeds share; where nobody can tell, it is taken to be."""
        name = self.names.foundation_stack if feed is None else self.names.feed(feed).stack
        if self.states is None:
            return True
        state = self.states.get(name)
        return state is not None and not state.planned_only


@dataclass(frozen=True, slots=True)
class FeedSubject:
    """One feed of a project."""

    whole: Subject
    contract: Contract

    @property
    def plan(self) -> Plan:
        """The feed's plan."""
        return self.whole.plans[self.contract.name]

    @property
    def own(self) -> FeedNames:
        """The names of what the feed has."""
        return self.whole.names.feed(self.contract.name)

    @property
    def direct(self) -> bool:
        """Whether its function is called without a queue."""
        return self.contract.trigger == "direct"

    def client(self, service: str) -> Any:
        """Give a client of one of the services."""
        return self.whole.client(service)


Check = Callable[[Subject], Iterable[Finding]]
FeedCheck = Callable[[FeedSubject], Iterable[Finding]]


@contextmanager
def looking(at: str, needs: str) -> Iterator[None]:
    """Explain what goes wrong while something is looked at, with the right that it takes."""
    with explained(f"look at {at} ({needs})"):
        yield


def find(at: str, needs: str, look: Callable[[], Any]) -> Any | None:
    """Look at something, and give what is there, or None where there is no such thing.

    Raises :class:`~penstock.errors.ServiceError` where that can't be told.
    """
    with looking(at, needs):
        try:
            return look()
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in _ABSENT:
                return None
            raise
