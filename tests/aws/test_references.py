"""Which object a reference is, and which version of it: exactly one, whatever else lies there."""

import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from embedded_aws import World, make_world

from penstock.aws.loader import Loader
from penstock.aws.object_state import Applied
from penstock.aws.references import describe_references, find_references
from penstock.aws.table.send import Sender
from penstock.compile.plan import compile_contract
from penstock.contract.read import read_contract
from penstock.errors import DataError
from penstock.local.server import Server
from penstock.plan.model import Plan, Query, Reference

pytestmark = pytest.mark.aws

CONTRACT = """\
penstock: 1
name: orders
source: {prefix: incoming/orders/}
schema: {fields: [{name: id, type: string}]}
load: {table: orders, partition_key: id}
"""
KEYED = Reference("countries", "reference/countries.csv", None, None, None, ())
OF_A_FEED = Reference("airports", None, "incoming/airports/", ".csv", None, ())


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    path = tmp_path_factory.mktemp("contract") / "orders.yaml"
    path.write_text(CONTRACT)
    return compile_contract(read_contract(path))


@pytest.fixture
def world(server: Server) -> Iterator[World]:
    with make_world(server) as made:
        yield made


def refer(world: World, plan: Plan, *references: Reference) -> Loader:
    query = Query(plan, (), references, "", None, (), (), "", "")
    sender = Sender(world.connections, 1)
    sender.close()
    return Loader(replace(plan, query=query), world.connections, sender, world.ledger, world.artifacts)


def apply(world: World, key: str, version: str, status: str = "done") -> None:
    """Have the ledger say that a version of an object was loaded, or refused, by its own feed."""
    run = f"run of {version}"
    claim = world.ledger.claim("airports", world.landing, key, run, world.now + 60)
    assert claim is not None
    world.ledger.settle(claim, Applied(version, "etag", status, "plan", run))  # type: ignore[arg-type]  # the test's own


def found(world: World, plan: Plan, reference: Reference) -> tuple[str, str]:
    loader = refer(world, plan, reference)
    told = describe_references(find_references(loader, world.landing))[reference.name]
    return told["key"], told["version"]


def test_a_feed_without_a_query_refers_to_nothing(world: World, plan: Plan) -> None:
    loader = replace(refer(world, plan), plan=plan)
    assert find_references(loader, world.landing) == ()


def test_a_key_is_the_object_as_it_is_now(world: World, plan: Plan) -> None:
    world.put("reference/countries.csv", b"old")
    newer = world.put("reference/countries.csv", b"new")
    assert found(world, plan, KEYED) == ("reference/countries.csv", newer)


def test_a_key_without_an_object_is_refused_with_where_to_put_it(world: World, plan: Plan) -> None:
    world.put("reference/countries.csv.old", b"another")
    with pytest.raises(
        DataError, match=r"countries is not there: put it to s3://.*/reference/countries\.csv"
    ) as error:
        find_references(refer(world, plan, KEYED), world.landing)
    assert error.value.code == "reference-error"


def test_of_a_feed_it_is_the_newest_object_whose_own_run_loaded_it(world: World, plan: Plan) -> None:
    """What was refused, what is not loaded yet, and what is another's is passed over."""
    keys = ("incoming/airports/1.csv", "incoming/airports/2.csv", "incoming/airports/3.csv")
    first, second, third = (world.put(key, key.encode()) for key in keys)
    world.put("incoming/airports/4.csv", b"not loaded yet")
    apply(world, "incoming/airports/5.txt", world.put("incoming/airports/5.txt", b"another feed's"))
    apply(world, keys[0], first)
    apply(world, keys[1], second)
    apply(world, keys[2], third, "rejected")
    assert found(world, plan, OF_A_FEED) == (keys[1], second)


def test_the_time_decides_and_not_the_name(world: World, plan: Plan) -> None:
    older = world.put("incoming/airports/z.csv", b"older")
    time.sleep(1.1)  # S3's times have whole seconds
    newer = world.put("incoming/airports/a.csv", b"newer")
    apply(world, "incoming/airports/z.csv", older)
    apply(world, "incoming/airports/a.csv", newer)
    assert found(world, plan, OF_A_FEED) == ("incoming/airports/a.csv", newer)


def test_while_a_newer_version_is_on_its_way_the_loaded_one_is_read(world: World, plan: Plan) -> None:
    key = "incoming/airports/all.csv"
    loaded = world.put(key, b"loaded")
    apply(world, key, loaded)
    world.put(key, b"on its way")
    assert found(world, plan, OF_A_FEED) == (key, loaded)


def test_a_feed_that_has_loaded_nothing_is_refused_with_what_to_do(world: World, plan: Plan) -> None:
    world.put("incoming/airports/all.csv", b"not loaded")
    with pytest.raises(DataError, match=r"airports no object under .*incoming/airports/ is loaded") as error:
        find_references(refer(world, plan, OF_A_FEED), world.landing)
    assert error.value.code == "reference-error"
