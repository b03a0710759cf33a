"""The doctor finds all well where it is, and each thing that is broken, and changes nothing."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from desk import Desk
from stack_samples import feed, query_feed, write_project

from penstock.contract.project import read_project
from penstock.errors import ServiceError
from penstock.local.server import Server, start_server, stop_server
from penstock.stack.doctor.examine import examine
from penstock.stack.doctor.finding import Finding, Subject
from penstock.stack.names import name_project
from penstock.stack.target import emulated_target

pytestmark = pytest.mark.aws
ACCOUNTS = itertools.count(1)
FEEDS = (
    feed("orders", load={"ttl": "expires"}),
    feed("returns", trigger="direct", schedule="rate(1 hour)", function={"concurrency": 3}),
)
ALERTS = {"email": ["data@example.com"]}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    started = start_server()
    yield started
    stop_server(started)


def look(desk: Desk) -> list[Finding]:
    project = read_project(desk.folder)
    names = name_project(project, str(desk.connection.access_key), desk.connection.region)
    return list(examine(project, names, desk.connection, emulated_target()))


def ailing(desk: Desk) -> list[Finding]:
    return [finding for finding in look(desk) if finding.verdict != "ok"]


@pytest.fixture(scope="module")
def desk(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Desk:
    desk = Desk(tmp_path_factory.mktemp("shop"), server.connection(f"{next(ACCOUNTS):012d}"))
    desk.deploy(*FEEDS, alerts=ALERTS)
    return desk


def test_a_project_that_was_just_deployed_is_well(desk: Desk) -> None:
    assert ailing(desk) == []
    told = {(finding.feed, finding.check) for finding in look(desk)}
    each = ("table", "events", "functions", "schedules", "stacks")
    assert told >= {(name, check) for name in ("orders", "returns") for check in each}
    assert told >= {
        (None, check) for check in ("credentials", "permissions", "quotas", "ledger", "bucket", "alerts")
    }


def test_a_queues_policy_is_the_same_in_other_words(desk: Desk) -> None:
    """SQS may answer with one action as a text, or with the name of an action in other letters."""
    sqs = desk.connection.client("sqs")
    url = sqs.get_queue_url(QueueName="shop_orders")["QueueUrl"]
    policy = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"]["Policy"]
    told = policy.replace('["sqs:SendMessage"]', '"SQS:SendMessage"')
    assert told != policy
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": told})
    assert ailing(desk) == []
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})


Break = Callable[[Desk], Callable[[], object]]
"""Breaks something, and gives what mends it."""


def _bucket_tells_nobody(desk: Desk) -> Callable[[], object]:
    s3, bucket = desk.connection.client("s3"), desk.names.landing_bucket
    found = s3.get_bucket_notification_configuration(Bucket=bucket)
    del found["ResponseMetadata"]
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={})
    return lambda: s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=found)


def _bucket_tells_of_another_prefix(desk: Desk) -> Callable[[], object]:
    s3, bucket = desk.connection.client("s3"), desk.names.landing_bucket
    found = s3.get_bucket_notification_configuration(Bucket=bucket)
    del found["ResponseMetadata"]
    text = json.dumps(found).replace("incoming/orders/", "incoming/elsewhere/")
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=json.loads(text))
    return lambda: s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=found)


def _queue_lets_nobody_in(desk: Desk) -> Callable[[], object]:
    sqs = desk.connection.client("sqs")
    url = sqs.get_queue_url(QueueName="shop_orders")["QueueUrl"]
    policy = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"]["Policy"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": ""})
    return lambda: sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})


def _mapping_is_disabled(desk: Desk) -> Callable[[], object]:
    functions = desk.connection.client("lambda")
    (mapping,) = functions.list_event_source_mappings(FunctionName="shop_orders")["EventSourceMappings"]
    functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
    return lambda: functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)


def _function_lets_nobody_call(desk: Desk) -> Callable[[], object]:
    functions = desk.connection.client("lambda")
    (statement,) = json.loads(functions.get_policy(FunctionName="shop_returns")["Policy"])["Statement"]
    functions.remove_permission(FunctionName="shop_returns", StatementId=statement["Sid"])
    return lambda: functions.add_permission(
        FunctionName="shop_returns",
        StatementId=statement["Sid"],
        Action=statement["Action"],
        Principal=statement["Principal"]["Service"],
        SourceArn=statement["Condition"]["ArnLike"]["AWS:SourceArn"],
    )


def _function_is_stopped(desk: Desk) -> Callable[[], object]:
    functions = desk.connection.client("lambda")
    functions.put_function_concurrency(FunctionName="shop_returns", ReservedConcurrentExecutions=0)
    return lambda: functions.put_function_concurrency(
        FunctionName="shop_returns", ReservedConcurrentExecutions=3
    )


def _schedule_is_disabled(desk: Desk) -> Callable[[], object]:
    scheduler = desk.connection.client("scheduler")
    found = scheduler.get_schedule(Name="shop_orders_tick")
    kept = ("Name", "ScheduleExpression", "FlexibleTimeWindow", "Target")
    same = {key: found[key] for key in kept}
    scheduler.update_schedule(**same, State="DISABLED")
    return lambda: scheduler.update_schedule(**same, State="ENABLED")


def _nothing_expires(desk: Desk) -> Callable[[], object]:
    dynamodb = desk.connection.client("dynamodb")
    ttl = {"AttributeName": "expires", "Enabled": True}
    dynamodb.update_time_to_live(TableName="orders-items", TimeToLiveSpecification={**ttl, "Enabled": False})
    return lambda: dynamodb.update_time_to_live(TableName="orders-items", TimeToLiveSpecification=ttl)


def _table_is_unprotected(desk: Desk) -> Callable[[], object]:
    dynamodb = desk.connection.client("dynamodb")
    dynamodb.update_table(TableName="returns-items", DeletionProtectionEnabled=False)
    return lambda: dynamodb.update_table(TableName="returns-items", DeletionProtectionEnabled=True)


def _nobody_is_subscribed(desk: Desk) -> Callable[[], object]:
    sns, topic = desk.connection.client("sns"), desk.names.topic_arn
    (found,) = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    sns.unsubscribe(SubscriptionArn=found["SubscriptionArn"])
    return lambda: sns.subscribe(TopicArn=topic, Protocol="email", Endpoint=found["Endpoint"])


@pytest.mark.parametrize(
    ("break_it", "feed_name", "check", "text", "do"),
    [
        (_bucket_tells_nobody, "orders", "events", "does not tell arn:aws:sqs", "Put it back"),
        (_bucket_tells_nobody, "returns", "events", "does not tell arn:aws:lambda", "Put it back"),
        (_bucket_tells_of_another_prefix, "orders", "events", "of incoming/elsewhere/*.csv, and not", ""),
        (_queue_lets_nobody_in, "orders", "events", "policy of the queue shop_orders", "`penstock down --forget`"),
        (_mapping_is_disabled, "orders", "events", "mapping is disabled", "update-event-source-mapping"),
        (_function_lets_nobody_call, "returns", "events", "does not let arn:aws:s3:::", "add-permission"),
        (_function_is_stopped, "returns", "functions", "concurrency is 0", "--reserved-concurrent-executions 3"),
        (_schedule_is_disabled, "orders", "schedules", "shop_orders_tick is disabled", "Enable it"),
        (_nothing_expires, "orders", "table", "to expire by expires, and its time to live is turned off", ""),
        (_table_is_unprotected, "returns", "table", "not protected", "--deletion-protection-enabled"),
        (_nobody_is_subscribed, None, "alerts", "data@example.com is not subscribed", "aws sns subscribe"),
    ],
)  # fmt: skip
def test_what_was_broken_is_found_with_what_to_do(
    desk: Desk, break_it: Break, feed_name: str | None, check: str, text: str, do: str
) -> None:
    mend = break_it(desk)
    try:
        found = [one for one in ailing(desk) if (one.feed, one.check) == (feed_name, check)]
    finally:
        mend()
    (finding,) = found
    assert text in finding.text
    assert finding.do
    assert do in finding.do


def test_what_was_mended_is_well_again(desk: Desk) -> None:
    assert ailing(desk) == []


def test_what_is_gone_is_found_each_by_its_own_check(server: Server, tmp_path: Path) -> None:
    desk = Desk(tmp_path / "shop", server.connection(f"{next(ACCOUNTS):012d}"))
    desk.deploy(*FEEDS)
    client = desk.connection.client
    client("dynamodb").update_table(TableName="orders-items", DeletionProtectionEnabled=False)
    client("dynamodb").delete_table(TableName="orders-items")
    client("dynamodb").update_table(TableName=desk.names.ledger, DeletionProtectionEnabled=False)
    client("dynamodb").delete_table(TableName=desk.names.ledger)
    client("lambda").delete_function(FunctionName="shop_orders_sweep")
    client("sqs").delete_queue(QueueUrl=client("sqs").get_queue_url(QueueName="shop_orders")["QueueUrl"])
    client("scheduler").delete_schedule(Name="shop_returns")
    client("s3").delete_bucket(Bucket=desk.names.landing_bucket)
    client("sns").delete_topic(TopicArn=desk.names.topic_arn)
    found = {(one.feed, one.check): one.text for one in ailing(desk) if one.verdict == "problem"}
    assert found == {
        (None, "ledger"): "there is no table shop_penstock_ledger",
        (None, "bucket"): f"there is no bucket {desk.names.landing_bucket}",
        (None, "alerts"): f"there is no topic {desk.names.topic_arn}",
        ("orders", "table"): "there is no table orders-items",
        ("orders", "events"): "there is no queue shop_orders",
        ("orders", "functions"): "there is no function shop_orders_sweep",
        ("returns", "schedules"): "there is no schedule shop_returns",
    }


def test_of_a_project_that_is_not_deployed_each_stack_is_named_and_no_more(
    server: Server, tmp_path: Path
) -> None:
    desk = Desk(write_project(tmp_path, FEEDS), server.connection(f"{next(ACCOUNTS):012d}"))
    assert {(one.check, one.verdict, one.text) for one in ailing(desk)} == {
        ("stacks", "problem", f"the stack penstock-shop{part} is not deployed")
        for part in ("", "-landing", "-feed-orders", "-feed-returns")
    }
    assert {one.do for one in ailing(desk)} == {"penstock up"}


def test_what_the_project_says_now_and_is_not_deployed_is_told_once(desk: Desk, tmp_path: Path) -> None:
    theirs = feed("theirs", load={"table": "nobodys", "table_exists": True})
    changed = feed("orders", load={"ttl": "expires"}, function={"memory": 512})
    later = Desk(write_project(tmp_path, [changed, theirs], alerts=ALERTS), desk.connection)
    found = {(one.feed, one.check, one.verdict, one.text) for one in ailing(later)}
    stack = "the stack penstock-shop"
    assert found == {
        ("orders", "stacks", "warning", f"{stack}-feed-orders differs from what the project says now"),
        (None, "stacks", "warning", f"{stack} differs from what the project says now"),  # its dashboard does
        ("theirs", "stacks", "problem", f"{stack}-feed-theirs is not deployed"),
        (None, "stacks", "warning", f"{stack}-landing differs from what the project says now"),
        (None, "stacks", "warning", f"{stack}-feed-returns belongs to nothing that the project has"),
        ("theirs", "table", "problem", "there is no table nobodys"),
    }


def test_a_package_of_another_version_is_told_from_a_change_of_the_project(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("penstock.stack.doctor.examine.digest_package", lambda *_: "0" * 64)
    found = [one for one in ailing(desk) if one.check == "stacks"]
    assert [one.feed for one in found] == ["orders", "returns"]
    assert all("run another package" in one.text for one in found)


def test_a_check_that_can_not_look_says_so_and_stops_no_other(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(_subject: Subject) -> list[Finding]:
        raise ServiceError("Could not look at Lambda's quotas (lambda:GetAccountSettings): AccessDenied")

    monkeypatch.setattr("penstock.stack.doctor.examine.BEFORE", (("quotas", refused),))
    first, *others = look(desk)
    assert (first.check, first.verdict) == ("quotas", "warning")
    assert "lambda:GetAccountSettings" in first.text
    assert {finding.verdict for finding in others} == {"ok"}


def test_a_table_that_exists_and_has_another_key_is_a_problem(desk: Desk, tmp_path: Path) -> None:
    load = {"table": "orders-items", "table_exists": True, "partition_key": "status"}
    later = Desk(write_project(tmp_path, [feed("late", load=load)], alerts=ALERTS), desk.connection)
    (finding,) = [one for one in ailing(later) if one.check == "table"]
    assert finding.text == (
        "orders-items has the key customer_id (S), order_id (S), and the contract says status (S), order_id (S)"
    )


def test_a_bucket_of_somebody_else_that_tells_nobody_is_a_problem(server: Server, tmp_path: Path) -> None:
    desk = Desk(tmp_path / "shop", server.connection(f"{next(ACCOUNTS):012d}"))
    s3, events = desk.connection.client("s3"), desk.connection.client("events")
    s3.create_bucket(Bucket="doctored-lake")
    desk.deploy(*FEEDS, landing={"bucket": "doctored-lake"}, alerts=ALERTS)
    assert ailing(desk) == []
    s3.put_bucket_notification_configuration(Bucket="doctored-lake", NotificationConfiguration={})
    events.disable_rule(Name="shop_orders")
    events.remove_targets(Rule="shop_returns", Ids=["loader"])
    assert {(one.feed, one.check, one.text) for one in ailing(desk)} == {
        (None, "bucket", "the bucket doctored-lake does not tell EventBridge, so that nobody hears of what lands there"),
        ("orders", "events", "the rule shop_orders is disabled"),
        ("returns", "events", f"the rule shop_returns does not tell {desk.names.feed('returns').function_arn}"),
    }  # fmt: skip


def test_what_a_query_refers_to_is_looked_for_where_it_is_said_to_be(server: Server, tmp_path: Path) -> None:
    desk = Desk(tmp_path / "shop", server.connection(f"{next(ACCOUNTS):012d}"))
    desk.deploy(query_feed("orders", "returns"), feed("returns"), alerts=ALERTS)
    place = f"s3://{desk.names.landing_bucket}"
    assert {(one.feed, one.check, one.verdict) for one in ailing(desk)} == {
        ("orders", "references", "problem")
    }
    told = {one.text: one.do for one in ailing(desk)}
    assert told == {
        f"customers: there is no {place}/reference/customers.csv, and files of this feed are refused": (
            "Put it there: penstock put FILE --reference customers --feed orders"
        ),
        f"others: there is no object of its feed under {place}/incoming/returns/, and files of this feed are refused": (
            "Put one there, and have its feed load it."
        ),
    }
    for key in ("reference/customers.csv", "incoming/returns/a.csv"):
        desk.connection.client("s3").put_object(Bucket=desk.names.landing_bucket, Key=key, Body=b"id\n")
    assert ailing(desk) == []
