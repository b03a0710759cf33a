"""Change sets: what a deploy would change, as CloudFormation says it, in lines that a person can read."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from penstock.errors import ServiceError
from penstock.stack.connect import Connection, explained
from penstock.stack.follow import read_validation_errors
from penstock.stack.target import Target

Action = Literal["add", "change", "remove", "adopt"]
Replacement = Literal["no", "perhaps", "yes"]

_ACTIONS: Final[dict[str, Action]] = {
    "Add": "add",
    "Modify": "change",
    "Dynamic": "change",
    "Remove": "remove",
    "Import": "adopt",
}
_NAMES: Final = (
    "TableName",
    "BucketName",
    "QueueName",
    "LogGroupName",
    "TopicName",
    "FunctionName",
    "StateMachineName",
    "AlarmName",
    "DashboardName",
    "Name",
    "Endpoint",
)
_REPLACING: Final[Mapping[str, set[str]]] = {
    "AWS::DynamoDB::Table": {"ImportSourceSpecification", "KeySchema", "LocalSecondaryIndexes", "TableName"},
    "AWS::S3::Bucket": {"BucketName", "BucketNamePrefix"},
}
"""The properties of what holds data by which it is made anew (CloudFormation's reference, "Update requires: Replacement")."""
_NO_CHANGES: Final = ("didn't contain changes", "No updates are to be performed")


@dataclass(frozen=True, slots=True)
class ChangeLine:
    """One change to one resource. ``name`` is the resource's own where it has one, ``replacement`` whether it would be
    made anew (and the old one, ``replaces``, deleted or, where it holds data, kept), ``why`` what makes it change.
    ``detail`` is text of several lines to be read with it.
    """

    stack: str
    action: Action
    kind: str
    name: str
    logical_id: str
    replacement: Replacement
    why: str
    replaces: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class ChangeSet:
    """A change set that can be executed. ``stack_id`` is the ARN of its stack, which it may have brought into being."""

    change_set_id: str
    stack_id: str
    lines: tuple[ChangeLine, ...]


def write_template(body: Mapping[str, Any]) -> str:
    """Give a template as CloudFormation takes it: compact JSON, the same text for the same template."""
    return json.dumps(body, sort_keys=True, separators=(",", ":"))


def create_change_set(
    connection: Connection,
    stack: str,
    template: Mapping[str, Any],
    tags: Mapping[str, str],
    *,
    new: bool,
    target: Target,
) -> ChangeSet | None:
    """Have CloudFormation compare a template with a stack; None where nothing would change.

    What the template names and an earlier destroy kept is adopted. Raises :class:`ServiceError` where CloudFormation
    refuses the template.
    """
    client = connection.client("cloudformation")
    with explained(f"compare the stack {stack} with its template"):
        made = client.create_change_set(
            StackName=stack,
            ChangeSetName=f"penstock-{uuid.uuid4().hex}",
            ChangeSetType="CREATE" if new else "UPDATE",
            TemplateBody=write_template(template),
            Capabilities=["CAPABILITY_IAM"],
            Tags=[{"Key": key, "Value": value} for key, value in sorted(tags.items())],
            ImportExistingResources=True,
            **({"DisableValidation": True} if target.emulated else {}),
        )
        changes = _await_changes(client, stack, made["Id"], target.poll_seconds)
        if changes is None:
            client.delete_change_set(ChangeSetName=made["Id"])
            return None
    resources = template["Resources"]
    lines = tuple(_read_change(stack, change["ResourceChange"], resources) for change in changes)
    return ChangeSet(made["Id"], made["StackId"], lines)


def _await_changes(
    client: Any, stack: str, change_set_id: str, poll_seconds: float
) -> list[dict[str, Any]] | None:
    """Wait for the comparison; give the changes, or None where there are none."""
    while True:
        found = client.describe_change_set(ChangeSetName=change_set_id)
        if found["Status"] not in {"CREATE_PENDING", "CREATE_IN_PROGRESS"}:
            break
        time.sleep(poll_seconds)
    reason = found.get("StatusReason", "")
    if found["Status"] != "CREATE_COMPLETE":
        if any(text in reason for text in _NO_CHANGES):
            return None
        problems = read_validation_errors(client, ChangeSetName=change_set_id)
        raise ServiceError(
            "\n".join([f"CloudFormation refuses the changes to the stack {stack}: {reason}", *problems])
        )
    changes = list(found["Changes"])
    while found.get("NextToken"):
        found = client.describe_change_set(ChangeSetName=change_set_id, NextToken=found["NextToken"])
        changes += found["Changes"]
    return changes


def _read_change(stack: str, change: dict[str, Any], resources: Mapping[str, Any]) -> ChangeLine:
    logical_id = change["LogicalResourceId"]
    properties = resources.get(logical_id, {}).get("Properties", {})
    named = next((properties[name] for name in _NAMES if name in properties), None)
    action = _ACTIONS.get(change["Action"], "change")
    return ChangeLine(
        stack=stack,
        action=action,
        kind=change["ResourceType"],
        name=named if isinstance(named, str) else change.get("PhysicalResourceId") or logical_id,
        logical_id=logical_id,
        replacement=_read_replacement(change),
        why=_explain(action, change),
        replaces=change.get("PhysicalResourceId", ""),
    )


def _read_replacement(change: Mapping[str, Any]) -> Replacement:
    """Tell whether the resource would be made anew.

    CloudFormation says "Conditional" where the value of a property decides, and says so readily: of a table's attribute definitions
    whenever an index comes or goes, though none that stays is ever edited (:func:`penstock.stack.adopt.index_steps`).
    """
    if change.get("Replacement") == "True" or change.get("PolicyAction") == "ReplaceAndDelete":
        return "yes"
    if change.get("Replacement") != "Conditional":
        return "no"
    deciding = {
        detail.get("Target", {}).get("Name")
        for detail in change.get("Details", [])
        if detail.get("Target", {}).get("RequiresRecreation", "Never") != "Never"
    }
    replacing = _REPLACING.get(change["ResourceType"], deciding)
    return "perhaps" if deciding & replacing or not deciding else "no"


def _explain(action: Action, change: dict[str, Any]) -> str:
    if action == "adopt":
        return "it exists and is in no stack"
    if action == "remove":
        return "it is kept, outside the stack" if change.get("PolicyAction") == "Retain" else ""
    targets = [detail.get("Target", {}) for detail in change.get("Details", [])]
    names = {target.get("Name") or target.get("Attribute", "") for target in targets}
    return ", ".join(sorted(name for name in names if name))
