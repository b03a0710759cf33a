"""The DynamoDB table of a feed, as its plan designs it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from penstock.plan.model import Index, KeyAttribute, Table
from penstock.stack.names import Names
from penstock.stack.resources.encryption import encrypt_table
from penstock.stack.resources.findings import accept_findings, service_key

Resource = dict[str, Any]

PROJECT_TAG: Final = "penstock:project"
"""The tag of all that a project has, on its stacks and on its tables: by it, both are told from somebody else's."""

KEPT: Final = {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"}
"""What holds data outlives its stack; a later deploy adopts it by its name."""


def build_table(table: Table, names: Names) -> Resource:
    """Give the resource of a feed's table."""
    properties: dict[str, Any] = {
        "TableName": table.name,
        "KeySchema": key_schema(table.partition, table.sort),
        "AttributeDefinitions": attribute_definitions(
            [
                table.partition,
                table.sort,
                *(key for index in table.indexes for key in (index.partition, index.sort)),
            ]
        ),
        "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
        "DeletionProtectionEnabled": True,
        "Tags": table_tags(names.project),
        **encrypt_table(names),
        **_billing(table),
    }
    if table.indexes:
        properties["GlobalSecondaryIndexes"] = [_index(index, table) for index in table.indexes]
    if table.ttl is not None:
        properties["TimeToLiveSpecification"] = {"AttributeName": table.ttl, "Enabled": True}
    if table.stream is not None:
        properties["StreamSpecification"] = {"StreamViewType": table.stream}
    accepted = accept_findings(CKV_AWS_119=service_key(names))
    return {"Type": "AWS::DynamoDB::Table", **KEPT, **accepted, "Properties": properties}


def table_tags(project: str) -> list[dict[str, str]]:
    """Give the tags of a project's table."""
    return [{"Key": PROJECT_TAG, "Value": project}]


def key_schema(partition: KeyAttribute, sort: KeyAttribute | None) -> list[dict[str, str]]:
    """Give a key as DynamoDB describes it."""
    keys = [{"AttributeName": partition.name, "KeyType": "HASH"}]
    return keys if sort is None else [*keys, {"AttributeName": sort.name, "KeyType": "RANGE"}]


def attribute_definitions(keys: Iterable[KeyAttribute | None]) -> list[dict[str, str]]:
    """Give the types of key attributes, each once, by name."""
    types = {key.name: key.type for key in keys if key is not None}
    return [{"AttributeName": name, "AttributeType": types[name]} for name in sorted(types)]


def _index(index: Index, table: Table) -> dict[str, Any]:
    if isinstance(index.projection, str):
        projection: dict[str, Any] = {"ProjectionType": index.projection}
    else:
        projection = {"ProjectionType": "INCLUDE", "NonKeyAttributes": list(index.projection)}
    capacity = _capacity(table)
    return {
        "IndexName": index.name,
        "KeySchema": key_schema(index.partition, index.sort),
        "Projection": projection,
        **({} if capacity is None else {"ProvisionedThroughput": capacity}),
    }


def _billing(table: Table) -> dict[str, Any]:
    capacity = _capacity(table)
    if capacity is None:
        return {"BillingMode": "PAY_PER_REQUEST"}
    return {"BillingMode": "PROVISIONED", "ProvisionedThroughput": capacity}


def _capacity(table: Table) -> dict[str, int] | None:
    if table.read_capacity is None or table.write_capacity is None:
        return None
    return {"ReadCapacityUnits": table.read_capacity, "WriteCapacityUnits": table.write_capacity}
