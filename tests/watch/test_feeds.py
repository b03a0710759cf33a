"""The state of feeds, read from a ledger, queues and alarms as the stack makes them."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ClientError
from embedded_aws import World, make_world
from stack_samples import feed, write_project

from penstock.aws.runs import Run, RunStatus, format_time, put_run
from penstock.contract.project import Project, read_project
from penstock.errors import ServiceError
from penstock.local.server import Server
from penstock.stack.connect import Connection
from penstock.stack.names import Names
from penstock.watch.feeds import FeedState, read_project_state

pytestmark = pytest.mark.aws

HOUR = 3600


@dataclass
class Deployed:
    """A project of two feeds: orders has a queue, letters is called directly."""

    world: World
    connection: Connection
    names: Names
    project: Project

    def run(self, number: int, *, ago: float, status: RunStatus = "done", **more: Any) -> None:
        began = self.world.now - ago
        self.put(
            Run(f"run-{number}", "orders", "landing", f"{number}.csv", "v1", format_time(began), status),
            ended_at=format_time(began + 2.5),
            **more,
        )

    def put(self, run: Run, **more: Any) -> None:
        put_run(self.world.ledger, Run(**{**vars_of(run), **more}))

    def send(self, queue: str, number: int) -> None:
        sqs = self.connection.client("sqs")
        for _ in range(number):
            sqs.send_message(QueueUrl=sqs.get_queue_url(QueueName=queue)["QueueUrl"], MessageBody="{}")

    def read(self) -> dict[str, FeedState]:
        found = read_project_state(self.connection, self.names, self.project.feeds, lambda: self.world.now)
        return {state.feed: state for state in found.feeds}


def vars_of(run: Run) -> dict[str, Any]:
    return {name: getattr(run, name) for name in run.__slots__}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    folder = tmp_path_factory.mktemp("example")
    write_project(folder, [feed("orders"), feed("letters", trigger="direct")], name="example")
    return read_project(folder)


@pytest.fixture
def deployed(server: Server, project: Project) -> Iterator[Deployed]:
    with make_world(server) as world:
        connection = server.connection(world.connections.access_key or "")
        names = Names("example", connection.account(), connection.region)
        for name in (
            names.feed("orders").queue,
            *(names.feed(each).dead_letters for each in ("orders", "letters")),
        ):
            connection.client("sqs").create_queue(QueueName=name)
        yield Deployed(world, connection, names, project)


@dataclass
class Denied:
    """A paginator of what may not be read."""

    paginate: Any


def make_alarm(deployed: Deployed, name: str, **dimensions: str) -> None:
    deployed.connection.client("cloudwatch").put_metric_alarm(
        AlarmName=name,
        AlarmDescription="Too many. Next: penstock runs",
        Namespace="Penstock",
        MetricName="RejectShare",
        Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
        Statistic="Maximum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=5,
        ComparisonOperator="GreaterThanThreshold",
    )
    deployed.connection.client("cloudwatch").set_alarm_state(
        AlarmName=name, StateValue="ALARM", StateReason="9 > 5"
    )


def test_a_feed_to_which_nothing_came_is_well_and_has_nothing_to_show(deployed: Deployed) -> None:
    state = deployed.read()["orders"]
    assert (state.verdict, state.last_run, state.freshness) == ("well", None, None)
    assert (state.backlog, state.dead_letters, state.day.runs) == (0, 0, {})


def test_the_last_file_is_the_newest_run_that_is_no_replay(deployed: Deployed) -> None:
    deployed.run(1, ago=3 * HOUR)
    deployed.run(2, ago=2 * HOUR)
    deployed.run(3, ago=HOUR, replays="run-1")
    state = deployed.read()["orders"]
    assert state.last_run is not None
    assert state.last_file is not None
    assert (state.last_run.id, state.last_file.id) == ("run-3", "run-2")
    assert state.freshness == 2.5


def test_freshness_is_from_the_files_arrival_to_the_end_of_its_run(deployed: Deployed) -> None:
    deployed.run(1, ago=HOUR, arrived_at=format_time(deployed.world.now - HOUR - 60))
    assert deployed.read()["orders"].freshness == 62.5


def test_a_day_counts_its_runs_and_records_and_not_what_came_before(deployed: Deployed) -> None:
    deployed.run(1, ago=30 * HOUR, counts={"loaded": 500, "rejected": 50})
    deployed.run(2, ago=20 * HOUR, counts={"loaded": 100, "rejected": 7})
    deployed.run(3, ago=10 * HOUR, counts={"loaded": 10, "rejected": 1})
    deployed.run(4, ago=2 * HOUR, status="rejected", counts={"loaded": 0, "rejected": 9})
    deployed.run(5, ago=HOUR, counts={"loaded": 3, "rejected": 0}, replays="run-2")
    day = deployed.read()["orders"].day
    assert day.runs == {"done": 2, "rejected": 1}
    assert (day.loaded, day.rejected, day.whole) == (110, 17, True)


def test_the_last_file_is_known_however_long_ago_it_came(deployed: Deployed) -> None:
    deployed.run(1, ago=90 * 24 * HOUR, status="failed", reason="No table.")
    state = deployed.read()["orders"]
    assert state.last_file is not None
    assert (state.last_file.id, state.verdict, state.day.runs) == ("run-1", "wrong", {})


def test_of_many_runs_within_a_day_all_are_counted_and_judged(deployed: Deployed) -> None:
    more = {"counts": {"loaded": 7, "rejected": 1}, "code": "source-error"}
    deployed.run(0, ago=23 * HOUR, status="failed", reason="No table.", **more)
    for number in range(1, 31):
        deployed.run(number, ago=HOUR - number, counts={"loaded": 10, "rejected": 2}, bytes=9)
    state = deployed.read()["orders"]
    assert (state.day.runs, state.day.loaded, state.day.rejected) == ({"done": 30, "failed": 1}, 307, 61)
    assert [finding.why for finding in state.findings] == ["0.csv failed: No table."]
    assert [run.id for run in state.latest] == [f"run-{number}" for number in range(30, 10, -1)]
    assert {run.bytes for run in state.latest} == {9}


def test_the_last_file_is_known_whole_behind_many_replays(deployed: Deployed) -> None:
    deployed.run(0, ago=2 * HOUR)
    for number in range(1, 26):
        deployed.run(number, ago=HOUR - number, replays="run-0")
    state = deployed.read()["orders"]
    assert state.last_file is not None
    assert (state.last_file.id, state.freshness, state.day.runs) == ("run-0", 2.5, {"done": 1})


def test_a_refused_file_of_an_earlier_day_is_over_once_another_file_came(deployed: Deployed) -> None:
    deployed.run(1, ago=30 * HOUR, status="rejected")
    assert deployed.read()["orders"].verdict == "look"
    deployed.run(2, ago=25 * HOUR)
    assert deployed.read()["orders"].verdict == "well"


def test_the_backlog_is_what_waits_what_is_worked_on_and_what_lost_its_worker(deployed: Deployed) -> None:
    queue = deployed.names.feed("orders").queue
    deployed.send(queue, 3)
    sqs = deployed.connection.client("sqs")
    sqs.receive_message(QueueUrl=sqs.get_queue_url(QueueName=queue)["QueueUrl"], MaxNumberOfMessages=1)
    assert deployed.world.ledger.claim("orders", "landing", "lost.csv", "run-9", deployed.world.now - 1)
    state = deployed.read()["orders"]
    assert state.queue is not None
    assert (state.queue.waiting, state.queue.in_flight, state.due, state.backlog) == (2, 1, 1, 4)
    assert state.verdict == "look"


def test_a_feed_that_is_called_directly_has_no_queue_and_has_dead_letters(deployed: Deployed) -> None:
    deployed.send(deployed.names.feed("letters").dead_letters, 2)
    state = deployed.read()["letters"]
    assert (state.queue, state.dead_letters, state.backlog, state.verdict) == (None, 2, 0, "wrong")


def test_an_alarm_belongs_to_the_feed_that_it_measures_or_is_named_after(deployed: Deployed) -> None:
    make_alarm(deployed, "example_rejects-1", Project="example", Feed="orders")
    make_alarm(deployed, "example_rejects-2", QueueName=deployed.names.feed("letters").dead_letters)
    make_alarm(deployed, "example_letters_rejects-3")
    make_alarm(deployed, "example_rejects-4", Project="example")
    make_alarm(deployed, "examples_orders_rejects-5", Project="examples", Feed="orders")
    found = read_project_state(deployed.connection, deployed.names, deployed.project.feeds)
    names = {state.feed: [alarm.name for alarm in state.alarms] for state in found.feeds}
    assert names == {
        "letters": ["example_letters_rejects-3", "example_rejects-2"],
        "orders": ["example_rejects-1"],
    }
    assert [alarm.name for alarm in found.alarms] == ["example_rejects-4"]
    [finding] = found.findings
    assert (found.verdict, finding.command) == ("wrong", "penstock runs")
    one = read_project_state(deployed.connection, deployed.names, deployed.project.feeds, only="letters")
    assert [state.feed for state in one.feeds] == ["letters"]
    assert one.alarms == found.alarms


def test_a_feed_that_is_not_deployed_yet_wants_a_look_and_does_not_hide_the_others(
    deployed: Deployed,
) -> None:
    sqs = deployed.connection.client("sqs")
    for name in (deployed.names.feed("orders").queue, deployed.names.feed("orders").dead_letters):
        sqs.delete_queue(QueueUrl=sqs.get_queue_url(QueueName=name)["QueueUrl"])
    found = deployed.read()
    assert (found["orders"].verdict, found["orders"].queue, found["letters"].verdict) == (
        "look",
        None,
        "well",
    )
    assert found["orders"].findings[0].why.endswith(" here: penstock up")


def test_what_may_not_be_read_is_named_with_the_permission_and_the_rest_is_shown(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployed.run(1, ago=HOUR)

    def deny(*asked: object, **more: object) -> None:
        raise ClientError({"Error": {"Code": "AccessDeniedException"}}, "denied")

    monkeypatch.setattr(deployed.connection.client("sqs"), "get_queue_attributes", deny)
    monkeypatch.setattr(deployed.connection.client("cloudwatch"), "get_paginator", lambda name: Denied(deny))
    found = read_project_state(
        deployed.connection, deployed.names, deployed.project.feeds, lambda: deployed.world.now
    )
    orders = next(state for state in found.feeds if state.feed == "orders")
    assert (orders.queue, orders.dead_letters, orders.due, orders.day.runs) == (None, None, 0, {"done": 1})
    assert all("sqs:GetQueueAttributes" in finding.why for finding in orders.findings)
    assert ["cloudwatch:DescribeAlarms" in finding.why for finding in found.findings] == [True]
    assert found.verdict == "look"


def test_without_a_ledger_nothing_is_known_and_that_is_said(deployed: Deployed) -> None:
    elsewhere = Names("nowhere", deployed.names.account, deployed.names.region)
    with pytest.raises(ServiceError, match="There is no ledger nowhere_penstock_ledger"):
        read_project_state(deployed.connection, elsewhere, deployed.project.feeds)


def test_all_of_it_is_plain_json(deployed: Deployed) -> None:
    deployed.run(1, ago=HOUR, status="failed", reason="No table.")
    make_alarm(deployed, "example_orders_x", Feed="orders")
    found = read_project_state(
        deployed.connection, deployed.names, deployed.project.feeds, lambda: deployed.world.now
    )
    told = json.loads(json.dumps(found.to_dict()))
    assert told["verdict"] == "wrong"
    [letters, orders] = told["feeds"]
    assert (letters["feed"], orders["freshness"], orders["last_file"]["id"]) == ("letters", 2.5, "run-1")
