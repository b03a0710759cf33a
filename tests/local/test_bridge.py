"""The bridge: what functions log becomes metrics, and an alarm is told for its own data and no other's."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ConnectTimeoutError
from patience import PATIENCE

from penstock.local.bridge.carry import Bridge
from penstock.local.bridge.measure import read_document
from penstock.local.bridge.process import ensure_bridge, noted_bridge, stop_bridge
from penstock.local.processes import wait_until
from penstock.local.server import Server, start_server, stop_server
from penstock.stack.connect import Connection
from penstock.stack.names import Names
from penstock.watch.logs import read_line

ACCOUNTS = iter(range(1, 100))


def document(feed: str, **values: Any) -> dict[str, Any]:
    """A line in the Embedded Metric Format, as the functions write it."""
    metrics = [{"Name": name, "Unit": "Count"} for name in values]
    directive = {"Namespace": "Penstock", "Dimensions": [["Project", "Feed"]], "Metrics": metrics}
    about = {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [directive]}
    return {"event": "run done", "_aws": about, "Project": "shop", "Feed": feed, **values}


def points(line: object) -> list[tuple[str, tuple[float, ...]]]:
    found = read_document(read_line("g", 0, line if isinstance(line, str) else json.dumps(line)))
    return [(point.metric, point.values) for point in found]


def test_a_line_in_the_format_gives_its_values_under_its_dimensions() -> None:
    line = document("orders", FilesLoaded=1, RejectShare=[2.5, 3])
    [first, second] = read_document(read_line("g", 0, json.dumps(line)))
    assert (first.namespace, first.metric, first.values) == ("Penstock", "FilesLoaded", (1.0,))
    assert (second.values, second.unit) == ((2.5, 3.0), "Count")
    assert first.dimensions == (("Project", "shop"), ("Feed", "orders"))
    assert first.at == line["_aws"]["Timestamp"] / 1000


@pytest.mark.parametrize(
    "line",
    [
        "START RequestId: x",
        "{",
        '{"event": "_aws"}',
        '{"_aws": 1}',
        '{"_aws": {"Timestamp": "now"}}',
        '{"_aws": {"CloudWatchMetrics": [7]}}',
        '{"_aws": {"CloudWatchMetrics": [{"Dimensions": [[]], "Metrics": [{}]}]}}',
        '{"A": 1, "_aws": {"CloudWatchMetrics": [{"Dimensions": [[]], "Metrics": [{"Name": "A"}]}]}}',
        '{"_aws": {"CloudWatchMetrics": [{"Dimensions": [7], "Metrics": []}]}}',
    ],
)
def test_any_other_line_gives_none(line: str) -> None:
    assert points(line) == []


def test_what_is_no_number_is_left_out() -> None:
    assert points(document("orders", A="7", B=True, C=None, D=[1, "x"])) == [("D", (1.0,))]


@dataclass
class World:
    """An account with a topic and a queue that hears it, and a bridge."""

    connection: Connection
    bridge: Bridge
    topic: str
    ear: str

    def client(self, service: str) -> Any:
        return self.connection.client(service)

    def log(self, feed: str, *lines: dict[str, Any]) -> None:
        group, logs = f"/aws/lambda/shop_{feed}", self.client("logs")
        if not logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]:
            logs.create_log_group(logGroupName=group)
            logs.create_log_stream(logGroupName=group, logStreamName="s")
        events = [{"timestamp": int(time.time() * 1000), "message": json.dumps(line)} for line in lines]
        logs.put_log_events(logGroupName=group, logStreamName="s", logEvents=events)

    def alarm(self, name: str, metric: str, namespace: str = "Penstock", **dimensions: str) -> None:
        self.client("cloudwatch").put_metric_alarm(
            AlarmName=f"shop_{name}",
            Namespace=namespace,
            MetricName=metric,
            Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
            Statistic="Maximum",
            Period=60,
            EvaluationPeriods=1,
            Threshold=5,
            ComparisonOperator="GreaterThanThreshold",
            TreatMissingData="notBreaching",
            AlarmActions=[self.topic],
            OKActions=[self.topic],
        )

    def heard(self) -> list[tuple[str, str]]:
        """Take what was told: the names of alarms, and the states that they came to."""
        told = self.client("sqs").receive_message(QueueUrl=self.ear, MaxNumberOfMessages=10)
        found = [json.loads(json.loads(message["Body"])["Message"]) for message in told.get("Messages", ())]
        for message in told.get("Messages", ()):
            self.client("sqs").delete_message(QueueUrl=self.ear, ReceiptHandle=message["ReceiptHandle"])
        return sorted((message["AlarmName"], message["NewStateValue"]) for message in found)

    def values(self, metric: str, statistic: str, **dimensions: str) -> float:
        now = time.time()
        found = self.client("cloudwatch").get_metric_statistics(
            Namespace="Penstock",
            MetricName=metric,
            Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
            StartTime=now - 600,
            EndTime=now + 60,
            Period=3600,
            Statistics=[statistic],
        )
        return float(sum(point[statistic] for point in found["Datapoints"]))


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    started = start_server()
    yield started
    stop_server(started)


@pytest.fixture
def world(server: Server) -> World:
    account = f"{next(ACCOUNTS):012d}"
    connection = server.connection(account)
    sqs, sns = connection.client("sqs"), connection.client("sns")
    ear = sqs.create_queue(QueueName="ear")["QueueUrl"]
    topic = sns.create_topic(Name="alerts")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=f"arn:aws:sqs:{server.region}:{account}:ear")
    bridge = Bridge(connection, Names("shop", account, server.region), time.time() - 10)
    made = World(connection, bridge, topic, ear)
    for feed in ("orders", "returns"):
        made.alarm(f"{feed}_reject-share", "RejectShare", Project="shop", Feed=feed)
    bridge.step()
    assert made.heard() == [("shop_orders_reject-share", "OK"), ("shop_returns_reject-share", "OK")]
    return made


@pytest.mark.aws
def test_an_alarm_is_told_once_for_its_own_feeds_data_and_not_for_anothers(world: World) -> None:
    world.log("orders", document("orders", RejectShare=40))
    world.bridge.step()
    assert world.heard() == [("shop_orders_reject-share", "ALARM")]
    world.log("returns", document("returns", RejectShare=1))
    world.bridge.step()
    assert world.heard() == []
    world.log("returns", document("returns", RejectShare=60))
    world.bridge.step()
    assert world.heard() == [("shop_returns_reject-share", "ALARM")]


@pytest.mark.aws
def test_each_line_is_counted_once_however_often_the_bridge_looks(world: World) -> None:
    world.log("orders", *[document("orders", RecordsLoaded=7)] * 3)
    world.bridge.step()
    world.bridge.step()
    world.log("orders", document("orders", RecordsLoaded=7))
    world.bridge.step()
    assert world.values("RecordsLoaded", "Sum", Project="shop", Feed="orders") == 28


@pytest.mark.aws
def test_what_was_read_before_something_failed_is_counted_by_the_next_step(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*asked: object, **more: object) -> None:
        raise ConnectTimeoutError(endpoint_url="http://127.0.0.1")

    for service, operation in (("sqs", "list_queues"), ("cloudwatch", "put_metric_data")):
        world.log("orders", document("orders", RecordsLoaded=7))
        with monkeypatch.context() as broken:
            broken.setattr(world.client(service), operation, fail)
            with pytest.raises(ConnectTimeoutError):
                world.bridge.step()
    world.bridge.step()
    assert world.values("RecordsLoaded", "Sum", Project="shop", Feed="orders") == 14


@pytest.mark.aws
def test_dead_letters_are_a_metric_that_an_alarm_can_look_at(world: World) -> None:
    world.alarm(
        "orders_dead-letters", "ApproximateNumberOfMessagesVisible", "AWS/SQS", QueueName="shop_orders_dead"
    )
    url = world.client("sqs").create_queue(QueueName="shop_orders_dead")["QueueUrl"]
    world.client("sqs").create_queue(QueueName="shop_returns_dead")
    world.bridge.step()
    assert world.heard() == [("shop_orders_dead-letters", "OK")]
    for _ in range(6):
        world.client("sqs").send_message(QueueUrl=url, MessageBody="x")
    world.bridge.step()
    assert world.heard() == [("shop_orders_dead-letters", "ALARM")]


@pytest.mark.aws
def test_an_execution_that_failed_is_a_metric_once(world: World) -> None:
    states = world.client("stepfunctions")
    definition = {"StartAt": "Fail", "States": {"Fail": {"Type": "Fail"}}}
    role = "arn:aws:iam::000000000000:role/machine"
    machine = states.create_state_machine(
        name="shop_orders", definition=json.dumps(definition), roleArn=role
    )["stateMachineArn"]
    execution = states.start_execution(stateMachineArn=machine)["executionArn"]
    assert wait_until(
        lambda: states.describe_execution(executionArn=execution)["status"] == "FAILED", PATIENCE
    )
    found = [(point.metric, point.dimensions) for point in world.bridge._machines.measure()]
    assert found == [("ExecutionsFailed", (("StateMachineArn", machine),))]
    assert list(world.bridge._machines.measure()) == []


@pytest.mark.aws
def test_a_message_is_as_old_as_the_time_since_its_queue_was_empty(world: World) -> None:
    queues, sqs = world.bridge._queues, world.client("sqs")
    url, now = sqs.create_queue(QueueName="shop_orders_dead")["QueueUrl"], time.time()

    def age(moment: float) -> list[float]:
        found = queues.measure(moment)
        return [point.values[0] for point in found if point.metric == "ApproximateAgeOfOldestMessage"]

    assert age(now) == [0]
    sqs.send_message(QueueUrl=url, MessageBody="x")
    assert age(now + 10) == [10]
    assert age(now + 20) == []  # nothing changed, and it is not a minute ago
    assert age(now + 70) == [70]
    sqs.purge_queue(QueueUrl=url)
    assert age(now + 80) == [0]


@pytest.mark.aws
def test_alarms_speak_again_after_a_bridge_that_died_while_it_kept_them_silent(world: World) -> None:
    world.client("cloudwatch").disable_alarm_actions(AlarmNames=["shop_orders_reject-share"])
    world.bridge._begun = False
    world.log("orders", document("orders", RejectShare=40))
    world.bridge.step()
    world.bridge.step()
    assert world.heard() == [("shop_orders_reject-share", "ALARM")]


@pytest.mark.aws
def test_one_bridge_runs_beside_its_server_until_it_is_stopped_or_the_server_ends(tmp_path: Path) -> None:
    server = start_server()
    try:
        ensure_bridge(tmp_path, server, "shop", time.time())
        first = noted_bridge(tmp_path)
        ensure_bridge(tmp_path, server, "shop", time.time())
        assert first is not None
        assert first.is_alive()
        assert noted_bridge(tmp_path) == first
        stop_bridge(tmp_path)
        assert not first.is_alive()
        ensure_bridge(tmp_path, server, "shop", time.time())
        old = noted_bridge(tmp_path)
        ensure_bridge(tmp_path, server, "renamed", time.time())
        second = noted_bridge(tmp_path)
        assert old is not None
        assert second is not None
        assert (old.is_alive(), second.is_alive(), second.project) == (False, True, "renamed")
    finally:
        stop_server(server)
    assert wait_until(lambda: not second.is_alive(), PATIENCE)
