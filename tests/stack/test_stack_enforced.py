"""The loader does all its work with the permissions of its role and no others: here they are enforced."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from enforced_world import deploy_enforced, run_enforcing_server
from patience import wait_for
from stack_samples import feed, query_feed

from penstock.aws.hint import QueuedHints
from penstock.aws.ledger import Ledger
from penstock.aws.list_runs import list_runs
from penstock.aws.replay.order import order_replay
from penstock.aws.runs import Run, get_run
from penstock.local.server import Server
from penstock.stack.connect import Connection
from penstock.stack.names import Names

pytestmark = pytest.mark.aws
FILE = b"order_id,customer_id,quantity,status,expires\no1,c1,2,NEW,5\no2,c1,two,NEW,5\n"


@pytest.fixture
def enforcing() -> Iterator[Server]:
    with run_enforcing_server() as server:
        yield server


def _items(connection: Connection, table: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = connection.client("dynamodb").scan(TableName=table)["Items"]
    return found


def _runs(connection: Connection, names: Names) -> dict[str, str]:
    items = _items(connection, names.ledger)
    return {item["feed"]["S"]: item["status"]["S"] for item in items if item["sk"]["S"] == "RUN"}


def _wait_for_runs(connection: Connection, names: Names, wanted: dict[str, str]) -> None:
    wait_for(lambda: _runs(connection, names) == wanted, f"the runs are {wanted}")


def _let_send_batches(connection: Connection, names: Names, feed_name: str) -> None:
    """Allow a sweep by the embedded AWS's own name for an action what its role allows by AWS's.

    To AWS, a batch of messages is ``sqs:SendMessage`` ("Amazon SQS API permissions"); here it is an action of its own.
    """
    own = names.feed(feed_name)
    role = connection.client("lambda").get_function_configuration(FunctionName=own.sweep)["Role"]
    statement = {"Effect": "Allow", "Action": "sqs:SendMessageBatch", "Resource": own.queue_arn}
    connection.client("iam").put_role_policy(
        RoleName=role.rpartition("/")[2],
        PolicyName="batches",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
    )


def _call_as_scheduled(connection: Connection, schedule: str) -> dict[str, Any]:
    """Call what a schedule calls with what it sends, and give the answer."""
    target = connection.client("scheduler").get_schedule(Name=schedule)["Target"]
    called = connection.client("lambda").invoke(FunctionName=target["Arn"], Payload=target["Input"])
    answer: dict[str, Any] = json.loads(called["Payload"].read())
    return answer


def test_queue_and_direct_call_work_within_their_roles(enforcing: Server, tmp_path: Path) -> None:
    connection, names = deploy_enforced(
        enforcing, tmp_path / "shop", feed("orders"), feed("returns", trigger="direct")
    )
    s3 = connection.client("s3")
    for name in ("orders", "returns"):
        s3.put_object(Bucket=names.landing_bucket, Key=f"incoming/{name}/a file.csv", Body=FILE)
    _wait_for_runs(connection, names, {"orders": "done", "returns": "done"})
    for table in ("orders-items", "returns-items"):
        assert [item["order_id"]["S"] for item in _items(connection, table)] == ["o1"]
    written = [
        one["Key"].split("/")[:2] for one in s3.list_objects_v2(Bucket=names.artifacts_bucket)["Contents"]
    ]
    for item in _items(connection, names.ledger):
        # The embedded AWS knows no `dynamodb:LeadingKeys`, by which the loaders are held to these.
        assert re.match(rf"RUN#|OBJECT#{names.landing_bucket}/incoming/(orders|returns)/", item["pk"]["S"])
    for name in ("orders", "returns"):
        assert ["rejects", name] in written
        assert ["reports", name] in written


def test_the_sweep_works_within_its_role_and_may_do_no_more(enforcing: Server, tmp_path: Path) -> None:
    hourly: dict[str, Any] = {"schedule": "rate(1 hour)", "alarms": {"silent_after": "1 day"}}
    connection, names = deploy_enforced(
        enforcing, tmp_path / "shop", feed("orders", **hourly), feed("returns", trigger="direct", **hourly)
    )
    s3 = connection.client("s3")
    _let_send_batches(connection, names, "orders")
    s3.put_bucket_notification_configuration(Bucket=names.landing_bucket, NotificationConfiguration={})
    for name in ("orders", "returns"):
        s3.put_object(Bucket=names.landing_bucket, Key=f"incoming/{name}/lost.csv", Body=FILE)
        answer = _call_as_scheduled(connection, names.feed(name).tick)
        assert answer == {"outcome": "done", "died": 0, "missing": []}
        answer = _call_as_scheduled(connection, names.feed(name).schedule)
        assert (answer["outcome"], answer["queued"]) == ("done", 1)
    _wait_for_runs(connection, names, {"orders": "done", "returns": "done"})

    # Set to another feed's queue, and to another bucket, it is denied both.
    s3.put_object(Bucket=names.landing_bucket, Key="incoming/orders/another.csv", Body=FILE)
    functions, sweep = connection.client("lambda"), names.feed("orders").sweep
    variables = functions.get_function_configuration(FunctionName=sweep)["Environment"]["Variables"]
    foreign = variables["PENSTOCK_QUEUE"] + "_dead-letters"
    for change in ({"PENSTOCK_QUEUE": foreign}, {"PENSTOCK_LANDING": names.artifacts_bucket}):
        functions.update_function_configuration(
            FunctionName=sweep, Environment={"Variables": {**variables, **change}}
        )
        assert "access was denied" in str(_call_as_scheduled(connection, names.feed("orders").schedule))


def test_a_bucket_that_keeps_no_versions_and_is_somebody_elses_takes_no_more_rights(
    enforcing: Server, tmp_path: Path
) -> None:
    s3 = enforcing.connection().client("s3")
    s3.create_bucket(Bucket="their-lake")
    hourly = feed("orders", schedule="rate(1 hour)")
    connection, names = deploy_enforced(
        enforcing, tmp_path / "shop", hourly, landing={"bucket": "their-lake"}
    )
    s3.put_object(Bucket="their-lake", Key="incoming/orders/a file.csv", Body=FILE)
    _wait_for_runs(connection, names, {"orders": "done"})
    assert [item["order_id"]["S"] for item in _items(connection, "orders-items")] == ["o1"]
    answer = _call_as_scheduled(connection, names.feed("orders").schedule)
    assert (answer["outcome"], answer["applied"], answer["queued"]) == ("done", 1, 0)


def test_a_large_object_is_loaded_chunk_by_chunk_within_the_role(enforcing: Server, tmp_path: Path) -> None:
    large = {"over": 0.001, "chunk": 0.001, "concurrency": 2}
    # A limit has every chunk surveyed and decided on, and not only loaded.
    parts: dict[str, Any] = {"large_objects": large, "quality": {"max_rejects": "50%"}}
    feeds = [
        feed("orders", **parts),
        feed("prices", load={"newest_by": "quantity"}, **parts),
        feed("stock", load={"mode": "mirror"}, **parts),
    ]
    connection, names = deploy_enforced(enforcing, tmp_path / "shop", *feeds)
    rows = [b"o%d,c%d,%d,NEW,5\n" % (number % 90, number % 3, number) for number in range(120)]
    # The last row of a key wins, or that of the greatest quantity wherever it stands.
    for name, ordered in {"orders": rows, "prices": [*reversed(rows)], "stock": rows}.items():
        body = FILE.splitlines(keepends=True)[0] + b"".join(ordered) + b"o120,c0,two,NEW,5\n"
        connection.client("s3").put_object(
            Bucket=names.landing_bucket, Key=f"incoming/{name}/large.csv", Body=body
        )
    wanted = {"orders": "done", "prices": "done", "stock": "done"}
    _wait_for_runs(connection, names, wanted)
    states = connection.client("stepfunctions")
    for machine in states.list_state_machines()["stateMachines"]:
        (execution,) = states.list_executions(stateMachineArn=machine["stateMachineArn"])["executions"]
        assert execution["status"] == "SUCCEEDED"
    for name in wanted:
        items = _items(connection, f"{name}-items")
        assert {item["order_id"]["S"]: int(item["quantity"]["N"]) for item in items} == {
            f"o{number % 90}": number for number in range(120)
        }


def test_a_mirror_keeps_its_manifests_within_the_role(enforcing: Server, tmp_path: Path) -> None:
    connection, names = deploy_enforced(
        enforcing, tmp_path / "shop", feed("orders", load={"mode": "mirror", "max_deletes": "100%"})
    )
    s3, key = connection.client("s3"), "incoming/orders/a file.csv"
    ledger = Ledger(connection.client("dynamodb"), names.ledger)

    def have_ended(number: int) -> bool:
        return sum(run.ended for run in list_runs(ledger)) == number

    for number, version in enumerate((FILE, FILE.replace(b"o1", b"o3"), FILE.replace(b"o1", b"o3")), 1):
        s3.put_object(Bucket=names.landing_bucket, Key=key, Body=version)
        wait_for(partial(have_ended, number), f"{number} runs have ended")
        time.sleep(1)  # runs of one second are in no order, and leave one another's manifests to the next one
    assert [(run.status, run.items["put"], run.items["deleted"]) for run in list_runs(ledger)] == [
        ("done", 0, 0),
        ("done", 1, 1),
        ("done", 1, 0),
    ]
    assert [item["order_id"]["S"] for item in _items(connection, "orders-items")] == ["o3"]
    (newest, *_) = list_runs(ledger)
    found = s3.list_objects_v2(Bucket=names.artifacts_bucket, Prefix="manifests/orders/")["Contents"]
    assert len(found) == 2, "the manifests before it are gone"
    assert all(newest.id in one["Key"] for one in found)


def test_a_query_reads_its_references_and_loads_its_result_by_the_state_machine_within_the_role(
    enforcing: Server, tmp_path: Path
) -> None:
    totals = {**query_feed("totals", "stock"), "large_objects": {"over": 0.001, "chunk": 0.001}}
    names_of_customers = [b"c%d" % number for number in range(90)]
    body = FILE.splitlines(keepends=True)[0] + b"".join(
        b"o-%s,%s,2,NEW,5\n" % (c, c) for c in names_of_customers
    )
    connection, names = deploy_enforced(enforcing, tmp_path / "shop", feed("stock"), totals)
    s3 = connection.client("s3")
    put = partial(s3.put_object, Bucket=names.landing_bucket)
    put(Key="incoming/stock/a file.csv", Body=body)
    _wait_for_runs(connection, names, {"stock": "done"})
    put(Key="reference/customers.csv", Body=b"\n".join([b"id", *names_of_customers]))
    put(Key="incoming/totals/a file.csv", Body=body)
    _wait_for_runs(connection, names, {"stock": "done", "totals": "done"})
    assert [item["orders"]["N"] for item in _items(connection, "totals-items")] == ["1"] * 90
    (machine,) = (
        one
        for one in connection.client("stepfunctions").list_state_machines()["stateMachines"]
        if one["name"] == names.feed("totals").state_machine
    )
    executions = connection.client("stepfunctions").list_executions(
        stateMachineArn=machine["stateMachineArn"]
    )
    assert [one["status"] for one in executions["executions"]] == ["SUCCEEDED"]


def test_rejects_are_replayed_within_the_role(enforcing: Server, tmp_path: Path) -> None:
    connection, names = deploy_enforced(enforcing, tmp_path / "shop", feed("orders"))
    s3 = connection.client("s3")
    s3.put_object(Bucket=names.landing_bucket, Key="incoming/orders/a file.csv", Body=FILE)
    ledger = Ledger(connection.client("dynamodb"), names.ledger)
    run = _await_end(lambda: next(iter(list_runs(ledger)), None))

    sqs = connection.client("sqs")
    hints = QueuedHints(sqs, sqs.get_queue_url(QueueName=names.feed("orders").queue)["QueueUrl"])
    changes: dict[int, bytes | None] = {FILE.index(b"o2"): b"o2,c1,2,NEW,5"}
    ordered = order_replay(s3, names.artifacts_bucket, hints, run, changes, time.time())
    replay = _await_end(lambda: get_run(ledger, ordered))
    assert (replay.status, replay.reason) == ("done", None)
    assert [item["order_id"]["S"] for item in _items(connection, "orders-items")] == ["o1", "o2"]
    report = s3.get_object(Bucket=names.artifacts_bucket, Key=f"reports/orders/{run.id}.json")
    assert json.loads(report["Body"].read())["counts"]["rejected"] == 0


def _await_end(find: Callable[[], Run | None]) -> Run:
    return wait_for(lambda: run if (run := find()) is not None and run.ended else None, "the run has ended")
