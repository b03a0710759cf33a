"""What checkov finds in a template and is meant to be so: each finding stands beside its resource, with the reason.

checkov (https://www.checkov.io) reads it from a resource's metadata. What has no reason is mended in the template.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from penstock.stack.names import Names

SERVICE_KEY: Final = (
    "Encrypted by the service's own key unless the project names one of its own: encryption.key"
)
"""The reason where a check asks for a customer-managed key, which costs money and has to be looked after."""


def service_key(names: Names) -> str | None:
    """Give the reason where the project has no key of its own."""
    return SERVICE_KEY if names.key is None else None


def accept_findings(**reasons: str | None) -> dict[str, Any]:
    """Give a resource's metadata from a reason for each check; None where the check finds nothing."""
    skipped = [{"id": check, "comment": reason} for check, reason in sorted(reasons.items()) if reason]
    return {"Metadata": {"checkov": {"skip": skipped}}} if skipped else {}


def change_findings(resource: Mapping[str, Any], **reasons: str | None) -> dict[str, Any]:
    """Give a resource with these reasons in the place of those that it has for the same checks; None takes one away."""
    metadata = resource.get("Metadata", {})
    known = {one["id"]: one["comment"] for one in metadata.get("checkov", {}).get("skip", ())}
    bare = {key: value for key, value in resource.items() if key != "Metadata"}
    return {**bare, **accept_findings(**{**known, **reasons})}
