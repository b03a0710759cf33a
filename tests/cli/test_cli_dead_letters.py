"""Dead letters on the command line: what can't be loaded holds nobody up, is shown with its reason, and is sent back."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from command_line import CLEAN, CONTRACT, invoke, write
from patience import wait_for

from penstock.local.project import Running, down, find_running

pytestmark = pytest.mark.aws

LATER = """\
penstock: 1
name: {name}
trigger: {trigger}
source: {{prefix: incoming/{name}/}}
schema:
  fields:
    - {{name: id, type: string}}
load: {{table: {name}, table_exists: true, partition_key: id}}
"""
"""A feed whose table somebody else is to make."""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("shop")
    write(folder / "penstock.yaml", "penstock: 1\nname: shop\n")
    write(folder / "contracts" / "orders.yaml", CONTRACT)
    for name, trigger in (("parcels", "queue"), ("letters", "direct")):
        write(folder / "contracts" / f"{name}.yaml", LATER.format(name=name, trigger=trigger))
    done = invoke("up", "--project", folder)
    assert done.exit_code == 0, done.output
    running = find_running(folder)
    # A message that failed is seen again after a second and not after half an hour, and may fail twice. So that it is not
    # seen while it is still worked on, a queue's messages are worked on one after the other.
    for name in ("orders", "parcels"):
        running.connection.client("lambda").put_function_concurrency(
            FunctionName=running.names.feed(name).function, ReservedConcurrentExecutions=1
        )
        policy = {"deadLetterTargetArn": running.names.feed(name).dead_letters_arn, "maxReceiveCount": 2}
        running.connection.client("sqs").set_queue_attributes(
            QueueUrl=queue(folder, name),
            Attributes={"VisibilityTimeout": "1", "RedrivePolicy": json.dumps(policy)},
        )
    yield folder
    down(folder)


@pytest.fixture
def running(project: Path) -> Iterator[Running]:
    """The project as it runs; what a test leaves among its dead letters goes."""
    found = find_running(project)
    yield found
    for name in ("orders", "parcels", "letters"):
        found.connection.client("sqs").purge_queue(QueueUrl=queue(project, name, dead=True))


def queue(project: Path, feed: str, *, dead: bool = False) -> str:
    found = find_running(project)
    names = found.names.feed(feed)
    url = found.connection.client("sqs").get_queue_url(QueueName=names.dead_letters if dead else names.queue)
    return str(url["QueueUrl"])


def letters(project: Path, feed: str) -> list[dict[str, Any]]:
    done = invoke("dlq", "--feed", feed, "--json", "--project", project)
    assert done.exit_code == 0, done.output
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def await_letters(project: Path, feed: str, number: int = 1) -> list[dict[str, Any]]:
    """Wait until so many dead letters are there: the queue has to bring each back as often as it may."""

    def find() -> list[dict[str, Any]] | None:
        return found if len(found := letters(project, feed)) >= number else None

    return wait_for(find, f"{number} dead letters of {feed}")


def make_table(running: Running, name: str) -> None:
    running.connection.client("dynamodb").create_table(
        TableName=name,
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )


def await_items(running: Running, table: str, number: int) -> None:
    dynamodb = running.connection.client("dynamodb")
    wait_for(lambda: dynamodb.scan(TableName=table)["Count"] >= number, f"{number} items in {table}")


def test_a_message_that_is_no_event_ends_as_a_dead_letter_while_files_are_loaded(
    project: Path, running: Running
) -> None:
    sqs = running.connection.client("sqs")
    sent = sqs.send_message(QueueUrl=queue(project, "orders"), MessageBody="4111-1111 is no JSON")
    done = invoke("put", write(project / "orders.csv", CLEAN), "--project", project)
    assert done.exit_code == 0, done.output
    [letter] = await_letters(project, "orders")
    assert (letter["id"], letter["objects"]) == (sent["MessageId"], [])
    assert letter["receives"] >= 2
    said = invoke("dlq", "--project", project).stdout
    assert "orders: 1 dead letter" in said
    assert "not an event" in said
    assert "A message's body is not JSON" in said
    assert "penstock redrive" in said
    assert "4111-1111" not in said


@pytest.mark.parametrize("feed", ["parcels", "letters"])
def test_a_file_that_fails_is_shown_with_its_reason_and_loads_once_that_is_mended_and_it_is_sent_back(
    project: Path, running: Running, feed: str
) -> None:
    file = write(project / "a file.csv", "id\na\nb\n")
    assert invoke("put", file, "--feed", feed, "--project", project).exit_code == 3
    (letter,) = await_letters(project, feed)
    assert letter["objects"] == [
        {"bucket": running.names.landing_bucket, "key": f"incoming/{feed}/a file.csv"}
    ]
    assert letter["status"] == "failed"
    assert f"There is no table {feed}" in letter["reason"]
    make_table(running, feed)
    done = invoke("redrive", letter["id"], "--project", project)
    assert (done.exit_code, done.stdout) == (0, "1 dead letter sent back\n"), done.output
    await_items(running, feed, 2)
    assert letters(project, feed) == []


def test_all_dead_letters_of_a_feed_are_sent_back_at_once_and_those_of_others_stay(
    project: Path, running: Running
) -> None:
    sqs = running.connection.client("sqs")
    for feed in ("orders", "parcels"):
        for n in range(12):
            sqs.send_message(
                QueueUrl=queue(project, feed, dead=True),
                MessageBody=json.dumps({"Event": "s3:TestEvent", "n": n}),
            )
    done = invoke("redrive", "--feed", "orders", "--all", "--project", project)
    assert (done.exit_code, done.stdout) == (0, "12 dead letters sent back\n")
    assert letters(project, "orders") == []
    others = letters(project, "parcels")
    assert len(others) == 12
    sent = invoke("redrive", others[0]["id"], "--json", "--project", project).stdout
    assert json.loads(sent) == [{"feed": "parcels", "id": others[0]["id"]}]


def test_looking_leaves_every_dead_letter_where_the_next_one_sees_it_at_once(
    project: Path, running: Running
) -> None:
    sqs = running.connection.client("sqs")
    for n in range(12):
        sqs.send_message(QueueUrl=queue(project, "orders", dead=True), MessageBody=f"{n} is no event")
    first, second = letters(project, "orders"), letters(project, "orders")
    assert len(first) == 12
    assert {letter["id"] for letter in first} == {letter["id"] for letter in second}
    some = json.loads(invoke("dlq", "--feed", "orders", "--limit", 3, "--json", "--project", project).stdout)
    assert len(some) == 3
    assert len(letters(project, "orders")) == 12


def test_an_id_that_is_not_there_is_named_and_nothing_is_sent_back(project: Path, running: Running) -> None:
    sqs = running.connection.client("sqs")
    sent = sqs.send_message(QueueUrl=queue(project, "orders", dead=True), MessageBody="no event")
    done = invoke("redrive", sent["MessageId"], "nothing", "--project", project)
    assert done.exit_code == 2
    assert "no dead letter nothing here" in done.stderr
    assert [letter["id"] for letter in letters(project, "orders")] == [sent["MessageId"]]


@pytest.mark.parametrize("call", [[], ["x", "--all"]])
def test_what_to_send_back_is_said_in_one_way(project: Path, call: list[str]) -> None:
    done = invoke("redrive", *call, "--project", project)
    assert done.exit_code == 2
    assert "--all" in done.stderr


def test_no_dead_letters_is_said(project: Path, running: Running) -> None:
    done = invoke("dlq", "--project", project)
    assert (done.exit_code, done.stdout) == (0, "")
    assert "There are no dead letters." in done.stderr
