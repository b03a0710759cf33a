"""Deploy, change, destroy and deploy again, on the embedded AWS."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from desk import Desk
from patience import wait_for
from stack_samples import feed, index

from penstock.errors import ServiceError, UsageError
from penstock.local.server import Server, start_server, stop_server
from penstock.stack.adopt import describe_kept

pytestmark = pytest.mark.aws
ACCOUNTS = itertools.count(1)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    started = start_server()
    yield started
    stop_server(started)


@pytest.fixture
def desk(server: Server, tmp_path: Path) -> Desk:
    return Desk(tmp_path / "shop", server.connection(f"{next(ACCOUNTS):012d}"))


def test_a_project_is_deployed_and_a_second_deploy_changes_nothing(desk: Desk) -> None:
    returns = feed("returns", trigger="direct", schedule="rate(1 hour)", load={"ttl": "expires"})
    deployed = desk.deploy(feed("orders"), returns, alerts={"email": ["data@example.com"]})
    assert deployed is not None
    assert ("Landing bucket", desk.names.landing_bucket) in deployed.outputs
    functions = {f"shop_{name}{part}" for name in ("orders", "returns") for part in ("", "_sweep")}
    assert desk.actions("AWS::Lambda::Function") == {("add", function) for function in functions}
    assert set(desk.stacks()) == {
        "penstock-shop",
        "penstock-shop-feed-orders",
        "penstock-shop-feed-returns",
        "penstock-shop-landing",
    }
    assert set(desk.stacks().values()) == {"CREATE_COMPLETE"}
    assert desk.notified() == {"shop_orders"}
    cloudwatch = desk.connection.client("cloudwatch")
    alarms = cloudwatch.describe_alarms(AlarmNamePrefix="shop_")["MetricAlarms"]
    assert desk.actions("AWS::CloudWatch::Alarm") == {("add", alarm["AlarmName"]) for alarm in alarms}
    dashboard = json.loads(cloudwatch.get_dashboard(DashboardName=desk.names.dashboard)["DashboardBody"])
    shown = [widget["properties"].get("alarms", []) for widget in dashboard["widgets"]]
    assert {arn for arns in shown for arn in arns} == {alarm["AlarmArn"] for alarm in alarms}
    again = desk.deploy(feed("orders"), returns, alerts={"email": ["data@example.com"]})
    assert again is not None
    assert (again.changes, desk.shown) == ((), [])


def test_the_package_is_put_into_no_bucket_but_the_accounts_own(desk: Desk) -> None:
    owners: list[str] = []

    def note(request: Any, **_: Any) -> None:
        owners.append(request.headers["x-amz-expected-bucket-owner"].decode())

    for call in ("HeadObject", "PutObject"):
        desk.connection.client("s3").meta.events.register(f"before-send.s3.{call}", note)
    desk.deploy(feed("orders"))
    assert owners == [desk.names.account] * 2


def test_what_was_kept_comes_under_the_key_that_the_project_says_now(desk: Desk) -> None:
    desk.deploy(feed("orders"))
    desk.destroy()
    key = f"arn:aws:kms:{desk.connection.region}:{desk.names.account}:key/0a1b2c3d"
    desk.deploy(feed("orders"), encryption={"key": key}, region=desk.connection.region)
    assert ("adopt", "/aws/lambda/shop_orders") in desk.actions("AWS::Logs::LogGroup")
    logs, sqs = (desk.connection.client(service) for service in ("logs", "sqs"))
    groups = logs.describe_log_groups()["logGroups"]
    assert {(group["logGroupName"], group.get("kmsKeyId")) for group in groups} == {
        ("/aws/lambda/shop_orders", key),
        ("/aws/lambda/shop_orders_sweep", key),
        ("/aws/vendedlogs/states/shop_penstock", key),
    }
    for queue in sqs.list_queues()["QueueUrls"]:
        found = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["KmsMasterKeyId"])
        assert found["Attributes"]["KmsMasterKeyId"] == key


def test_the_key_of_a_kept_table_is_told_to_its_stack_before_it_is_changed(desk: Desk) -> None:
    """Or CloudFormation would see no change: it believes that what it adopts is as the template says."""
    table = {"TableName": "items", "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}]}
    table["AttributeDefinitions"] = [{"AttributeName": "pk", "AttributeType": "S"}]
    old = {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": "arn:aws:kms:us-east-1:1:key/old"}
    desk.connection.client("dynamodb").create_table(
        **table,
        BillingMode="PAY_PER_REQUEST",
        SSESpecification={"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": old["KMSMasterKeyId"]},
    )
    for wanted in ({"SSESpecification": {**old, "KMSMasterKeyId": "arn:aws:kms:us-east-1:1:key/new"}}, {}):
        body = {"Resources": {"Table": {"Type": "AWS::DynamoDB::Table", "Properties": {**table, **wanted}}}}
        kept = describe_kept(desk.connection, body, ["Table"])
        assert kept["Resources"]["Table"]["Properties"]["SSESpecification"] == old


def test_what_the_embedded_aws_drops_is_done_after_the_deploy(desk: Desk) -> None:
    desk.deploy(feed("orders", trigger="direct", load={"ttl": "expires"}, function={"concurrency": 3}))
    dynamodb = desk.connection.client("dynamodb")
    ttl = dynamodb.describe_time_to_live(TableName="orders-items")["TimeToLiveDescription"]
    assert (ttl["TimeToLiveStatus"], ttl["AttributeName"]) == ("ENABLED", "expires")
    backups = dynamodb.describe_continuous_backups(TableName="orders-items")["ContinuousBackupsDescription"]
    assert backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"
    limit = desk.connection.client("lambda").get_function_concurrency(FunctionName="shop_orders")
    assert limit["ReservedConcurrentExecutions"] == 3
    desk.deploy(feed("orders"))
    ttl = dynamodb.describe_time_to_live(TableName="orders-items")["TimeToLiveDescription"]
    assert ttl["TimeToLiveStatus"] == "DISABLED"
    limit = desk.connection.client("lambda").get_function_concurrency(FunctionName="shop_orders")
    assert "ReservedConcurrentExecutions" not in limit


def test_a_feed_that_is_gone_takes_its_stack_along_and_leaves_its_table(desk: Desk) -> None:
    desk.deploy(feed("orders"), feed("returns"))
    desk.deploy(feed("orders"))
    assert ("remove", "penstock-shop-feed-returns") in desk.actions("AWS::CloudFormation::Stack")
    assert "penstock-shop-feed-returns" not in desk.stacks()
    assert desk.notified() == {"shop_orders"}
    assert desk.table("returns-items")["TableStatus"] == "ACTIVE"


def test_several_indexes_change_in_one_deploy(desk: Desk) -> None:
    desk.deploy(feed("orders", load={"indexes": [index("one", "status"), index("two", "order_id")]}))
    desk.deploy(feed("orders", load={"indexes": [index("two", "status"), index("three", "order_id")]}))
    found = {
        one["IndexName"]: one["KeySchema"][0]["AttributeName"]
        for one in desk.table("orders-items")["GlobalSecondaryIndexes"]
    }
    assert found == {"two": "status", "three": "order_id"}
    assert desk.actions("AWS::DynamoDB::Table") == {("change", "orders-items")}


def test_what_landed_while_nobody_listened_is_loaded_after_the_next_deploy(desk: Desk) -> None:
    desk.deploy(feed("orders"))
    desk.destroy()
    body = b"order_id,customer_id,quantity,status,expires\no1,c1,2,NEW,5\n"
    key = "incoming/orders/while nobody listened.csv"
    desk.connection.client("s3").put_object(Bucket=desk.names.landing_bucket, Key=key, Body=body)
    desk.deploy(feed("orders"))
    dynamodb = desk.connection.client("dynamodb")
    found = wait_for(lambda: dynamodb.scan(TableName="orders-items")["Items"], "it is loaded")
    assert [item["order_id"] for item in found] == [{"S": "o1"}]


def test_who_says_no_changes_nothing(desk: Desk) -> None:
    assert desk.deploy(feed("orders"), agree=False) is None
    assert desk.shown
    assert desk.stacks() == {}
    desk.deploy(feed("orders"))
    before = desk.stacks()
    assert desk.deploy(feed("orders"), feed("returns"), agree=False) is None
    assert desk.stacks() == before


def test_a_destroy_keeps_the_data_and_a_deploy_adopts_it(desk: Desk) -> None:
    desk.deploy(feed("orders", load={"indexes": [index("one", "status")]}), feed("returns"))
    dynamodb, s3 = desk.connection.client("dynamodb"), desk.connection.client("s3")
    item = {"customer_id": {"S": "c"}, "order_id": {"S": "o"}}
    dynamodb.put_item(TableName="orders-items", Item=item)
    s3.put_object(Bucket=desk.names.landing_bucket, Key="elsewhere.txt", Body=b"kept")

    assert desk.destroy() is not None
    assert desk.stacks() == {}
    assert dynamodb.get_item(TableName="orders-items", Key=item)["Item"] == item

    # What is wanted has changed in the meantime: another index, another feed.
    desk.deploy(
        feed("orders", load={"indexes": [index("two", "status")], "stream": "KEYS_ONLY"}), feed("refunds")
    )
    assert desk.actions("AWS::DynamoDB::Table") == {
        ("adopt", "orders-items"),
        ("adopt", "shop_penstock_ledger"),
        ("add", "refunds-items"),
    }
    assert {action for action, _ in desk.actions("AWS::S3::Bucket")} == {"adopt"}
    assert dynamodb.get_item(TableName="orders-items", Key=item)["Item"] == item
    assert [one["IndexName"] for one in desk.table("orders-items")["GlobalSecondaryIndexes"]] == ["two"]
    assert desk.table("orders-items")["StreamSpecification"]["StreamViewType"] == "KEYS_ONLY"
    assert s3.get_object(Bucket=desk.names.landing_bucket, Key="elsewhere.txt")["Body"].read() == b"kept"
    assert desk.notified() == {"shop_orders", "shop_refunds"}
    again = desk.deploy(
        feed("orders", load={"indexes": [index("two", "status")], "stream": "KEYS_ONLY"}), feed("refunds")
    )
    assert again is not None
    assert again.changes == ()


@pytest.mark.parametrize("meanwhile", ["another trigger", "a destroy"])
def test_a_file_that_nobody_heard_of_is_loaded_by_the_next_deploy(desk: Desk, meanwhile: str) -> None:
    desk.deploy(feed("orders"))
    if meanwhile == "a destroy":
        desk.destroy()
    else:  # the message is in the queue that goes
        calls = desk.connection.client("lambda")
        (mapping,) = calls.list_event_source_mappings(FunctionName="shop_orders")["EventSourceMappings"]
        calls.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
    body = b"order_id,customer_id,quantity,status,expires\no1,c1,2,NEW,5\n"
    bucket = desk.names.landing_bucket
    desk.connection.client("s3").put_object(Bucket=bucket, Key="incoming/orders/1.csv", Body=body)
    desk.deploy(feed("orders", trigger="direct"))
    key = {"customer_id": {"S": "c1"}, "order_id": {"S": "o1"}}
    found = desk.connection.client("dynamodb").get_item
    wait_for(lambda: "Item" in found(TableName="orders-items", Key=key), "it is loaded")


def test_a_feed_has_a_state_machine_that_a_deploy_changes_in_place(desk: Desk) -> None:
    states = desk.connection.client("stepfunctions")
    desk.deploy(feed("orders"), large_objects={"concurrency": 3})
    (machine,) = states.list_state_machines()["stateMachines"]
    assert machine["name"] == "shop_orders"
    desk.deploy(feed("orders"), large_objects={"concurrency": 4})
    assert desk.actions("AWS::StepFunctions::StateMachine") == {("change", "shop_orders")}
    described = states.describe_state_machine(stateMachineArn=machine["stateMachineArn"])
    assert json.loads(described["definition"])["States"]["LoadChunks"]["MaxConcurrency"] == 4


def test_a_destroy_does_not_wait_for_an_execution_that_goes_on(desk: Desk) -> None:
    states = desk.connection.client("stepfunctions")
    desk.deploy(feed("orders"))
    (machine,) = states.list_state_machines()["stateMachines"]
    arn = machine["stateMachineArn"]
    waiting = {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 3600, "End": True}}}
    states.update_state_machine(stateMachineArn=arn, definition=json.dumps(waiting))
    execution = states.start_execution(stateMachineArn=arn)["executionArn"]
    assert states.describe_execution(executionArn=execution)["status"] == "RUNNING"
    assert desk.destroy() is not None
    assert (desk.stacks(), states.list_state_machines()["stateMachines"]) == ({}, [])
    assert desk.deploy(feed("orders")) is not None
    assert [one["name"] for one in states.list_state_machines()["stateMachines"]] == ["shop_orders"]


def test_a_destroy_with_data_leaves_nothing_of_the_project_and_all_that_is_not_its_own(desk: Desk) -> None:
    dynamodb, s3 = desk.connection.client("dynamodb"), desk.connection.client("s3")
    key = (
        {"AttributeName": "customer_id", "KeyType": "HASH"},
        {"AttributeName": "order_id", "KeyType": "RANGE"},
    )
    dynamodb.create_table(
        TableName="theirs",
        KeySchema=list(key),
        AttributeDefinitions=[{"AttributeName": one["AttributeName"], "AttributeType": "S"} for one in key],
        BillingMode="PAY_PER_REQUEST",
    )
    desk.deploy(feed("orders"), feed("returns", load={"table": "theirs", "table_exists": True}))
    for body in (b"one", b"two"):
        s3.put_object(Bucket=desk.names.landing_bucket, Key="versions.txt", Body=body)
    s3.delete_object(Bucket=desk.names.landing_bucket, Key="versions.txt")

    assert desk.destroy(data=True, agree=False) is None
    assert len(desk.stacks()) == 4
    desk.destroy()
    destroyed = desk.destroy(data=True)  # the stacks are gone already, and what they kept is found
    assert destroyed is not None
    assert destroyed.tables == ("orders-items", "shop_penstock_ledger")
    assert dynamodb.list_tables()["TableNames"] == ["theirs"]
    assert s3.list_buckets()["Buckets"] == []
    assert desk.connection.client("logs").describe_log_groups()["logGroups"] == []


def test_a_failure_names_the_resource_and_the_reason_and_the_next_deploy_goes_on(
    desk: Desk, server: Server
) -> None:
    taken = server.connection("999999999999").client("s3")
    taken.create_bucket(Bucket=desk.names.landing_bucket)
    with pytest.raises(
        ServiceError, match=r"penstock-shop-landing ended as .*\n  LandingBucket .*already exists"
    ):
        desk.deploy(feed("orders"))
    assert desk.stacks()["penstock-shop-feed-orders"] == "CREATE_COMPLETE"
    taken.delete_bucket(Bucket=desk.names.landing_bucket)
    assert desk.deploy(feed("orders")) is not None
    assert set(desk.stacks().values()) == {"CREATE_COMPLETE"}
    assert [event.name for event in desk.events if event.failed] == ["LandingBucket"]


def test_a_failing_foundation_leaves_no_planned_stacks_behind(desk: Desk, server: Server) -> None:
    server.connection("999999999999").client("s3").create_bucket(Bucket=desk.names.artifacts_bucket)
    with pytest.raises(ServiceError, match="ArtifactsBucket"):
        desk.deploy(feed("orders"))
    assert desk.stacks() == {"penstock-shop": "ROLLBACK_COMPLETE"}


def test_a_changed_key_is_refused_before_anything_is_touched(desk: Desk) -> None:
    desk.deploy(feed("orders"))
    before = desk.table("orders-items")["KeySchema"]
    with pytest.raises(
        UsageError, match=r"orders-items exists, with the key customer_id \(S\), order_id \(S\)"
    ):
        desk.deploy(feed("orders", load={"partition_key": "status"}))
    assert desk.table("orders-items")["KeySchema"] == before
    assert set(desk.stacks().values()) == {"CREATE_COMPLETE"}


def test_a_stack_of_somebody_else_is_left_alone(desk: Desk) -> None:
    body = '{"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}}'
    client = desk.connection.client("cloudformation")
    client.create_stack(StackName="penstock-shop-landing", TemplateBody=body)
    with pytest.raises(UsageError, match="penstock-shop-landing exists and is not of this project"):
        desk.deploy(feed("orders"))
    assert desk.stacks() == {}
