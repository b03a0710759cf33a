"""What a feed's functions have in common, the loader and the sweep: the code, how it is run, and a log group of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from penstock.stack.names import Names
from penstock.stack.resources.encryption import encrypt_function, encrypt_log_group
from penstock.stack.resources.findings import accept_findings, service_key
from penstock.stack.resources.table import KEPT

Resource = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Code:
    """The function's code and how it is run. ``bucket`` and ``key`` say where the package lies."""

    bucket: str
    key: str
    handler: str
    runtime: str
    architecture: str


@dataclass(frozen=True, slots=True)
class Logs:
    """How long logs are kept, in days, the least level that is written, and of what share of invocations all is.

    ``tracing`` tells whether traces are sent to X-Ray.
    """

    retention_days: int
    level: str
    debug_share: str
    tracing: bool

    @property
    def traced(self) -> dict[str, Any]:
        """The property of a function that switches tracing on, if it is to be on."""
        return {"TracingConfig": {"Mode": "Active"}} if self.tracing else {}


def log_group(names: Names, name: str, retention_days: int) -> Resource:
    """Give a log group, which is kept with what it holds."""
    return {
        "Type": "AWS::Logs::LogGroup",
        **KEPT,
        **accept_findings(CKV_AWS_158=service_key(names)),
        "Properties": {
            "LogGroupName": name,
            "RetentionInDays": retention_days,
            **encrypt_log_group(names),
        },
    }


@dataclass(frozen=True, slots=True)
class Function:
    """A function of a feed, by its name and that of its log group. ``does`` is a verb, ``handler`` what is called.

    ``role`` and ``group`` are logical ids of the template. ``memory`` is in MB, ``timeout`` in seconds. ``unlimited`` and
    ``no_destination`` are why, for whoever reviews the template, it needs no limit of concurrency (None where it has one),
    and no destination for what fails.
    """

    name: str
    log_group: str
    feed: str
    does: str
    handler: str
    role: str
    group: str
    memory: int
    timeout: int
    variables: Mapping[str, Any]
    unlimited: str | None
    no_destination: str


def build_function(names: Names, function: Function, code: Code, logs: Logs, **more: Any) -> Resource:
    """Give the resource of a function. ``more`` are properties that it has besides."""
    return {
        "Type": "AWS::Lambda::Function",
        "DependsOn": [function.group],  # or Lambda makes one itself, which keeps logs for ever
        **accept_findings(
            CKV_AWS_115=function.unlimited,
            CKV_AWS_116=function.no_destination,
            CKV_AWS_117="It calls AWS's own services alone, by TLS",
            CKV_AWS_173=service_key(names),
        ),
        "Properties": {
            "FunctionName": function.name,
            "Description": f"Penstock: {function.does} the feed {function.feed} of {names.project}",
            "Runtime": code.runtime,
            "Architectures": [code.architecture],
            "Handler": function.handler,
            "Code": {"S3Bucket": code.bucket, "S3Key": code.key},
            "Role": {"Fn::GetAtt": [function.role, "Arn"]},
            "MemorySize": function.memory,
            "Timeout": function.timeout,
            "Environment": {
                "Variables": {
                    "PENSTOCK_PROJECT": names.project,
                    "PENSTOCK_FEED": function.feed,
                    "PENSTOCK_LEDGER": names.ledger,
                    "PENSTOCK_TOPIC": names.topic_arn,
                    "PENSTOCK_LOG_LEVEL": logs.level,
                    "PENSTOCK_DEBUG_SHARE": logs.debug_share,
                    **function.variables,
                }
            },
            "LoggingConfig": {"LogGroup": function.log_group},
            **encrypt_function(names),
            **logs.traced,
            **more,
        },
    }
