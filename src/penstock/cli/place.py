"""Which project a command is about, and where it is deployed: in AWS, or on the embedded AWS of this computer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from penstock.api.region import find_region
from penstock.aws.hint import DirectHints, Hints, QueuedHints
from penstock.aws.ledger import Ledger
from penstock.cli.output import tell
from penstock.contract.model import Contract
from penstock.contract.project import Project, find_project, read_project
from penstock.errors import ServiceError, UsageError
from penstock.local.project import Running, find_running, is_up
from penstock.stack.connect import Connection, explained
from penstock.stack.names import Names, name_project


@dataclass(frozen=True, slots=True)
class Place:
    """A deployed project. ``running`` is its embedded AWS; None in AWS itself."""

    project: Project
    connection: Connection
    names: Names
    running: Running | None

    @property
    def ledger(self) -> Ledger:
        """The ledger of its runs."""
        return Ledger(self.connection.client("dynamodb"), self.names.ledger)

    def client(self, service: str) -> Any:
        """Give a client of one of its services."""
        return self.connection.client(service)


def project_folder(named: Path | None) -> Path:
    """Give the project's folder: the named one, or the nearest from here upwards."""
    return find_project(Path.cwd() if named is None else named)


def find_place(
    named: Path | None, local: bool | None, region: str | None, profile: str | None, *, changes: bool = False
) -> Place:
    """Find where the project is deployed, and say it on standard error.

    ``local`` None means the embedded AWS if it runs and neither region nor profile is named, else AWS; but a command that
    ``changes`` something goes to AWS only where that is said. Raises :class:`~penstock.errors.UsageError` where it is
    not, and where the embedded AWS is asked for and does not run.
    """
    folder = project_folder(named)
    if local and (region or profile):
        raise UsageError("The embedded AWS has no regions and profiles: leave out --region and --profile.")
    unsaid = local is None and not (region or profile)
    if unsaid:
        local = is_up(folder)
    project = read_project(folder)
    if local:
        running = find_running(folder)
        tell(f"On the embedded AWS at {running.server.endpoint} (--aws for the project in AWS)")
        return Place(project, running.connection, running.names, running)
    if unsaid and changes:
        raise UsageError(
            "The project's embedded AWS does not run. Start it (`penstock up`), or say --aws to go to AWS itself."
        )
    if unsaid:
        tell("The project's embedded AWS does not run (`penstock up` starts it): this is about AWS itself")
    try:
        connection, account = connect(project, region, profile)
    except (ServiceError, UsageError) as error:
        if not unsaid:
            raise
        raise type(error)(f"{error} If the embedded AWS was meant: penstock up") from error
    return Place(project, connection, name_project(project, account, connection.region), None)


def connect(project: Project, region: str | None, profile: str | None) -> tuple[Connection, str]:
    """Connect to AWS, in the region of the call, of the project, or of the AWS configuration, in this order; say where that is.

    Gives the account too.
    """
    connection = Connection(find_region(region or project.region, profile), profile)
    account = connection.account()
    tell(f"In AWS, account {account}, {connection.region}")
    return connection, account


def choose_feeds(project: Project, named: str | None) -> tuple[Contract, ...]:
    """Give the project's feeds, or the one that is named. Raises :class:`UsageError` where there is no such feed."""
    feeds = [feed for feed in project.feeds if named in {None, feed.name}]
    if not feeds and named is not None:
        raise UsageError(f"The project has no feed {named}.")
    return tuple(sorted(feeds, key=lambda feed: feed.name))


def open_hints(place: Place, feed: Contract) -> Hints:
    """Give the way by which a feed is told of something."""
    own = place.names.feed(feed.name)
    if feed.trigger == "direct":
        return DirectHints(place.client("lambda"), own.function)
    with explained(f"find the queue {own.queue} (sqs:GetQueueUrl)"):
        queue = place.client("sqs").get_queue_url(QueueName=own.queue)["QueueUrl"]
    return QueuedHints(place.client("sqs"), queue)


def find_encoding(project: Project, feed: str) -> str:
    """Give the encoding of a feed's files; of one that is no longer in the project, the usual one."""
    found = [contract.source.dialect.encoding for contract in project.feeds if contract.name == feed]
    return found[0] if found else "utf-8"
