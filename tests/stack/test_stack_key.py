"""What is kept is encrypted where it lies: by each service's own key, or all of it by one of the project's."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import cfnlint.api
import pytest
from stack_samples import ACCOUNT, KEY, feed, templates_of, write_project

from penstock.stack.names import Names
from penstock.stack.resources.key import key_template

FEEDS = [feed("orders"), feed("returns", trigger="direct", schedule="rate(1 hour)")]
HELD: dict[str, tuple[str, ...]] = {
    "AWS::DynamoDB::Table": ("SSESpecification", "KMSMasterKeyId"),
    "AWS::Lambda::Function": ("KmsKeyArn",),
    "AWS::Logs::LogGroup": ("KmsKeyId",),
    "AWS::S3::Bucket": (
        "BucketEncryption",
        "ServerSideEncryptionConfiguration",
        "0",
        "ServerSideEncryptionByDefault",
        "KMSMasterKeyID",
    ),
    "AWS::SNS::Topic": ("KmsMasterKeyId",),
    "AWS::SQS::Queue": ("KmsMasterKeyId",),
}
"""Where each kind of resource that holds something says which key it is under."""


def _resources(folder: Path, **project: Any) -> Iterator[Mapping[str, Any]]:
    for template in templates_of(write_project(folder, FEEDS, **project)):
        yield from template.body["Resources"].values()


def _said(properties: Any, path: tuple[str, ...]) -> Any:
    for step in path:
        properties = properties[int(step)] if isinstance(properties, list) else properties.get(step, {})
    return properties or None


def test_without_a_key_queues_and_buckets_say_that_they_are_encrypted_and_no_topic_drops_alarms(
    tmp_path: Path,
) -> None:
    seen = set()
    for resource in _resources(tmp_path):
        kind, properties = resource["Type"], resource["Properties"]
        if kind in HELD:
            seen.add(kind)
            assert _said(properties, HELD[kind]) is None
        if kind == "AWS::SQS::Queue":
            assert properties["SqsManagedSseEnabled"] is True
        if kind == "AWS::S3::Bucket":
            assert "AES256" in json.dumps(properties["BucketEncryption"])
    assert seen == set(HELD)  # alias/aws/sns, of which CloudWatch may not make use, would be seen here


def test_with_a_key_all_that_holds_something_is_under_it(tmp_path: Path) -> None:
    seen = set()
    for resource in _resources(tmp_path, encryption={"key": KEY}):
        kind, properties = resource["Type"], resource["Properties"]
        if kind in HELD:
            seen.add(kind)
            assert _said(properties, HELD[kind]) == KEY, resource
        if kind == "AWS::SQS::Queue":
            assert properties["SqsManagedSseEnabled"] is False  # SQS takes one kind alone
        if kind == "AWS::S3::Bucket":
            (rule,) = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
            assert rule["BucketKeyEnabled"] is True
    assert seen == set(HELD)


def test_a_key_is_rotated_kept_and_found_by_its_alias() -> None:
    body = key_template(Names("shop", ACCOUNT, "eu-central-1"))
    key, alias = body["Resources"]["Key"], body["Resources"]["Alias"]
    assert key["Properties"]["EnableKeyRotation"] is True
    assert (key["DeletionPolicy"], key["UpdateReplacePolicy"]) == ("Retain", "Retain")
    assert alias["Properties"] == {"AliasName": "alias/penstock-shop", "TargetKeyId": {"Ref": "Key"}}
    assert body["Outputs"] == {"Key": {"Value": {"Fn::GetAtt": ["Key", "Arn"]}}}


def test_a_keys_stack_is_none_of_the_projects_which_a_deploy_could_take_for_a_feeds() -> None:
    names = Names("shop", ACCOUNT, "eu-central-1")
    assert names.key_stack not in {names.foundation_stack, names.landing_stack, names.feed("key").stack}


@pytest.mark.parametrize("region", ["eu-central-1", "cn-north-1", "us-gov-west-1"])
def test_a_key_lets_in_the_logs_of_its_own_region(region: str) -> None:
    names = Names("shop", ACCOUNT, region)
    (logs,) = (
        statement
        for statement in key_template(names)["Resources"]["Key"]["Properties"]["KeyPolicy"]["Statement"]
        if statement["Sid"] == "KeepLogs"
    )
    ending = ".cn" if region.startswith("cn-") else ""
    assert logs["Principal"] == {"Service": f"logs.{region}.amazonaws.com{ending}"}


def test_cfn_lint_has_nothing_to_say_of_a_key_and_of_what_is_under_it(tmp_path: Path) -> None:
    bodies: list[Mapping[str, Any]] = [key_template(Names("shop", ACCOUNT, "eu-central-1"))]
    bodies += [one.body for one in templates_of(write_project(tmp_path, FEEDS[:1], encryption={"key": KEY}))]
    for body in bodies:
        found = cfnlint.api.lint(json.dumps(body), regions=["eu-central-1"])
        assert [f"{one.rule.id} {one.message}" for one in found] == []
