"""What one feed has: a queue, dead letters, the loader with its role and log group, a state machine, a table, and perhaps a job."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock.contract.model import Contract
from penstock.plan.model import Plan
from penstock.stack.names import FeedNames, Names
from penstock.stack.resources.encryption import encrypt_queue
from penstock.stack.resources.findings import accept_findings, service_key
from penstock.stack.resources.fold_definition import fold_definition
from penstock.stack.resources.function import Code, Function, Logs, build_function, log_group
from penstock.stack.resources.glue import JobCode, has_job, job_resources
from penstock.stack.resources.resource_policies import dead_letters_policy, event_source, queue_policy
from penstock.stack.resources.roles import loader_role, state_machine_role
from penstock.stack.resources.rule import build_rule
from penstock.stack.resources.state_machine import chunk_concurrency
from penstock.stack.resources.table import build_table

Resource = dict[str, Any]

DAYS = 24 * 3600


def feed_resources(
    names: Names, contract: Contract, plan: Plan, code: Code, job_code: JobCode | None, logs: Logs
) -> dict[str, Resource]:
    """Give a feed's resources by logical id. ``job_code`` is None where there is no Glue to run jobs."""
    own = names.feed(contract.name)
    direct = contract.trigger == "direct"
    jobs = (
        {} if job_code is None or not has_job(plan) else job_resources(names, contract, plan, job_code, logs)
    )
    resources = {
        "DeadLetters": _dead_letters(names, own, direct=direct),
        "DeadLettersPolicy": _policy("DeadLetters", dead_letters_policy(names, contract.name)),
        "Role": loader_role(names, contract, plan, tracing=logs.tracing),
        "LogGroup": log_group(names, own.log_group, logs.retention_days),
        "Function": _function(names, contract, code, logs, job=bool(jobs)),
        **_state_machine(names, contract, logs, job=bool(jobs)),
        **jobs,
        **(_direct_trigger(names, contract) if direct else _queue_trigger(names, contract)),
    }
    if names.existing_bucket is not None:
        resources["Rule"] = build_rule(names, contract)
    if not plan.table.exists:
        resources["Table"] = build_table(plan.table, names)
    return resources


def notification_kind(contract: Contract) -> str:
    """Give the part of a bucket's notification configuration that a feed's entry belongs to."""
    return "LambdaConfigurations" if contract.trigger == "direct" else "QueueConfigurations"


def notification(names: Names, contract: Contract) -> dict[str, Any]:
    """Give the entry that makes the landing bucket tell a feed of the objects that are its own."""
    own = names.feed(contract.name)
    rules = [("prefix", contract.source.prefix), ("suffix", contract.source.suffix)]
    to = {"Function": own.function_arn} if contract.trigger == "direct" else {"Queue": own.queue_arn}
    return {
        "Event": "s3:ObjectCreated:*",
        **to,
        "Filter": {"S3Key": {"Rules": [{"Name": name, "Value": value} for name, value in rules if value]}},
    }


def _function(names: Names, contract: Contract, code: Code, logs: Logs, *, job: bool) -> Resource:
    own = names.feed(contract.name)
    direct = contract.trigger == "direct"
    function = Function(
        name=own.function,
        log_group=own.log_group,
        feed=contract.name,
        does="loads",
        handler=code.handler,
        role="Role",
        group="LogGroup",
        memory=contract.function.memory,
        timeout=contract.function.timeout,
        variables={
            "PENSTOCK_ARTIFACTS": names.artifacts_bucket,
            "PENSTOCK_STATE_MACHINE": own.state_machine_arn,
            "PENSTOCK_LARGE_BYTES": _bytes(contract.large_objects.over),
            "PENSTOCK_CHUNK_BYTES": _bytes(contract.large_objects.chunk),
            # How many share a write budget: the loaders that a queue calls at once, the workers of a large object.
            "PENSTOCK_CONCURRENCY": str(contract.function.concurrency),
            "PENSTOCK_CHUNK_CONCURRENCY": str(chunk_concurrency(contract)),
            **({"PENSTOCK_JOB": own.job} if job else {}),
        },
        unlimited=None if direct else "Its queue's mapping caps how many run at once",
        no_destination="What fails ends among the feed's dead letters: by its queue, or as a failure's destination",
    )
    storage = {"EphemeralStorage": {"Size": contract.function.storage}}
    # S3 calls a function as often as it has objects; a queue is where a limit costs nothing.
    limit = {"ReservedConcurrentExecutions": contract.function.concurrency} if direct else {}
    return build_function(names, function, code, logs, **storage, **limit)


def _bytes(megabytes: float) -> str:
    return str(round(megabytes * 2**20))


def _state_machine(names: Names, contract: Contract, logs: Logs, *, job: bool) -> dict[str, Resource]:
    traced = {"TracingConfiguration": {"Enabled": True}} if logs.tracing else {}
    return {
        "StateMachineRole": state_machine_role(names, contract.name, job=job, tracing=logs.tracing),
        "StateMachine": {
            "Type": "AWS::StepFunctions::StateMachine",
            # A machine that is deleted ends its executions at their next step; until then there is what they call.
            "DependsOn": ["Function", *(["Job"] if job else [])],
            "Properties": {
                "StateMachineName": names.feed(contract.name).state_machine,
                "StateMachineType": "STANDARD",
                "RoleArn": {"Fn::GetAtt": ["StateMachineRole", "Arn"]},
                # As text, for CloudFormation makes texts of the numbers in an object.
                "DefinitionString": fold_definition(names, contract, job=job),
                "LoggingConfiguration": {
                    "Level": "ERROR",
                    "IncludeExecutionData": False,
                    "Destinations": [
                        {"CloudWatchLogsLogGroup": {"LogGroupArn": names.machines_log_group_arn}}
                    ],
                },
                **traced,
            },
        },
    }


def _dead_letters(names: Names, own: FeedNames, *, direct: bool) -> Resource:
    allowed = {} if direct else {"redrivePermission": "byQueue", "sourceQueueArns": [own.queue_arn]}
    return _queue(names, own.dead_letters, {"RedriveAllowPolicy": allowed} if allowed else {})


def _queue(names: Names, name: str, more: dict[str, Any]) -> Resource:
    kept = {"MessageRetentionPeriod": 14 * DAYS, **encrypt_queue(names)}
    # Events are hints: the sweep finds again what a queue that is gone held, so a queue ends with its stack.
    return {
        "Type": "AWS::SQS::Queue",
        **accept_findings(CKV_AWS_27=service_key(names)),  # it knows keys of KMS alone
        "DeletionPolicy": "Delete",
        "UpdateReplacePolicy": "Delete",
        "Properties": {"QueueName": name, **kept, **more},
    }


def _policy(queue: str, document: Mapping[str, Any]) -> Resource:
    return {
        "Type": "AWS::SQS::QueuePolicy",
        "Properties": {"Queues": [{"Ref": queue}], "PolicyDocument": document},
    }


def _queue_trigger(names: Names, contract: Contract) -> dict[str, Resource]:
    own = names.feed(contract.name)
    redrive = {"deadLetterTargetArn": {"Fn::GetAtt": ["DeadLetters", "Arn"]}, "maxReceiveCount": 5}
    # Lambda asks for six times the function's timeout, so that no message comes back while it is worked on.
    more = {"VisibilityTimeout": 6 * contract.function.timeout, "RedrivePolicy": redrive}
    return {
        "Queue": _queue(names, own.queue, more),
        "QueuePolicy": _policy("Queue", queue_policy(names, contract.name)),
        "Mapping": {
            "Type": "AWS::Lambda::EventSourceMapping",
            "Properties": {
                "EventSourceArn": {"Fn::GetAtt": ["Queue", "Arn"]},
                "FunctionName": {"Ref": "Function"},
                # One object an invocation: each has the whole timeout, and a slow one delays no other.
                "BatchSize": 1,
                "FunctionResponseTypes": ["ReportBatchItemFailures"],
                "ScalingConfig": {"MaximumConcurrency": contract.function.concurrency},
            },
        },
    }


def _direct_trigger(names: Names, contract: Contract) -> dict[str, Resource]:
    service, source = event_source(names, contract.name)
    return {
        "Permission": {
            "Type": "AWS::Lambda::Permission",
            "Properties": {
                "Action": "lambda:InvokeFunction",
                "FunctionName": {"Fn::GetAtt": ["Function", "Arn"]},
                "Principal": service,
                "SourceAccount": names.account,
                "SourceArn": source,
            },
        },
        "AsynchronousCalls": {
            "Type": "AWS::Lambda::EventInvokeConfig",
            "Properties": {
                "FunctionName": {"Ref": "Function"},
                "Qualifier": "$LATEST",
                "MaximumRetryAttempts": 2,
                "MaximumEventAgeInSeconds": 6 * 3600,
                "DestinationConfig": {"OnFailure": {"Destination": {"Fn::GetAtt": ["DeadLetters", "Arn"]}}},
            },
        },
    }
