"""A KMS key for all that a project keeps: its template, the policy that a key of your own needs, and what roles may do with it.

The key is in none of the project's stacks. It outlives what it encrypts, it belongs to whoever answers for keys, and its ARN
is known only once it is there, while the project's stacks know one another by name before any of them is. So it is made
once, from a template of its own, and named in ``penstock.yaml``; no deploy changes it and no destroy deletes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock.stack.names import Names
from penstock.stack.resources.statements import Statement, allow
from penstock.stack.resources.table import KEPT, table_tags

_USE = ["kms:Decrypt", "kms:GenerateDataKey"]


def key_template(names: Names) -> dict[str, Any]:
    """Give the template of a key that is changed every year and kept whatever becomes of its stack; its ARN is an output."""
    key = {
        "Type": "AWS::KMS::Key",
        **KEPT,
        "Properties": {
            "Description": f"Penstock: what {names.project} keeps",
            "EnableKeyRotation": True,
            "KeyPolicy": key_policy(names),
            "PendingWindowInDays": 30,
            "Tags": table_tags(names.project),
        },
    }
    alias = {
        "Type": "AWS::KMS::Alias",
        "Properties": {"AliasName": names.key_alias, "TargetKeyId": {"Ref": "Key"}},
    }
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": f"Penstock {names.project}: the key of what it keeps",
        "Resources": {"Key": key, "Alias": alias},
        "Outputs": {"Key": {"Value": {"Fn::GetAtt": ["Key", "Arn"]}}},
    }


def key_policy(names: Names) -> Mapping[str, Any]:
    """Let the account, the services that write for nobody's role, and nobody else use the key.

    The first statement is what makes a key's IAM policies count: without it the roles' own statements, which allow them
    the key through single services, would allow nothing, and nobody could change the key any more. A resource of ``*`` is
    the key itself in a key's policy.
    """
    account = {"AWS": f"arn:{names.partition}:iam::{names.account}:root"}
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "LeaveItToTheAccount",
                "Effect": "Allow",
                "Principal": account,
                "Action": "kms:*",
                "Resource": "*",
            },
            _serve(
                "QueueEventsOfS3",
                "s3.amazonaws.com",
                _USE,
                _from(names, names.bucket_arn(names.landing_bucket)),
            ),
            # EventBridge says of none of its calls whose they are (SNS guide, "Key management"); what SQS itself says
            # is which queue they are about.
            _serve(
                "QueueEventsOfEventBridge",
                "events.amazonaws.com",
                _USE,
                {"ArnLike": {"kms:EncryptionContext:aws:sqs:arn": names.arn("sqs", f"{names.project}_*")}},
            ),
            _serve(
                "TellOfAlarms",
                "cloudwatch.amazonaws.com",
                _USE,
                _from(names, names.arn("cloudwatch", "alarm:*")),
            ),
            _serve(
                "KeepLogs",
                names.endpoint("logs"),
                [
                    "kms:Decrypt",
                    "kms:Encrypt",
                    "kms:GenerateDataKey",
                    "kms:GenerateDataKeyWithoutPlaintext",
                    "kms:ReEncryptFrom",
                    "kms:ReEncryptTo",
                ],
                {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": _log_groups(names)}},
            ),
        ],
    }


def use_key(names: Names, *services: str) -> list[Statement]:
    """Let services use the project's key for the role: to read, and to write, which SQS and SNS take both for."""
    if names.key is None:
        return []
    through = {"StringEquals": {"kms:ViaService": [names.endpoint(service) for service in services]}}
    return [allow("UseKey", ["kms:Decrypt", "kms:GenerateDataKey"], names.key, through)]


def use_key_of_tables(names: Names, table_key: str | None = None) -> list[Statement]:
    """Let DynamoDB use the project's key for the role, and that of a table which has one of its own (DynamoDB guide,
    "Authorizing use of your customer managed key"): it asks for each who reads or writes.
    """
    keys = sorted({key for key in (names.key, table_key) if key is not None})
    if not keys:
        return []
    through = {"StringEquals": {"kms:ViaService": names.endpoint("dynamodb")}}
    actions = ["Decrypt", "DescribeKey", "Encrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext"]
    wanted = [f"kms:{action}" for action in (*actions, "ReEncryptFrom", "ReEncryptTo")]
    return [allow("UseKeyOfTables", wanted, keys if len(keys) > 1 else keys[0], through)]


def _serve(sid: str, service: str, actions: list[str], condition: Mapping[str, Any]) -> Statement:
    return {
        "Sid": sid,
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": actions,
        "Resource": "*",
        "Condition": condition,
    }


def _from(names: Names, source: str) -> Mapping[str, Any]:
    return {
        "ArnLike": {"aws:SourceArn": source},
        "StringEquals": {"aws:SourceAccount": names.account},
    }


def _log_groups(names: Names) -> list[str]:
    groups = (f"{names.log_group_prefix}*", f"{names.job_log_prefix}*", names.machines_log_group)
    return [names.arn("logs", f"log-group:{group}") for group in groups]
