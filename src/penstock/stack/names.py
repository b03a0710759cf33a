"""What everything is called. Names are literal, so that stacks can refer to each other's resources without a cycle,
and so that a deploy can find what an earlier destroy kept. Between a project's name and a feed's stands an underscore,
which neither can hold: two projects never share a name by accident of joining.

A name that would be too long keeps its beginning and ends in a hash of the whole: it is still the same each time, and
still different from its neighbours'.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

from penstock.contract.project import Project

_PARTITIONS: Final = {
    "cn-": "aws-cn",
    "eu-isoe-": "aws-iso-e",
    "eusc-": "aws-eusc",
    "us-gov-": "aws-us-gov",
    "us-iso-": "aws-iso",
    "us-isob-": "aws-iso-b",
    "us-isof-": "aws-iso-f",
}
"""How the names of regions begin that are not of the partition ``aws`` (botocore's ``partitions.json``)."""


def shorten(name: str, limit: int) -> str:
    """Give the name in at most ``limit`` characters: itself, or its beginning, a hyphen and eight hex digits."""
    if len(name) <= limit:
        return name
    return f"{name[: limit - 9].rstrip('-.')}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


@dataclass(frozen=True, slots=True)
class FeedNames:
    """The names of a feed's resources, and their ARNs."""

    stack: str
    queue: str
    dead_letters: str
    function: str
    log_group: str
    sweep: str
    sweep_log_group: str
    tick: str
    schedule: str
    state_machine: str
    rule: str
    job: str
    job_logs: str
    queue_arn: str
    dead_letters_arn: str
    function_arn: str
    sweep_arn: str
    state_machine_arn: str
    rule_arn: str
    job_arn: str

    @property
    def job_log_groups(self) -> tuple[str, str]:
        """The log groups of the job in Glue: what its script writes, and what Spark and Glue do."""
        return f"{self.job_logs}/output", f"{self.job_logs}/error"


@dataclass(frozen=True, slots=True)
class Names:
    """The names of a project in one account and region. ``account`` is twelve digits.

    ``key`` is the ARN of the KMS key that all it keeps is encrypted with, where that is not a key of each service's own.
    ``existing_bucket`` is the bucket that files land in where that is not the project's own, and ``existing_key`` the ARN
    of the KMS key of its objects, where the functions have to be allowed it.
    """

    project: str
    account: str
    region: str
    key: str | None = None
    existing_bucket: str | None = None
    existing_key: str | None = None

    @property
    def partition(self) -> str:
        """The first part of every ARN after ``arn``: ``aws``, or the name of a separate part of AWS."""
        return next((name for start, name in _PARTITIONS.items() if self.region.startswith(start)), "aws")

    def arn(self, service: str, resource: str) -> str:
        """Give the ARN of a resource of this account and region."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.account}:{resource}"

    def bucket_arn(self, bucket: str) -> str:
        """Give the ARN of a bucket; it has no region or account."""
        return f"arn:{self.partition}:s3:::{bucket}"

    def endpoint(self, service: str) -> str:
        """Give the name by which KMS knows a service in this region (KMS guide, "kms:ViaService")."""
        domain = "amazonaws.com.cn" if self.partition == "aws-cn" else "amazonaws.com"
        return f"{service}.{self.region}.{domain}"

    @property
    def key_stack(self) -> str:
        """The stack of a key made for the project, which is none of the project's own stacks."""
        return shorten(f"penstock-{self.project}-key", 128)

    @property
    def key_alias(self) -> str:
        """The alias of a key made for the project."""
        return f"alias/penstock-{self.project}"

    @property
    def foundation_stack(self) -> str:
        """The stack of what feeds share."""
        return shorten(f"penstock-{self.project}", 128)

    @property
    def landing_stack(self) -> str:
        """The stack of the project's own landing bucket. No feed can take its name: a feed's stack says ``feed``."""
        return shorten(f"penstock-{self.project}-landing", 128)

    @property
    def landing_bucket(self) -> str:
        """The bucket that files are dropped into."""
        return self.existing_bucket or self.own_landing_bucket

    @property
    def own_landing_bucket(self) -> str:
        """The bucket that the project makes for files, unless it is given one."""
        return self._bucket("landing")

    @property
    def artifacts_bucket(self) -> str:
        """The bucket of code, rejects and reports."""
        return self._bucket("artifacts")

    @property
    def ledger(self) -> str:
        """The table of runs."""
        return f"{self.project}_penstock_ledger"

    @property
    def topic(self) -> str:
        """The topic that tells people."""
        return f"{self.project}_penstock_alerts"

    @property
    def dashboard(self) -> str:
        """The dashboard. Dashboards belong to an account and not to a region, so the region is in its name."""
        return f"penstock_{self.project}_{self.region}"

    def alarm(self, feed: str, kind: str) -> str:
        """Give the name of a feed's alarm. All of a project begin with its name and an underscore."""
        return f"{self.project}_{feed}_{kind}"

    def alarm_arn(self, feed: str, kind: str) -> str:
        """Give the ARN of a feed's alarm."""
        return self.arn("cloudwatch", f"alarm:{self.alarm(feed, kind)}")

    @property
    def ledger_arn(self) -> str:
        """The ARN of the ledger."""
        return self.arn("dynamodb", f"table/{self.ledger}")

    @property
    def topic_arn(self) -> str:
        """The ARN of the topic."""
        return self.arn("sns", self.topic)

    @property
    def machines_log_group(self) -> str:
        """The log group of the project's state machines.

        CloudWatch Logs keeps one policy that lets services write to all groups whose names begin so; for each other
        group it would add to one that holds 5,120 characters.
        """
        return f"/aws/vendedlogs/states/{self.project}_penstock"

    @property
    def machines_log_group_arn(self) -> str:
        """The ARN of the state machines' log group, as Step Functions wants it: with its streams."""
        return self.arn("logs", f"log-group:{self.machines_log_group}:*")

    @property
    def log_group_prefix(self) -> str:
        """How the names of the log groups of the project's functions begin."""
        return f"/aws/lambda/{self.project}_"

    @property
    def job_log_prefix(self) -> str:
        """How the names of the log groups of the project's jobs in Glue begin."""
        return f"/aws-glue/jobs/{self.project}_"

    def feed(self, name: str) -> FeedNames:
        """Give the names of one feed."""
        function = shorten(f"{self.project}_{name}", 64)
        sweep = shorten(f"{self.project}_{name}_sweep", 64)
        queue = shorten(f"{self.project}_{name}", 80)
        dead_letters = shorten(f"{self.project}_{name}_dead-letters", 80)
        machine = shorten(f"{self.project}_{name}", 80)
        rule = shorten(f"{self.project}_{name}", 64)
        job = shorten(f"{self.project}_{name}", 128)
        return FeedNames(
            stack=shorten(f"penstock-{self.project}-feed-{name}", 128),
            queue=queue,
            dead_letters=dead_letters,
            function=function,
            log_group=f"/aws/lambda/{function}",
            sweep=sweep,
            sweep_log_group=f"/aws/lambda/{sweep}",
            tick=shorten(f"{self.project}_{name}_tick", 64),
            schedule=shorten(f"{self.project}_{name}", 64),
            state_machine=machine,
            rule=rule,
            job=job,
            job_logs=f"{self.job_log_prefix}{name}",
            queue_arn=self.arn("sqs", queue),
            dead_letters_arn=self.arn("sqs", dead_letters),
            function_arn=self.arn("lambda", f"function:{function}"),
            sweep_arn=self.arn("lambda", f"function:{sweep}"),
            state_machine_arn=self.arn("states", f"stateMachine:{machine}"),
            rule_arn=self.arn("events", f"rule/{rule}"),
            job_arn=self.arn("glue", f"job/{job}"),
        )

    def _bucket(self, purpose: str) -> str:
        ending = f"-{purpose}-{self.account}-{self.region}"
        return f"{shorten(self.project, 63 - len(ending))}{ending}"


def name_project(project: Project, account: str, region: str) -> Names:
    """Give the names of a project in an account and region."""
    return Names(
        project.name,
        account,
        region,
        key=project.encryption.key,
        existing_bucket=project.landing.bucket,
        existing_key=project.landing.key,
    )
