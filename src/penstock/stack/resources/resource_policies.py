"""Who else is let in: the policies of queues, the topic and buckets, each bound by account and by what calls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock.stack.names import Names
from penstock.stack.resources.statements import Statement, allow, write_document


def queue_policy(names: Names, feed: str) -> Mapping[str, Any]:
    """Let who tells of the landing bucket's objects, and nothing else, send to a feed's queue."""
    own = names.feed(feed)
    service, source = event_source(names, feed)
    condition = {
        "ArnEquals": {"aws:SourceArn": source},
        "StringEquals": {"aws:SourceAccount": names.account},
    }
    statement = allow("TakeEventsOfLandingBucket", ["sqs:SendMessage"], own.queue_arn, condition)
    return write_document(
        [
            {**statement, "Principal": {"Service": service}},
            _refuse_in_the_clear("sqs:*", own.queue_arn),
        ]
    )


def dead_letters_policy(names: Names, feed: str) -> Mapping[str, Any]:
    """Let nobody but the account's own roles to a feed's dead letters: SQS moves them there itself, and Lambda as the loader."""
    return write_document([_refuse_in_the_clear("sqs:*", names.feed(feed).dead_letters_arn)])


def topic_policy(names: Names) -> Mapping[str, Any]:
    """Let the alarms of this account and region, and no other service, publish to the topic; roles do by their own policies."""
    condition = {
        "ArnLike": {"aws:SourceArn": names.arn("cloudwatch", "alarm:*")},
        "StringEquals": {"aws:SourceAccount": names.account},
    }
    statement = allow("TellOfAlarms", ["sns:Publish"], names.topic_arn, condition)
    return write_document(
        [
            {**statement, "Principal": {"Service": "cloudwatch.amazonaws.com"}},
            # Of what goes on with a topic's messages a policy of it can name publishing alone.
            _refuse_in_the_clear("sns:Publish", names.topic_arn),
        ]
    )


def event_source(names: Names, feed: str) -> tuple[str, str]:
    """Give the service that tells a feed of objects, and the ARN of what tells: the bucket, or, of a bucket that is not
    the project's, the feed's rule in EventBridge.
    """
    if names.existing_bucket is None:
        return "s3.amazonaws.com", names.bucket_arn(names.landing_bucket)
    return "events.amazonaws.com", names.feed(feed).rule_arn


def encrypted_transport_only(names: Names, bucket: str) -> Mapping[str, Any]:
    """Refuse every request to a bucket that is not encrypted on its way."""
    arn = names.bucket_arn(bucket)
    return write_document([_refuse_in_the_clear("s3:*", [arn, f"{arn}/*"])])


def _refuse_in_the_clear(action: str, resources: str | list[str]) -> Statement:
    return {
        "Sid": "EncryptedTransportOnly",
        "Effect": "Deny",
        "Principal": "*",
        "Action": action,
        "Resource": resources,
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
