"""The CloudFormation templates of a project: plain data, the same for the same project, JSON when asked.

A project is several stacks, for three reasons. The function's package must lie in a bucket before a function can be made
of it. A bucket takes notifications only to queues and functions that are there and let it in. And a stack holds 500
resources, which a hundred feeds would pass; with a stack each, a feed is also added, changed and rolled back alone.

1. ``penstock-<project>``: the artifacts bucket, the ledger, the topic, the state machines' logs, the dashboard.
2. ``penstock-<project>-feed-<feed>``, one a feed, side by side: queue, loader, sweep, roles, logs, state machine, job, table, schedules,
   alarms, saved queries.
3. ``penstock-<project>-landing``: the landing bucket with its notifications. Left out where files land in a bucket that is
   not the project's, of which EventBridge tells by a rule in each feed's stack.

They refer to one another by names alone, which are literal (:mod:`penstock.stack.names`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from penstock.contract.model import Contract
from penstock.contract.project import Project
from penstock.errors import ContractError
from penstock.plan.model import Plan
from penstock.stack.changes import write_template
from penstock.stack.names import Names
from penstock.stack.resources.alarms import alarm_resources
from penstock.stack.resources.dashboard import Subject, dashboard_resource
from penstock.stack.resources.feed import feed_resources, notification, notification_kind
from penstock.stack.resources.function import Code, Logs
from penstock.stack.resources.glue import JobCode, has_job
from penstock.stack.resources.project import foundation_resources, landing_resources
from penstock.stack.resources.queries import query_resources
from penstock.stack.resources.surroundings import surround
from penstock.stack.resources.sweep import sweep_resources
from penstock.stack.resources.table import PROJECT_TAG

Tier = Literal["foundation", "feed", "landing"]
TIERS: Final[tuple[Tier, ...]] = ("foundation", "feed", "landing")
"""The order of deployment; the stacks of one tier don't depend on each other."""

MAX_NOTIFICATIONS: Final = 100
MAX_TEMPLATE_BYTES: Final = 51_200


@dataclass(frozen=True, slots=True)
class StackTemplate:
    """A stack's name, its place in the order, and its template. ``feed`` is None but for a feed's."""

    name: str
    tier: Tier
    feed: str | None
    body: Mapping[str, Any]
    tags: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class StackOptions:
    """What of the templates does not come from the project: whose account, the functions' and the jobs' code, and what the
    target takes. ``job_code`` is None where it takes no jobs.
    """

    names: Names
    code: Code
    saved_queries: bool = True
    job_code: JobCode | None = None


def build_templates(
    project: Project, plans: Mapping[str, Plan], options: StackOptions
) -> tuple[StackTemplate, ...]:
    """Give the project's stacks in the order of their deployment. ``plans`` holds each feed's plan.

    Raises :class:`ContractError` where the feeds are more than a bucket's notifications, where two make one table, where a
    key is of another region, or where a template is larger than CloudFormation takes.
    """
    names = options.names
    _check(project, plans, names)
    tags = {**project.tags, PROJECT_TAG: project.name}
    feeds = sorted(project.feeds, key=lambda contract: contract.name)
    notifications: dict[str, list[Any]] = {}
    for contract in feeds:
        notifications.setdefault(notification_kind(contract), []).append(notification(names, contract))
    stacks = (
        StackTemplate(names.foundation_stack, "foundation", None, _foundation(project, names, feeds), tags),
        *(
            StackTemplate(
                names.feed(contract.name).stack,
                "feed",
                contract.name,
                _feed(project, contract, plans[contract.name], options),
                {**tags, "penstock:feed": contract.name},
            )
            for contract in feeds
        ),
        *_landing(names, notifications, tags),
    )
    for stack in stacks:
        _check_size(stack)
    return stacks


def _foundation(project: Project, names: Names, feeds: Sequence[Contract]) -> dict[str, Any]:
    """Give the template of what feeds share. The dashboard has what room the rest leaves."""
    template = _template(
        f"Penstock {project.name}: what its feeds share",
        foundation_resources(names, project.alerts.email, project.logs.retention_days),
        {
            "ArtifactsBucket": names.artifacts_bucket,
            "Ledger": names.ledger,
            "Alerts": names.topic_arn,
            "Dashboard": names.dashboard,
        },
    )
    room = MAX_TEMPLATE_BYTES - len(write_template(template).encode()) - len('"Dashboard":,')
    template["Resources"]["Dashboard"] = dashboard_resource(Subject(names, feeds, project.architecture), room)
    return template


def _feed(project: Project, contract: Contract, plan: Plan, options: StackOptions) -> dict[str, Any]:
    """Give the template of a feed; the saved queries, which are a convenience, are left out where there is no room for them."""
    names = options.names
    logs = Logs(
        project.logs.retention_days, project.logs.level, project.logs.debug_share, tracing=project.tracing
    )
    resources = {
        **feed_resources(names, contract, plan, options.code, options.job_code, logs),
        **sweep_resources(names, contract, options.code, logs),
        **alarm_resources(names, contract),
    }
    template = _template(
        f"Penstock {names.project}: the feed {contract.name}",
        surround(project, names, resources),
        {
            "Function": names.feed(contract.name).function,
            "Table": plan.table.name,
            "DeadLetters": names.feed(contract.name).dead_letters_arn,
        },
    )
    saved = query_resources(names, contract.name) if options.saved_queries else {}
    whole = {**template, "Resources": {**template["Resources"], **saved}}
    return whole if len(write_template(whole).encode()) <= MAX_TEMPLATE_BYTES else template


def _landing(names: Names, notifications: dict[str, Any], tags: Mapping[str, str]) -> list[StackTemplate]:
    """Give the stack of the landing bucket; none where that is not the project's own."""
    if names.existing_bucket is not None:
        return []
    body = _template(
        f"Penstock {names.project}: where files land",
        landing_resources(names, notifications),
        {"LandingBucket": names.landing_bucket},
    )
    return [StackTemplate(names.landing_stack, "landing", None, body, tags)]


def _template(description: str, resources: Mapping[str, Any], outputs: Mapping[str, str]) -> dict[str, Any]:
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": description,
        "Resources": dict(resources),
        "Outputs": {name: {"Value": value} for name, value in outputs.items()},
    }


def _check(project: Project, plans: Mapping[str, Plan], names: Names) -> None:
    problems = [
        f"the feed {name} would write to {names.ledger}, which is the project's own ledger: name another table"
        for name, plan in sorted(plans.items())
        if plan.table.name == names.ledger
    ]
    if names.existing_bucket == names.artifacts_bucket:
        problems.append(
            f"files can't land in {names.artifacts_bucket}, the project's own bucket of rejects and reports: name another "
            "in `landing.bucket`"
        )
    problems += _check_keys(project, names)
    problems += _check_jobs(project, plans)
    if names.existing_bucket is None and len(project.feeds) > MAX_NOTIFICATIONS:
        problems.append(
            f"the project has {len(project.feeds)} feeds, and a bucket notifies at most {MAX_NOTIFICATIONS}: split it in two"
        )
    made = Counter(plan.table.name for plan in plans.values() if not plan.table.exists)
    for table, times in sorted(made.items()):
        if times > 1:
            feeds = sorted(
                name for name, plan in plans.items() if plan.table.name == table and not plan.table.exists
            )
            problems.append(
                f"the table {table} would be made by the feeds {' and '.join(feeds)}: "
                "one may make it, the others say `load.table_exists: true`"
            )
    if problems:
        raise ContractError(problems)


def _check_keys(project: Project, names: Names) -> Iterator[str]:
    """A key of KMS serves its own region alone; S3 and SQS would take another's, and fail with the first file."""
    said = [("encryption.key", names.key), ("landing.key", names.existing_key)]
    said += [(f"load.table_key of the feed {feed.name}", feed.load.table_key) for feed in project.feeds]
    for where, key in said:
        if key is not None and key.split(":")[3] != names.region:
            yield f"{where} is a key of {key.split(':')[3]}, and the project goes to {names.region}: name one of its own region"


def _check_jobs(project: Project, plans: Mapping[str, Plan]) -> Iterator[str]:
    """A job of Glue is not in the functions' network, and an account that wants one wants it of all that touches its data."""
    for name, plan in sorted(plans.items()):
        if project.vpc is not None and has_job(plan):
            yield (
                f"the project has a `vpc`, and the job of the feed {name} would run outside of it, in Glue's own "
                "network: take out one of them, or say `engine: lambda`"
            )


def _check_size(stack: StackTemplate) -> None:
    size = len(write_template(stack.body).encode())
    if size > MAX_TEMPLATE_BYTES:
        about = f"the feed {stack.feed}" if stack.feed else "the project"
        raise ContractError(
            [
                f"{about}: its template has {size} bytes, and CloudFormation takes {MAX_TEMPLATE_BYTES}: shorten names"
            ]
        )
