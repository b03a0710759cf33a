"""The demo: real files through S3, SQS, Lambda and DynamoDB of an embedded AWS of its own, told as it goes.

It only does, and tells what it does as frozen events; :mod:`penstock.local.narrate` shows them. Everything it starts
or writes is gone when it ends, however it ends.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from penstock.aws.runs import Run
from penstock.contract.project import read_project
from penstock.engine.result import Reject
from penstock.local.demo_alarm import AlarmHeard, Ear, hear, listen
from penstock.local.demo_files import EDITS, REPEATED, ROWS, keep_lighted, make_dirty
from penstock.local.follow import Landed, drop, first_rejects, follow_run
from penstock.local.project import Running, deploy_project
from penstock.local.server import Server, start_server, stop_server
from penstock.stack.connect import explained
from penstock.stack.follow import StackEvent

EXAMPLE: Final = Path(__file__).parent.parent / "examples" / "ourairports"
DATA: Final = EXAMPLE / "data"
_SHOWN: Final = 3
_SHOWN_OF_DIRTY: Final = 10

Key = Mapping[str, Mapping[str, str]]
_HEATHROW: Final[Key] = {"airport_ident": {"S": "EGLL"}, "id": {"N": "239398"}}
_AKUREYRI: Final[Key] = {"airport_ident": {"S": "BIAR"}, "id": {"N": "236462"}}
_GUANGZHOU: Final[Key] = {"airport_ident": {"S": "ZGGG"}, "id": {"N": "602536"}}
_REPEATED: Final[Key] = {"airport_ident": {"S": "00GA"}, "id": {"N": REPEATED.runway}}
_LONDON: Final[Key] = {"pk": {"S": "COUNTRY#GB"}, "sk": {"S": "VOR-DME#LON#0090474"}}


@dataclass(frozen=True, slots=True)
class Scene:
    """A part of the demo begins."""

    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Working:
    """Something is under way."""

    text: str


@dataclass(frozen=True, slots=True)
class Dropped:
    """A file was uploaded. ``notes`` say what is in it."""

    landed: Landed
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ended:
    """A run came to its end. ``seconds`` is from the upload to the end."""

    run: Run
    seconds: float


@dataclass(frozen=True, slots=True)
class Rejected:
    """The first rejects of a run."""

    rejects: tuple[Reject, ...]
    total: int


@dataclass(frozen=True, slots=True)
class ItemRead:
    """An item as DynamoDB gave it for its key, in DynamoDB JSON; None where there is none. ``before`` is an earlier one."""

    table: str
    key: Key
    item: Mapping[str, Mapping[str, Any]] | None
    note: str
    before: Mapping[str, Mapping[str, Any]] | None = None


@dataclass(frozen=True, slots=True)
class Finished:
    """The demo is over. ``read`` is how many records it put through, ``seconds`` how long all of it took."""

    read: int
    seconds: float


DemoEvent = Scene | Working | Dropped | Ended | Rejected | ItemRead | AlarmHeard | Finished
Tell = Callable[[DemoEvent], None]


def run_demo(tell: Tell, data: Path = DATA) -> tuple[Run, ...]:
    """Run the demo on the files of a folder, those shipped unless said, and give its runs.

    Raises :class:`~penstock.errors.ServiceError` where something does not work.
    """
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="penstock-demo-") as scratch:
        folder = Path(scratch) / "ourairports"
        shutil.copytree(EXAMPLE, folder)
        tell(
            Scene(
                "A project with two feeds",
                "penstock.yaml, contracts/runways.yaml and contracts/navaids.yaml: OurAirports' public-domain data",
            )
        )
        server = start_server(progress=lambda text: tell(Working(text)))
        try:
            running = _deploy(folder, tell, server)
            ear = listen(running)
            clean, dirty = _clean(running, tell, data), _dirty(running, tell, data)
            _alarm(ear, tell)
            runs = (*clean, dirty, _changed(running, tell, data))
        finally:
            stop_server(server)
    tell(Finished(sum(run.counts.get("read", 0) for run in runs), time.monotonic() - begun))
    return runs


def _deploy(folder: Path, tell: Tell, server: Server) -> Running:
    tell(Working(f"An AWS of its own runs at {server.endpoint}"))

    def on_event(event: StackEvent) -> None:
        if event.status.endswith("_COMPLETE") and event.kind == "AWS::CloudFormation::Stack":
            tell(Working(f"Deployed {event.stack}"))

    return deploy_project(folder, read_project(folder), server, lambda text: tell(Working(text)), on_event)


def _clean(running: Running, tell: Tell, data: Path) -> tuple[Run, Run]:
    tell(
        Scene("Two files land as they were published", "What is wrong in them is wrong in the world's data.")
    )
    navaids = (data / "navaids.csv.gz").read_bytes()
    first = _load(
        running, tell, "navaids", "navaids.csv.gz", navaids, "the radio navigation aids of the world"
    )
    _show_item(running, tell, "navaids", _LONDON, "By its key: the radio beacon of London")
    december = keep_lighted((data / "runways-2025-12-07.csv.gz").read_bytes())
    second = _load(running, tell, "runways", "runways.csv.gz", december, "the lighted runways, 7 December")
    _show_item(running, tell, "runways", _HEATHROW, "By its key: a runway of London Heathrow")
    return first, second


def _dirty(running: Running, tell: Tell, data: Path) -> Run:
    tell(Scene("A dirty file lands", f"{ROWS:,} rows of all the runways, with these edits:"))
    dirty = make_dirty((data / "runways-2025-12-07.csv.gz").read_bytes())
    notes = [edit.what for edit in (*EDITS, REPEATED)]
    run = _load(running, tell, "runways", "dirty.csv.gz", dirty, *notes)
    _show_item(
        running, tell, "runways", _REPEATED, "By its key: of the runway that came twice, the later row"
    )
    return run


def _alarm(ear: Ear, tell: Tell) -> None:
    tell(
        Scene(
            "An alarm goes off",
            "Of the lighted runways 0.3% are rejected. The contract has an alarm for files with more than 0.4%.",
        )
    )
    tell(hear(ear, ear.running.names.alarm("runways", "reject-share")))


def _changed(running: Running, tell: Tell, data: Path) -> Run:
    tell(
        Scene(
            "A changed file lands", "The file of 3 January replaces that of 7 December, under the same key."
        )
    )
    before = _get(running, "runways", _AKUREYRI)
    january = keep_lighted((data / "runways-2026-01-03.csv.gz").read_bytes())
    run = _load(running, tell, "runways", "runways.csv.gz", january, "11 runways are new, 24 have changed")
    _show_item(running, tell, "runways", _AKUREYRI, "Akureyri has made its runway longer", before=before)
    _show_item(running, tell, "runways", _GUANGZHOU, "Guangzhou has opened a new one")
    return run


def _load(running: Running, tell: Tell, feed: str, name: str, body: bytes, *notes: str) -> Run:
    chosen = next(known for known in running.feeds if known.name == feed)
    file = running.folder / "data" / name
    file.write_bytes(body)
    begun = time.monotonic()
    landed = drop(running, chosen, file)
    tell(Dropped(landed, notes))
    run = follow_run(running, landed)
    tell(Ended(run, time.monotonic() - begun))
    if run.counts.get("rejected"):
        shown = _SHOWN_OF_DIRTY if name.startswith("dirty") else _SHOWN
        tell(Rejected(first_rejects(running, run, shown), run.counts["rejected"]))
    return run


def _show_item(
    running: Running,
    tell: Tell,
    feed: str,
    key: Key,
    note: str,
    before: Mapping[str, Mapping[str, Any]] | None = None,
) -> None:
    table = next(known.table for known in running.feeds if known.name == feed)
    tell(ItemRead(table, key, _get(running, table, key), note, before))


def _get(running: Running, table: str, key: Key) -> Mapping[str, Mapping[str, Any]] | None:
    with explained(f"read an item of {table}"):
        answer = running.connection.client("dynamodb").get_item(TableName=table, Key=key, ConsistentRead=True)
    found: Mapping[str, Mapping[str, Any]] | None = answer.get("Item")
    return found
