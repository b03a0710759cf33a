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
    let_claim_run_out,
    notification,
    runs_of,
    sweep,
    wait_until_applied,
)
from deployed_world import World
from ourairports_oracle import Value, expect_runways
from patience import wait_for
from runways import cut

from penstock.aws.runs import Run
from penstock.contract.project import read_project
from penstock.local.follow import Landed
from penstock.local.project import deploy_project
from penstock.local.server import start_server, stop_server

pytestmark = pytest.mark.aws

Orders = Callable[[int, int], bytes]

CUT = cut(3_000)


def test_one_event_ten_times_at_once_is_one_load(world: World, orders: Orders) -> None:
    landed = world.land("orders", "ten.csv", orders(50, 6000))
    deliver_at_once(world, "orders", [notification(landed)] * 10)
    wait_until_applied(world, landed)
    (run,) = runs_of(world, landed)
    assert (run.status, run.counts["loaded"], run.items["put"]) == ("done", 50, 50)


def test_one_direct_event_four_times_at_once_is_one_load(world: World) -> None:
    landed = world.land("direct", "four.csv", b"id,amount\nfour,1\n")
    function = world.running.names.feed("direct").function
    with ThreadPoolExecutor(4) as pool:
        calls = [
            pool.submit(
                world.client("lambda").invoke, FunctionName=function, Payload=notification(landed).encode()
            )
            for _ in range(4)
        ]
    assert all(json.loads(call.result()["Payload"].read()) == {"outcome": "done"} for call in calls)
    wait_until_applied(world, landed)
    assert [run.status for run in runs_of(world, landed)] == ["done"]


def test_a_loader_killed_in_the_middle_of_a_load_is_found_and_its_file_loaded_whole(
    world: World, orders: Orders
) -> None:
    count = 4_000
    landed = world.land("killed", "big.csv", orders(count, 1))
    wait_for(lambda: len(world.scan("killed")) >= 100, "some of the file is written")
    kill_function(world, "killed")
    written = len(world.scan("killed"))
    assert 0 < written < count, "it was killed in the middle"
    state = world.running.ledger.read_state(landed.bucket, landed.key)
    assert (state.applied, state.claim_run is not None) == (None, True)
    # The queue's own message may be gone: another delivery meets the claim, and is done with a mark.
    deliver_at_once(world, "killed", [notification(landed)])
    ledger = world.running.ledger
    wait_for(lambda: ledger.read_state(landed.bucket, landed.key).pending, "the delivery leaves its mark")
    let_claim_run_out(world, landed)
    assert sweep(world, "killed")["died"] == 1
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
        landed = world.land("killed", "big.csv", orders(count, 1))
        wait_for(lambda: len(world.scan("killed")) >= 100, "some of the file is written")
    finally:
        stop_server(server)
    server = start_server(state, port=int(server.endpoint.rpartition(":")[2]))  # which its queues' URLs name
    try:
        world = World(deploy_project(folder, read_project(folder), server))
        before = world.running.ledger.read_state(landed.bucket, landed.key)
        assert before.applied is None
        let_claim_run_out(world, landed)
        sweep(world, "killed")
        wait_until_applied(world, landed)
        assert len(world.scan("killed")) == count
        assert runs_of(world, landed)[0].counts["loaded"] == count
    finally:
        stop_server(server)


def _shuffle(world: World, feed: str) -> tuple[bytes, Landed]:
    """Drop the five days in a drawn order, one of them twice, while events of all of them come again; wait until all is told.

    Gives the newest day and its place.
    """
    dice = random.Random(feed)
    order = dice.sample(range(5), 5)
    order.insert(dice.randrange(1, 5), order[0])
    dropped: list[Landed] = []
    for day in order:
        dropped.append(world.land(feed, "runways.csv.gz", CUT[day]))
        deliver_at_once(world, feed, [notification(dice.choice(dropped)) for _ in range(3)])
    wait_until_applied(world, dropped[-1])
    wait_for(lambda: is_drained(world, feed), "the queue is empty")
    return CUT[order[-1]], dropped[-1]


def _tells_the_story(runs: list[Run], landed: Landed) -> bool:
    """Tell whether the ledger has the newest version last, every version once, and nothing unaccounted for."""
    sums = [sum(count for name, count in run.counts.items() if name != "read") for run in runs]
    return (
        runs[0].version == landed.version
        and {run.status for run in runs} == {"done"}
        and len({run.version for run in runs}) == len(runs)
        and sums == [run.counts["read"] for run in runs]
    )


def _items(world: World, table: str) -> dict[tuple[Value, Value], dict[str, Value]]:
    return {(item["airport_ident"], item["id"]): item for item in world.scan(table)}


def test_of_five_days_shuffled_an_upsert_has_the_newest_rows_and_of_others_what_some_day_said(
    world: World,
) -> None:
    day, landed = _shuffle(world, "daily")
    assert _tells_the_story(runs_of(world, landed), landed)
    found, newest = _items(world, "daily"), expect_runways(day).items
    assert {key: found[key] for key in newest} == newest
    days = [expect_runways(other).items for other in CUT]
    assert all(any(items.get(key) == item for items in days) for key, item in found.items())


def test_of_five_days_shuffled_a_mirror_has_the_newest_rows_and_no_others(world: World) -> None:
    day, landed = _shuffle(world, "daily-mirror")
    runs = runs_of(world, landed)
    assert _tells_the_story(runs, landed)
    expected, found = expect_runways(day).items, _items(world, "daily-mirror")
    assert {key: found[key] for key in expected} == expected
    rejected = {int(reject.raw.split(b",")[0]) for reject in world.rejects(runs[0]).values()}
    assert {int(str(sort)) for _, sort in found.keys() - expected.keys()} <= rejected, "their old items stay"
    assert all(run.items["put"] < 200 for run in runs[:-1]), "but for the first, only what differs"
