"""What an invocation's time and a feed's write budget allow."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import pytest

from penstock.aws.connect import Connections
from penstock.aws.ledger import Ledger
from penstock.aws.loader import Deadline, Loader, make_budget
from penstock.aws.objects import ObjectVersion
from penstock.compile.plan import compile_contract
from penstock.contract.read import read_contract
from penstock.plan.model import Manifest

CONTRACT = """\
penstock: 1
name: orders
source: {prefix: incoming/orders/}
schema: {fields: [{name: id, type: string}]}
load: {table: orders, partition_key: id}
"""


@pytest.fixture(scope="module")
def loader(tmp_path_factory: pytest.TempPathFactory) -> Loader:
    path: Path = tmp_path_factory.mktemp("contract") / "orders.yaml"
    path.write_text(CONTRACT)
    nothing = cast("Any", None)
    connections = Connections(region="us-east-1")
    return Loader(
        compile_contract(read_contract(path)), connections, nothing, Ledger(nothing, "ledger"), "artifacts"
    )


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


def limited(loader: Loader, units: int) -> Loader:
    return replace(loader, plan=replace(loader.plan, max_write_units=units))


def test_each_of_the_workers_that_may_run_at_once_has_its_share_of_the_budget(loader: Loader) -> None:
    assert loader.share_units(10) is None
    assert limited(loader, 1000).share_units(10) == 100


def test_a_batch_is_no_longer_than_a_limited_rate_writes_in_a_part_of_the_invocation(loader: Loader) -> None:
    minute, quarter = make_budget(60, Clock()), make_budget(900, Clock())
    assert loader.size_batch(quarter, 10) == loader.batch_bytes
    assert limited(loader, 1000).size_batch(quarter, 10) == 100 * 10 * 100
    assert limited(loader, 1000).size_batch(minute, 10) == 100 * 3 * 100
    assert limited(loader, 1).size_batch(quarter, 10) == 16 << 10
    assert limited(loader, 10**9).size_batch(quarter, 10) == loader.batch_bytes


def test_an_object_is_large_by_its_size_and_a_compressed_one_by_what_it_may_hold(loader: Loader) -> None:
    found = ObjectVersion("landing", "a.csv", "v1", "e1", 1000, "2026-01-01T00:00:00Z", packed=False)
    machine = replace(loader, state_machine="arn", large_bytes=1000)
    assert not machine.is_large(found)
    assert machine.is_large(replace(found, size=1001))
    assert machine.is_large(replace(found, size=251, packed=True))
    assert not machine.is_large(replace(found, size=250, packed=True))
    assert not replace(machine, state_machine=None).is_large(replace(found, size=10**12))


def test_an_object_that_is_mirrored_is_large_from_a_quarter_on(loader: Loader) -> None:
    machine = replace(loader, state_machine="arn", large_bytes=1000)
    mirror = replace(machine, plan=replace(machine.plan, manifest=Manifest(deletes=True)))
    found = ObjectVersion("landing", "key", "v1", "e1", 250, "2026-11-23T00:00:00Z", packed=False)
    assert not mirror.is_large(found)
    assert mirror.is_large(replace(found, size=251))


def test_a_worker_stops_while_there_is_time_for_what_is_in_flight() -> None:
    clock = Clock()
    deadline = Deadline(make_budget(100, clock), leg_seconds=1000)
    for _ in range(5):
        clock.now += 10
        assert not deadline.comes()  # 40 seconds are kept for four more of ten, and 10 to finish
    clock.now += 1
    assert deadline.comes()
    assert deadline.near


def test_a_leg_ends_after_its_time_and_the_next_begins_anew() -> None:
    clock = Clock()
    deadline = Deadline(make_budget(900, clock), leg_seconds=25)
    for _ in range(2):
        clock.now += 10
        assert not deadline.ends_leg()
    clock.now += 10
    assert deadline.ends_leg()
    assert not deadline.near
    clock.now += 100  # what was done is kept: no batch took that long
    deadline.begin_leg()
    clock.now += 10
    assert not deadline.ends_leg()
