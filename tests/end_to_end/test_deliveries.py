"""How files come: both triggers, twice, with odd names, one version after another."""

import json
import urllib.parse
from collections.abc import Callable

import pytest
from break_things import deliver_at_once, is_drained, notification, queue_url, runs_of
from deployed_world import World
from patience import wait_for

from penstock.aws.list_runs import list_runs

pytestmark = pytest.mark.aws

Orders = Callable[[int, int], bytes]


def test_a_file_comes_through_the_queue(world: World, orders: Orders) -> None:
    run = world.load("orders", "plain.csv", orders(30, 1000))
    assert (run.status, run.counts["read"], run.counts["loaded"]) == ("done", 30, 30)
    assert world.item("orders", id="O-1029") == {"id": "O-1029", "amount": 29 / 4, "note": "note 29"}


def test_a_file_comes_straight_to_the_function(world: World) -> None:
    run = world.load("direct", "straight.csv", b"id,amount\na,1\nb,x\nc,3\n")
    assert (run.status, run.counts["loaded"], run.counts["rejected"]) == ("done", 2, 1)
    assert world.item("direct", id="c") == {"id": "c", "amount": 3}
    assert list(world.rejects(run)) == [3]


@pytest.mark.parametrize(
    "name",
    [
        "two words.csv",
        "one+one.csv",
        "100%.csv",
        "100%25.csv",
        "größe-日本.csv",
        "a&b=c.csv",
        "sub/folder/x.csv",
    ],
)
def test_a_key_is_taken_as_it_was_given(world: World, orders: Orders, name: str) -> None:
    run = world.load("orders", name, orders(2, 2000))
    assert (run.status, run.key) == ("done", f"incoming/orders/{name}")


def test_a_direct_key_is_taken_as_it_was_given(world: World) -> None:
    run = world.load("direct", "a + b %2B ü.csv", b"id,amount\na,1\n")
    assert (run.status, run.key) == ("done", "incoming/direct/a + b %2B ü.csv")


def test_an_event_that_comes_again_loads_nothing_again(world: World, orders: Orders) -> None:
    landed = world.land("orders", "again.csv", orders(3, 3000))
    world.follow(landed)
    before = world.item("orders", id="O-3000")
    world.client("dynamodb").delete_item(TableName="orders", Key={"id": {"S": "O-3000"}})
    deliver_at_once(world, "orders", [notification(landed)] * 4)
    wait_for(lambda: is_drained(world, "orders"), "the queue is empty")
    assert before is not None
    assert world.item("orders", id="O-3000") is None  # it would be back, had it been loaded again
    assert [run.status for run in runs_of(world, landed)] == ["done"]


def test_a_direct_event_that_comes_again_loads_nothing_again(world: World) -> None:
    landed = world.land("direct", "again.csv", b"id,amount\nagain,1\n")
    world.follow(landed)
    world.client("dynamodb").delete_item(TableName="direct", Key={"id": {"S": "again"}})
    answer = world.client("lambda").invoke(
        FunctionName=world.running.names.feed("direct").function, Payload=notification(landed).encode()
    )
    assert json.loads(answer["Payload"].read()) == {"outcome": "done"}
    assert world.item("direct", id="again") is None
    assert [run.status for run in runs_of(world, landed)] == ["done"]


def test_of_versions_dropped_in_a_row_the_last_stands(world: World, orders: Orders) -> None:
    landed = [
        world.land("orders", "versions.csv", f"id,amount,note\nO-4000,{i},v{i}\n".encode()) for i in range(6)
    ]
    assert world.follow(landed[-1]).status == "done"
    assert world.item("orders", id="O-4000") == {"id": "O-4000", "amount": 5, "note": "v5"}


@pytest.mark.parametrize(("feed", "attempts"), [("doomed-direct", 3), ("doomed-queue", 5)])
def test_a_file_that_can_not_be_loaded_is_tried_a_few_times_and_its_event_is_kept(
    world: World, feed: str, attempts: int
) -> None:
    names, sqs = world.running.names.feed(feed), world.client("sqs")
    if feed == "doomed-queue":
        # Its message is seen again after a second and not after minutes. So that it is not while it is still worked on,
        # the queue's messages are worked on one after the other.
        sqs.set_queue_attributes(QueueUrl=queue_url(world, feed), Attributes={"VisibilityTimeout": "1"})
        world.client("lambda").put_function_concurrency(
            FunctionName=names.function, ReservedConcurrentExecutions=1
        )
    landed = world.land(feed, "a file.csv", b"id\na\n")
    dead_letters = sqs.get_queue_url(QueueName=names.dead_letters)["QueueUrl"]
    kept = wait_for(lambda: sqs.receive_message(QueueUrl=dead_letters).get("Messages"), "the event is kept")
    assert urllib.parse.quote_plus(landed.key, safe="/") in kept[0]["Body"]
    runs = list_runs(world.running.ledger, feed)
    assert {run.status for run in runs} == {"failed"}
    assert "There is no table there-is-no-such-table" in str(runs[0].reason)
    assert runs[0].attempt <= attempts


def test_a_file_outside_the_feeds_is_left_alone(world: World, orders: Orders) -> None:
    bucket = world.running.names.landing_bucket
    for key in ("incoming/orders/data.json", "elsewhere/data.csv"):
        world.client("s3").put_object(Bucket=bucket, Key=key, Body=orders(1, 5000))
    world.load("orders", "after.csv", orders(1, 5001))
    assert world.item("orders", id="O-5000") is None
