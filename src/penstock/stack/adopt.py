"""Adopt what an earlier destroy kept, and change indexes one at a time: templates on the way to the wanted one.

CloudFormation takes a resource into a stack as the template describes it, and believes that. Where the resource is not
like that (its indexes are last year's, its notifications point nowhere), the stack must first be told what is, so that
the difference to what is wanted shows as a change and is carried out.

DynamoDB makes or deletes one index in one update of a table. Where more differ, there is a template for each.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from botocore.exceptions import ClientError

from penstock.errors import UsageError
from penstock.stack.connect import Connection, explained

Body = Mapping[str, Any]
_TABLE: Final = "AWS::DynamoDB::Table"
_FROM_STATE: Final = (
    "AttributeDefinitions",
    "BillingMode",
    "DeletionProtectionEnabled",
    "GlobalSecondaryIndexes",
    "PointInTimeRecoverySpecification",
    "ProvisionedThroughput",
    "SSESpecification",
    "StreamSpecification",
    "TimeToLiveSpecification",
)


def describe_kept(connection: Connection, body: Body, adopted: Iterable[str]) -> Body:
    """Give the template with the resources to adopt, by logical id, as they are rather than as they are wanted.

    Raises :class:`UsageError` where a table's key is not the one that is wanted, for that can't be changed.
    """
    kept = copy.deepcopy(dict(body))
    for logical_id in adopted:
        resource = kept["Resources"][logical_id]
        properties = resource["Properties"]
        if resource["Type"] == _TABLE:
            resource["Properties"] = _describe_table(connection, properties)
        elif resource["Type"] == "AWS::Logs::LogGroup":
            resource["Properties"] = _describe_log_group(connection, properties)
        else:
            properties.pop("NotificationConfiguration", None)
            properties.pop("LifecycleConfiguration", None)
            properties.pop("BucketEncryption", None)
    return kept


def require_own_buckets(connection: Connection, body: Body, adopted: Iterable[str]) -> None:
    """Raise :class:`UsageError` where a bucket to adopt is another account's, which may have taken its name and let us in."""
    account = connection.account()
    for resource in (body["Resources"][logical_id] for logical_id in adopted):
        if resource["Type"] != "AWS::S3::Bucket":
            continue
        bucket = resource["Properties"]["BucketName"]
        with explained(f"look at the bucket {bucket}"):
            try:
                connection.client("s3").head_bucket(Bucket=bucket, ExpectedBucketOwner=account)
            except ClientError as error:
                if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") != 403:
                    raise
                raise UsageError(
                    f"The bucket {bucket} is another account's, or this account may not look at it (s3:ListBucket). If it is "
                    "another's, give the project another name."
                ) from error


def _describe_log_group(connection: Connection, wanted: Mapping[str, Any]) -> dict[str, Any]:
    name = wanted["LogGroupName"]
    with explained(f"look at the log group {name}"):
        groups = connection.client("logs").describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    found: Mapping[str, Any] = next((group for group in groups if group["logGroupName"] == name), {})
    state = {"RetentionInDays": found.get("retentionInDays"), "KmsKeyId": found.get("kmsKeyId")}
    return {key: value for key, value in {**wanted, **state}.items() if value is not None}


def _describe_table(connection: Connection, wanted: Mapping[str, Any]) -> dict[str, Any]:
    name = wanted["TableName"]
    client = connection.client("dynamodb")
    with explained(f"look at the table {name}"):
        table = client.describe_table(TableName=name)["Table"]
        ttl = client.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
        backups = client.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
    _require_same_key(name, table, wanted)
    found = _state(table, ttl, backups)
    same = {
        key: wanted[key]
        for key in _FROM_STATE
        if key in wanted and _canonical(wanted[key]) == _canonical(found.get(key))
    }
    return {**{k: v for k, v in wanted.items() if k not in _FROM_STATE}, **found, **same}


def _require_same_key(name: str, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    if _key_of(found) != _key_of(wanted):
        raise UsageError(
            f"The table {name} exists, with the key {_spell(_key_of(found))}, and the contract wants "
            f"{_spell(_key_of(wanted))}. A table's key can't be changed. Name another table in `load.table`, and deploy with "
            f"--replace {name}: this one is kept."
        )


def _state(table: Mapping[str, Any], ttl: Mapping[str, Any], backups: Mapping[str, Any]) -> dict[str, Any]:
    """Give a table's changeable properties in CloudFormation's words."""
    on_demand = table.get("BillingModeSummary", {}).get("BillingMode") == "PAY_PER_REQUEST"
    recovery = backups.get("PointInTimeRecoveryDescription", {}).get("PointInTimeRecoveryStatus")
    indexes = [_index(index, on_demand=on_demand) for index in table.get("GlobalSecondaryIndexes") or []]
    state: dict[str, Any] = {
        "AttributeDefinitions": sorted(table["AttributeDefinitions"], key=lambda one: one["AttributeName"]),
        "BillingMode": "PAY_PER_REQUEST" if on_demand else "PROVISIONED",
        "DeletionProtectionEnabled": bool(table.get("DeletionProtectionEnabled")),
        "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": recovery == "ENABLED"},
    }
    if not on_demand:
        state["ProvisionedThroughput"] = _capacity(table)
    if indexes:
        state["GlobalSecondaryIndexes"] = indexes
    if (table.get("StreamSpecification") or {}).get("StreamEnabled"):
        state["StreamSpecification"] = {"StreamViewType": table["StreamSpecification"]["StreamViewType"]}
    if table.get("SSEDescription", {}).get("Status") in {"ENABLED", "UPDATING"}:
        key = table["SSEDescription"]["KMSMasterKeyArn"]
        state["SSESpecification"] = {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": key}
    if ttl.get("TimeToLiveStatus") in {"ENABLED", "ENABLING"}:
        state["TimeToLiveSpecification"] = {"AttributeName": ttl["AttributeName"], "Enabled": True}
    return state


def _index(index: Mapping[str, Any], *, on_demand: bool) -> dict[str, Any]:
    found = {key: index[key] for key in ("IndexName", "KeySchema", "Projection")}
    return found if on_demand else {**found, "ProvisionedThroughput": _capacity(index)}


def _capacity(owner: Mapping[str, Any]) -> dict[str, int]:
    capacity = owner["ProvisionedThroughput"]
    return {key: int(capacity[key]) for key in ("ReadCapacityUnits", "WriteCapacityUnits")}


def _key_of(table: Mapping[str, Any]) -> list[tuple[str, str]]:
    types = {one["AttributeName"]: one["AttributeType"] for one in table["AttributeDefinitions"]}
    return [(key["AttributeName"], types[key["AttributeName"]]) for key in table["KeySchema"]]


def _spell(key: list[tuple[str, str]]) -> str:
    return ", ".join(f"{name} ({kind})" for name, kind in key)


def _canonical(value: Any) -> str:
    """Text that is the same for what is the same to DynamoDB: it keeps no order of indexes or attributes."""
    if isinstance(value, list):
        return json.dumps(sorted(json.dumps(one, sort_keys=True) for one in value))
    return json.dumps(value, sort_keys=True)


def index_steps(old: Body, new: Body) -> tuple[Body, ...]:
    """Give the templates to pass through, ``new`` left out, so that no update of a table touches two indexes.

    Raises :class:`UsageError` where a table's key would change.
    """
    steps: list[Body] = []
    for logical_id, resource in new["Resources"].items():
        before = old["Resources"].get(logical_id)
        if resource["Type"] == _TABLE and before is not None and _same_name(before, resource):
            for properties in _table_steps(before["Properties"], resource["Properties"]):
                step = copy.deepcopy(dict(steps[-1] if steps else new))
                step["Resources"][logical_id]["Properties"] = properties
                steps.append(step)
    return tuple(steps)


def _same_name(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Tell whether it is the same table. Under another name a new one is made, and the old one kept."""
    return bool(old["Properties"]["TableName"] == new["Properties"]["TableName"])


def _table_steps(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[dict[str, Any]]:
    _require_same_key(new["TableName"], old, new)
    before, after = _typed_indexes(old), _typed_indexes(new)
    deleted = [name for name in sorted(before) if after.get(name) != before[name]]
    made = [name for name in sorted(after) if before.get(name) != after[name]]
    current = {index["IndexName"]: (index, old) for index in old.get("GlobalSecondaryIndexes", [])}
    wanted = {index["IndexName"]: (index, new) for index in new.get("GlobalSecondaryIndexes", [])}
    steps = []
    for name in deleted:
        del current[name]
        steps.append(_with_indexes(new, current))
    for name in made:
        current[name] = wanted[name]
        steps.append(_with_indexes(new, current))
    return steps[:-1]


def _typed_indexes(table: Mapping[str, Any]) -> dict[str, str]:
    """Give what an index is, but for its capacity, which can be changed: its projection, its keys and their types."""
    return {
        index["IndexName"]: _canonical([*_key_of({**table, **index}), _canonical(index["Projection"])])
        for index in table.get("GlobalSecondaryIndexes", [])
    }


def _with_indexes(
    new: Mapping[str, Any], current: Mapping[str, tuple[Mapping[str, Any], Mapping[str, Any]]]
) -> dict[str, Any]:
    """Give the new table with these indexes, each with the table that defines its attributes' types."""
    types = dict(_key_of(new))
    for index, table in current.values():
        types |= _key_of({**table, **index})
    properties = {key: value for key, value in new.items() if key != "GlobalSecondaryIndexes"}
    properties["AttributeDefinitions"] = [
        {"AttributeName": name, "AttributeType": types[name]} for name in sorted(types)
    ]
    if current:
        properties["GlobalSecondaryIndexes"] = [current[name][0] for name in sorted(current)]
    return properties
