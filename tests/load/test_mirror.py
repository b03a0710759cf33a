"""Versions of an object one after the other, some broken off, under a manifest: the table is what a plain model says.

A run writes what the model says and no more, whoever does it: one process, several that take turns, or many workers.
"""

from __future__ import annotations

import json
import random
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mirror_oracle import GONE, UNKNOWN, Change, Model, key_of
from run_memory import Items, Loaded, Memory, Rejects, compile_things
from run_oracle import FIELDS, Feed, feeds, good_rows, odd, render, rows
from run_workers import Shelf, World

from penstock.engine.manifest import Base
from penstock.errors import ServiceError
from penstock.load.conclude import report_failure
from penstock.load.report import Report
from penstock.load.run import run_object
from penstock.plan.model import Plan


class Version(NamedTuple):
    """A version of the object, who loads it, and after how many writes the service breaks."""

    records: list[list[str]]
    way: Literal["alone", "turns", "map"]
    lasts: int | None


def run_bytes(plan: Plan, memory: Memory, way: str, shelf: Shelf, dice: random.Random) -> Loaded:
    """Load a version; one that breaks off gives a report that failed."""
    world = World(plan, memory, dice, dice.randrange(20, 300), shelf.store, shelf=shelf)
    if way == "turns":
        return world.take_turns()
    if way == "map":
        try:
            return world.map(dice.randrange(20, 200))
        except ServiceError:
            found = [part for _, part in sorted(world.results.items())]
            writes = tuple(write for part in found for write in part.writes)
            return Loaded(report_failure(plan, memory.key, "it broke off"), writes, ())
    with world.worker(shelf.base.files) as scratch:
        upkeep = shelf.upkeep(scratch, shelf.base, limited=True)
        report = run_object(
            plan,
            memory,
            Items(memory),
            Rejects(memory),
            scratch,
            batch_bytes=world.batch_bytes,
            upkeep=upkeep,
        )
        assert isinstance(report, Report)
    return Loaded(report, tuple(memory.writes), tuple(memory.found))


def check(loaded: Loaded, change: Change, model: Model) -> None:
    """Hold a run that came to its end against what the model says of it."""
    report = loaded.report
    assert report.status != "failed", report.reason
    assert asdict(report.counts) == change.counts
    if change.refused:
        assert not loaded.writes
        return
    puts = {key_of(model.feed, item) for item in loaded.items}
    deletes = [key_of(model.feed, key) for key in loaded.deletes]
    assert len(loaded.items) == len(puts)
    assert len(deletes) == len(set(deletes))
    assert puts == {key for key, item in change.sends.items() if item != GONE}
    assert set(deletes) == {key for key, item in change.sends.items() if item == GONE} | change.vanished
    assert asdict(report.items) == {
        "put": len(puts),
        "deleted": len(deletes),
        "unchanged": len(change.wins) - len(change.sends),
        "outdated": 0,
        "kept": len(change.kept),
    }


by_place = feeds.filter(lambda feed: feed.on_duplicate != "newest")
versions = st.builds(
    Version,
    st.lists(good_rows | good_rows | rows | odd, max_size=12),
    st.sampled_from(["alone", "alone", "turns", "map"]),
    st.none() | st.none() | st.integers(0, 6),
)


@settings(max_examples=7)
@given(by_place, st.booleans(), st.lists(versions, min_size=2, max_size=5), st.integers(0, 2**32))
def test_a_table_follows_its_object_whatever_broke_off_before(
    feed: Feed, mirrors: bool, history: list[Version], seed: int
) -> None:
    dice, model = random.Random(seed), Model(feed, mirrors)
    parts = feed.parts
    parts["load"] |= {"mode": "mirror", "max_deletes": "100%"} if mirrors else {"skip_unchanged": True}
    with tempfile.TemporaryDirectory() as name:
        plan = compile_things(Path(name), FIELDS, **parts)
        shelf = Shelf(Path(name))
        for version in [*history, history[-1]._replace(lasts=None)]:
            change, begun = model.plan(version.records), shelf.runs
            memory = Memory(render(version.records, "\n").encode(), lasts=version.lasts)
            loaded = run_bytes(plan, memory, version.way, shelf, dice)
            model.write(loaded.writes)
            if loaded.report.status == "failed":
                assert version.lasts is not None
                if shelf.runs > begun:
                    model.break_off(change)
                continue
            check(loaded, change, model)
            if change.refused:
                continue
            model.end(change)
            for key, item in model.known.items():
                assert item == UNKNOWN or model.table.get(key, GONE) == item
            if mirrors:  # and what is not of the newest version is gone
                assert set(model.table) <= set(model.known)


class Object:
    """Versions of one object, one after the other, loaded in one go."""

    def __init__(self, folder: Path, fields: list[Any], **parts: Any) -> None:
        self.plan = compile_things(folder, fields, **parts)
        self.shelf = Shelf(folder)

    def load(self, data: str, *, limited: bool = True, refuse: tuple[str, ...] = ()) -> Loaded:
        memory = Memory(data.encode(), refuse)
        world = World(self.plan, memory, random.Random(1), 2**20, self.shelf.store, shelf=self.shelf)
        with world.worker(self.shelf.base.files) as scratch:
            upkeep = self.shelf.upkeep(scratch, self.shelf.base, limited=limited)
            report = run_object(self.plan, memory, Items(memory), Rejects(memory), scratch, upkeep=upkeep)
        assert isinstance(report, Report)
        assert report.counts.conserved
        return Loaded(report, tuple(memory.writes), tuple(memory.found))


MIRROR = {"partition_key": "id", "mode": "mirror"}
TEN = "id,size\n" + "".join(f"k{i},{i}\n" for i in range(10))
SIZE = {"name": "size", "type": "integer"}


@pytest.fixture
def things(tmp_path: Path) -> Object:
    found = Object(tmp_path, ["id", SIZE], load=MIRROR)
    assert len(found.load(TEN).writes) == 10
    return found


def test_a_version_that_is_the_same_writes_nothing_and_its_rows_are_loaded(things: Object) -> None:
    loaded = things.load(TEN)
    assert loaded.writes == ()
    assert (loaded.report.status, loaded.report.counts.loaded, loaded.report.items.unchanged) == (
        "done",
        10,
        10,
    )


def test_the_order_of_rows_and_the_spelling_of_a_number_are_no_change(things: Object) -> None:
    rows = [f"k{i},+0{i}" for i in reversed(range(10))]
    assert things.load("id,size\n" + "\n".join(rows)).writes == ()


def test_a_row_that_changed_is_written_and_one_that_vanished_is_deleted(things: Object) -> None:
    loaded = things.load(TEN.replace("k3,3\n", "").replace("k4,4", "k4,44"))
    assert loaded.items == [{"id": {"S": "k4"}, "size": {"N": "44"}}]
    assert loaded.deletes == [{"id": {"S": "k3"}}]
    assert loaded.report.items.deleted == 1


def test_a_rejected_row_keeps_its_old_item(things: Object) -> None:
    loaded = things.load(TEN.replace("k3,3", "k3,x"))
    assert (loaded.writes, list(loaded.codes)) == ((), [5])
    assert things.load(TEN).writes == ()


def test_a_record_without_a_certain_key_keeps_all_that_vanished_until_the_next_version(
    things: Object,
) -> None:
    loaded = things.load(TEN.replace("k3,3\n", "").replace("k4,4", "k4,4,4"))
    assert loaded.writes == ()
    assert (loaded.report.items.kept, loaded.report.items.deleted) == (2, 0)
    assert [key["id"]["S"] for key in things.load(TEN.replace("k3,3\n", "")).deletes] == ["k3"]


def test_more_that_vanished_than_the_limit_allows_refuses_the_file_before_anything_is_written(
    things: Object,
) -> None:
    less = TEN.replace("k3,3\n", "").replace("k4,4\n", "").replace("k5,5", "k5,55")
    loaded = things.load(less)
    assert loaded.writes == ()
    assert (loaded.report.status, loaded.report.code) == ("rejected", "delete-limit")
    assert loaded.report.reason == (
        "2 of the 10 items of this object are not in the file any more, more than the limit of 10%; nothing was changed"
    )
    assert loaded.report.counts.withheld == 8
    assert len(things.load(less, limited=False).deletes) == 2


def test_a_file_without_rows_comes_under_the_same_limit(things: Object) -> None:
    assert things.load("id,size\n").report.code == "delete-limit"


def test_a_count_can_be_the_limit(tmp_path: Path) -> None:
    things = Object(tmp_path, ["id", SIZE], load={**MIRROR, "max_deletes": 2})
    things.load(TEN)
    assert things.load(TEN.replace("k3,3\n", "").replace("k4,4\n", "")).report.status == "done"
    assert (
        things.load("id,size\n" + "".join(f"k{i},{i}\n" for i in range(5, 8))).report.code == "delete-limit"
    )


def test_an_item_that_the_service_refused_is_not_taken_for_written(things: Object) -> None:
    changed = TEN.replace("k3,3", "k3,33").replace("k4,4", "k4,44")
    assert things.load(changed, refuse=('"33"',)).report.counts.rejected == 1
    assert things.load(changed).items == [{"id": {"S": "k3"}, "size": {"N": "33"}}]


def test_an_item_that_was_deleted_is_not_deleted_again(tmp_path: Path) -> None:
    load = {**MIRROR, "delete_where": "size = 0"}
    things = Object(tmp_path, ["id", SIZE], load=load)
    assert len(things.load(TEN).deletes) == 1
    assert things.load(TEN).writes == ()
    assert things.load(TEN.replace("k0,0\n", "")).writes == ()


TWO = [
    {"name": "thing", "partition_key": {"name": "pk", "value": "THING#{id}"}, "keep": ["size"]},
    {"name": "label", "partition_key": {"name": "pk", "value": "LABEL#{label}"}, "when": "label IS NOT NULL"},
]


def two_items(folder: Path, **load: Any) -> Object:
    return Object(
        folder, ["id", SIZE, "label"], load={"items": TWO, "mode": "mirror", "max_deletes": "100%", **load}
    )


def test_each_item_of_a_row_is_followed_by_itself(tmp_path: Path) -> None:
    things = two_items(tmp_path)
    assert len(things.load("id,size,label\na,1,x\nb,2,\n").items) == 3
    loaded = things.load("id,size,label\na,1,y\nb,2,\n")
    assert [item["pk"]["S"] for item in loaded.items] == ["LABEL#y"]
    assert loaded.deletes == [{"pk": {"S": "LABEL#x"}}]
    assert (loaded.report.counts.loaded, loaded.report.items.unchanged) == (2, 2)


def test_an_item_that_a_rejected_row_certainly_lacks_needs_no_key(tmp_path: Path) -> None:
    things = two_items(tmp_path)
    things.load("id,size,label\na,1,\nb,2,\nc,3,z\n")
    loaded = things.load("id,size,label\na,x,\nb,2,\n")
    assert sorted(key["pk"]["S"] for key in loaded.deletes) == ["LABEL#z", "THING#c"]


def test_what_a_row_that_repeats_a_key_would_have_written_is_not_taken_for_written(tmp_path: Path) -> None:
    things = two_items(tmp_path, on_duplicate="reject")
    assert len(things.load("id,size,label\na,1,x\na,2,y\n").items) == 2
    assert [i["pk"]["S"] for i in things.load("id,size,label\na,1,x\nb,2,y\n").items] == [
        "THING#b",
        "LABEL#y",
    ]


def test_wide_rows_are_followed_too_whatever_way_their_cells_went(tmp_path: Path) -> None:
    names = [f"f{i}" for i in range(60)]
    fields = ["id", *({"name": name, "type": "number"} for name in names)]
    things = Object(tmp_path, fields, load=MIRROR)
    header = ",".join(["id", *names])
    lines = [",".join([f"k{row}", *(str(row * i) for i in range(60))]) for row in range(20)]
    assert len(things.load("\n".join([header, *lines])).writes) == 20
    spelled = [line.replace(",0,", ",0e0,", 1) for line in lines]
    assert things.load("\n".join([header, *spelled])).writes == ()
    lines[3] = lines[3].replace(",3,", ",4,", 1)
    lines[4] = lines[4].replace(",4,", ",x,", 1)
    loaded = things.load("\n".join([header, *lines[:-1]]))
    assert [item["id"]["S"] for item in loaded.items] == ["k3"]
    assert loaded.deletes == [{"id": {"S": "k19"}}]
    assert list(loaded.codes) == [6]


def test_an_upsert_that_skips_what_did_not_change_deletes_nothing(tmp_path: Path) -> None:
    things = Object(tmp_path, ["id", SIZE], load={"partition_key": "id", "skip_unchanged": True})
    things.load(TEN)
    loaded = things.load("id,size\nk1,1\nk2,22\n")
    assert [write.operation for write in loaded.writes] == ["put"]
    assert (loaded.report.items.unchanged, loaded.report.items.deleted) == (1, 0)


def test_without_a_manifest_at_hand_everything_is_written(load: Any) -> None:
    for _ in range(2):
        assert len(load(["id", SIZE], TEN, load=MIRROR).writes) == 10


LABELS = st.lists(
    st.tuples(st.sampled_from("abcdef"), st.integers(0, 3), st.sampled_from(["", "x", "y", "z"])), max_size=9
)


@settings(max_examples=7)
@given(
    st.sampled_from(["last", "first"]),
    st.lists(st.tuples(LABELS, versions), min_size=1, max_size=4),
    LABELS,
    st.integers(0, 2**32),
)
def test_whatever_came_before_a_mirrors_table_is_that_of_its_newest_version_alone(
    on_duplicate: str, history: list[tuple[Any, Version]], newest: Any, seed: int
) -> None:
    """Of rows of several items, whose keys meet, and none of which is wrong."""
    dice = random.Random(seed)
    with tempfile.TemporaryDirectory() as name:
        things = two_items(Path(name), on_duplicate=on_duplicate)
        table: dict[str, str] = {}

        def load(rows: Any, version: Version) -> None:
            body = "id,size,label\n" + "".join(f"{a},{b},{c}\n" for a, b, c in rows)
            memory = Memory(body.encode(), lasts=version.lasts)
            loaded = run_bytes(things.plan, memory, version.way, things.shelf, dice)
            assert loaded.report.status != "failed" or version.lasts is not None
            for write in loaded.writes:
                key = json.loads(write.body)["pk"]["S"]
                table.pop(key, None)
                if write.operation == "put":
                    table[key] = write.body

        for rows, version in history:
            load(rows, version)
        whole = Version([], "map" if seed % 2 else "alone", None)
        load(newest, whole)
        found, things.shelf.base = dict(table), Base()
        table.clear()
        load(newest, whole)
        assert found == table
