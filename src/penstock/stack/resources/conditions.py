"""The conditions by which statements are held to an account, to prefixes of a bucket, and to items of the ledger."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock.stack.names import Names
from penstock.stack.resources.statements import literal


def of_this_account(names: Names) -> Mapping[str, Any]:
    """Hold a statement about a bucket to this account's: a bucket's ARN does not say whose it is."""
    return {"StringEquals": {"aws:ResourceAccount": names.account}}


def below(*prefixes: str) -> Mapping[str, Any]:
    """Hold the listing of a bucket to what is asked for with one of these prefixes."""
    return {"StringLike": {"s3:prefix": list(prefixes)}}


def leading(operator: str, *keys: str) -> Mapping[str, Any]:
    """Hold a statement to the items of partition keys (DynamoDB guide, "Using IAM policy conditions")."""
    return {f"ForAllValues:{operator}": {"dynamodb:LeadingKeys": list(keys)}}


def objects(names: Names, prefix: str) -> str:
    """Give the partition keys in the ledger of the objects under a prefix of the landing bucket."""
    return f"OBJECT#{names.landing_bucket}/{literal(prefix)}*"
