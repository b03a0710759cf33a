"""What the embedded AWS's CloudFormation drops, done after the deploy through the services' own calls.

It takes these properties of a template without a word and does nothing with them (MiniStack 1.5.33); the calls work.

- a table's ``TimeToLiveSpecification``
- a table's ``PointInTimeRecoverySpecification``
- a function's ``ReservedConcurrentExecutions``

A bucket's ``LifecycleConfiguration`` is dropped too, and stays so: nothing here is kept for as many days. So are a bucket's
``BucketEncryption`` and a table's ``SSESpecification``: nothing here is encrypted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from penstock.stack.connect import Connection, explained
from penstock.stack.template import StackTemplate


def finish_emulated(connection: Connection, templates: Iterable[StackTemplate]) -> None:
    """Do what was dropped, for every resource of the templates. It can be done again and again."""
    for template in templates:
        for resource in template.body["Resources"].values():
            properties = resource.get("Properties", {})
            if resource["Type"] == "AWS::DynamoDB::Table":
                _finish_table(connection.client("dynamodb"), properties)
            elif resource["Type"] == "AWS::Lambda::Function":
                _finish_function(connection.client("lambda"), properties)


def _finish_table(client: Any, properties: Mapping[str, Any]) -> None:
    name = properties["TableName"]
    with explained(f"finish the table {name}"):
        found = client.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
        enabled = found.get("TimeToLiveStatus") in {"ENABLED", "ENABLING"}
        current = found.get("AttributeName") if enabled else None
        wanted = properties.get("TimeToLiveSpecification", {}).get("AttributeName")
        if current != wanted and current is not None:
            _set_ttl(client, name, current, enabled=False)
        if current != wanted and wanted is not None:
            _set_ttl(client, name, wanted, enabled=True)
        client.update_continuous_backups(
            TableName=name,
            PointInTimeRecoverySpecification=properties["PointInTimeRecoverySpecification"],
        )


def _set_ttl(client: Any, table: str, attribute: str, *, enabled: bool) -> None:
    client.update_time_to_live(
        TableName=table, TimeToLiveSpecification={"AttributeName": attribute, "Enabled": enabled}
    )


def _finish_function(client: Any, properties: Mapping[str, Any]) -> None:
    name, limit = properties["FunctionName"], properties.get("ReservedConcurrentExecutions")
    with explained(f"finish the function {name}"):
        if limit is None:
            client.delete_function_concurrency(FunctionName=name)
        else:
            client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=limit)
