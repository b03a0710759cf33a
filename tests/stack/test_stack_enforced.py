"""The loader does all its work with the permissions of its role and no others: here they are enforced."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from stack_samples import feed, write_project

from penstock.local import server as server_module
from penstock.local.install import cache_folder
from penstock.local.server import Server, start_server, stop_server
from penstock.stack.connect import Connection
from penstock.stack.deploy import deploy
from penstock.stack.names import Names
from penstock.stack.target import emulated_target

pytestmark = pytest.mark.aws
PATIENCE = 120.0
FILE = b"order_id,customer_id,quantity,status,expires\no1,c1,2,NEW,5\no2,c1,two,NEW,5\n"


@pytest.fixture
def enforcing(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """An embedded AWS that asks IAM about every call; as people use it, it does not."""
    usual = server_module.server_environment

    def with_iam(*arguments: Any, **options: Any) -> Mapping[str, str]:
        return {**usual(*arguments, **options), "AUTH": "true"}

    monkeypatch.setattr(server_module, "server_environment", with_iam)
    started = start_server()
    yield started
    stop_server(started)


def _items(connection: Connection, table: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = connection.client("dynamodb").scan(TableName=table)["Items"]
    return found


def _runs(connection: Connection, names: Names) -> dict[str, str]:
    items = _items(connection, names.ledger)
    return {item["feed"]["S"]: item["status"]["S"] for item in items if item["sk"]["S"] == "RUN"}


def _call_as_scheduled(connection: Connection, names: Names, feed_name: str) -> dict[str, Any]:
    """Call a feed's loader with what its schedule sends, and give its answer."""
    schedule = connection.client("scheduler").get_schedule(Name=names.feed(feed_name).schedule)
    called = connection.client("lambda").invoke(
        FunctionName=schedule["Target"]["Arn"], Payload=schedule["Target"]["Input"]
    )
    assert "FunctionError" not in called
    answer: dict[str, Any] = json.loads(called["Payload"].read())
    return answer


def test_queue_direct_call_and_schedule_work_within_their_roles(enforcing: Server, tmp_path: Path) -> None:
    connection = enforcing.connection()
    feeds = [feed("orders"), feed("returns", trigger="direct", schedule="rate(1 hour)")]
    folder = write_project(tmp_path / "shop", feeds)
    cache = cache_folder() / "package"
    deployed = deploy(folder, connection, emulated_target(), confirm=lambda _: True, cache=cache)
    assert deployed is not None
    names, s3 = deployed.names, connection.client("s3")
    for bucket in (names.landing_bucket, names.artifacts_bucket):
        s3.delete_bucket_policy(Bucket=bucket)  # it asks for TLS, which there is none of on loopback
    for name in ("orders", "returns"):
        s3.put_object(Bucket=names.landing_bucket, Key=f"incoming/{name}/a file.csv", Body=FILE)

    wanted = {"orders": "done", "returns": "done"}
    deadline = time.monotonic() + PATIENCE
    while _runs(connection, names) != wanted and time.monotonic() < deadline:
        time.sleep(0.3)
    assert _runs(connection, names) == wanted
    assert _call_as_scheduled(connection, names, "returns") == {"outcome": "done"}
    for table in ("orders-items", "returns-items"):
        assert [item["order_id"]["S"] for item in _items(connection, table)] == ["o1"]
    written = [
        one["Key"].split("/")[:2] for one in s3.list_objects_v2(Bucket=names.artifacts_bucket)["Contents"]
    ]
    for name in ("orders", "returns"):
        assert ["rejects", name] in written
        assert ["reports", name] in written


def test_a_large_object_is_loaded_chunk_by_chunk_within_the_role(enforcing: Server, tmp_path: Path) -> None:
    connection = enforcing.connection()
    large = {"over": 0.001, "chunk": 0.001, "concurrency": 2}
    # A limit has every chunk surveyed and decided on, and not only loaded.
    contract = feed("orders", large_objects=large, quality={"max_rejects": "50%"})
    folder = write_project(tmp_path / "shop", [contract])
    cache = cache_folder() / "package"
    deployed = deploy(folder, connection, emulated_target(), confirm=lambda _: True, cache=cache)
    assert deployed is not None
    names, s3 = deployed.names, connection.client("s3")
    for bucket in (names.landing_bucket, names.artifacts_bucket):
        s3.delete_bucket_policy(Bucket=bucket)  # it asks for TLS, which there is none of on loopback
    rows = b"".join(b"o%d,c%d,%d,NEW,5\n" % (number % 90, number % 3, number) for number in range(120))
    body = FILE.splitlines(keepends=True)[0] + rows + b"o120,c0,two,NEW,5\n"
    s3.put_object(Bucket=names.landing_bucket, Key="incoming/orders/large.csv", Body=body)

    deadline = time.monotonic() + PATIENCE
    while _runs(connection, names) != {"orders": "done"} and time.monotonic() < deadline:
        time.sleep(0.3)
    assert _runs(connection, names) == {"orders": "done"}
    states = connection.client("stepfunctions")
    (machine,) = states.list_state_machines()["stateMachines"]
    (execution,) = states.list_executions(stateMachineArn=machine["stateMachineArn"])["executions"]
    assert execution["status"] == "SUCCEEDED"
    items = _items(connection, "orders-items")
    assert {item["order_id"]["S"]: int(item["quantity"]["N"]) for item in items} == {
        f"o{number % 90}": number for number in range(120)
    }
