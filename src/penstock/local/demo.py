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
from penstock.local.dirt import EDITS, REPEATED, ROWS, make_dirty
from penstock.local.follow import Landed, drop, first_rejects, follow_run
from penstock.local.project import Running, deploy_project
from penstock.local.server import Server, start_server, stop_server
from penstock.stack.connect import explained
from penstock.stack.follow import StackEvent

EXAMPLE: Final = Path(__file__).parent.parent / "examples" / "ourairports"
_SHOWN: Final = 12

Key = Mapping[str, Mapping[str, str]]
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


DemoEvent = Scene | Working | Dropped | Ended | Rejected | ItemRead | Finished
Tell = Callable[[DemoEvent], None]


def run_demo(tell: Tell) -> tuple[Run, ...]:
    """Run the demo and give its runs. Raises :class:`~penstock.errors.ServiceError` where something does not work."""
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
            runs = (*_clean(running, tell), _dirty(running, tell), _changed(running, tell))
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


def _clean(running: Running, tell: Tell) -> tuple[Run, Run]:
    tell(Scene("Two files land as they were published", "Their wrong rows are the world's own."))
    navaids = _load(running, tell, "navaids", "navaids.csv.gz", ("Every radio navigation aid of the world",))
    _show_item(running, tell, "navaids", _LONDON, "By its key: the beacon of London")
    runways = _load(
        running, tell, "runways", "runways-2025-12-07.csv.gz", ("Every runway of the world, 7 December",)
    )
    _show_item(running, tell, "runways", _AKUREYRI, "By its key: the runway of Akureyri")
    return navaids, runways


def _dirty(running: Running, tell: Tell) -> Run:
    tell(Scene("A dirty file lands", f"{ROWS:,} of those rows, with these edits:"))
    data = running.folder / "data"
    dirty = data / "dirty.csv.gz"
    dirty.write_bytes(make_dirty((data / "runways-2025-12-07.csv.gz").read_bytes()))
    notes = tuple(edit.what for edit in (*EDITS, REPEATED))
    run = _load(running, tell, "runways", dirty.name, notes)
    _show_item(
        running, tell, "runways", _REPEATED, "By its key: of the runway that came twice, the later row"
    )
    return run


def _changed(running: Running, tell: Tell) -> Run:
    before = _get(running, "runways", _AKUREYRI)
    tell(
        Scene("A changed file lands", "The runways of 3 January, under the key that those of 7 December had.")
    )
    notes = ("48 runways are new, 49 have changed",)
    run = _load(
        running,
        tell,
        "runways",
        "runways-2026-01-03.csv.gz",
        notes,
        name="runways-2025-12-07.csv.gz",
        rejects=0,
    )
    _show_item(running, tell, "runways", _AKUREYRI, "Akureyri has made its runway longer", before=before)
    _show_item(running, tell, "runways", _GUANGZHOU, "Guangzhou has opened a new one")
    return run


def _load(
    running: Running,
    tell: Tell,
    feed: str,
    file: str,
    notes: tuple[str, ...],
    *,
    name: str | None = None,
    rejects: int = _SHOWN,
) -> Run:
    chosen = next(known for known in running.feeds if known.name == feed)
    begun = time.monotonic()
    landed = drop(running, chosen, running.folder / "data" / file, name)
    tell(Dropped(landed, notes))
    run = follow_run(running, landed)
    tell(Ended(run, time.monotonic() - begun))
    if rejects and run.counts.get("rejected"):
        tell(Rejected(first_rejects(running, run, rejects), run.counts["rejected"]))
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
