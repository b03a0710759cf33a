"""A bucket that files land in and that is not Penstock's: all that is asked of it is that it tells EventBridge.

That is a part of the bucket's notifications, which S3 lets nobody change but whole: who puts a configuration replaces the
one that is there. So what is there is read, EventBridge is added to it, the sum is shown before anything is done, and put
only if the bucket's configuration is still the one that was read. Nothing else of the bucket is ever changed.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from botocore.exceptions import ClientError

from penstock.errors import ServiceError, UsageError
from penstock.stack.changes import ChangeLine
from penstock.stack.connect import Connection, explained
from penstock.stack.names import Names

EVENT_BRIDGE: Final = "EventBridgeConfiguration"
DENIED: Final = {"403", "AccessDenied", "AllAccessDisabled", "Forbidden"}


@dataclass(frozen=True, slots=True)
class BucketPlan:
    """What a deploy has to do about a bucket. ``found`` is its configuration of notifications, None where the caller may
    not read that; ``account`` is the one that it has to be in.
    """

    bucket: str
    account: str
    found: Mapping[str, Any] | None

    @property
    def wanted(self) -> Mapping[str, Any]:
        """The configuration with EventBridge, and all that is there as it is."""
        return {**(self.found or {}), EVENT_BRIDGE: {}}

    @property
    def lines(self) -> tuple[ChangeLine, ...]:
        """The change that is to be agreed to; none where the bucket tells EventBridge already, or nobody may look."""
        if self.found is None or EVENT_BRIDGE in self.found:
            return ()
        others = "nothing else is set up" if not self.found else "what else is set up stays as it is"
        line = ChangeLine(
            stack=f"The bucket {self.bucket}, which is not Penstock's",
            action="change",
            kind="AWS::S3::Bucket",
            name=self.bucket,
            logical_id=self.bucket,
            replacement="no",
            why=f"its notifications go to EventBridge too; {others}. The whole configuration will be",
            detail=json.dumps(self.wanted, indent=2, sort_keys=True),
        )
        return (line,)


def plan_bucket(connection: Connection, names: Names) -> BucketPlan | None:
    """Look at the bucket that files land in; None where it is the project's own.

    Needs s3:ListBucket and s3:GetBucketNotification on it, and does without. Raises :class:`UsageError` where there is no such bucket,
    or where it lies in another region, whose events can't be heard.
    """
    if names.existing_bucket is None:
        return None
    _require_here(connection, names, names.existing_bucket)
    return BucketPlan(
        names.existing_bucket, names.account, _read(connection, names.existing_bucket, names.account)
    )


def turn_on(connection: Connection, plan: BucketPlan) -> str | None:
    """Put what was agreed to. Gives what is left for the bucket's owner to do, if the caller may not.

    Raises :class:`ServiceError` where somebody has changed the notifications since they were shown.
    """
    if plan.found is None:
        return _ask_to_look(plan)
    if not plan.lines:
        return None
    if _read(connection, plan.bucket, plan.account) != plan.found:
        raise ServiceError(
            f"The notifications of the bucket {plan.bucket} were changed by somebody since they were shown. They were left "
            "alone; all else is deployed. Deploy again, to see them as they are now."
        )
    with explained(f"turn on EventBridge for the bucket {plan.bucket} (s3:PutBucketNotification)"):
        try:
            connection.client("s3").put_bucket_notification_configuration(
                Bucket=plan.bucket,
                ExpectedBucketOwner=plan.account,
                NotificationConfiguration=plan.wanted,
                SkipDestinationValidation=True,  # else S3 would send a test to everybody else who is told
            )
        except ClientError as error:
            if error.response["Error"]["Code"] in DENIED:
                return _ask_to_put(plan)
            raise
    return None


def _require_here(connection: Connection, names: Names, bucket: str) -> None:
    with explained(f"look for the bucket {bucket}"):
        try:
            found = connection.client("s3").head_bucket(Bucket=bucket)
        except ClientError as error:
            answer = error.response.get("ResponseMetadata", {})
            if answer.get("HTTPStatusCode") == 404:
                raise UsageError(
                    f"There is no bucket {bucket}. `landing.bucket` names one that is there already; leave it out, and the "
                    "project makes one of its own."
                ) from error
            if answer.get("HTTPStatusCode") != 403:
                raise
            region = answer.get("HTTPHeaders", {}).get("x-amz-bucket-region")  # it says so to whoever asks
        else:
            region = found.get("BucketRegion")
    if region not in {None, names.region}:
        raise UsageError(
            f"The bucket {bucket} lies in {region}, where EventBridge hears of its objects, and the project is deployed to "
            f"{names.region}. Deploy it to {region}: `region` in penstock.yaml, or --region."
        )


def _read(connection: Connection, bucket: str, account: str) -> Mapping[str, Any] | None:
    """Read the configuration; None where the caller may not."""
    with explained(f"read the notifications of the bucket {bucket} (s3:GetBucketNotification)"):
        try:
            found = connection.client("s3").get_bucket_notification_configuration(
                Bucket=bucket, ExpectedBucketOwner=account
            )
        except ClientError as error:
            if error.response["Error"]["Code"] in DENIED:
                return None
            raise
    return {key: value for key, value in found.items() if key != "ResponseMetadata"}


def _ask_to_put(plan: BucketPlan) -> str:
    configuration = shlex.quote(json.dumps(plan.wanted, sort_keys=True))
    return (
        f"You may not change the notifications of the bucket {plan.bucket}, and until it tells EventBridge nobody hears of the "
        "files that land there. Its owner turns that on with this command, which keeps all that is set up now:\n"
        f"  aws s3api put-bucket-notification-configuration --bucket {plan.bucket} --expected-bucket-owner {plan.account} "
        f"--skip-destination-validation --notification-configuration {configuration}"
    )


def _ask_to_look(plan: BucketPlan) -> str:
    return (
        f"You may not read the notifications of the bucket {plan.bucket}, so that nobody here knows whether it tells EventBridge. "
        f"It has to, and to belong to the account {plan.account}. Its owner sees `{EVENT_BRIDGE}` in the answer to\n"
        f"  aws s3api get-bucket-notification-configuration --bucket {plan.bucket} --expected-bucket-owner {plan.account}\n"
        "or turns it on in the S3 console, under Properties, Event notifications, Amazon EventBridge, which keeps what is set up."
    )
