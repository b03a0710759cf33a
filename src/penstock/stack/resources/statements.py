"""The grammar of IAM policies, as far as it is needed (IAM user guide, "IAM JSON policy element reference")."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Statement = dict[str, Any]


def literal(text: str) -> str:
    """Give text that stands for itself in a policy, where ``*``, ``?`` and ``$`` would mean something."""
    return "".join(f"${{{char}}}" if char in "*?$" else char for char in text)


def allow(
    sid: str, actions: Sequence[str], resources: str | list[str], condition: Mapping[str, Any] | None = None
) -> Statement:
    """Give a statement that allows these actions on these ARNs."""
    statement: Statement = {"Sid": sid, "Effect": "Allow", "Action": list(actions), "Resource": resources}
    return statement if condition is None else {**statement, "Condition": condition}


def write_document(statements: Sequence[Statement]) -> Mapping[str, Any]:
    """Give a policy of these statements."""
    return {"Version": "2012-10-17", "Statement": list(statements)}
