"""What the pages show, asked for as they need it: small questions, each with a limit, so that a large ledger stays quick.

No question scans the ledger. Runs are asked for a feed at a time, by the index ``by_feed``, and so many at most; a page of
rejects is read from where the last one ended.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from penstock.aws.ledger import Ledger
from penstock.aws.list_runs import list_runs
from penstock.aws.reject_pages import Cursor, RejectPage, RejectSource
from penstock.aws.runs import Run, get_run
from penstock.console.clause import Contract, read_lines
from penstock.contract.locate import read_tree
from penstock.contract.project import Project, read_project
from penstock.contract.read import CONTRACTS_FOLDER, PROJECT_FILE
from penstock.stack.connect import Connection
from penstock.stack.names import Names
from penstock.watch.alarms import Alarm, list_alarms
from penstock.watch.at_once import ask_at_once
from penstock.watch.feeds import ProjectState, read_project_state


def rereading(folder: Path) -> Callable[[], Project]:
    """Give what reads a project as it stands now: anew where one of its files has changed, else as it was."""
    known: dict[tuple[tuple[str, int, int], ...], Project] = {}

    def read() -> Project:
        stamp = _stamp(folder)
        project = known.get(stamp)
        if project is None:
            project = read_project(folder)
            known.clear()
            known[stamp] = project
        return project

    return read


def _stamp(folder: Path) -> tuple[tuple[str, int, int], ...]:
    paths = [folder / PROJECT_FILE, *(folder / CONTRACTS_FOLDER).rglob("*")]
    found = [(path, path.stat()) for path in sorted(paths) if path.is_file()]
    return tuple((str(path), status.st_mtime_ns, status.st_size) for path, status in found)


class Data(Protocol):
    """What the pages ask. Each raises :class:`~penstock.errors.PenstockError` where it can't be answered."""

    @property
    def feeds(self) -> tuple[str, ...]:
        """The names of the project's feeds."""

    def state(self) -> ProjectState:
        """Give the state of all feeds."""

    def runs(self, feeds: Sequence[str], limit: int, until: str = "") -> dict[str, list[Run]]:
        """Give the latest runs of each feed that began by ``until``, the newest first."""

    def run(self, run_id: str) -> Run | None:
        """Give a run by its id."""

    def rejects(self, run: Run, at: Cursor, limit: int, code: str | None) -> RejectPage:
        """Give some of a run's rejects."""

    def alarms(self) -> tuple[Alarm, ...]:
        """Give the project's alarms."""

    def contract(self, feed: str) -> Contract | None:
        """Give a feed's contract as it stands in the project's folder; None where that has no such feed."""

    def is_sensitive(self, feed: str) -> bool:
        """Tell whether a feed has sensitive fields; one that is no longer in the project may have had some."""


@dataclass(frozen=True, slots=True)
class Deployed:
    """The data of a deployed project. ``read`` gives the project as it stands in its folder now."""

    read: Callable[[], Project]
    connection: Connection
    names: Names

    @property
    def feeds(self) -> tuple[str, ...]:
        return tuple(sorted(feed.name for feed in self.read().feeds))

    def state(self) -> ProjectState:
        return read_project_state(self.connection, self.names, self.read().feeds)

    def runs(self, feeds: Sequence[str], limit: int, until: str = "") -> dict[str, list[Run]]:
        found = ask_at_once(lambda feed: list_runs(self._ledger, feed, limit, until=until), feeds)
        return dict(zip(feeds, found, strict=True))

    def run(self, run_id: str) -> Run | None:
        return get_run(self._ledger, run_id)

    def rejects(self, run: Run, at: Cursor, limit: int, code: str | None) -> RejectPage:
        s3: Any = self.connection.client("s3")
        return RejectSource(s3, self.names.artifacts_bucket, run.feed, run.id, run.parts).read(
            at, limit, code
        )

    def alarms(self) -> tuple[Alarm, ...]:
        return list_alarms(self.connection, self.names, self.feeds)

    def contract(self, feed: str) -> Contract | None:
        path = self._path(feed)
        return None if path is None else read_lines(read_tree(path))

    def is_sensitive(self, feed: str) -> bool:
        return self.read().may_be_sensitive(feed)

    def _path(self, feed: str) -> Path | None:
        project = self.read()
        pairs = zip(project.feeds, project.paths, strict=True)
        return next((path for contract, path in pairs if contract.name == feed), None)

    @property
    def _ledger(self) -> Ledger:
        return Ledger(self.connection.client("dynamodb"), self.names.ledger)
