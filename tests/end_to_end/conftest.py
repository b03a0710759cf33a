"""One embedded AWS and one deploy for all tests here; each test drops files under names of its own."""

import shutil
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from deployed_world import World
from ourairports_oracle import EXAMPLE

from penstock.contract.project import read_project
from penstock.local.project import deploy_project
from penstock.local.server import Server, start_server, stop_server

FEEDS = Path(__file__).with_name("feeds")
QUERIES = Path(__file__).with_name("queries")


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    started = start_server()
    yield started
    stop_server(started)


@pytest.fixture(scope="session")
def world(server: Server, tmp_path_factory: pytest.TempPathFactory) -> World:
    """The example's feeds and those of these tests, in one project."""
    folder = tmp_path_factory.mktemp("project")
    shutil.copytree(EXAMPLE / "contracts", folder / "contracts")
    shutil.copytree(FEEDS, folder / "contracts", dirs_exist_ok=True)
    for name, mode in (("daily", "upsert"), ("daily-mirror", "mirror"), ("mirrored", "mirror")):
        (folder / "contracts" / f"{name}.yaml").write_text(daily_runways(name, mode))
    shutil.copy(QUERIES / "runways-by-country.yaml", folder / "contracts")
    (folder / "penstock.yaml").write_text("penstock: 1\nname: harbour\n")
    make_parcels_table(server)
    world = World(deploy_project(folder, read_project(folder), server))
    # Every five minutes all their sweeps would start at once, and hold up the loaders that tests wait for. Tests call them.
    for feed in world.running.feeds:
        world.client("scheduler").delete_schedule(Name=world.running.names.feed(feed.name).tick)
    return world


def daily_runways(name: str, mode: str) -> str:
    """Give the contract of a feed that is the runways' but for its name, its place, its table, and its mode."""
    text = (EXAMPLE / "contracts" / "runways.yaml").read_text()
    changes = {
        "name: runways": f"name: {name}",
        "prefix: incoming/runways/": f"prefix: incoming/{name}/",
        "table: runways": f"table: {name}\n  mode: {mode}",
        "schedule: rate(1 hour)": "",
    }
    for old, new in changes.items():
        assert text.count(f"{old}\n") == 1
        text = text.replace(f"{old}\n", f"{new}\n")
    return text


def make_parcels_table(server: Server) -> None:
    server.connection().client("dynamodb").create_table(
        TableName="parcels",
        AttributeDefinitions=[
            {"AttributeName": "id", "AttributeType": "S"},
            {"AttributeName": "weight", "AttributeType": "N"},
        ],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
        GlobalSecondaryIndexes=[
            {
                "IndexName": "by_weight",
                "KeySchema": [{"AttributeName": "weight", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    )


@pytest.fixture
def orders() -> Callable[[int, int], bytes]:
    """Makes a file of orders: how many, and the number of the first."""

    def make(count: int, first: int = 1) -> bytes:
        rows = "".join(f"O-{first + i},{Decimal(i) / 4},note {i}\n" for i in range(count))
        return f"id,amount,note\n{rows}".encode()

    return make
