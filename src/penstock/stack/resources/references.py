"""What a query feed may read beside its own files: exactly the objects, and the feeds, that its contract names."""

from __future__ import annotations

from penstock.plan.model import Plan
from penstock.stack.names import Names
from penstock.stack.resources.conditions import below, leading, objects, of_this_account
from penstock.stack.resources.statements import Statement, allow, literal


def read_references(names: Names, plan: Plan) -> list[Statement]:
    """Give the statements by which a plan's references are found and read; none where it has none.

    To list them tells a missing one from a forbidden one, and which object of another feed is its newest; what of those is
    loaded stands in the ledger.
    """
    if plan.query is None or not plan.query.references:
        return []
    landing, here = names.bucket_arn(names.landing_bucket), of_this_account(names)
    found = plan.query.references
    keys = {literal(one.key) for one in found if one.key is not None}
    feeds = {one.prefix or "" for one in found if one.key is None}
    wanted = sorted(keys | {f"{literal(prefix)}*" for prefix in feeds})
    loaded = sorted(objects(names, prefix) for prefix in feeds)
    statements = [
        allow(
            "ReadReferences",
            ["s3:GetObject", "s3:GetObjectVersion"],
            [f"{landing}/{each}" for each in wanted],
            here,
        ),
        allow("ListReferences", ["s3:ListBucket"], landing, {**here, **below(*wanted)}),
    ]
    if loaded:
        looked_up = leading("StringLike", *loaded)
        statements.append(allow("LookUpReferences", ["dynamodb:GetItem"], names.ledger_arn, looked_up))
    return statements
