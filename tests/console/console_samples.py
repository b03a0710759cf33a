"""What a console shows in these tests: runs, rejects, alarms and a contract, kept in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from threading import Thread
from typing import Any
from zlib import crc32

from penstock.aws.reject_pages import Cursor, RejectPage
from penstock.aws.runs import Run, format_time
from penstock.console.clause import Contract, read_lines
from penstock.console.commands import Commands
from penstock.console.routes import Console
from penstock.console.server import Server
from penstock.contract.locate import read_tree
from penstock.engine.result import Reason, Reject
from penstock.errors import PenstockError
from penstock.watch.alarms import Alarm
from penstock.watch.feeds import Day, FeedState, ProjectState
from penstock.watch.judge import judge_feed

NOW = 1_795_413_600.0
HOSTILE = "\"><img src=x onerror=alert(1)>'</script><script>alert(2)</script>\u202e\x1b[31m\0.csv"
"""What somebody could call a file, or write into a cell."""

CONTRACT = """\
penstock: 1
name: orders
source: {prefix: incoming/orders/}
schema:
  fields:
    - {name: id, type: string, constraints: {required: true}}
    - {name: quantity, type: integer, constraints: {minimum: 1}}
load:
  table: orders
  partition_key: id
"""


def make_run(number: int | str, feed: str = "orders", ago: float = 60.0, **more: Any) -> Run:
    """Give a run that began so many seconds ago and took two; done, unless said."""
    began = NOW - ago
    known: dict[str, Any] = {
        "status": "done",
        "ended_at": format_time(began + 2),
        "counts": {"read": 12, "loaded": 10, "rejected": 2},
        "errors": {"type-error": 2},
        "bytes": 1200,
        "key": f"incoming/{feed}/{number}.csv",
        "version": "v1",
    }
    return Run(
        id=f"run-{number}", feed=feed, bucket="landing", started_at=format_time(began), **{**known, **more}
    )


def make_reject(line: int, raw: bytes = b"A-1,many", *reasons: Reason) -> Reject:
    """Give a reject of a quantity that is no number, unless said."""
    return Reject(line, line * 10, len(raw), raw, None, reasons or (TYPE_ERROR,))


TYPE_ERROR = Reason("type-error", "quantity", "the cell is not of the type integer")


def make_alarm(state: Any = "ALARM", **more: Any) -> Alarm:
    known = {
        "name": "shop_orders_dead-letters",
        "feed": "orders",
        "since": format_time(NOW - 600),
        "reason": "Threshold Crossed",
        "description": "Feed orders: Events failed as often as they may. Next: penstock dlq --feed orders",
    }
    return Alarm(state=state, **{**known, **more})


@dataclass
class Memory:
    """Data in memory; ``error`` is raised by every question where it is set."""

    found: list[Run] = field(default_factory=list)
    left: list[Reject] = field(default_factory=list)
    alarmed: tuple[Alarm, ...] = ()
    named: tuple[str, ...] = ("orders",)
    path: Path | None = None
    sensitive: bool = False
    error: Exception | None = None

    @property
    def feeds(self) -> tuple[str, ...]:
        self._fail()
        return self.named

    def state(self) -> ProjectState:
        self._fail()
        return ProjectState(tuple(self._state(feed) for feed in self.named), (), ())

    def _state(self, feed: str) -> FeedState:
        runs = self.runs([feed], 100)[feed]
        alarms = tuple(alarm for alarm in self.alarmed if alarm.feed == feed)
        last = runs[0] if runs else None
        day = Day({"done": len(runs)}, 10, 2, whole=True)
        findings = judge_feed(feed, runs, alarms, 0, 0, ())
        return FeedState(feed, format_time(NOW), last, last, day, None, 0, 0, alarms, findings, tuple(runs))

    def runs(self, feeds: Sequence[str], limit: int, until: str = "") -> dict[str, list[Run]]:
        self._fail()
        # An index keeps what has one key in an order of its own.
        ordered = sorted(self.found, key=lambda run: (run.started_at, crc32(run.id.encode())), reverse=True)
        due = [run for run in ordered if not until or run.started_at <= until]
        return {feed: [run for run in due if run.feed == feed][:limit] for feed in feeds}

    def run(self, run_id: str) -> Run | None:
        self._fail()
        return next((run for run in self.found if run.id == run_id), None)

    def rejects(self, run: Run, at: Cursor, limit: int, code: str | None) -> RejectPage:
        due = [
            (number, reject)
            for number, reject in enumerate(self.left, 1)
            if number > at.before and (code is None or any(reason.code == code for reason in reject.errors))
        ]
        more = len(due) > limit
        return RejectPage(tuple(due[:limit]), Cursor(0, 0, due[limit - 1][0]) if more else None)

    def alarms(self) -> tuple[Alarm, ...]:
        self._fail()
        return self.alarmed

    def contract(self, feed: str) -> Contract | None:
        return None if self.path is None else read_lines(read_tree(self.path))

    def is_sensitive(self, feed: str) -> bool:
        return self.sensitive

    def _fail(self) -> None:
        if self.error is not None:
            raise self.error


def make_console(data: Memory, *options: str, project: str = "shop") -> Console:
    return Console(project, "in memory", data, Commands(options), lambda: NOW)


@contextmanager
def serving(console: Console) -> Iterator[Server]:
    """Serve a console on a free port."""
    with Server(console) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


class Seen(HTMLParser):
    """A page as a browser takes it: the elements with their attributes, and the text."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str, **attributes: str) -> list[dict[str, str | None]]:
        """Give the attributes of all elements of a tag that have these."""
        return [
            found
            for name, found in self.elements
            if name == tag
            and all(
                found.get(key.rstrip("_").replace("_", "-")) == value for key, value in attributes.items()
            )
        ]


def denied() -> PenstockError:
    """What the ledger says to who may not read it."""
    from penstock.aws.explain import explain_code  # noqa: PLC0415 -- one test needs it

    return explain_code(
        "AccessDeniedException", "use the ledger shop_penstock_ledger", "dynamodb:Query on its index by_feed"
    )
