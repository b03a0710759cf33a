"""Whatever is killed, repeated or shuffled: the newest version of each object ends up loaded, whole, once."""

import json
import random
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from break_things import (
    deliver_at_once,
    is_drained,
    kill_function,
    notification,
    runs_of,
    sweep,
    wait_for,
    wait_until_applied,
)
from deployed_world import World
from ourairports_oracle import EXAMPLE, Value, expect_runways

from penstock.contract.project import read_project
from penstock.local.follow import Landed
from penstock.local.project import deploy_project
from penstock.local.server import start_server, stop_server

pytestmark = pytest.mark.aws

Orders = Callable[[int, int], bytes]

DAYS = [
    path.read_bytes()
    for path in sorted(
        [
            *(EXAMPLE / "data").glob("runways-*.csv.gz"),
            *(Path(__file__).parent / "data").glob("runways-*.csv.gz"),
        ],
        key=lambda path: path.name,
    )
]


def test_one_event_ten_times_at_once_is_one_load(world: World, orders: Orders) -> None:
    landed = world.land("orders", "ten.csv", orders(50, 6000))
    deliver_at_once(world, "orders", [notification(landed)] * 10)
    wait_until_applied(world, landed)
    (run,) = runs_of(world, landed)
    assert (run.status, run.counts["loaded"], run.items["put"]) == ("done", 50, 50)


def test_one_direct_event_ten_times_at_once_is_one_load(world: World) -> None:
    landed = world.land("direct", "ten.csv", b"id,amount\nten,1\n")
    function = world.running.names.feed("direct").function
    with ThreadPoolExecutor(10) as pool:
        calls = [
            pool.submit(
                world.client("lambda").invoke, FunctionName=function, Payload=notification(landed).encode()
            )
            for _ in range(10)
        ]
    assert all(json.loads(call.result()["Payload"].read()) == {"outcome": "done"} for call in calls)
    wait_until_applied(world, landed)
    assert [run.status for run in runs_of(world, landed)] == ["done"]


def test_a_loader_killed_in_the_middle_of_a_load_is_found_and_its_file_loaded_whole(
    world: World, orders: Orders
) -> None:
    function, count = world.running.names.feed("killed").function, 4_000
    world.client("lambda").update_function_configuration(FunctionName=function, Timeout=10)
    landed = world.land("killed", "big.csv", orders(count, 1))
    wait_for(lambda: len(world.scan("killed")) >= 100, 20, "some of the file is written")
    kill_function(world, "killed")
    written = len(world.scan("killed"))
    assert 0 < written < count, "it was killed in the middle"
    state = world.running.ledger.read_state(landed.bucket, landed.key)
    assert (state.applied, state.claim_run is not None) == (None, True)
    # The queue's own message may be gone: another delivery met the claim, and was done with a mark.
    deliver_at_once(world, "killed", [notification(landed)] * 2)
    wait_for(lambda: state.claim_expires_at < world.running.ledger.clock(), 60, "the claim runs out")
    assert sweep(world, "killed")["died"] + len(runs_of(world, landed)) >= 2
    wait_until_applied(world, landed)
    found = {str(item["id"]) for item in world.scan("killed")}
    assert found == {f"O-{1 + i}" for i in range(count)}
    last, *others = runs_of(world, landed)
    assert (last.status, last.counts["loaded"], last.counts["read"]) == ("done", count, count)
    assert others
    assert all(run.status in {"failed", "done"} for run in others)
    assert any("worker ended" in str(run.reason) for run in others)


def test_an_embedded_aws_that_stops_in_the_middle_of_a_load_goes_on_where_it_is_started_again(
    tmp_path: Path, orders: Orders
) -> None:
    folder, state = tmp_path / "project", tmp_path / "state"
    (folder / "contracts").mkdir(parents=True)
    (folder / "penstock.yaml").write_text("penstock: 1\nname: harbour\n")
    shutil.copy(Path(__file__).parent / "feeds" / "killed.yaml", folder / "contracts")
    count = 4_000
    server = start_server(state)
    try:
        world = World(deploy_project(folder, read_project(folder), server))
        function = world.running.names.feed("killed").function
        world.client("lambda").update_function_configuration(FunctionName=function, Timeout=10)
        landed = world.land("killed", "big.csv", orders(count, 1))
        wait_for(lambda: len(world.scan("killed")) >= 100, 20, "some of the file is written")
    finally:
        stop_server(server)
    server = start_server(state, port=int(server.endpoint.rpartition(":")[2]))  # which its queues' URLs name
    try:
        world = World(deploy_project(folder, read_project(folder), server))
        before = world.running.ledger.read_state(landed.bucket, landed.key)
        assert before.applied is None
        wait_for(lambda: before.claim_expires_at < world.running.ledger.clock(), 60, "the claim runs out")
        sweep(world, "killed")
        wait_until_applied(world, landed)
        assert len(world.scan("killed")) == count
        assert runs_of(world, landed)[0].counts["loaded"] == count
    finally:
        stop_server(server)


@pytest.fixture(scope="module")
def shuffled(world: World) -> dict[str, tuple[list[int], Landed]]:
    """The five days, shuffled and repeated, dropped on two feeds at once while events of all of them come again."""
    dice = random.Random(5)
    dropped: dict[str, tuple[list[int], Landed]] = {}
    for feed in ("daily", "daily-mirror"):
        order = dice.sample(range(5), 5)
        order.insert(dice.randrange(1, 5), dice.choice(order))
        dropped[feed] = (order, world.land(feed, "runways.csv.gz", DAYS[order[0]]))
    for n in range(1, 6):
        for feed, (order, before) in dropped.items():
            landed = world.land(feed, "runways.csv.gz", DAYS[order[n]])
            deliver_at_once(world, feed, [notification(old) for old in (before, landed, before)])
            dropped[feed] = (order, landed)
    for _, landed in dropped.values():
        wait_until_applied(world, landed, 240)
    return dropped


def _items(world: World, table: str) -> dict[tuple[Value, Value], dict[str, Value]]:
    return {(item["airport_ident"], item["id"]): item for item in world.scan(table)}


@pytest.mark.parametrize("feed", ["daily", "daily-mirror"])
def test_of_five_days_shuffled_the_newest_drop_is_applied_last_and_the_ledger_tells_the_story(
    world: World, shuffled: dict[str, tuple[list[int], Landed]], feed: str
) -> None:
    _, landed = shuffled[feed]
    runs = runs_of(world, landed)
    assert runs[0].version == landed.version
    assert {run.status for run in runs} == {"done"}
    assert len({run.version for run in runs}) == len(runs), "no version was loaded twice"
    for run in runs:
        counts = dict(run.counts)
        assert counts.pop("read") == sum(counts.values())


def test_of_five_days_shuffled_an_upsert_has_the_newest_rows_and_of_others_what_some_day_said(
    world: World, shuffled: dict[str, tuple[list[int], Landed]]
) -> None:
    order, _ = shuffled["daily"]
    found, newest = _items(world, "daily"), expect_runways(DAYS[order[-1]]).items
    assert {key: found[key] for key in newest} == newest
    days = [expect_runways(day).items for day in DAYS]
    assert all(any(day.get(key) == item for day in days) for key, item in found.items())


def test_of_five_days_shuffled_a_mirror_has_the_newest_rows_and_no_others(
    world: World, shuffled: dict[str, tuple[list[int], Landed]]
) -> None:
    order, landed = shuffled["daily-mirror"]
    expected = expect_runways(DAYS[order[-1]])
    found = _items(world, "daily-mirror")
    assert {key: found[key] for key in expected.items} == expected.items
    rejected = {
        int(reject.raw.split(b",")[0]) for reject in world.rejects(runs_of(world, landed)[0]).values()
    }
    assert {int(str(sort)) for _, sort in found.keys() - expected.items.keys()} <= rejected, (
        "their old items stay"
    )
    assert max(run.items["put"] for run in runs_of(world, landed)[:-1]) < 200, (
        "but for the first, only what differs"
    )


@pytest.mark.parametrize("feed", ["daily", "daily-mirror"])
def test_the_queue_is_empty_when_all_is_told(world: World, shuffled: object, feed: str) -> None:
    wait_for(lambda: is_drained(world, feed), 20, "the queue is empty")
