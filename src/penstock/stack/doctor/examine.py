"""All checks, in the order in which they help: who asks, what may be, what is there, and feed by feed how it works.

A check that can't look says so and stops none of the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, TypeVar

from penstock.contract.project import Project
from penstock.errors import ServiceError
from penstock.plan.codec import write_plan
from penstock.stack.connect import Connection
from penstock.stack.doctor.alerts import check_alerts
from penstock.stack.doctor.caller import check_credentials, check_permissions
from penstock.stack.doctor.events import check_bucket, check_events
from penstock.stack.doctor.finding import Check, FeedCheck, FeedSubject, Finding, Subject
from penstock.stack.doctor.functions import check_functions, check_schedules
from penstock.stack.doctor.jobs import check_job
from penstock.stack.doctor.keys import check_keys
from penstock.stack.doctor.quotas import check_quotas
from penstock.stack.doctor.references import check_references
from penstock.stack.doctor.stacks import check_stacks
from penstock.stack.doctor.tables import check_ledger, check_table
from penstock.stack.names import Names
from penstock.stack.package import digest_package
from penstock.stack.plans import compile_feeds
from penstock.stack.prepare import package_code, side_by_side, stack_options
from penstock.stack.state import find_stacks
from penstock.stack.target import Target
from penstock.stack.template import build_templates

_Asked = TypeVar("_Asked")

BEFORE: Final[tuple[tuple[str, Check], ...]] = (
    ("credentials", check_credentials),
    ("permissions", check_permissions),
    ("quotas", check_quotas),
    ("keys", check_keys),
    ("stacks", check_stacks),
)
SHARED: Final[tuple[tuple[str, Check], ...]] = (
    ("ledger", check_ledger),
    ("bucket", check_bucket),
    ("alerts", check_alerts),
)
OF_A_FEED: Final[tuple[tuple[str, FeedCheck], ...]] = (
    ("table", check_table),
    ("events", check_events),
    ("functions", check_functions),
    ("schedules", check_schedules),
    ("references", check_references),
    ("job", check_job),
)


def examine(project: Project, names: Names, connection: Connection, target: Target) -> tuple[Finding, ...]:
    """Check a project where it is deployed, or would be. What is not deployed is named once, and not again part by part.

    Raises :class:`~penstock.errors.ContractError` where the project itself is wrong.
    """
    subject = _describe(project, names, connection, target)
    found = _run(BEFORE, subject, None)
    if subject.is_deployed(None):
        found += _run(SHARED, subject, None)
    elif names.existing_bucket is not None:  # which has to be there before
        found += _run([("bucket", check_bucket)], subject, None)
    feeds = [FeedSubject(subject, contract) for contract in sorted(project.feeds, key=lambda one: one.name)]
    for findings in side_by_side(_examine_feed, feeds):
        found += findings
    return tuple(found)


def _describe(project: Project, names: Names, connection: Connection, target: Target) -> Subject:
    plans = compile_feeds(project)
    digest = digest_package({feed: write_plan(plan) for feed, plan in plans.items()}, target)
    code = package_code(names, target, digest)
    templates = build_templates(project, plans, stack_options(plans, names, code, target, connection))
    try:
        states = find_stacks(connection, project.name)
    except ServiceError:  # which the check of the stacks tells; what is there is looked for one by one then
        states = None
    return Subject(project, plans, names, connection, templates, states)


def _examine_feed(feed: FeedSubject) -> list[Finding]:
    name = feed.contract.name
    if feed.whole.is_deployed(name):
        return _run(OF_A_FEED, feed, name)
    # A table that the stack does not make has to be there before it.
    return _run([("table", check_table)], feed, name) if feed.plan.table.exists else []


def _run(
    checks: Iterable[tuple[str, Callable[[_Asked], Iterable[Finding]]]], asked: _Asked, feed: str | None
) -> list[Finding]:
    found: list[Finding] = []
    for name, check in checks:
        try:
            found += check(asked)
        except ServiceError as error:
            do = "Allow what is named there, or have somebody look who may."
            found.append(Finding(name, feed, "warning", f"this could not be told. {error}", do))
    return found
