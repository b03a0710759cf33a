"""Cells' values are in items and rejects, and nowhere else: not in logs, metrics, errors, notices, reports or dead letters.

A canary is a text that occurs in one place of a file alone. The real handler loads such files, everything is logged, and
then all that was said to anybody is searched for them; and rejects and items too, where they have to be.
"""

from __future__ import annotations

import json
import re
import traceback
from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import pytest
import simulated_feed
from one_thread import DATABASES
from sample_files import PREFIX, TABLE
from scenario import Change, Scenario
from simulated_feed import ARTIFACTS, LEDGER, SimulatedFeed
from virtual_dynamodb import Tables
from virtual_table import Table
from virtual_wire import Faults
from virtual_writes import VirtualFlights, VirtualSender

from penstock.aws.function_errors import hide_defects
from penstock.aws.log import Log
from penstock.aws.table.flights import Answer, Flights
from penstock.aws.table.write import TableWriter
from penstock.compile.plan import compile_contract
from penstock.contract.model import Contract
from penstock.contract.read import read_contract

Load = Callable[..., "CanaryFeed"]

FIELDS: Final[list[dict[str, Any]]] = [
    {"name": "id", "type": "string", "constraints": {"maxLength": 60}},
    {"name": "text", "type": "string", "constraints": {"pattern": '[a-z0-9 \n"-]*'}},
    {"name": "whole", "type": "integer"},
    {"name": "number", "type": "number", "constraints": {"maximum": 10000000000}},
    {"name": "truth", "type": "boolean"},
    {"name": "day", "type": "date"},
    {"name": "moment", "type": "datetime"},
    {"name": "hour", "type": "time"},
    {"name": "tree", "type": "object"},
    {"name": "row", "type": "array"},
    {"name": "words", "type": "list"},
    {"name": "note", "type": "string"},
]
CONTRACT: Final[dict[str, Any]] = {
    "penstock": 1,
    "name": "orders",
    "source": {"prefix": PREFIX, "dialect": {"commentChar": "#", "max_record_bytes": 2000}},
    "schema": {"fields": FIELDS},
    "transform": {
        "prepare": {"hour": "trim(hour)"},
        "where": "whole IS NULL OR whole <> 13",
        "set": {"square": "whole * whole * whole * whole", "shout": "upper(text)"},
    },
    "rules": [{"name": "not-forty-two", "check": "whole <> 42"}],
    "load": {
        "table": TABLE,
        "partition_key": {"name": "pk", "value": "ID#{id}"},
        "delete_where": "text = 'delete'",
    },
}
HEADER: Final = ",".join(str(field["name"]) for field in FIELDS)

LOADED: Final = {
    "id": "canary-key",
    "text": '"canary-quoted ""said"" and\nwent on"',
    "whole": "70615423",
    "number": "80615.4231",
    "day": "1961-07-13",
    "moment": "1962-08-14T01:02:03",
    "hour": " 04:17:53 ",
    "tree": '"{""canary-name"": ""canary-in-json"", ""deep"": [90615423]}"',
    "row": '"[""canary-in-array""]"',
    "words": '"canary-in-list,other"',
    "note": "canary-in-a-note",
}
"""A row that is right, with a canary in the cell of each type."""

IN_ITEMS: Final = (
    "canary-key", "canary-quoted", "70615423", "80615.4231", "1961-07-13", "1962-08-14", "04:17:53", "canary-name", "canary-in-json",
    "90615423", "canary-in-array", "canary-in-list", "canary-in-a-note", "CANARY-QUOTED",
)  # fmt: skip

WRONG: Final = {
    "constraint": {"text": "CANARY-1"},
    "integer": {"whole": "canary-2"},
    "number": {"number": "canary-3"},
    "boolean": {"truth": "canary-4"},
    "date": {"day": "canary-5"},
    "datetime": {"moment": "canary-6"},
    "time": {"hour": "canary-7"},
    "object": {"tree": '"{""a"": canary-8}"'},
    "array": {"row": "[canary-9"},
    "maximum": {"number": "70615423000007"},
    "overflow": {"whole": "93061542300000000000"},
    "rule": {"whole": "42", "text": "canary-10"},
    "no key": {"id": "", "text": "canary-11"},
    "cell too long": {"id": "canary-12-" + "x" * 70},
    "nul": {"text": "canary-13\0"},
    "encoding": {"text": "canary-14\udcff"},
    "stray quote": {"text": 'canary-15"broken'},
    "extra cell": {"note": "canary-16,canary-17"},
    "too long": {"text": "canary-18" + "y" * 2000},
    "refused by the table": {"text": "refuse canary-19"},
}
"""A row that is wrong, by what is wrong with it, with a canary in it."""

UNSEEN: Final = ("canary-filtered", "canary-in-a-comment", "canary-superseded", "canary-deleted")


def find_canaries(row: Mapping[str, str]) -> list[str]:
    """Give the canaries of a row: they begin so, or are numbers of many digits."""
    return re.findall(r"(?i)canary-\d+|\d{10,}", " ".join(row.values()))


def write_row(**cells: str) -> str:
    return ",".join(cells.get(str(field["name"]), "") for field in FIELDS)


def write_file(*rows: str, header: str = HEADER) -> bytes:
    return "\n".join((header, *rows, "")).encode("utf-8", "surrogateescape")


def wrong_rows() -> list[str]:
    rows = [write_row(**{"id": f"w-{number}", **cells}) for number, cells in enumerate(WRONG.values())]
    return [*rows, "canary-20,too few", write_row(id="w-open", text='"canary-21 is never closed')]


def loaded_rows() -> list[str]:
    return [
        write_row(**{**LOADED, "text": "canary-superseded"}),
        write_row(**LOADED),
        write_row(id="canary-filtered", whole="13"),
        "#canary-in-a-comment",
        write_row(id="canary-deleted", text="delete"),
    ]


class RefusingFlights(VirtualFlights):
    """Has the table refuse some items, in a message that quotes them, as DynamoDB's do."""

    kind = "ValidationException"
    refused = b"refuse canary"

    def _write(self, actor: Any, body: bytes, *, cut: bool) -> Answer:
        if self.refused in body:
            told = {"__type": f"x#{self.kind}", "message": f"Value at 'item' failed: {body.decode()}"}
            return Answer(400, json.dumps(told).encode())
        return super()._write(actor, body, cut=cut)


class RefusingSender(VirtualSender):
    """Sends over :class:`RefusingFlights`."""

    def launch(self, lanes: int, operation: str) -> Flights:
        return RefusingFlights(self, min(lanes, 8), operation)


class CanaryFeed(SimulatedFeed):
    """The feed with a contract that has a field of each type."""

    def __init__(self, scenario: Scenario) -> None:
        super().__init__(scenario)
        self.answers: list[Any] = []

    def rest(self, most: float = 1000.0) -> None:
        """Try long enough for dead letters, and not half a day, where nothing will ever succeed."""
        super().rest(most)

    def _handle(self, event: Mapping[str, Any], name: str) -> Any:
        with hide_defects(Log(self.log, lambda: self.schedule.now)):
            answer = super()._handle(event, name)
        self.answers.append(answer)
        return answer

    def _make_tables(self) -> Tables:
        tables = super()._make_tables()
        tables.tables[TABLE] = Table((("pk", "S"),), {}, later=lambda _follow: None)
        return tables

    @property
    def items(self) -> str:
        return json.dumps([*self.tables.tables[TABLE].items.values()], ensure_ascii=False)

    @property
    def rejects(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._read("rejects/", ".jsonl").splitlines()]

    def _read(self, prefix: str, suffix: str = "") -> str:
        found = self.store.buckets[ARTIFACTS]
        bodies = (
            version.body
            for key in sorted(found.objects)
            if key.startswith(prefix) and key.endswith(suffix)
            for version in found.objects[key]
        )
        return "".join(body.decode() for body in bodies if body is not None)

    def said(self) -> Iterator[tuple[str, str]]:
        """Give all that was said to anybody, by where."""
        yield "the log and the metrics in it", self.log.getvalue()
        for name, error in self.function.errors:
            yield f"the error of {name}", "".join(traceback.format_exception(error))
        yield "what was answered", json.dumps(self.answers)
        yield "notices", "\n".join(self.topic.notices)
        yield "dead letters", "\n".join(message.body for message in self.queue.dead)
        yield "dead calls", json.dumps([*self.calls.dead])
        yield "reports", self._read("reports/")
        yield "what steps failed at", self._read("runs/orders/", ".json").replace(HEADER, "")
        yield "executions", repr([vars(execution) for execution in self.states.executions.values()])
        yield "the ledger", json.dumps([*self.tables.tables[LEDGER].items.values()])
        yield "the reasons of rejects", json.dumps([reject["errors"] for reject in self.rejects])
        yield "what happened", "\n".join(what for _, _, what in self.schedule.trace)


def leaks(feed: CanaryFeed, canaries: list[str]) -> list[str]:
    return [
        f"{canary} in {where}"
        for where, text in feed.said()
        for canary in canaries
        if canary.casefold() in text.casefold()
    ]


def find_in_rejects(feed: CanaryFeed, canary: str) -> bool:
    raw = [
        reject["raw"] if "raw" in reject else b64decode(reject["raw_base64"]).decode(errors="replace")
        for reject in feed.rejects
    ]
    return any(canary in text for text in raw)


CANARIES: Final = [
    *IN_ITEMS,
    *(canary for row in WRONG.values() for canary in find_canaries(row)),
    "canary-20",
    "canary-21",
    *UNSEEN,
]


def write_contract(folder: Path, contract: Mapping[str, Any]) -> Contract:
    path = folder / "orders.yaml"
    path.write_text(json.dumps(contract))
    return read_contract(path)


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    """Loads a file in the simulated AWS, with everything logged."""

    def load(
        body: bytes, contract: Mapping[str, Any] = CONTRACT, answer: str | None = None, **more: Any
    ) -> CanaryFeed:
        if answer is not None:
            monkeypatch.setattr(RefusingFlights, "kind", answer)
            monkeypatch.setattr(RefusingFlights, "refused", b"")
        read = write_contract(tmp_path, contract)
        plan = compile_contract(read)
        monkeypatch.setattr(simulated_feed, "make_contract", lambda _variant: read)
        monkeypatch.setattr(simulated_feed, "make_plan", lambda _variant: plan)
        monkeypatch.setattr(simulated_feed, "_PLAN_HASHES", {})
        monkeypatch.setattr(simulated_feed, "Log", partial(Log, level="DEBUG"))
        monkeypatch.setattr(simulated_feed, "VirtualSender", RefusingSender)
        file: Any = SimpleNamespace(body=body)
        changes = (Change(0.0, f"{PREFIX}a.csv", file),)
        feed = CanaryFeed(Scenario(1, changes=changes, seconds=20.0, busy=60.0, **more))
        feed.run()
        assert '"level": "DEBUG"' in feed.log.getvalue()
        return feed

    return load


FAULTY: Final = Faults(
    throttled=0.05, failed=0.05, lost=0.05, partial=0.2, doubled=0.3, kill=0.01, denied_rejects=0.3
)
WAYS: Final[dict[str, dict[str, Any]]] = {
    "at once": {},
    "in chunks": {"chunk_bytes": 1000, "large_bytes": 1, "batch_bytes": 500},
    "called directly": {"direct": True},
    "with faults": {"faults": FAULTY},
    "in chunks with faults": {"faults": FAULTY, "chunk_bytes": 1000, "large_bytes": 1},
}


@pytest.mark.parametrize("way", WAYS)
def test_values_are_in_items_and_rejects_and_nowhere_else(way: str, load: Load) -> None:
    feed = load(write_file(*loaded_rows(), *wrong_rows()), **WAYS[way])
    assert leaks(feed, CANARIES) == []
    assert [canary for canary in IN_ITEMS if canary not in feed.items] == []
    for what, row in WRONG.items():
        assert all(find_in_rejects(feed, canary) for canary in find_canaries(row)), what
    assert all(find_in_rejects(feed, canary) for canary in ("canary-20", "canary-21"))
    assert len({reject["line"] for reject in feed.rejects}) == len(WRONG) + 2
    assert not [canary for canary in UNSEEN if canary in feed.items]


@pytest.mark.parametrize("way", ["at once", "in chunks"])
def test_what_is_sensitive_is_in_items_alone(way: str, load: Load) -> None:
    fields = [{**field, "sensitive": field["name"] in {"text", "note", "tree"}} for field in FIELDS]
    contract = {**CONTRACT, "schema": {"fields": fields}}
    feed = load(write_file(*loaded_rows(), *wrong_rows()), contract, **WAYS[way])
    assert leaks(feed, CANARIES) == []
    assert "canary-in-a-note" in feed.items
    hidden = [*find_canaries(WRONG["constraint"]), *find_canaries(WRONG["object"]), "canary-20", "canary-21"]
    assert not [canary for canary in hidden if find_in_rejects(feed, canary)]
    assert find_in_rejects(feed, "canary-2")


HEADERS: Final = {
    "a row in its place": write_row(**LOADED).encode(),
    "a row that says one thing twice, and another not at all": b"canary-1,canary-1,,canary-2",
    "a row, broken": b'canary-1,"canary-2" canary-3,canary-4',
    "a row that is no text": b"canary-1,canary-2\xff",
    "a row that never ends": b"canary-1" + b"y" * 3000,
    "the names behind another delimiter": b"canary-1;canary-2",
}


@pytest.mark.parametrize("what", HEADERS)
def test_a_first_line_that_is_no_header_is_told_to_nobody(what: str, load: Load) -> None:
    feed = load(HEADERS[what] + b"\n" + write_row(**LOADED).encode() + b"\n")
    assert leaks(feed, ["canary-"]) == []
    assert len(feed.topic.notices) == 1
    assert '"outcome": "rejected"' in feed.log.getvalue()


def test_a_file_past_its_limit_tells_nobody_what_was_in_it(load: Load) -> None:
    feed = load(write_file(*loaded_rows(), *wrong_rows()), {**CONTRACT, "quality": {"max_rejects": 3}})
    assert leaks(feed, CANARIES) == []
    assert "reject-limit" in feed.log.getvalue()
    assert feed.items == "[]"


@pytest.mark.parametrize("way", ["at once", "in chunks"])
def test_a_table_that_refuses_everything_and_quotes_it_fails_the_run_and_tells_nobody(
    way: str, load: Load
) -> None:
    feed = load(write_file(*loaded_rows()), answer="AccessDeniedException", **WAYS[way])
    assert leaks(feed, CANARIES) == []
    assert '"outcome": "failed"' in feed.log.getvalue()
    assert feed.topic.notices
    assert bool(feed.queue.dead) == (way == "at once"), "the state machine's failures are no messages"


def test_a_defect_whose_error_quotes_a_row_is_told_by_its_kind_and_its_place(
    load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_writer: object, batches: object) -> None:
        raise ValueError(f"no such thing as {batches!r}")

    monkeypatch.setattr(TableWriter, "write", fail)
    monkeypatch.setattr(DATABASES, "_idle", [])  # it leaves a database in the middle of something
    feed = load(write_file(*loaded_rows()), **WAYS["in chunks"])
    assert leaks(feed, CANARIES) == []
    defect = next(
        line for line in map(json.loads, feed.log.getvalue().splitlines()) if line["event"] == "defect"
    )
    assert defect["kind"] == "ValueError"
    assert any("write" in place for place in defect["places"])
    assert {type(error).__name__ for _, error in feed.function.errors} == {"DefectError"}


def test_rows_that_compete_are_told_to_nobody(load: Load) -> None:
    contract = {**CONTRACT, "load": {**CONTRACT["load"], "newest_by": "day"}}
    good = write_row(**LOADED)
    feed = load(write_file(good, good.replace("1961-07-13", "1959-07-13"), *wrong_rows()), contract)
    assert leaks(feed, [*CANARIES, "1959-07-13"]) == []
    assert "canary-key" in feed.items
