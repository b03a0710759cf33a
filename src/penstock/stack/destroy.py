"""Destroy a project: delete its stacks, and keep its data unless told otherwise.

Kept are the buckets, the tables and the logs. A later deploy adopts them; a destroy with ``data`` deletes them, whether the stacks
are still there or not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from botocore.exceptions import ClientError

from penstock.contract.project import Project, read_project
from penstock.errors import ServiceError
from penstock.stack.connect import Connection, explained
from penstock.stack.deploy import serialize
from penstock.stack.erase import erase_bucket, erase_log_group, erase_table
from penstock.stack.follow import OnEvent
from penstock.stack.names import Names, name_project
from penstock.stack.package import Progress
from penstock.stack.prepare import side_by_side
from penstock.stack.resources.table import PROJECT_TAG
from penstock.stack.state import StackState, delete_stack, find_stacks
from penstock.stack.target import Target


@dataclass(frozen=True, slots=True)
class PreparedDestroy:
    """What a destroy would delete: stacks, in order, and with ``data`` buckets, tables, and log groups, which are else kept."""

    stacks: tuple[tuple[StackState, ...], ...]
    buckets: tuple[str, ...]
    tables: tuple[str, ...]
    log_groups: tuple[str, ...]
    data: bool


def destroy(
    folder: Path,
    connection: Connection,
    target: Target,
    *,
    data: bool = False,
    confirm: Callable[[PreparedDestroy], bool],
    progress: Progress = lambda _message: None,
    on_event: OnEvent = lambda _event: None,
) -> PreparedDestroy | None:
    """Destroy the project in a folder; None where ``confirm`` says no.

    With ``data`` its buckets, with every version of every object, its tables and its logs are deleted too. Raises
    :class:`~penstock.errors.ServiceError` where something can't be deleted; doing it again goes on.
    """
    prepared = prepare_destroy(read_project(folder), connection, data=data)
    if not confirm(prepared):
        return None
    tell = serialize(on_event)
    for tier in prepared.stacks:
        side_by_side(lambda state: delete_stack(connection, state, target.poll_seconds, tell), tier)
    if data:
        _erase(connection, prepared, progress)
    return prepared


def _erase(connection: Connection, prepared: PreparedDestroy, progress: Progress) -> None:
    """Delete the data. What can't be deleted keeps nothing else from it, and is told at the end."""
    s3, dynamodb, logs = (connection.client(service) for service in ("s3", "dynamodb", "logs"))
    steps: list[tuple[str, Callable[[], None]]] = [
        *(
            (f"the bucket {bucket} and all that is in it", partial(erase_bucket, s3, bucket, progress))
            for bucket in prepared.buckets
        ),
        *((f"the table {table}", partial(erase_table, dynamodb, table)) for table in prepared.tables),
        *((f"the log group {group}", partial(erase_log_group, logs, group)) for group in prepared.log_groups),
    ]
    failed: list[str] = []
    for what, erase in steps:
        progress(f"Deleting {what}")
        try:
            erase()
        except ServiceError as error:
            failed.append(str(error))
    if failed:
        raise ServiceError(
            "\n".join([*failed, "All else is deleted. `penstock destroy --data` goes on with it."])
        )


def prepare_destroy(project: Project, connection: Connection, *, data: bool) -> PreparedDestroy:
    """Find what there is of the project."""
    names = name_project(project, connection.account(), connection.region)
    states = find_stacks(connection, project.name)
    first = [state for name, state in states.items() if name == names.landing_stack]
    last = [state for name, state in states.items() if name == names.foundation_stack]
    feeds = [state for state in states.values() if state not in first and state not in last]
    tables = {
        names.ledger,
        *(contract.load.table for contract in project.feeds if not contract.load.table_exists),
    }
    for state in feeds:
        tables |= set(_tables_of(connection, state))
    if data:
        tables |= set(_tagged_tables(connection, project.name))
    return PreparedDestroy(
        stacks=(tuple(first), tuple(feeds), tuple(last)),
        buckets=tuple(
            bucket
            for bucket in (names.own_landing_bucket, names.artifacts_bucket)
            # The project's own of an earlier day, named to be somebody's that is only used, is that.
            if bucket != names.existing_bucket and _has_bucket(connection, bucket)
        ),
        tables=tuple(sorted(table for table in tables if _owns_table(connection, names.project, table))),
        log_groups=_find_log_groups(connection, names),
        data=data,
    )


def _tables_of(connection: Connection, state: StackState) -> Iterator[str]:
    with explained(f"list the resources of the stack {state.name}"):
        pages = connection.client("cloudformation").get_paginator("list_stack_resources")
        for page in pages.paginate(StackName=state.stack_id):
            for resource in page["StackResourceSummaries"]:
                if resource["ResourceType"] == "AWS::DynamoDB::Table" and resource.get("PhysicalResourceId"):
                    yield resource["PhysicalResourceId"]


def _tagged_tables(connection: Connection, project: str) -> Iterator[str]:
    """Give the tables that bear the project's tag: those of feeds that it has no longer, and those that were replaced, too."""
    with explained("look for the project's tables by their tag (tag:GetResources)"):
        pages = connection.client("resourcegroupstaggingapi").get_paginator("get_resources")
        asked = {"Key": PROJECT_TAG, "Values": [project]}
        for page in pages.paginate(TagFilters=[asked], ResourceTypeFilters=["dynamodb:table"]):
            for resource in page["ResourceTagMappingList"]:
                yield str(resource["ResourceARN"]).rpartition("/")[2]


def _find_log_groups(connection: Connection, names: Names) -> tuple[str, ...]:
    """Give the log groups of the project: those of its functions and jobs, whose names no other's can begin like, and of
    its state machines.
    """
    prefixes = (names.log_group_prefix, names.job_log_prefix)
    with explained("list the log groups"):
        pages = connection.client("logs").get_paginator("describe_log_groups")
        found = [
            group["logGroupName"]
            for prefix in (*prefixes, names.machines_log_group)
            for page in pages.paginate(logGroupNamePrefix=prefix)
            for group in page["logGroups"]
        ]
    own = (name for name in found if name.startswith(prefixes) or name == names.machines_log_group)
    return tuple(sorted(own))


def _has_bucket(connection: Connection, bucket: str) -> bool:
    with explained(f"look for the bucket {bucket} (s3:ListBucket)"):
        try:
            connection.client("s3").head_bucket(Bucket=bucket)
        except ClientError as error:
            if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") == 404:
                return False
            raise
    return True


def _owns_table(connection: Connection, project: str, table: str) -> bool:
    """Tell whether there is such a table and the project made it: somebody else's lacks its tag."""
    client = connection.client("dynamodb")
    with explained(f"look at the table {table}"):
        try:  # for of the tags of a table that is not there DynamoDB may say that nobody is allowed to see them
            arn = client.describe_table(TableName=table)["Table"]["TableArn"]
        except client.exceptions.ResourceNotFoundException:
            return False
        tags = client.list_tags_of_resource(ResourceArn=arn)["Tags"]
    return any(tag["Key"] == PROJECT_TAG and tag["Value"] == project for tag in tags)
