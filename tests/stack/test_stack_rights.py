"""What each role may do and may not: every line of ``rights.csv`` is called with the role's credentials, and IAM enforced."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from enforced_world import deploy_enforced, run_enforcing_server
from role_calls import World, say_that_it_was_encrypted
from stack_samples import feed, query_feed

from penstock.compile.plan import compile_contract
from penstock.contract.model import Contract
from penstock.contract.project import read_project
from penstock.stack.connect import Connection
from penstock.stack.names import Names
from penstock.stack.resources.glue import has_job
from penstock.stack.resources.resource_policies import (
    dead_letters_policy,
    encrypted_transport_only,
    queue_policy,
    topic_policy,
)
from penstock.stack.resources.roles import job_role, state_machine_role

pytestmark = pytest.mark.aws
RIGHTS = list(csv.DictReader(Path(__file__).with_name("rights.csv").read_text().splitlines()))
FEEDS = [
    feed("orders", schedule="rate(1 hour)"),
    feed("stock", load={"mode": "mirror"}, engine="glue"),
    feed("prices", trigger="direct", load={"newest_by": "quantity"}),
    query_feed("totals", "stock"),
]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with run_enforcing_server() as server:
        folder = tmp_path_factory.mktemp("shop")
        connection, names = deploy_enforced(server, folder, *FEEDS)
        s3 = connection.client("s3")
        s3.put_bucket_notification_configuration(Bucket=names.landing_bucket, NotificationConfiguration={})
        for bucket in (names.landing_bucket, names.artifacts_bucket):
            for key in {line["on"].partition("/")[2] for line in RIGHTS if line["call"].startswith("s3:Get")}:
                s3.put_object(Bucket=bucket, Key=key, Body=b"x")
        roles = {}
        for one in FEEDS:
            found = connection.client("cloudformation").describe_stack_resources(
                StackName=names.feed(one["name"]).stack
            )
            for resource in found["StackResources"]:
                if resource["ResourceType"] == "AWS::IAM::Role":
                    role = connection.client("iam").get_role(RoleName=resource["PhysicalResourceId"])
                    roles[f"{one['name']}/{resource['LogicalResourceId']}"] = role["Role"]["Arn"]
        roles |= dict(_make_roles_of_a_job(connection, names, read_project(folder).feeds))
        for service in ("s3", "sns", "sqs"):
            connection.client(service).meta.events.register("before-send", say_that_it_was_encrypted)
        yield World(connection, names, roles)


def _make_roles_of_a_job(
    connection: Connection, names: Names, feeds: Iterable[Contract]
) -> Iterator[tuple[str, str]]:
    """The roles that a feed has for its job, which the embedded AWS has none of: they are as in the template for AWS."""
    iam = connection.client("iam")
    for contract in feeds:
        plan = compile_contract(contract)
        if not has_job(plan):
            continue
        for logical_id, role in (
            ("JobRole", job_role(names, contract, plan)),
            ("StateMachineRole", state_machine_role(names, contract.name, job=True, tracing=False)),
        ):
            name, properties = f"{contract.name}-{logical_id}-with-a-job", role["Properties"]
            trust = json.dumps(properties["AssumeRolePolicyDocument"])
            made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
            (policy,) = properties["Policies"]
            document = json.dumps(policy["PolicyDocument"])
            iam.put_role_policy(RoleName=name, PolicyName=policy["PolicyName"], PolicyDocument=document)
            yield f"{contract.name}/{logical_id}", made


@pytest.mark.parametrize("of", sorted({line["role"] for line in RIGHTS}))
def test_a_role_may_do_what_is_written_and_no_more(world: World, of: str) -> None:
    role = world.role(of)
    lines = [line for line in RIGHTS if line["role"] == of]
    found = [{**line, "allowed": "yes" if role.may(line["call"], line["on"]) else "no"} for line in lines]
    assert found == lines


def test_every_kind_of_role_is_tried(world: World) -> None:
    kinds = {role.partition("/")[2] for role in world.roles}
    assert kinds == {line["role"].partition("/")[2] for line in RIGHTS}


@pytest.fixture
def refusing(world: World) -> Iterator[None]:
    """The policies of resources whole: elsewhere they let in what is in the clear, as everything is on loopback."""
    names, (s3, sqs, sns) = world.names, (world.root.client(service) for service in ("s3", "sqs", "sns"))
    urls = {
        sqs.get_queue_url(QueueName=f"{names.project}_orders")["QueueUrl"]: queue_policy(names, "orders"),
        sqs.get_queue_url(QueueName=f"{names.project}_prices_dead-letters")["QueueUrl"]: dead_letters_policy(
            names, "prices"
        ),
    }
    buckets = (names.landing_bucket, names.artifacts_bucket)
    topic = {"TopicArn": names.topic_arn, "AttributeName": "Policy"}
    before = sns.get_topic_attributes(TopicArn=names.topic_arn)["Attributes"]["Policy"]
    sns.set_topic_attributes(**topic, AttributeValue=json.dumps(topic_policy(names)))
    for bucket in buckets:
        s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(encrypted_transport_only(names, bucket)))
    for url, policy in urls.items():
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})
    yield
    sns.set_topic_attributes(**topic, AttributeValue=before)
    for bucket in buckets:
        s3.delete_bucket_policy(Bucket=bucket)
    for url in urls:
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": ""})


def test_what_is_not_encrypted_on_its_way_is_refused(world: World, refusing: None) -> None:
    calls = [
        ("orders/Role", "s3:GetObject", "landing/incoming/orders/a.csv"),
        ("orders/Role", "s3:PutObject", "artifacts/rejects/orders/x"),
        ("orders/Role", "sqs:ReceiveMessage", "orders"),
        ("orders/Role", "sns:Publish", "alerts"),
        ("prices/Role", "sqs:SendMessage", "prices_dead-letters"),
    ]
    for of, call, on in calls:
        assert not world.role(of).may(call, on), call
        assert world.role(of, by_tls=True).may(call, on), call
