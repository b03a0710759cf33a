"""From an address to its page: asks the data for what the page shows, and nothing else."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

from penstock.aws.reject_pages import START, read_cursor
from penstock.aws.runs import Run
from penstock.console.commands import Commands
from penstock.console.data import Data
from penstock.console.frame import Frame
from penstock.console.html import Element
from penstock.console.marks import STATUSES
from penstock.console.pages.alarms import alarms_page
from penstock.console.pages.overview import overview_page
from penstock.console.pages.refusal import refusal_page
from penstock.console.pages.rejects import Rejects, rejects_page
from penstock.console.pages.run import run_page
from penstock.console.pages.runs import Wanted, runs_page
from penstock.console.pages.trends import trends_page
from penstock.console.run_pages import read_mark, read_page
from penstock.errors import ContractError, PenstockError, ServiceError, UsageError

RUNS_SHOWN: Final = 60
REJECTS_SHOWN: Final = 25
RUNS_DRAWN: Final = 200
ALL_RUNS_DRAWN: Final = 400
"""How many runs the trends are drawn of: of one feed, and of all together. A run is about a kilobyte of the ledger."""


class NotThereError(UsageError):
    """There is no such page, run or feed."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A page, and the status of HTTP that it is sent with."""

    status: int
    page: Element


@dataclass(frozen=True, slots=True)
class Console:
    """The console of a project."""

    project: str
    place: str
    data: Data
    commands: Commands
    clock: Callable[[], float] = time.time

    def answer(self, target: str) -> Answer:
        """Answer a request for ``target``, a path and perhaps a query. What can be explained becomes a page that does."""
        try:
            return Answer(200, self._page(*_read_address(target)))
        except NotThereError as error:
            return self._refuse(404, "There is no such page", error)
        except ValueError as error:  # of the address alone: what is wrong with data has errors of its own
            return self._refuse(
                404, "There is no such page", NotThereError(f"The address can't be read: {error}")
            )
        except ContractError as error:
            return self._refuse(500, "The project can't be read", error)
        except ServiceError as error:
            return self._refuse(502, "A service refused or failed", error)
        except PenstockError as error:
            return self._refuse(400, "That can't be answered", error)

    @property
    def frame(self) -> Frame:
        """What every page has, as of now."""
        return Frame(self.project, self.place, self.clock())

    def _refuse(self, status: int, title: str, error: PenstockError) -> Answer:
        problems = error.problems if isinstance(error, ContractError) else [str(error)]
        return Answer(status, refusal_page(self.frame, title, problems))

    def _page(self, steps: list[str], asked: Mapping[str, str]) -> Element:
        match steps:
            case [""]:
                return self._overview()
            case ["runs"]:
                return self._runs(asked)
            case ["runs", run_id] if run_id:
                return run_page(self.frame, self._run(run_id), self.commands)
            case ["runs", run_id, "rejects"] if run_id:
                return self._rejects(run_id, asked)
            case ["trends"]:
                return self._trends(asked)
            case ["alarms"]:
                return alarms_page(self.frame, self.data.alarms(), self.commands)
        raise NotThereError("Nothing has this address. The links above lead to what there is.")

    def _overview(self) -> Element:
        return overview_page(self.frame, self.data.state(), self.commands)

    def _runs(self, asked: Mapping[str, str]) -> Element:
        feeds = self.data.feeds
        feed, status = self._known_feed(asked, feeds), asked.get("status")
        before = read_mark(asked["before"]) if "before" in asked else None
        wanted = Wanted(feed, next((known for known in STATUSES if known == status), None), before)
        asked_of = feeds if feed is None else (feed,)
        found = read_page(self.data.runs, asked_of, RUNS_SHOWN, before, wanted.status)
        return runs_page(self.frame, feeds, wanted, found)

    def _trends(self, asked: Mapping[str, str]) -> Element:
        feeds = self.data.feeds
        feed = self._known_feed(asked, feeds)
        of_each = RUNS_DRAWN if feed else min(ALL_RUNS_DRAWN // max(len(feeds), 1) or 1, RUNS_DRAWN)
        runs = self.data.runs(feeds if feed is None else (feed,), of_each)
        return trends_page(self.frame, runs, of_each, RUNS_DRAWN)

    @staticmethod
    def _known_feed(asked: Mapping[str, str], feeds: tuple[str, ...]) -> str | None:
        feed = asked.get("feed")
        if feed is not None and feed not in feeds:
            raise NotThereError(f"The project has no feed {feed}.")
        return feed

    def _run(self, run_id: str) -> Run:
        run = self.data.run(run_id)
        if run is None:
            raise NotThereError(f"There is no run {run_id} in the ledger. They are kept for 400 days.")
        return run

    def _rejects(self, run_id: str, asked: Mapping[str, str]) -> Element:
        run = self._run(run_id)
        if run.replays is not None:
            raise NotThereError(
                f"{run.id} is a replay: what it left rejected is among the rejects of {run.replays}."
            )
        code = asked.get("code")
        at = (
            read_cursor(asked["at"])
            if asked.get("revision") == str(run.revision) and "at" in asked
            else START
        )
        rejects = Rejects(
            run=run,
            code=code,
            found=self.data.rejects(run, at, REJECTS_SHOWN, code),
            first=at == START,
            contract=self.data.contract(run.feed),
            sensitive=self.data.is_sensitive(run.feed),
        )
        return rejects_page(
            self.frame, rejects, self.commands.line("rejects", run.id, "--csv", "rejects.csv")
        )


def _read_address(target: str) -> tuple[list[str], dict[str, str]]:
    """Give an address' steps, and what it asks. Raises :class:`NotThereError` where it is none."""
    try:
        split = urlsplit(target)
        asked = parse_qs(split.query, max_num_fields=20)
    except ValueError as error:
        raise NotThereError(f"The address can't be read: {error}.") from error
    return [unquote(step) for step in split.path.split("/")[1:]], {
        name: values[-1] for name, values in asked.items()
    }
