"""Whole loads of rows that compete, into a table of the embedded AWS: the order of anything decides nothing."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from embedded_aws import World, make_table, make_world
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from run_memory import Items, Memory, Rejects, compile_things

from penstock.aws.table.send import Sender
from penstock.aws.table.write import TableWriter
from penstock.load.report import ItemCounts, Report
from penstock.load.run import run_object
from penstock.local.server import Server
from penstock.plan.model import Plan

pytestmark = pytest.mark.aws

HEADER = "id,at,note,gone\n"
FEW = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
RUNS = itertools.count()


@pytest.fixture(scope="module")
def world(server: Server) -> Iterator[World]:
    with make_world(server) as made:
        make_table(made, "things", ["pk:S:HASH"])
        yield made


@dataclass(frozen=True)
class Feed:
    """A feed whose rows compete by ``at``, and the table of the embedded AWS that it is loaded into."""

    world: World
    plan: Plan
    folder: Path

    def load(self, rows: Sequence[str], lanes: int = 8) -> Report:
        """Load a file of these rows."""
        memory = Memory((HEADER + "".join(rows)).encode())
        with (
            closing(Sender(self.world.connections, lanes)) as sender,
            TableWriter(sender, self.plan.table, lanes=lanes) as items,
        ):
            report = run_object(self.plan, memory, items, Rejects(memory), self.folder, batch_bytes=200)
        assert isinstance(report, Report)
        assert report.status == "done", report.reason
        assert report.counts.conserved
        return report

    def items(self) -> list[dict[str, Any]]:
        return sorted(self.world.scan("things"), key=lambda item: str(item["pk"]))

    def clear(self) -> None:
        for item in self.items():
            self.world.dynamodb.delete_item(TableName="things", Key={"pk": item["pk"]})

    def greatest(self, rows: Sequence[str]) -> list[dict[str, Any]]:
        """Give the items that are to stay of all these rows: a plain model of the rule."""
        memory = Memory((HEADER + "".join(rows)).encode())
        run_object(self.plan, memory, Items(memory), Rejects(memory), self.folder)
        found: dict[str, dict[str, Any]] = {}
        for write in memory.writes:
            item = json.loads(write.body)
            key = item["pk"]["S"]
            found[key] = max(found.get(key, item), item, key=_rank)
        return [found[key] for key in sorted(found)]


def _rank(item: dict[str, Any]) -> tuple[Any, ...]:
    at = item.get("at")
    value = b"" if at is None else at["S"].encode() if "S" in at else Decimal(at["N"])
    return (at is not None, *([] if at is None else [value]), item["penstock_digest"]["S"])


def make_feed(world: World, folder: Path, type_: str) -> Feed:
    fields = ["id", {"name": "at", "type": type_}, "note", "gone"]
    load = {
        "partition_key": {"name": "pk", "value": "T#{id}"},
        "newest_by": "at",
        "delete_where": "gone = 'x'",
    }
    return Feed(world, compile_things(folder, fields, load=load), folder)


VALUES = {
    "integer": ["", "-3", "9", "10", "010"],
    "number": ["", "1e2", "99.5", "100", "-0.5"],
    "string": ["", "Z", "a", "é", "\ufffd", "\U00010000"],
    "date": ["", "2026-01-31", "2026-02-01", "1999-12-31"],
}


def draw_rows(data: st.DataObject, type_: str) -> list[str]:
    row = st.tuples(
        st.sampled_from("ab"),
        st.sampled_from(VALUES[type_]),
        st.sampled_from(["", "n", "ü"]),
        st.sampled_from(["", "", "x"]),
    )
    return [f"{','.join(cells)}\n" for cells in data.draw(st.lists(row, min_size=1, max_size=12))]


def split(data: st.DataObject, rows: Sequence[str]) -> list[list[str]]:
    """Put the rows into files in any order, some of them more than once."""
    again = data.draw(st.lists(st.sampled_from(rows), max_size=4))
    shuffled = data.draw(st.permutations([*rows, *again]))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(shuffled)), max_size=2)))
    return [shuffled[start:stop] for start, stop in itertools.pairwise([0, *cuts, len(shuffled)])]


@FEW
@given(type_=st.sampled_from(sorted(VALUES)), data=st.data())
def test_however_rows_come_the_table_ends_the_same(
    world: World, tmp_path: Path, type_: str, data: st.DataObject
) -> None:
    feed = make_feed(world, tmp_path, type_)
    feed.clear()
    rows = draw_rows(data, type_)
    for file in split(data, rows):
        counted = feed.load(file, lanes=data.draw(st.integers(1, 8)))
        written = counted.items
        assert written.put + written.deleted + written.unchanged + written.outdated == len(file)
        assert counted.counts.loaded == len(file)
    assert [_rank(item) for item in feed.items()] == [_rank(item) for item in feed.greatest(rows)]
    assert [item.get("note") for item in feed.items()] == [item.get("note") for item in feed.greatest(rows)]


def test_a_file_that_is_loaded_again_changes_nothing(world: World, tmp_path: Path) -> None:
    feed = make_feed(world, tmp_path, "integer")
    feed.clear()
    rows = ["a,1,one,\n", "b,2,two,\n", "c,3,,x\n"]
    assert feed.load(rows).items == ItemCounts(put=2, deleted=1)
    before = feed.items()
    assert feed.load(rows).items == ItemCounts(unchanged=3)
    assert feed.items() == before


def test_an_older_file_brings_back_nothing_that_a_newer_one_deleted(world: World, tmp_path: Path) -> None:
    feed = make_feed(world, tmp_path, "date")
    feed.clear()
    feed.load(["a,2026-03-01,,x\n"])
    assert feed.load(["a,2026-02-01,old,\n", "b,2026-02-01,old,\n"]).items == ItemCounts(put=1, outdated=1)
    alive = world.dynamodb.scan(TableName="things", FilterExpression="attribute_not_exists(penstock_deleted)")
    assert [item["pk"]["S"] for item in alive["Items"]] == ["T#b"]


def test_an_item_of_another_type_rejects_the_row_with_its_place(world: World, tmp_path: Path) -> None:
    make_feed(world, tmp_path, "string").clear()
    make_feed(world, tmp_path, "string").load(["a,2026,text,\n"])
    report = make_feed(world, tmp_path, "integer").load(["b,1,n,\n", "a,2027,n,\n"])
    assert (report.counts.loaded, report.counts.rejected, report.errors) == (1, 1, {"item-error": 1})
