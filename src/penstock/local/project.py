"""A project on the embedded AWS: start it and deploy there, stop it, look whether it runs.

What is deployed is what goes to AWS, by the same code; :mod:`penstock.stack.target` lists the differences.
"""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from penstock.aws.ledger import Ledger
from penstock.contract.project import Project, read_project
from penstock.errors import ServiceError, UsageError
from penstock.local.bridge.process import ensure_bridge, stop_bridge
from penstock.local.install import Progress, be_quiet, cache_folder
from penstock.local.record import (
    last_port,
    local_folder,
    note_server,
    noted_server,
    one_command_at_a_time,
    state_folder,
)
from penstock.local.server import (
    Server,
    find_unsaved,
    is_alive,
    is_running,
    remove_remains,
    start_server,
    stop_server,
)
from penstock.stack.changes import ChangeLine
from penstock.stack.connect import Connection, explained
from penstock.stack.deploy import deploy
from penstock.stack.follow import OnEvent
from penstock.stack.names import Names, name_project
from penstock.stack.plans import compile_feeds
from penstock.stack.resources.glue import has_job
from penstock.stack.target import emulated_target

_KILLED: Final = (
    "The embedded AWS was killed: its tables and runs are as they were when it last stopped. "
    "Once it is up, `penstock sweep` loads what landed since."
)

_NO_GLUE: Final = (
    "There is no Glue on the embedded AWS, so that {feeds} can have no job there: large objects are loaded by the function, in "
    "chunks, to the same end. What only a job can do, a query over too much, try with: penstock run --engine spark"
)

_START_ANEW: Final = (
    "If something there was deleted or changed by hand, which its CloudFormation does not see, or could not be saved: "
    "`penstock down --forget` and then `penstock up` start with nothing. All that it holds goes."
)


@dataclass(frozen=True, slots=True)
class LocalFeed:
    """A feed as one needs to know it to put a file in and find its items again."""

    name: str
    prefix: str
    suffix: str
    table: str


@dataclass(frozen=True, slots=True)
class Running:
    """A project that is deployed on a running embedded AWS.

    ``changes`` are what the last deploy changed; none where everything was as the project says.
    """

    project: str
    folder: Path
    server: Server
    names: Names
    feeds: tuple[LocalFeed, ...]
    changes: tuple[ChangeLine, ...] = ()

    @property
    def connection(self) -> Connection:
        """The connection to where it is deployed."""
        return self.server.connection(self.names.account)

    @property
    def ledger(self) -> Ledger:
        """The ledger of its runs."""
        return Ledger(self.connection.client("dynamodb"), self.names.ledger)

    def copy_line(self, feed: LocalFeed) -> str:
        """Give the command of the AWS CLI that copies a file in."""
        keys = f"AWS_ACCESS_KEY_ID={self.names.account} AWS_SECRET_ACCESS_KEY={self.connection.secret_key}"
        target = f"s3://{self.names.landing_bucket}/{feed.prefix}"
        return f"{keys} aws --endpoint-url {self.server.endpoint} --region {self.names.region} s3 cp FILE {target}"


def up(folder: Path, progress: Progress = be_quiet, on_event: OnEvent = lambda _event: None) -> Running:
    """Start the project's embedded AWS, unless it runs, with its bridge, and deploy the project there as it is now.

    Both outlive the command, and what the server holds outlives the server. Nothing is asked: there is nothing here
    that costs or that can't be made again. Raises :class:`~penstock.errors.ContractError` where the project is wrong,
    before anything is started, and :class:`ServiceError` where the server or the deploy fails; where something was held
    already it may be that, and the message says how to start with nothing.
    """
    project = read_project(folder)
    compile_feeds(project)  # for its problems: the deploy would tell them only after the start
    with one_command_at_a_time(folder):
        begun, held = time.time(), state_folder(folder).exists()
        server = _ensure_server(folder, progress)
        ensure_bridge(local_folder(folder), server, project.name, begun)
        try:
            return deploy_project(folder, project, server, progress, on_event)
        except ServiceError as error:
            if not held:
                raise
            raise ServiceError(f"{error}\n{_START_ANEW}") from error


def deploy_project(
    folder: Path,
    project: Project,
    server: Server,
    progress: Progress = be_quiet,
    on_event: OnEvent = lambda _event: None,
) -> Running:
    """Deploy a project to a running embedded AWS. A bucket of somebody else's, which there is none of here, is made; of jobs in Glue,
    which can't be, it is said what becomes of what they would do.
    """
    if project.landing.bucket is not None:
        _stand_in(server.connection(), project.landing.bucket, progress)
    wanting = sorted(plan.name for plan in compile_feeds(project).values() if has_job(plan))
    if wanting:
        progress(_NO_GLUE.format(feeds=" and ".join(wanting)))
    deployed = deploy(
        folder,
        server.connection(),
        emulated_target(),
        confirm=lambda _changes: True,
        may_replace=lambda _name: True,
        cache=cache_folder() / "package",
        progress=progress,
        on_event=on_event,
    )
    if deployed is None:
        raise ServiceError("The deploy was not carried out. Try again.")
    return _describe(folder, project, server, deployed.changes)


def _stand_in(connection: Connection, bucket: str, progress: Progress) -> None:
    """Make a bucket for what in AWS is somebody else's, unless it is there. Whether that keeps versions nobody here knows."""
    client = connection.client("s3")
    with explained(f"make the bucket {bucket}"):
        if bucket not in [found["Name"] for found in client.list_buckets()["Buckets"]]:
            progress(f"Making the bucket {bucket}, which in AWS is there already")
            client.create_bucket(Bucket=bucket)


def _ensure_server(folder: Path, progress: Progress) -> Server:
    noted = noted_server(folder)
    if noted is not None and is_running(noted):
        progress(f"The embedded AWS runs at {noted.endpoint}")
        return noted
    if noted is not None and is_alive(noted):  # it lives and does not answer
        stop_server(noted)
    elif noted is not None and remove_remains(noted):
        progress(_KILLED)
    server = start_server(state_folder(folder), progress, port=last_port(folder), outlive=True)
    note_server(folder, server)
    progress(f"The embedded AWS runs at {server.endpoint}")
    return server


def _describe(
    folder: Path, project: Project, server: Server, changes: tuple[ChangeLine, ...] = ()
) -> Running:
    connection = server.connection()
    feeds = tuple(
        LocalFeed(contract.name, contract.source.prefix, contract.source.suffix, contract.load.table)
        for contract in project.feeds
    )
    names = name_project(project, str(connection.access_key), connection.region)
    return Running(project.name, folder, server, names, feeds, changes)


def find_running(folder: Path) -> Running:
    """Give the project as it runs. Raises :class:`UsageError` where it does not."""
    project = read_project(folder)
    server = noted_server(folder)
    if server is None or not is_running(server):
        raise UsageError("This project's embedded AWS does not run. Start it with: penstock up")
    return _describe(folder, project, server)


def down(folder: Path, progress: Progress = be_quiet, *, forget: bool = False) -> bool:
    """Stop the project's embedded AWS; what it holds is kept for the next ``up``, unless it is to ``forget`` that.

    False where it did not run. Raises :class:`ServiceError` where not all that it held is kept.
    """
    if not (folder / ".penstock" / "local").exists():
        return False
    with one_command_at_a_time(folder):
        server = noted_server(folder)
        ran = server is not None and is_alive(server)
        if server is not None and ran:
            _stop(folder, server, progress, forget=forget)
        elif server is not None and remove_remains(server) and not forget:
            progress(_KILLED)
        if forget:
            shutil.rmtree(state_folder(folder), ignore_errors=True)
        return ran


def _stop(folder: Path, server: Server, progress: Progress, *, forget: bool) -> None:
    progress(f"Stopping the embedded AWS at {server.endpoint}")
    stop_bridge(local_folder(folder))
    willing = stop_server(server)
    if forget:
        return
    if not willing:
        raise ServiceError(
            "The embedded AWS did not stop by itself and was ended. Files in its buckets are kept; its tables and "
            "stacks are as they were when it last stopped. `penstock up` deploys the project again."
        )
    unsaved = find_unsaved(server)
    if unsaved:
        raise ServiceError(
            f"The embedded AWS has stopped, and could not save all that it held ({unsaved[-1]}). Mend that, for example by "
            "making room on the disk. If `penstock up` does not work then, `penstock down --forget` and `penstock up` start with nothing."
        )


def is_up(folder: Path) -> bool:
    """Tell whether the project's embedded AWS runs."""
    server = noted_server(folder)
    return server is not None and is_running(server)
