"""The rule by which EventBridge tells a feed of the objects in a bucket that is not Penstock's.

A bucket has one configuration of notifications, which belongs to whoever owns the bucket; rules are as many as there are
feeds, and need no more of the bucket than that it tells EventBridge at all (:mod:`penstock.stack.existing_bucket`).
"""

from __future__ import annotations

from typing import Any

from penstock.contract.model import Contract
from penstock.stack.names import Names

Resource = dict[str, Any]


def build_rule(names: Names, contract: Contract) -> Resource:
    """Give the rule of a feed: objects that come into being under its prefix and with its suffix, to its queue, or to its
    function.

    What can't be delivered EventBridge tries for a day. What is lost then the sweep finds, as it does what S3 never told.
    """
    own = names.feed(contract.name)
    direct = contract.trigger == "direct"
    target = "Function" if direct else "Queue"
    return {
        "Type": "AWS::Events::Rule",
        "DependsOn": "Permission" if direct else "QueuePolicy",  # or the first events would be refused
        "Properties": {
            "Name": own.rule,
            "Description": f"Penstock: tells the feed {contract.name} of {names.project} of objects",
            "EventPattern": {
                "source": ["aws.s3"],
                "detail-type": ["Object Created"],
                "detail": {
                    "bucket": {"name": [names.landing_bucket]},
                    "object": {"key": [match_key(contract.source.prefix, contract.source.suffix)]},
                },
            },
            "Targets": [{"Id": "loader", "Arn": {"Fn::GetAtt": [target, "Arn"]}}],
        },
    }


def match_key(prefix: str, suffix: str) -> dict[str, str]:
    """Give what matches the keys that begin and end so.

    Two patterns for one field are either-or to EventBridge, so that both are one, with a wildcard; in it a backslash makes
    the next character stand for itself (EventBridge user guide, "Comparison operators").
    """
    return {"wildcard": "*".join(part.replace("\\", "\\\\").replace("*", "\\*") for part in (prefix, suffix))}
