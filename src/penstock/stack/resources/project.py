"""What the feeds of a project share: the artifacts bucket, the ledger, the topic; and the landing bucket.

The landing bucket has a stack of its own, deployed last: S3 takes its notifications only where every queue and function
that they name is there and lets it in.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from penstock.plan.model import KeyAttribute
from penstock.stack.names import Names
from penstock.stack.resources.encryption import (
    encrypt_bucket,
    encrypt_table,
    encrypt_topic,
)
from penstock.stack.resources.findings import accept_findings, service_key
from penstock.stack.resources.function import log_group
from penstock.stack.resources.resource_policies import encrypted_transport_only, topic_policy
from penstock.stack.resources.table import KEPT, attribute_definitions, key_schema, table_tags

Resource = dict[str, Any]

_KEY = (KeyAttribute("pk", "S"), KeyAttribute("sk", "S"))
_BY_FEED = (KeyAttribute("feed", "S"), KeyAttribute("started_at", "S"))
_BY_DUE = (KeyAttribute("due_feed", "S"), KeyAttribute("due_at", "N"))


_FORGET_RUNS = {
    "Id": "forget-what-runs-left",
    "Status": "Enabled",
    "Prefix": "runs/",
    # Time enough to find out why a run failed, and to start it again; then what it left for that goes, with every
    # version of it. The delete markers go by themselves after as many days more.
    "ExpirationInDays": 30,
    "NoncurrentVersionExpiration": {"NoncurrentDays": 1},
}


_FORGET_MANIFESTS = {
    "Id": "forget-what-manifests-were",
    "Status": "Enabled",
    "Prefix": "manifests/",
    # One that counts never goes by its age. Those that were deleted go with all their versions.
    "ExpiredObjectDeleteMarker": True,
    "NoncurrentVersionExpiration": {"NoncurrentDays": 1},
}


def foundation_resources(names: Names, emails: Sequence[str], retention_days: int) -> dict[str, Resource]:
    """Give the resources of the foundation: all that must be there before any feed."""
    return {
        "ArtifactsBucket": _bucket(names, names.artifacts_bucket, {}, _FORGET_RUNS, _FORGET_MANIFESTS),
        "ArtifactsBucketPolicy": _bucket_policy(names, names.artifacts_bucket, "ArtifactsBucket"),
        "Ledger": _ledger(names),
        "Alerts": {
            "Type": "AWS::SNS::Topic",
            # Under the key that SNS has in an account alarms could not be published.
            **accept_findings(CKV_AWS_26=service_key(names)),
            "Properties": {
                "TopicName": names.topic,
                "DisplayName": f"Penstock {names.project}",
                **encrypt_topic(names),
            },
        },
        "AlertsPolicy": {
            "Type": "AWS::SNS::TopicPolicy",
            "Properties": {"Topics": [{"Ref": "Alerts"}], "PolicyDocument": topic_policy(names)},
        },
        "MachinesLogGroup": log_group(names, names.machines_log_group, retention_days),
        **{_email_id(email): _subscription(email) for email in emails},
    }


def landing_resources(names: Names, notifications: dict[str, Any]) -> dict[str, Resource]:
    """Give the landing bucket, which tells the feeds of their objects."""
    properties = {"NotificationConfiguration": notifications} if notifications else {}
    return {
        "LandingBucket": _bucket(names, names.landing_bucket, properties),
        "LandingBucketPolicy": _bucket_policy(names, names.landing_bucket, "LandingBucket"),
    }


def _bucket(names: Names, name: str, more: dict[str, Any], *rules: dict[str, Any]) -> Resource:
    closed = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
    unfinished = {
        "Id": "abandon-unfinished-uploads",
        "Status": "Enabled",
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
    }
    return {
        "Type": "AWS::S3::Bucket",
        **KEPT,
        **accept_findings(
            CKV_AWS_18="Who reads it CloudTrail's data events tell, where an account wants to know"
        ),
        "Properties": {
            "BucketName": name,
            **encrypt_bucket(names),
            "LifecycleConfiguration": {"Rules": [unfinished, *rules]},
            "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
            "PublicAccessBlockConfiguration": dict.fromkeys(closed, True),
            "VersioningConfiguration": {"Status": "Enabled"},
            **more,
        },
    }


def _bucket_policy(names: Names, bucket: str, logical_id: str) -> Resource:
    return {
        "Type": "AWS::S3::BucketPolicy",
        "Properties": {
            "Bucket": {"Ref": logical_id},
            "PolicyDocument": encrypted_transport_only(names, bucket),
        },
    }


def _ledger(names: Names) -> Resource:
    by_feed = {
        "IndexName": "by_feed",
        "KeySchema": key_schema(*_BY_FEED),
        "Projection": {"ProjectionType": "ALL"},
    }
    by_due = {
        "IndexName": "by_due",
        "KeySchema": key_schema(*_BY_DUE),
        "Projection": {"ProjectionType": "KEYS_ONLY"},
    }
    return {
        "Type": "AWS::DynamoDB::Table",
        **KEPT,
        **accept_findings(CKV_AWS_119=service_key(names)),
        "Properties": {
            "TableName": names.ledger,
            "KeySchema": key_schema(*_KEY),
            "AttributeDefinitions": attribute_definitions([*_KEY, *_BY_FEED, *_BY_DUE]),
            "GlobalSecondaryIndexes": [by_due, by_feed],
            "BillingMode": "PAY_PER_REQUEST",
            "TimeToLiveSpecification": {"AttributeName": "expires_at", "Enabled": True},
            "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
            "DeletionProtectionEnabled": True,
            "Tags": table_tags(names.project),
            **encrypt_table(names),
        },
    }


def _email_id(email: str) -> str:
    """A logical id by the address itself, so that one address more or less touches no other's subscription."""
    return f"AlertsTo{hashlib.sha256(email.encode()).hexdigest()[:12]}"


def _subscription(email: str) -> Resource:
    return {
        "Type": "AWS::SNS::Subscription",
        "Properties": {"TopicArn": {"Ref": "Alerts"}, "Protocol": "email", "Endpoint": email},
    }
