"""What a feed has in AWS Glue, where its contract says so: a job, its role, its log groups.

The job loads one object, which the state machine names as it starts a run of it (:mod:`penstock.stack.resources.state_machine`).
What is the same for every run stands in the job's own arguments; what Glue makes of them is in its guide under "Using job parameters in
AWS Glue jobs".
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from penstock.contract.model import Contract
from penstock.plan.codec import write_plan
from penstock.plan.model import Plan
from penstock.stack.names import Names
from penstock.stack.resources.encryption import job_encryption
from penstock.stack.resources.findings import accept_findings, service_key
from penstock.stack.resources.function import Logs, log_group
from penstock.stack.resources.roles import JOB_CODE, job_role
from penstock.stack.resources.table import table_tags

Resource = dict[str, Any]

GLUE_VERSION: Final = "5.1"
"""Spark 3.5.6, Python 3.11 and Java 17 (Glue guide, "AWS Glue versions")."""


@dataclass(frozen=True, slots=True)
class JobCode:
    """Where what every job runs lies: the script and the zip of wheels, keys of the artifacts bucket."""

    script: str
    wheels: str


def has_job(plan: Plan) -> bool:
    """Tell whether a feed is to have a job: not where ``auto`` could never choose one, for rows without a query stay with
    the function, and so does a query that Spark can't be trusted with.
    """
    if plan.engine == "auto":
        return plan.query is not None and plan.query.spark is not None
    return plan.engine == "glue"


def plan_key(plan: Plan) -> str:
    """Give the key in the artifacts bucket under which a job finds its plan: it changes with the plan."""
    return f"{JOB_CODE}{_hash(write_plan(plan))}.json"


def job_resources(
    names: Names, contract: Contract, plan: Plan, code: JobCode, logs: Logs
) -> dict[str, Resource]:
    """Give a feed's job and what it needs, by logical id."""
    output, error = names.feed(contract.name).job_log_groups
    resources = {
        "JobRole": job_role(names, contract, plan),
        "JobLogGroup": log_group(names, output, logs.retention_days),
        "JobErrorLogGroup": log_group(names, error, logs.retention_days),
        "Job": _job(names, contract, plan, code, logs),
    }
    if names.key is not None:
        resources["JobEncryption"] = {
            "Type": "AWS::Glue::SecurityConfiguration",
            **accept_findings(
                CKV_AWS_99="The job's log groups are under the key themselves, and it has no bookmarks"
            ),
            "Properties": {
                # Named after the key, for it can't be changed, and another can't be made while one has its name.
                "Name": f"{names.feed(contract.name).job}_{_hash(names.key)[:8]}",
                "EncryptionConfiguration": job_encryption(names),
            },
        }
    return resources


def job_settings(names: Names, contract: Contract, plan: Plan, logs: Logs) -> dict[str, str]:
    """Give what a job has to know: what the loader is told by its environment, under the same names, but for the plan.

    That is an object of the artifacts bucket, ``PENSTOCK_PLAN``. There is nothing in it that would have to be kept secret.
    """
    return {
        "AWS_REGION": names.region,
        "PENSTOCK_PROJECT": names.project,
        "PENSTOCK_FEED": contract.name,
        "PENSTOCK_LEDGER": names.ledger,
        "PENSTOCK_ARTIFACTS": names.artifacts_bucket,
        "PENSTOCK_PLAN": plan_key(plan),
        "PENSTOCK_LOG_LEVEL": logs.level,
        "PENSTOCK_CHUNK_BYTES": str(round(contract.large_objects.chunk * 2**20)),
        "PENSTOCK_CONCURRENCY": str(contract.function.concurrency),
    }


def _job(names: Names, contract: Contract, plan: Plan, code: JobCode, logs: Logs) -> Resource:
    own, size = names.feed(contract.name), contract.glue
    encrypted = {} if names.key is None else {"SecurityConfiguration": {"Ref": "JobEncryption"}}
    return {
        "Type": "AWS::Glue::Job",
        "DependsOn": [
            "JobLogGroup",
            "JobErrorLogGroup",
        ],  # or Glue makes them itself, and keeps logs for ever
        **accept_findings(CKV_AWS_195=service_key(names)),
        "Properties": {
            "Name": own.job,
            "Description": f"Penstock: loads large objects of the feed {contract.name} of {names.project}",
            "Role": {"Fn::GetAtt": ["JobRole", "Arn"]},
            "GlueVersion": GLUE_VERSION,
            "Command": {
                "Name": "glueetl",
                "PythonVersion": "3",
                "ScriptLocation": f"s3://{names.artifacts_bucket}/{code.script}",
            },
            "DefaultArguments": _arguments(names, contract, plan, code, logs),
            "WorkerType": size.worker,
            "NumberOfWorkers": size.workers,
            "Timeout": size.timeout,
            "ExecutionClass": "STANDARD",
            "ExecutionProperty": {"MaxConcurrentRuns": contract.function.concurrency},
            # The state machine starts a run again, for it knows of the time that the object is claimed for.
            "MaxRetries": 0,
            "Tags": _tags(names, contract),
            **encrypted,
        },
    }


def _arguments(names: Names, contract: Contract, plan: Plan, code: JobCode, logs: Logs) -> Mapping[str, str]:
    settings = job_settings(names, contract, plan, logs)
    return {
        "--additional-python-modules": f"s3://{names.artifacts_bucket}/{code.wheels}",
        # All that is to be installed is in that zip: no package index is asked, of which there may be none in reach.
        "--python-modules-installer-option": "--no-index",
        "--custom-logGroup-prefix": names.feed(contract.name).job_logs,
        "--job-bookmark-option": "job-bookmark-disable",
        "--job-language": "python",
        "--settings": json.dumps(settings, sort_keys=True, separators=(",", ":")),
    }


def _tags(names: Names, contract: Contract) -> dict[str, str]:
    """Give the tags of a job, which costs are told apart by: a mapping, where other resources have a list."""
    tags = {tag["Key"]: tag["Value"] for tag in table_tags(names.project)}
    return {**tags, "penstock:feed": contract.name}


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
