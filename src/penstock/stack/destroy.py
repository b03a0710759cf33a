"""Destroy a project: delete its stacks, and keep its data unless told otherwise.

Kept are the buckets, the tables and the logs. A later deploy adopts them; a destroy with ``data`` deletes them, whether the stacks
are still there or not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from penstock.contract.project import Project, read_project
from penstock.stack.connect import Connection, explained
from penstock.stack.deploy import serialize
from penstock.stack.follow import OnEvent
from penstock.stack.names import Names, name_project
from penstock.stack.package import Progress
from penstock.stack.prepare import side_by_side
from penstock.stack.state import StackState, delete_stack, find_stacks
from penstock.stack.table_resource import PROJECT_TAG
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
        for bucket in prepared.buckets:
            progress(f"Deleting the bucket {bucket} and all that is in it")
            _delete_bucket(connection.client("s3"), bucket)
        for table in prepared.tables:
            progress(f"Deleting the table {table}")
            _delete_table(connection.client("dynamodb"), table)
        for group in prepared.log_groups:
            with explained(f"delete the log group {group}"):
                connection.client("logs").delete_log_group(logGroupName=group)
    return prepared


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
    return PreparedDestroy(
        stacks=(tuple(first), tuple(feeds), tuple(last)),
        buckets=tuple(
            bucket
            for bucket in (names.own_landing_bucket, names.artifacts_bucket)
            # The project's own of an earlier day, named to be somebody's that is only used, is that.
            if bucket != names.existing_bucket and _has_bucket(connection, bucket)
        ),
        tables=tuple(sorted(table for table in tables if _owns_table(connection, names, table))),
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


def _find_log_groups(connection: Connection, names: Names) -> tuple[str, ...]:
    """Give the log groups of the project: those of its functions, whose names no other's can begin like, and of its
    state machines.
    """
    with explained("list the log groups"):
        pages = connection.client("logs").get_paginator("describe_log_groups")
        found = [
            group["logGroupName"]
            for prefix in (names.log_group_prefix, names.machines_log_group)
            for page in pages.paginate(logGroupNamePrefix=prefix)
            for group in page["logGroups"]
        ]
    own = (
        name for name in found if name.startswith(names.log_group_prefix) or name == names.machines_log_group
    )
    return tuple(sorted(own))


def _has_bucket(connection: Connection, bucket: str) -> bool:
    with explained(f"look for the bucket {bucket}"):
        try:
            connection.client("s3").head_bucket(Bucket=bucket)
        except ClientError as error:
            if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") == 404:
                return False
            raise
    return True


def _owns_table(connection: Connection, names: Names, table: str) -> bool:
    """Tell whether there is such a table and the project made it: somebody else's lacks its tag."""
    client = connection.client("dynamodb")
    with explained(f"look at the table {table}"):
        try:
            tags = client.list_tags_of_resource(ResourceArn=names.arn("dynamodb", f"table/{table}"))["Tags"]
        except client.exceptions.ResourceNotFoundException:
            return False
    return any(tag["Key"] == PROJECT_TAG and tag["Value"] == names.project for tag in tags)


def _delete_bucket(client: Any, bucket: str) -> None:
    with explained(f"delete the bucket {bucket}"):
        for page in client.get_paginator("list_object_versions").paginate(Bucket=bucket):
            found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
            if found:
                objects = [{"Key": one["Key"], "VersionId": one["VersionId"]} for one in found]
                client.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})
        client.delete_bucket(Bucket=bucket)


def _delete_table(client: Any, table: str) -> None:
    with explained(f"delete the table {table}"):
        client.update_table(TableName=table, DeletionProtectionEnabled=False)
        client.get_waiter("table_exists").wait(TableName=table)
        client.delete_table(TableName=table)
        client.get_waiter("table_not_exists").wait(TableName=table)
