"""What an account wants of every role and function is on every one of them, whatever the contract asks for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cfnlint.api
import pytest
from stack_samples import ACCOUNT, KEY, feed, templates_of, write_project

from penstock.contract.project import read_project
from penstock.errors import ContractError

BOUNDARY = f"arn:aws:iam::{ACCOUNT}:policy/teams/boundary"
VPC = {"subnets": ["subnet-0a1b2c3d", "subnet-1a2b3c4d"], "security_groups": ["sg-0a1b2c3d"]}
FEEDS = (feed("orders"), feed("returns", trigger="direct", schedule="rate(1 hour)"))


def _resources(folder: Path, kind: str, **project: Any) -> dict[str, dict[str, Any]]:
    return {
        f"{template.feed}/{logical_id}": resource["Properties"]
        for template in templates_of(write_project(folder, FEEDS, **project))
        for logical_id, resource in template.body["Resources"].items()
        if resource["Type"] == kind
    }


def test_the_boundary_is_on_every_role(tmp_path: Path) -> None:
    roles = _resources(tmp_path, "AWS::IAM::Role", permissions_boundary=BOUNDARY)
    assert len(roles) == 8
    assert {role["PermissionsBoundary"] for role in roles.values()} == {BOUNDARY}


def test_every_function_runs_in_the_vpc_and_its_role_lets_lambda_and_not_its_code_connect_it(
    tmp_path: Path,
) -> None:
    functions = _resources(tmp_path, "AWS::Lambda::Function", vpc=VPC)
    assert set(functions) == {f"{name}/{kind}" for name in ("orders", "returns") for kind in ("Function", "SweepFunction")}  # fmt: skip
    for function in functions.values():
        assert function["VpcConfig"] == {
            "SubnetIds": ["subnet-0a1b2c3d", "subnet-1a2b3c4d"],
            "SecurityGroupIds": ["sg-0a1b2c3d"],
        }
    roles = _resources(tmp_path, "AWS::IAM::Role", vpc=VPC)
    connecting = {
        of: policy["PolicyDocument"]["Statement"]
        for of, role in roles.items()
        for policy in role["Policies"]
        if policy["PolicyName"] == "network"
    }
    assert set(connecting) == {f"{name}/{kind}" for name in ("orders", "returns") for kind in ("Role", "SweepRole")}  # fmt: skip
    actions = [
        "ec2:AssignPrivateIpAddresses",
        "ec2:CreateNetworkInterface",
        "ec2:DeleteNetworkInterface",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSubnets",
        "ec2:UnassignPrivateIpAddresses",
    ]
    sweep = f"arn:aws:lambda:eu-central-1:{ACCOUNT}:function:shop_returns_sweep"
    assert connecting["returns/SweepRole"] == [
        {"Sid": "LetLambdaConnect", "Effect": "Allow", "Action": actions, "Resource": "*"},
        {
            "Sid": "KeepCodeFromConnecting",
            "Effect": "Deny",
            "Action": actions,
            "Resource": "*",
            "Condition": {"ArnEquals": {"lambda:SourceFunctionArn": [sweep]}},
        },
    ]


def test_without_them_nothing_is_said_of_either(tmp_path: Path) -> None:
    text = json.dumps([template.body for template in templates_of(write_project(tmp_path, FEEDS))])
    assert "PermissionsBoundary" not in text
    assert "VpcConfig" not in text
    assert "ec2:" not in text


@pytest.mark.parametrize(
    "more", [{}, {"encryption": {"key": KEY}, "tracing": True}], ids=["alone", "with all else"]
)
def test_cfn_lint_has_nothing_to_say(tmp_path: Path, more: dict[str, Any]) -> None:
    landing = {"bucket": "their-lake", "key": f"arn:aws:kms:eu-central-1:{ACCOUNT}:key/0a1b"}
    folder = write_project(tmp_path, FEEDS, permissions_boundary=BOUNDARY, vpc=VPC, landing=landing, **more)
    for template in templates_of(folder):
        found = cfnlint.api.lint(json.dumps(template.body), regions=["eu-central-1"])
        assert [f"{one.rule.id} {one.message}" for one in found] == []


@pytest.mark.parametrize(
    ("setting", "problem"),
    [
        ({"permissions_boundary": "boundary"}, "permissions_boundary: must be the ARN of a managed policy"),
        ({"vpc": {"subnets": ["subnet-0a1b2c3d"]}}, "vpc.security_groups: the key is required"),
        ({"vpc": {**VPC, "subnets": []}}, "vpc.subnets: "),
        ({"vpc": {**VPC, "security_groups": ["my-group"]}}, "vpc.security_groups[0]: must be a security group's id"),
        ({"landing": {"bucket": "Lake"}}, "landing.bucket: must be a bucket's name"),
        ({"landing": {"key": f"arn:aws:kms:eu-central-1:{ACCOUNT}:key/1"}}, "landing.key: is the key of `landing.bucket`"),
    ],
)  # fmt: skip
def test_what_is_no_name_of_such_a_thing_is_refused(
    tmp_path: Path, setting: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ContractError) as refused:
        read_project(write_project(tmp_path, FEEDS, **setting))
    (line,) = refused.value.problems
    assert problem in line
