"""What an account wants of every role and every function in it: a permissions boundary, a network of its own.

It is laid over finished resources, so that who adds a role or a function need not think of it, and can't forget it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from penstock.contract.project import Project, VpcModel
from penstock.stack.names import Names
from penstock.stack.resources.findings import change_findings

Resource = dict[str, Any]

INTERFACES: Final = (
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
)
"""What Lambda takes on a function's role for, to put it into a VPC: those of the AWS managed policy AWSLambdaVPCAccessExecutionRole
that are not for logs."""


_ALL_INTERFACES: Final = "Lambda takes its right to network interfaces on all resources or not at all; the function's code is refused it"


def surround(project: Project, names: Names, resources: Mapping[str, Resource]) -> dict[str, Resource]:
    """Give resources with the project's boundary on every role, and every function in the project's VPC."""
    return {
        logical_id: _surround_role(project, names, logical_id, resource, resources)
        if resource["Type"] == "AWS::IAM::Role"
        else _surround_function(project.vpc, resource)
        for logical_id, resource in resources.items()
    }


def _surround_role(
    project: Project, names: Names, logical_id: str, role: Resource, resources: Mapping[str, Resource]
) -> Resource:
    properties = dict(role["Properties"])
    if project.permissions_boundary is not None:
        properties["PermissionsBoundary"] = project.permissions_boundary
    functions = [
        names.arn("lambda", f"function:{resource['Properties']['FunctionName']}")
        for resource in resources.values()
        if resource["Type"] == "AWS::Lambda::Function"
        and resource["Properties"]["Role"] == {"Fn::GetAtt": [logical_id, "Arn"]}
    ]
    if project.vpc is not None and functions:
        network = {"PolicyName": "network", "PolicyDocument": network_policy(functions)}
        properties["Policies"] = [*properties["Policies"], network]
        role = change_findings(role, CKV_AWS_111=_ALL_INTERFACES)
    return {**role, "Properties": properties}


def network_policy(functions: list[str]) -> Mapping[str, Any]:
    """Give what lets Lambda put functions into a VPC, and keeps their own code from doing the same.

    Lambda does it before the function runs, with the function's role, on all resources: describing has none that a policy
    could name, and Lambda refuses a narrower one for the others (Lambda guide, "Giving Lambda functions access to resources in an
    Amazon VPC"). What the code asks for bears the function's ARN; what Lambda asks for does not, so that the refusal is of the
    code alone (the same, "Security considerations").
    """
    allowed = {
        "Sid": "LetLambdaConnect",
        "Effect": "Allow",
        "Action": list(INTERFACES),
        "Resource": "*",
    }
    refused = {
        "Sid": "KeepCodeFromConnecting",
        "Effect": "Deny",
        "Action": list(INTERFACES),
        "Resource": "*",
        "Condition": {"ArnEquals": {"lambda:SourceFunctionArn": functions}},
    }
    return {"Version": "2012-10-17", "Statement": [allowed, refused]}


def _surround_function(vpc: VpcModel | None, resource: Resource) -> Resource:
    if vpc is None or resource["Type"] != "AWS::Lambda::Function":
        return resource
    network = {"SubnetIds": list(vpc.subnets), "SecurityGroupIds": list(vpc.security_groups)}
    properties = {**resource["Properties"], "VpcConfig": network}
    return change_findings({**resource, "Properties": properties}, CKV_AWS_117=None)
