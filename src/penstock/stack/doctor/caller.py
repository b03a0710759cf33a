"""Who is asking, and what they may do."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from botocore.exceptions import ClientError

from penstock.errors import ServiceError
from penstock.stack.doctor.finding import Finding, Subject, Verdict, looking
from penstock.stack.existing_bucket import DENIED
from penstock.stack.names import Names
from penstock.stack.resources.glue import has_job

SOON_SECONDS: Final = 15 * 60
_REFUSED: Final = DENIED | {"AccessDeniedException", "AuthorizationError", "AuthorizationErrorException"}

Asked = tuple[str, tuple[str, ...]]
"""A resource, and the actions that are to be allowed on it."""


def check_credentials(subject: Subject) -> Iterator[Finding]:
    """Say who is asking, in which account and region, and until when."""
    with looking("who you are", "sts:GetCallerIdentity"):
        who = subject.client("sts").get_caller_identity()["Arn"]
    names, end = subject.names, subject.connection.credentials_end()
    where = f"{who}, in the account {names.account} and the region {names.region}"
    if end is None:
        yield Finding("credentials", None, "ok", where)
        return
    verdict: Verdict = "warning" if end.timestamp() - time.time() < SOON_SECONDS else "ok"
    until = f"until {datetime.fromtimestamp(end.timestamp(), UTC):%H:%M} UTC"
    yield Finding(
        "credentials", None, verdict, f"{where}, {until}", "Log in again." if verdict == "warning" else ""
    )


def check_permissions(subject: Subject) -> Iterator[Finding]:
    """Say what the caller may not do that the commands do: asked of IAM, or, where that is not allowed, by reading."""
    principal = _find_principal(subject)
    if principal is not None and principal.endswith(":root"):
        yield Finding("permissions", None, "ok", "the account's root user may do everything")
        return
    try:
        working = _denied(subject, principal, _to_work(subject))
        deploying = _denied(subject, principal, _to_deploy(subject))
    except _NotAskedError:
        yield from _try_reading(subject)
        return
    yield _tell(working, "work with what is deployed", "problem")
    yield _tell(deploying, "deploy", "warning")


class _NotAskedError(Exception):
    """IAM does not say what the caller may do."""


@dataclass(frozen=True, slots=True)
class _Denied:
    """What IAM would deny; ``perhaps`` where a condition decides of which it was not told."""

    surely: tuple[str, ...]
    perhaps: tuple[str, ...]


def _tell(denied: _Denied, what: str, verdict: Verdict) -> Finding:
    perhaps = f"; not sure is {'; '.join(denied.perhaps)}" if denied.perhaps else ""
    if not denied.surely:
        return Finding("permissions", None, "ok", f"you may do what it takes to {what}, says IAM{perhaps}")
    missing = "; ".join(denied.surely)
    do = "Have them allowed, if you are to do that."
    return Finding("permissions", None, verdict, f"to {what} you lack {missing}{perhaps}", do)


def _find_principal(subject: Subject) -> str | None:
    """Give the ARN that IAM knows the caller by: of a session, its role's, which has a path that the session does not say."""
    with looking("who you are", "sts:GetCallerIdentity"):
        arn = str(subject.client("sts").get_caller_identity()["Arn"])
    kind, _, name = arn.rpartition(":")[2].partition("/")
    if kind != "assumed-role":
        return arn if kind in {"user", "role", "root"} else None
    try:
        found = subject.client("iam").get_role(RoleName=name.partition("/")[0])
    except ClientError:
        return None
    return str(found["Role"]["Arn"])


def _denied(subject: Subject, principal: str | None, asked: Sequence[Asked]) -> _Denied:
    """Give what IAM would deny. Raises :class:`_NotAskedError` where it does not say."""
    if principal is None:
        raise _NotAskedError
    surely, perhaps = list[str](), list[str]()
    for resource, actions in asked:
        request = {
            "PolicySourceArn": principal,
            "ActionNames": list(actions),
            "ResourceArns": [resource],
            "ContextEntries": _context(subject.names, resource),
        }
        try:
            found = subject.client("iam").simulate_principal_policy(**request)
        except ClientError as error:
            raise _NotAskedError from error
        wrong = [one for one in found["EvaluationResults"] if one["EvalDecision"] != "allowed"]
        sure = [one["EvalActionName"] for one in wrong if not _untold(one)]
        surely += [f"{', '.join(sure)} on {resource}"] if sure else []
        perhaps += [
            f"{one['EvalActionName']} on {resource}, of which {', '.join(sorted(_untold(one)))} decides"
            for one in wrong
            if _untold(one)
        ]
    return _Denied(tuple(surely), tuple(perhaps))


def _context(names: Names, resource: str) -> list[dict[str, Any]]:
    """Give what a real request would bear: the simulation knows of no condition's key what it is not told."""
    told = {"aws:ResourceAccount": ("string", names.account), "aws:SecureTransport": ("boolean", "true")}
    if ":iam:" not in resource:  # which is of no region
        told["aws:RequestedRegion"] = ("string", names.region)
    return [
        {"ContextKeyName": key, "ContextKeyType": kind, "ContextKeyValues": [value]}
        for key, (kind, value) in told.items()
    ]


def _untold(result: Mapping[str, Any]) -> set[str]:
    """Give the keys of conditions that a decision would have needed."""
    parts = (result, *result.get("ResourceSpecificResults", ()))
    return {key for part in parts for key in part.get("MissingContextValues", ())}


def _to_work(subject: Subject) -> list[Asked]:
    """What `put`, `status`, `runs`, `rejects`, `replay`, `sweep`, `logs`, `dlq` and `redrive` do."""
    names = subject.names
    landing, artifacts = names.bucket_arn(names.landing_bucket), names.bucket_arn(names.artifacts_bucket)
    asked: list[Asked] = [
        (names.ledger_arn, ("dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:UpdateItem")),
        (f"{names.ledger_arn}/index/by_feed", ("dynamodb:Query",)),
        (f"{names.ledger_arn}/index/by_due", ("dynamodb:Query",)),
        (artifacts, ("s3:ListBucket",)),
        (f"{artifacts}/rejects/*", ("s3:GetObject", "s3:PutObject")),
        (landing, ("s3:ListBucket",)),
        (names.arn("cloudwatch", "alarm:*"), ("cloudwatch:DescribeAlarms",)),
    ]
    for contract in subject.project.feeds:
        own = names.feed(contract.name)
        taking = ("sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:GetQueueUrl", "sqs:ReceiveMessage")
        telling: Asked = (own.function_arn, ("lambda:InvokeFunction",))
        if contract.trigger != "direct":
            telling = (own.queue_arn, ("sqs:GetQueueAttributes", "sqs:GetQueueUrl", "sqs:SendMessage"))
        asked += [
            (f"{landing}/{contract.source.prefix}*", ("s3:PutObject",)),
            (own.dead_letters_arn, taking),
            (names.arn("logs", f"log-group:{own.log_group}:*"), ("logs:FilterLogEvents",)),
            telling,
        ]
    return asked


def _to_deploy(subject: Subject) -> list[Asked]:
    """What `deploy` does, for CloudFormation acts with the rights of who calls it: the making of one thing of each kind."""
    names = subject.names
    own = names.feed(subject.project.feeds[0].name)
    alarm = names.alarm_arn(subject.project.feeds[0].name, "loader-errors")
    stack = names.arn("cloudformation", f"stack/{own.stack}/*")
    role = f"arn:{names.partition}:iam::{names.account}:role/{own.stack}-Role"
    landing = (
        [] if names.existing_bucket else [(names.bucket_arn(names.landing_bucket), ("s3:CreateBucket",))]
    )
    rule: list[Asked] = (
        [(own.rule_arn, ("events:PutRule", "events:PutTargets"))] if names.existing_bucket else []
    )
    # Lambda asks it of who puts a function into a VPC (Lambda guide, "Giving Lambda functions access to resources in an Amazon VPC").
    connecting = tuple(f"ec2:Describe{what}" for what in ("SecurityGroups", "Subnets", "Vpcs"))
    network: list[Asked] = [] if subject.project.vpc is None else [("*", connecting)]
    jobs: list[Asked] = [
        (
            names.feed(contract.name).job_arn,
            ("glue:CreateJob", "glue:GetJob", "glue:TagResource", "glue:UpdateJob"),
        )
        for contract in subject.project.feeds
        if has_job(subject.plans[contract.name])
    ]
    changing = (
        "CreateChangeSet",
        "DescribeChangeSet",
        "DescribeEvents",
        "DescribeStackEvents",
        "DescribeStacks",
        "ExecuteChangeSet",
        "GetTemplate",
    )
    return [
        (stack, tuple(f"cloudformation:{action}" for action in changing)),
        (role, ("iam:CreateRole", "iam:GetRole", "iam:PassRole", "iam:PutRolePolicy")),
        (names.bucket_arn(names.artifacts_bucket), ("s3:CreateBucket", "s3:PutBucketPolicy")),
        (f"{names.bucket_arn(names.artifacts_bucket)}/code/*", ("s3:GetObject", "s3:PutObject")),
        *landing,
        *network,
        *rule,
        *jobs[:1],
        (own.function_arn, ("lambda:CreateFunction", "lambda:UpdateFunctionCode", "lambda:InvokeFunction")),
        (alarm, ("cloudwatch:PutMetricAlarm",)),
        (
            f"arn:{names.partition}:cloudwatch::{names.account}:dashboard/{names.dashboard}",
            ("cloudwatch:PutDashboard",),
        ),
        (own.queue_arn, ("sqs:CreateQueue", "sqs:SetQueueAttributes")),
        (own.state_machine_arn, ("states:CreateStateMachine", "states:UpdateStateMachine")),
        (names.ledger_arn, ("dynamodb:CreateTable", "dynamodb:DescribeTable", "dynamodb:UpdateTable")),
        (names.topic_arn, ("sns:CreateTopic", "sns:Subscribe")),
        (names.arn("scheduler", f"schedule/default/{own.tick}"), ("scheduler:CreateSchedule",)),
        (names.arn("logs", f"log-group:{own.log_group}"), ("logs:CreateLogGroup", "logs:PutRetentionPolicy")),
    ]


def _try_reading(subject: Subject) -> Iterator[Finding]:
    """Read a little of what the commands read, which changes nothing."""
    names = subject.names
    by_feed = {
        "TableName": names.ledger,
        "IndexName": "by_feed",
        "KeyConditionExpression": "feed = :feed",
        "ExpressionAttributeValues": {":feed": {"S": subject.project.feeds[0].name}},
        "Limit": 1,
    }
    prefix = subject.project.feeds[0].source.prefix
    reads: list[tuple[str, str, str, dict[str, Any]]] = [
        ("dynamodb:Query on the ledger", "dynamodb", "query", by_feed),
        (
            "s3:ListBucket on the artifacts bucket",
            "s3",
            "list_objects_v2",
            {"Bucket": names.artifacts_bucket, "MaxKeys": 1},
        ),
        (
            "s3:ListBucket on the landing bucket",
            "s3",
            "list_objects_v2",
            {"Bucket": names.landing_bucket, "Prefix": prefix, "MaxKeys": 1},
        ),
    ]
    denied = [right for right, service, call, asked in reads if _is_refused(subject, service, call, asked)]
    untold = "IAM does not tell you what you may do (iam:SimulatePrincipalPolicy)"
    if denied:
        text = f"{untold}; you lack {', '.join(denied)}"
        yield Finding("permissions", None, "problem", text, "Have them allowed.")
    else:
        yield Finding(
            "permissions", None, "ok", f"{untold}; reading works, and what else you may is not known"
        )


def _is_refused(subject: Subject, service: str, call: str, asked: dict[str, Any]) -> bool:
    """Tell whether a call is refused for lack of rights; what is not there is another check's."""
    try:
        getattr(subject.client(service), call)(**asked)
    except ClientError as error:
        return error.response.get("Error", {}).get("Code") in _REFUSED
    except ServiceError:
        return True
    return False
