"""The calls of ``rights.csv``, made with the credentials of a role, where IAM is enforced."""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError

from penstock.stack.connect import Connection
from penstock.stack.names import Names

INDEXES = {"by_due": "due_feed", "by_feed": "feed"}
DENIED = {"AccessDenied", "AccessDeniedException", "AuthorizationError", "Forbidden", "403"}
ITEM = {"customer_id": {"S": "c"}, "order_id": {"S": "o"}, "quantity": {"N": "1"}}


@dataclass(frozen=True)
class World:
    """A project deployed where IAM is enforced, and the account's root."""

    root: Connection
    names: Names
    roles: dict[str, str]

    def role(self, of: str, *, by_tls: bool = False) -> Role:
        """Take on a role, which is no service's for the time of this test, but the account's."""
        trust = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
        self.root.client("iam").update_assume_role_policy(
            RoleName=self.roles[of].rpartition("/")[2],
            PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}),
        )
        answer = self.root.client("sts").assume_role(RoleArn=self.roles[of], RoleSessionName="review")
        return Role(self, self.roles[of], answer["Credentials"], by_tls)


@dataclass(frozen=True)
class Role:
    """The credentials of a role, and the calls that it makes."""

    world: World
    arn: str
    credentials: dict[str, str]
    by_tls: bool
    clients: dict[str, Any] = field(default_factory=dict)

    def _may_touch(self, call: str, of: str) -> bool:
        """Tell whether the role's policy lets it at a partition of the ledger.

        The embedded AWS knows no ``dynamodb:LeadingKeys``, and lets through what is bound by it: it is read here.
        """
        names = self.world.names
        index, value = _partition(names, of)
        resource = f"{names.ledger_arn}/index/{index}" if index else names.ledger_arn
        found = self.world.root.client("iam").get_role_policy(
            RoleName=self.arn.rpartition("/")[2], PolicyName="penstock"
        )
        return any(
            fnmatch.fnmatchcase(value, pattern)
            for statement in found["PolicyDocument"]["Statement"]
            if call in statement["Action"] and resource == statement["Resource"]
            for pattern in _leading_keys(statement)
        )

    def client(self, service: str) -> Any:
        if service not in self.clients:
            self.clients[service] = self._connect(service)
        return self.clients[service]

    def _connect(self, service: str) -> Any:
        client = botocore.session.get_session().create_client(
            service,
            region_name=self.world.names.region,
            endpoint_url=self.world.root.endpoint_url,
            aws_access_key_id=self.credentials["AccessKeyId"],
            aws_secret_access_key=self.credentials["SecretAccessKey"],
            aws_session_token=self.credentials["SessionToken"],
            config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}, proxies={}),
        )
        if self.by_tls:  # a proxy in front of the embedded AWS would say so
            client.meta.events.register("before-send", say_that_it_was_encrypted)
        return client

    def may(self, call: str, on: str) -> bool:
        """Make a call, and tell whether it was let through, whatever came of it then."""
        if on.startswith("ledger/") and not self._may_touch(call, on.removeprefix("ledger/")):
            return False
        service, _, action = call.partition(":")
        service = {"states": "stepfunctions"}.get(service, service)
        try:
            CALLS[service](self.client(service), self.world, action, on)
        except ClientError as error:
            return error.response["Error"]["Code"] not in DENIED
        return True


def say_that_it_was_encrypted(request: Any, **_: Any) -> None:
    request.headers["X-Forwarded-Proto"] = "https"


def _partition(names: Names, of: str) -> tuple[str, str]:
    """Give the index that is asked, which may be none, and the partition key's value."""
    index, _, value = of.partition("/")
    return (index, value) if index in INDEXES else ("", of.replace("LANDING", names.landing_bucket))


def _leading_keys(statement: dict[str, Any]) -> list[str]:
    """Give the patterns of the partition keys that a statement is about: all, where it has no condition."""
    (condition,) = statement.get("Condition", {"": {"dynamodb:LeadingKeys": ["*"]}}).values()
    (keys,) = condition.values()
    assert set(condition) == {"dynamodb:LeadingKeys"}
    return list(keys)


def _s3(client: Any, world: World, action: str, on: str) -> None:
    which, _, key = on.partition("/")
    names = world.names
    bucket = {"landing": names.landing_bucket, "artifacts": names.artifacts_bucket}[which]
    version = {"VersionId": _version_of(world, bucket, key)} if action.endswith("Version") else {}
    calls: dict[str, Callable[[], Any]] = {
        "GetObject": lambda: client.get_object(Bucket=bucket, Key=key, **version),
        "PutObject": lambda: client.put_object(Bucket=bucket, Key=key, Body=b"x"),
        "DeleteObject": lambda: client.delete_object(Bucket=bucket, Key=key, **version),
        "ListBucket": lambda: client.list_objects_v2(Bucket=bucket, Prefix=key),
        "PutBucketPolicy": lambda: client.put_bucket_policy(Bucket=bucket, Policy="{}"),
    }
    calls[action.removesuffix("Version")]()


def _version_of(world: World, bucket: str, key: str) -> str:
    return str(world.root.client("s3").head_object(Bucket=bucket, Key=key)["VersionId"])


def _dynamodb(client: Any, world: World, action: str, on: str) -> None:
    table, _, of = on.partition("/")
    index, value = _partition(world.names, of)
    ledger = table == "ledger"
    name = world.names.ledger if ledger else table
    key = (
        {"pk": {"S": value}, "sk": {"S": "x"}}
        if ledger
        else {k: ITEM[k] for k in ("customer_id", "order_id")}
    )
    item = key if ledger else ITEM
    query = {
        "TableName": name,
        "KeyConditionExpression": "#k = :v",
        "ExpressionAttributeNames": {"#k": INDEXES.get(index, "customer_id")},
        "ExpressionAttributeValues": {":v": {"S": value}},
        **({"IndexName": index} if index else {}),
    }
    calls: dict[str, Callable[[], Any]] = {
        "GetItem": lambda: client.get_item(TableName=name, Key=key),
        "PutItem": lambda: client.put_item(TableName=name, Item=item),
        "UpdateItem": lambda: client.update_item(TableName=name, Key=key),
        "DeleteItem": lambda: client.delete_item(TableName=name, Key=key),
        "BatchGetItem": lambda: client.batch_get_item(RequestItems={name: {"Keys": [key]}}),
        "BatchWriteItem": lambda: client.batch_write_item(
            RequestItems={name: [{"PutRequest": {"Item": item}}]}
        ),
        "Query": lambda: client.query(**query),
        "Scan": lambda: client.scan(TableName=name),
        "UpdateTable": lambda: client.update_table(TableName=name, DeletionProtectionEnabled=False),
        "DeleteTable": lambda: client.delete_table(TableName=name),
    }
    calls[action]()


def _sqs(client: Any, world: World, action: str, on: str) -> None:
    root = world.root.client("sqs")
    url = root.get_queue_url(QueueName=f"{world.names.project}_{on}")["QueueUrl"]
    calls: dict[str, Callable[[], Any]] = {
        "SendMessage": lambda: client.send_message(QueueUrl=url, MessageBody="{}"),
        "ReceiveMessage": lambda: client.receive_message(QueueUrl=url, VisibilityTimeout=0),
        "PurgeQueue": lambda: client.purge_queue(QueueUrl=url),
    }
    calls[action]()


def _sns(client: Any, world: World, action: str, on: str) -> None:
    assert on == "alerts"
    topic = world.names.topic_arn
    calls: dict[str, Callable[[], Any]] = {
        "Publish": lambda: client.publish(TopicArn=topic, Message="x"),
        "Subscribe": lambda: client.subscribe(TopicArn=topic, Protocol="email", Endpoint="x@example.com"),
    }
    calls[action]()


def _lambda(client: Any, world: World, action: str, on: str) -> None:
    function = f"{world.names.project}_{on}"
    calls: dict[str, Callable[[], Any]] = {
        # Whether it may be called is asked before anything is; the function itself need not run.
        "InvokeFunction": lambda: client.invoke(FunctionName=function, InvocationType="DryRun"),
        "UpdateFunctionCode": lambda: client.update_function_code(FunctionName=function, ZipFile=b"x"),
    }
    calls[action]()


def _stepfunctions(client: Any, world: World, action: str, on: str) -> None:
    assert action == "StartExecution"
    client.start_execution(stateMachineArn=world.names.feed(on).state_machine_arn, input="{}")


def _glue(client: Any, world: World, action: str, on: str) -> None:
    job = world.names.feed(on).job
    calls: dict[str, Callable[[], Any]] = {
        "StartJobRun": lambda: client.start_job_run(JobName=job),
        "GetJobRun": lambda: client.get_job_run(JobName=job, RunId="jr_0"),
        "GetJobRuns": lambda: client.get_job_runs(JobName=job),
        "BatchStopJobRun": lambda: client.batch_stop_job_run(JobName=job, JobRunIds=["jr_0"]),
        "UpdateJob": lambda: client.update_job(JobName=job, JobUpdate={}),
        "DeleteJob": lambda: client.delete_job(JobName=job),
    }
    calls[action]()


def _iam(client: Any, world: World, action: str, on: str) -> None:
    assert action == "PutRolePolicy"
    name = world.roles[on].rpartition("/")[2]
    client.put_role_policy(
        RoleName=name, PolicyName="x", PolicyDocument=json.dumps({"Version": "2012-10-17"})
    )


def _sts(client: Any, world: World, action: str, on: str) -> None:
    assert action == "AssumeRole"
    client.assume_role(RoleArn=world.roles[on], RoleSessionName="another")


CALLS: dict[str, Callable[[Any, World, str, str], None]] = {
    "dynamodb": _dynamodb,
    "glue": _glue,
    "iam": _iam,
    "lambda": _lambda,
    "s3": _s3,
    "sns": _sns,
    "sqs": _sqs,
    "stepfunctions": _stepfunctions,
    "sts": _sts,
}
