"""Who may do what: the roles, each statement with the exact ARNs it is about.

Least privilege is judged by reading, so all statements are in this file, in :mod:`penstock.stack.resources.references`, in
:mod:`penstock.stack.resources.resource_policies` and in :mod:`penstock.stack.resources.key`, and pinned in a data file of the tests.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from penstock.contract.model import Contract
from penstock.plan.model import Plan, Table
from penstock.stack.names import FeedNames, Names
from penstock.stack.resources.conditions import below, leading, objects, of_this_account
from penstock.stack.resources.key import use_key, use_key_of_tables
from penstock.stack.resources.references import read_references
from penstock.stack.resources.statements import Statement, allow, literal, write_document

Resource = dict[str, Any]


def loader_role(names: Names, contract: Contract, plan: Plan, *, tracing: bool) -> Resource:
    """Give the role of a feed's loader."""
    statements = [*_loader_statements(names, contract, plan), *_trace(_SEND_TRACES, tracing=tracing)]
    return _role(_trust("lambda.amazonaws.com"), statements)


def _loader_statements(names: Names, contract: Contract, plan: Plan) -> list[Statement]:
    """Give what a feed's loader may do: load, hand over, tell people, take events."""
    own = names.feed(contract.name)
    return [
        *_load_statements(names, contract, plan),
        allow("HandOver", ["states:StartExecution"], own.state_machine_arn),
        allow("TellPeople", ["sns:Publish"], names.topic_arn),
        *_events(own, direct=contract.trigger == "direct"),
        *use_key(names, "lambda", "s3", "sns", "sqs"),
        *use_key_of_tables(names, contract.load.table_key),
        _write_logs(names, own.log_group),
    ]


def _load_statements(names: Names, contract: Contract, plan: Plan) -> list[Statement]:
    """Give what loading takes, wherever it is done: read the feed's prefix, write its table, keep its accounts."""
    feed, prefix, table = contract.name, contract.source.prefix, plan.table
    landing, artifacts = names.bucket_arn(names.landing_bucket), names.bucket_arn(names.artifacts_bucket)
    written = [f"{artifacts}/rejects/{feed}/*", f"{artifacts}/reports/{feed}/*"]
    here = of_this_account(names)
    listed = [f"runs/{feed}/*", f"rejects/{feed}/*"]
    return [
        allow("ReadFiles", ["s3:GetObject", "s3:GetObjectVersion"], f"{landing}/{literal(prefix)}*", here),
        # For telling a missing object from a forbidden one. S3 answers for both alike (403) to who may not list the whole
        # bucket, so that the loader lists the key (penstock.aws.objects).
        allow("ListFiles", ["s3:ListBucket"], landing, {**here, **below(f"{literal(prefix)}*")}),
        *read_references(names, plan),
        *_decrypting(names),
        allow("WriteItems", [_writing(table)], names.arn("dynamodb", f"table/{table.name}")),
        allow(
            "KeepLedger",
            ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"],
            names.ledger_arn,
            leading("StringLike", objects(names, prefix), "RUN#*"),
        ),
        # A run writes them; a replay starts from what the run left.
        allow("KeepRejectsAndReports", ["s3:GetObject", "s3:PutObject"], written, here),
        # What the steps of a large object leave for one another; listing tells what is missing (404) from what is
        # forbidden, as above.
        allow("KeepRuns", ["s3:GetObject", "s3:PutObject"], f"{artifacts}/runs/{feed}/*", here),
        allow("ListKept", ["s3:ListBucket"], artifacts, {**here, **below(*listed)}),
        *(_manifests(names, feed) if plan.manifest is not None or _takes_new(plan) else []),
    ]


def _takes_new(plan: Plan) -> bool:
    """Tell whether the feed keeps a list of the objects that its runs have taken so far."""
    return plan.query is not None and plan.query.over == "new"


def job_role(names: Names, contract: Contract, plan: Plan) -> Resource:
    """Give the role of a feed's job in Glue: load, as the loader does, be given its code, and write its logs.

    It is the loader's less what a job has nothing to do with: its events, its notices, and starting the state machine.
    """
    own = names.feed(contract.name)
    code = f"{names.bucket_arn(names.artifacts_bucket)}/{JOB_CODE}*"
    statements = [
        *_load_statements(names, contract, plan),
        allow("ReadCode", ["s3:GetObject"], code, of_this_account(names)),
        *use_key(names, "s3"),
        *use_key_of_tables(names, contract.load.table_key),
        # The groups are there; Glue asks for them all the same.
        allow(
            "WriteLogs",
            ["logs:CreateLogGroup", *_WRITE_LOGS],
            names.arn("logs", f"log-group:{own.job_logs}/*"),
        ),
    ]
    return _role(_trust("glue.amazonaws.com"), statements)


JOB_CODE: Final = "code/glue/"
"""Where in the artifacts bucket what the jobs in Glue run lies."""

_WRITE_LOGS: Final = ["logs:CreateLogStream", "logs:PutLogEvents"]


def _write_logs(names: Names, group: str) -> Statement:
    return allow("WriteLogs", _WRITE_LOGS, names.arn("logs", f"log-group:{group}:*"))


def _decrypting(names: Names) -> list[Statement]:
    """What reading takes besides where files land encrypted with a key that is not AWS's own, through S3 and no other way."""
    if names.existing_key is None:
        return []
    through = {"StringEquals": {"kms:ViaService": names.endpoint("s3")}}
    return [allow("DecryptFiles", ["kms:Decrypt"], names.existing_key, through)]


def _writing(table: Table) -> str:
    """Give the action by which items are written: a batch has no conditions, which rows that compete need."""
    return "dynamodb:BatchWriteItem" if table.newest_by is None else "dynamodb:PutItem"


def _manifests(names: Names, feed: str) -> list[Statement]:
    """What the table holds of each object, for feeds that don't write what did not change, and which objects are taken so far."""
    artifacts, here = names.bucket_arn(names.artifacts_bucket), of_this_account(names)
    actions, place = ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"], f"manifests/{feed}/*"
    return [
        allow("KeepManifests", actions, f"{artifacts}/{place}", here),
        allow("ListManifests", ["s3:ListBucket"], artifacts, {**here, **below(place)}),
    ]


def _events(own: FeedNames, *, direct: bool) -> list[Statement]:
    if direct:
        return [allow("KeepFailedEvents", ["sqs:SendMessage"], own.dead_letters_arn)]
    # What Lambda takes on the role for (the AWS managed policy AWSLambdaSQSQueueExecutionRole), and no more.
    consume = ["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"]
    return [allow("TakeEvents", consume, own.queue_arn)]


def sweep_role(names: Names, contract: Contract, *, tracing: bool) -> Resource:
    """Give the role of a feed's sweep."""
    statements = [*_sweep_statements(names, contract), *_trace(_SEND_TRACES, tracing=tracing)]
    return _role(_trust("lambda.amazonaws.com"), statements)


def _sweep_statements(names: Names, contract: Contract) -> list[Statement]:
    """Give what a feed's sweep may do: list its prefix, look into the ledger, keep its own items there, tell of objects.

    Where it measures the feed's silence it looks at the feed's runs.
    """
    feed, prefix, direct = contract.name, contract.source.prefix, contract.trigger == "direct"
    watched = contract.alarms.silent_after != "off"
    own = names.feed(feed)
    landing = names.bucket_arn(names.landing_bucket)
    return [
        allow(
            "ListFiles",
            ["s3:ListBucket"],
            landing,
            {**of_this_account(names), **below(f"{literal(prefix)}*")},
        ),
        allow(
            "LookUpObjects",
            ["dynamodb:BatchGetItem"],
            names.ledger_arn,
            leading("StringLike", objects(names, prefix)),
        ),
        allow(
            "FindDeadClaims",
            ["dynamodb:Query"],
            f"{names.ledger_arn}/index/by_due",
            leading("StringEquals", feed),
        ),
        *([_finding_runs(names, feed)] if watched else []),
        allow(
            "KeepRounds",
            ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"],
            names.ledger_arn,
            leading("StringEquals", f"SWEEP#{feed}"),
        ),
        allow("TellLoader", ["lambda:InvokeFunction"], own.function_arn)
        if direct
        else allow("TellLoader", ["sqs:SendMessage"], own.queue_arn),
        allow("TellPeople", ["sns:Publish"], names.topic_arn),
        *use_key(names, "lambda", "sns", *([] if direct else ["sqs"])),
        *use_key_of_tables(names),
        _write_logs(names, own.sweep_log_group),
    ]


def _finding_runs(names: Names, feed: str) -> Statement:
    index = f"{names.ledger_arn}/index/by_feed"
    return allow("FindLastLoad", ["dynamodb:Query"], index, leading("StringEquals", feed))


_SEND_TRACES = ["xray:PutTelemetryRecords", "xray:PutTraceSegments"]
"""What a function needs to be traced (Lambda guide, "Visualize Lambda function invocations using AWS X-Ray")."""

_SAMPLE_TRACES = ["xray:GetSamplingRules", "xray:GetSamplingTargets", *_SEND_TRACES]
"""What a state machine needs (Step Functions guide, "IAM policies for AWS X-Ray")."""


def _trace(actions: Sequence[str], *, tracing: bool) -> list[Statement]:
    """Give what it takes to be traced, on all resources: X-Ray's traces have no ARNs (service authorization reference)."""
    return [allow("SendTraces", actions, "*")] if tracing else []


def schedule_role(names: Names, feed: str) -> Resource:
    """Give the role as which EventBridge Scheduler calls a feed's sweep.

    The condition names the schedule's group, for Scheduler says no more of where a call comes from (EventBridge
    Scheduler guide, "Confused deputy prevention"): a role bound to one schedule can't be taken on by it.
    """
    own = names.feed(feed)
    condition = {
        "StringEquals": {"aws:SourceAccount": names.account},
        "ArnEquals": {"aws:SourceArn": names.arn("scheduler", "schedule-group/default")},
    }
    return _role(
        _trust("scheduler.amazonaws.com", condition),
        [allow("CallSweep", ["lambda:InvokeFunction"], own.sweep_arn)],
    )


def state_machine_role(names: Names, feed: str, *, job: bool, tracing: bool) -> Resource:
    """Give the role of a feed's state machine; ``job`` tells whether it has a job in Glue to start.

    It starts its maps as executions of itself, and looks after them (Step Functions guide, "IAM policies for using
    Distributed Map states"). The condition is the one of its "Cross-service confused deputy prevention".
    """
    condition = {
        "StringEquals": {"aws:SourceAccount": names.account},
        "ArnLike": {"aws:SourceArn": names.arn("states", "stateMachine:*")},
    }
    statements = [
        *_state_machine_statements(names, feed),
        *([allow("RunJob", _RUN_JOB, names.feed(feed).job_arn)] if job else []),
        *_trace(_SAMPLE_TRACES, tracing=tracing),
    ]
    return _role(_trust("states.amazonaws.com", condition), statements)


def _state_machine_statements(names: Names, feed: str) -> list[Statement]:
    """Give what a feed's state machine may do: call the loader, map over lists of its runs, say what failed."""
    own = names.feed(feed)
    runs = f"{names.bucket_arn(names.artifacts_bucket)}/runs/{feed}/*"
    executions = names.arn("states", f"execution:{own.state_machine}")
    results = ["s3:AbortMultipartUpload", "s3:GetObject", "s3:ListMultipartUploadParts", "s3:PutObject"]
    return [
        allow("CallLoader", ["lambda:InvokeFunction"], own.function_arn),
        # To read the lists, and what the ResultWriter of a distributed map needs (the same guide, "ResultWriter").
        allow("ReadListsAndWriteResults", results, runs, of_this_account(names)),
        allow("StartMaps", ["states:StartExecution"], own.state_machine_arn),
        allow(
            "LookAfterMaps",
            ["states:DescribeExecution", "states:StopExecution"],
            [f"{executions}:*", f"{executions}/*"],
        ),
        *use_key(names, "s3"),
        allow("DeliverLogs", _LOG_DELIVERY, "*"),
    ]


_RUN_JOB: Final = ["glue:BatchStopJobRun", "glue:GetJobRun", "glue:GetJobRuns", "glue:StartJobRun"]
"""What it takes to start a job, to wait for it and to stop it (Step Functions guide, "IAM policies for AWS Glue")."""

_LOG_DELIVERY = [
    "logs:CreateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:DescribeLogGroups",
    "logs:DescribeResourcePolicies",
    "logs:GetLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:UpdateLogDelivery",
]
"""What Step Functions needs to log, on all resources: deliveries have none of their own that a policy could name
(Step Functions guide, "Using CloudWatch Logs to log execution history")."""


def _role(trust: Mapping[str, Any], statements: Sequence[Statement]) -> Resource:
    return {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "AssumeRolePolicyDocument": trust,
            "Policies": [{"PolicyName": "penstock", "PolicyDocument": write_document(statements)}],
        },
    }


def _trust(service: str, condition: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
    statement: Statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    return write_document([statement if condition is None else {**statement, "Condition": condition}])
