"""Files that land in a bucket of somebody else's: EventBridge tells of them, and nothing but that changes of the bucket."""

from __future__ import annotations

import itertools
import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError
from desk import Desk
from hypothesis import given
from hypothesis import strategies as st
from patience import wait_for
from stack_samples import ACCOUNT, feed, templates_of, write_project

from penstock.aws.list_runs import list_runs
from penstock.errors import ContractError, ServiceError, UsageError
from penstock.local.server import Server, start_server, stop_server
from penstock.stack.connect import Connection
from penstock.stack.existing_bucket import BucketPlan, turn_on
from penstock.stack.resources.rule import match_key

ACCOUNTS = itertools.count(1)
THEIRS = "their-lake"
LANDING = {"bucket": THEIRS}
FILE = b"order_id,customer_id,quantity,status,expires\no1,c1,2,NEW,5\no2,c1,two,NEW,5\n"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    started = start_server()
    yield started
    stop_server(started)


@pytest.fixture(scope="module")
def shared(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """A desk whose account has a bucket that a queue of somebody else's is told of, and a project that uses it."""
    desk = Desk(tmp_path_factory.mktemp("shop"), server.connection(f"{next(ACCOUNTS):012d}"))
    desk.connection.client("s3").create_bucket(Bucket=THEIRS)
    desk.connection.client("sqs").create_queue(QueueName="theirs")
    desk.connection.client("s3").put_bucket_notification_configuration(
        Bucket=THEIRS, NotificationConfiguration=_others(desk), SkipDestinationValidation=True
    )
    deployed = desk.deploy(feed("orders"), feed("returns", trigger="direct"), landing=LANDING)
    assert deployed is not None
    assert deployed.left is None
    assert ("Landing bucket", THEIRS) in deployed.outputs
    return desk


def _others(desk: Desk) -> dict[str, Any]:
    queue = f"arn:aws:sqs:{desk.connection.region}:{desk.connection.access_key}:theirs"
    return {
        "QueueConfigurations": [
            {
                "Id": "theirs",
                "QueueArn": queue,
                "Events": ["s3:ObjectCreated:*"],
                "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": "theirs/"}]}},
            }
        ]
    }


def _notifications(desk: Desk) -> dict[str, Any]:
    found = desk.connection.client("s3").get_bucket_notification_configuration(Bucket=THEIRS)
    return {key: value for key, value in found.items() if key != "ResponseMetadata"}


@pytest.mark.aws
@pytest.mark.parametrize("name", ["orders", "returns"])
def test_a_file_is_loaded_though_the_bucket_is_not_the_projects_and_keeps_no_versions(
    shared: Desk, name: str
) -> None:
    key = f"incoming/{name}/first of May+1.csv"
    shared.connection.client("s3").put_object(Bucket=THEIRS, Key=key, Body=FILE)
    ledger = shared.ledger
    wait_for(lambda: any(run.ended for run in list_runs(ledger, name)), "the run has ended")
    (run,) = list_runs(ledger, name)
    assert (run.bucket, run.key, run.status) == (THEIRS, key, "done")
    assert run.version.startswith("etag:")
    assert (run.counts["loaded"], run.counts["rejected"]) == (1, 1)


@pytest.mark.aws
def test_the_bucket_tells_eventbridge_and_whom_it_told_before(shared: Desk) -> None:
    assert _notifications(shared) == {**_others(shared), "EventBridgeConfiguration": {}}


@pytest.mark.aws
def test_the_second_deploy_finds_nothing_to_do_and_the_landing_stack_is_left_out(shared: Desk) -> None:
    again = shared.deploy(feed("orders"), feed("returns", trigger="direct"), landing=LANDING)
    assert again is not None
    assert again.changes == ()
    assert set(shared.stacks()) == {
        "penstock-shop",
        "penstock-shop-feed-orders",
        "penstock-shop-feed-returns",
    }


@pytest.fixture
def desk(server: Server, tmp_path: Path) -> Desk:
    """An account of its own, in which nothing is deployed yet, and somebody's bucket in it."""
    desk = Desk(tmp_path / "shop", server.connection(f"{next(ACCOUNTS):012d}"))
    desk.connection.client("s3").create_bucket(Bucket=_bucket_of(desk))
    return desk


def _bucket_of(desk: Desk) -> str:
    return f"lake-{desk.connection.access_key}"


@pytest.mark.aws
def test_the_whole_configuration_is_shown_and_nothing_is_put_without_agreement(desk: Desk) -> None:
    s3, bucket = desk.connection.client("s3"), _bucket_of(desk)
    s3.put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration=_others(desk), SkipDestinationValidation=True
    )
    assert desk.deploy(feed("orders"), landing={"bucket": bucket}, agree=False) is None
    (line,) = [line for line in desk.shown if line.kind == "AWS::S3::Bucket" and line.name == bucket]
    assert json.loads(line.detail) == {**_others(desk), "EventBridgeConfiguration": {}}
    found = s3.get_bucket_notification_configuration(Bucket=bucket)
    assert "EventBridgeConfiguration" not in found
    assert found["QueueConfigurations"] == _others(desk)["QueueConfigurations"]


@pytest.mark.aws
def test_who_may_not_put_the_configuration_deploys_all_else_and_the_next_deploy_shows_it_again(
    desk: Desk,
) -> None:
    s3, bucket = desk.connection.client("s3"), _bucket_of(desk)

    def refuse(**_: Any) -> None:
        raise _denied("PutBucketNotificationConfiguration")

    call = "before-call.s3.PutBucketNotificationConfiguration"
    s3.meta.events.register(call, refuse)
    deployed = desk.deploy(feed("orders"), landing={"bucket": bucket})
    s3.meta.events.unregister(call, refuse)
    assert deployed is not None
    assert deployed.left is not None
    assert f"aws s3api put-bucket-notification-configuration --bucket {bucket}" in deployed.left
    assert set(desk.stacks().values()) == {"CREATE_COMPLETE"}
    again = desk.deploy(feed("orders"), landing={"bucket": bucket})
    assert again is not None
    assert [line.name for line in again.changes] == [bucket]
    assert again.left is None


@pytest.mark.aws
def test_a_destroy_with_data_leaves_the_bucket_and_what_is_in_it(desk: Desk) -> None:
    s3, bucket = desk.connection.client("s3"), _bucket_of(desk)
    s3.put_object(Bucket=bucket, Key="incoming/orders/kept.txt", Body=b"kept")
    desk.deploy(feed("orders"))  # first with a landing bucket of its own, which is deleted with all else
    desk.deploy(feed("orders"), landing={"bucket": bucket})
    (removed,) = [line for line in desk.shown if line.action == "remove" and "Stack" in line.kind]
    assert desk.names.own_landing_bucket in removed.why
    notified = s3.get_bucket_notification_configuration(Bucket=bucket)
    destroyed = desk.destroy(data=True)
    assert destroyed is not None
    assert bucket not in destroyed.buckets
    assert [found["Name"] for found in s3.list_buckets()["Buckets"]] == [bucket]
    assert s3.get_object(Bucket=bucket, Key="incoming/orders/kept.txt")["Body"].read() == b"kept"
    assert "EventBridgeConfiguration" in notified
    assert "EventBridgeConfiguration" in s3.get_bucket_notification_configuration(Bucket=bucket)


@pytest.mark.aws
def test_a_bucket_that_is_not_there_is_not_made(desk: Desk) -> None:
    with pytest.raises(UsageError, match=r"There is no bucket nobodys-lake\. .*landing\.bucket"):
        desk.deploy(feed("orders"), landing={"bucket": "nobodys-lake"})
    assert desk.stacks() == {}


class _Client:
    """S3 as it answers somebody who may not do everything. ``put`` keeps what was put."""

    def __init__(self, found: dict[str, Any] | None, *, puts: bool) -> None:
        self.found, self.puts = found, puts
        self.put: dict[str, Any] | None = None

    def get_bucket_notification_configuration(self, **_: str) -> dict[str, Any]:
        if self.found is None:
            raise _denied("GetBucketNotificationConfiguration")
        return {**self.found, "ResponseMetadata": {}}

    def put_bucket_notification_configuration(self, **asked: Any) -> None:
        if not self.puts:
            raise _denied("PutBucketNotificationConfiguration")
        self.put = asked


def _denied(operation: str) -> ClientError:
    return ClientError({"Error": {"Code": "AccessDenied", "Message": "Access Denied"}}, operation)


class _Connection:
    def __init__(self, client: _Client) -> None:
        self._client = client

    def client(self, service: str) -> _Client:
        assert service == "s3"
        return self._client


def _connect(client: _Client) -> Connection:
    return cast("Connection", _Connection(client))


FOUND = {"TopicConfigurations": [{"Id": "it's", "TopicArn": "arn:aws:sns:eu-central-1:1:t", "Events": ["x"]}]}
PLAN = BucketPlan(THEIRS, ACCOUNT, FOUND)


def test_who_may_not_change_the_notifications_is_given_the_command_for_who_may() -> None:
    left = turn_on(_connect(_Client(FOUND, puts=False)), PLAN)
    assert left is not None
    command = shlex.split(left.splitlines()[-1])
    assert command[:5] == ["aws", "s3api", "put-bucket-notification-configuration", "--bucket", THEIRS]
    assert command[5:8] == ["--expected-bucket-owner", ACCOUNT, "--skip-destination-validation"]
    assert json.loads(command[-1]) == {**FOUND, "EventBridgeConfiguration": {}}


def test_who_may_not_read_the_notifications_is_told_what_its_owner_has_to_look_for() -> None:
    plan = BucketPlan(THEIRS, ACCOUNT, None)
    client = _Client(None, puts=True)
    left = turn_on(_connect(client), plan)
    assert plan.lines == ()
    assert left is not None
    assert f"get-bucket-notification-configuration --bucket {THEIRS}" in left
    assert client.put is None


def test_notifications_that_somebody_changed_since_they_were_shown_are_left_alone() -> None:
    client = _Client({}, puts=True)
    with pytest.raises(ServiceError, match="changed by somebody since they were shown"):
        turn_on(_connect(client), PLAN)
    assert client.put is None


def test_nobody_else_who_is_told_gets_a_test_message() -> None:
    client = _Client(FOUND, puts=True)
    assert turn_on(_connect(client), PLAN) is None
    assert client.put == {
        "Bucket": THEIRS,
        "ExpectedBucketOwner": ACCOUNT,
        "NotificationConfiguration": {**FOUND, "EventBridgeConfiguration": {}},
        "SkipDestinationValidation": True,
    }


@pytest.mark.parametrize("trigger", ["queue", "direct"])
def test_only_the_feeds_own_rule_may_tell_it(trigger: str, tmp_path: Path) -> None:
    folder = write_project(tmp_path, [feed("orders", trigger=trigger)], landing=LANDING)
    resources = next(stack for stack in templates_of(folder) if stack.feed).body["Resources"]
    rule = f"arn:aws:events:eu-central-1:{ACCOUNT}:rule/shop_orders"
    if trigger == "queue":
        statements = resources["QueuePolicy"]["Properties"]["PolicyDocument"]["Statement"]
        (statement,) = [one for one in statements if one["Effect"] == "Allow"]
        assert statement["Principal"] == {"Service": "events.amazonaws.com"}
        assert statement["Condition"] == {
            "ArnEquals": {"aws:SourceArn": rule},
            "StringEquals": {"aws:SourceAccount": ACCOUNT},
        }
    else:
        properties = resources["Permission"]["Properties"]
        assert (properties["Principal"], properties["SourceArn"]) == ("events.amazonaws.com", rule)
        assert properties["SourceAccount"] == ACCOUNT
    pattern = resources["Rule"]["Properties"]["EventPattern"]["detail"]
    assert pattern["bucket"]["name"] == [THEIRS]
    assert pattern["object"]["key"] == [{"wildcard": "incoming/orders/*.csv"}]


def test_the_loader_may_use_the_key_of_the_bucket_through_s3_alone(tmp_path: Path) -> None:
    key = f"arn:aws:kms:eu-central-1:{ACCOUNT}:key/0a1b"
    folder = write_project(tmp_path, [feed("orders")], landing={**LANDING, "key": key})
    resources = next(stack for stack in templates_of(folder) if stack.feed).body["Resources"]
    statements = resources["Role"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
    (decrypt,) = [statement for statement in statements if "kms:Decrypt" in statement["Action"]]
    assert (decrypt["Action"], decrypt["Resource"]) == (["kms:Decrypt"], key)
    assert decrypt["Condition"] == {"StringEquals": {"kms:ViaService": "s3.eu-central-1.amazonaws.com"}}


def test_files_can_not_land_among_the_rejects(tmp_path: Path) -> None:
    folder = write_project(
        tmp_path, [feed("orders")], landing={"bucket": f"shop-artifacts-{ACCOUNT}-eu-central-1"}
    )
    with pytest.raises(ContractError, match=r"can't land in .*landing\.bucket"):
        templates_of(folder)


@given(st.text("a*\\/", max_size=5), st.text("a*\\.", max_size=5), st.text("a*\\/.", max_size=12))
def test_a_rule_matches_what_begins_and_ends_like_the_feeds_keys(prefix: str, suffix: str, key: str) -> None:
    pattern = match_key(prefix, suffix)["wildcard"]
    expected = key.startswith(prefix) and key.endswith(suffix) and len(key) >= len(prefix) + len(suffix)
    assert _matches(pattern, key) == expected


def _matches(pattern: str, key: str) -> bool:
    """EventBridge's wildcard, by its description: ``*`` is any text, and a backslash makes the next character ordinary."""
    if not pattern:
        return not key
    if pattern[0] == "*":
        return any(_matches(pattern[1:], key[start:]) for start in range(len(key) + 1))
    literal = pattern[1] if pattern[0] == "\\" else pattern[0]
    return key[:1] == literal and _matches(pattern[2 if pattern[0] == "\\" else 1 :], key[1:])
