"""Delete what holds data, for good: buckets with every version of every object, tables, logs.

What is gone already is no failure, so that what broke off can be done again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

from botocore.exceptions import ClientError, WaiterError

from penstock.errors import ServiceError
from penstock.stack.connect import explained
from penstock.stack.package import Progress

MOST: Final = 1000
"""The versions that one request deletes (S3's API reference, DeleteObjects)."""
_ROUNDS: Final = 5
"""How often a bucket is emptied anew because something came in meanwhile."""
_SAID_EVERY: Final = 10_000
_NAMED: Final = 3
_NO_XML: Final = re.compile(r"[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What a key may have and XML 1.0 can't say, which is how a request names the many that it deletes (XML 1.0, "Characters")."""


def erase_bucket(client: Any, bucket: str, progress: Progress) -> None:
    """Delete a bucket and all that is in it: versions, delete markers, and uploads that were never finished.

    Raises :class:`ServiceError` where something in it can't be deleted; all else is deleted then.
    """
    with explained(f"delete the bucket {bucket}"):
        for _ in range(_ROUNDS):
            try:
                _abort_uploads(client, bucket)
                _erase_versions(client, bucket, progress)
                client.delete_bucket(Bucket=bucket)
            except ClientError as error:
                if _code(error) == "NoSuchBucket":
                    return
                if _code(error) != "BucketNotEmpty":
                    raise
            else:
                return
    raise ServiceError(
        f"The bucket {bucket} does not stay empty: somebody keeps writing to it. End that, and do this again."
    )


def _abort_uploads(client: Any, bucket: str) -> None:
    for page in client.get_paginator("list_multipart_uploads").paginate(Bucket=bucket):
        for upload in page.get("Uploads", []):
            try:
                client.abort_multipart_upload(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])
            except ClientError as error:
                if _code(error) != "NoSuchUpload":
                    raise


def _erase_versions(client: Any, bucket: str, progress: Progress) -> None:
    erased, errors = 0, list[dict[str, Any]]()
    listed = _list_versions(client, bucket)
    while versions := list(islice(listed, MOST)):
        errors += _erase_some(client, bucket, versions)
        before, erased = erased, erased + len(versions)
        if erased // _SAID_EVERY > before // _SAID_EVERY:
            progress(f"  {erased:,} versions of {bucket} are deleted")
    if errors:
        raise ServiceError(_explain(client, bucket, errors))


def _erase_some(client: Any, bucket: str, versions: list[dict[str, str]]) -> list[dict[str, Any]]:
    """Delete versions, and give what could not be deleted, which stands in an answer that is no error itself."""
    errors: list[dict[str, Any]] = []
    together = [version for version in versions if not _NO_XML.search(version["Key"])]
    if together:
        answer = client.delete_objects(Bucket=bucket, Delete={"Objects": together, "Quiet": True})
        errors += answer.get("Errors", [])
    for version in versions:
        if _NO_XML.search(version["Key"]):  # one by one they are named by the request's path
            try:
                client.delete_object(Bucket=bucket, **version)
            except ClientError as error:
                errors.append({**version, **error.response["Error"]})
    return errors


def _list_versions(client: Any, bucket: str) -> Iterator[dict[str, str]]:
    for page in client.get_paginator("list_object_versions").paginate(Bucket=bucket):
        for one in (*page.get("Versions", []), *page.get("DeleteMarkers", [])):
            yield {"Key": one["Key"], "VersionId": one["VersionId"]}


def _explain(client: Any, bucket: str, errors: list[dict[str, Any]]) -> str:
    named = "\n".join(
        f"  {ascii(error['Key'])[1:-1]}, version {error.get('VersionId', 'null')}: {error['Code']}: {error.get('Message', '')}"
        for error in errors[:_NAMED]
    )
    more = f"\n  and {len(errors) - _NAMED:,} more" if len(errors) > _NAMED else ""
    text = f"{len(errors):,} versions in the bucket {bucket} could not be deleted; all others were:\n{named}{more}"
    if _is_locked(client, bucket):
        return (
            f"{text}\nThe bucket has Object Lock: what is under retention or a legal hold can't be deleted before that ends. Do "
            "this again then."
        )
    return f"{text}\nMend that (s3:DeleteObjectVersion, the bucket's policy), and do this again."


def _is_locked(client: Any, bucket: str) -> bool:
    try:
        found = client.get_object_lock_configuration(Bucket=bucket)
    except ClientError:
        return False
    return bool(found.get("ObjectLockConfiguration", {}).get("ObjectLockEnabled") == "Enabled")


def erase_table(client: Any, table: str) -> None:
    """Delete a table, protected or not, and wait until it is gone. Raises :class:`ServiceError`."""
    with explained(f"delete the table {table}"):
        try:
            found = client.describe_table(TableName=table)["Table"]
            if found["TableStatus"] != "DELETING":
                client.get_waiter("table_exists").wait(TableName=table)  # it may be changing still
                if found.get("DeletionProtectionEnabled"):
                    client.update_table(TableName=table, DeletionProtectionEnabled=False)
                    client.get_waiter("table_exists").wait(TableName=table)
                client.delete_table(TableName=table)
            client.get_waiter("table_not_exists").wait(TableName=table)
        except client.exceptions.ResourceNotFoundException:
            return
        except WaiterError as error:
            raise ServiceError(
                f"The table {table} takes long to change. Look at it in the console, and do this again."
            ) from error


def erase_log_group(client: Any, group: str) -> None:
    """Delete a log group. Raises :class:`ServiceError`."""
    with explained(f"delete the log group {group}"):
        try:
            client.delete_log_group(logGroupName=group)
        except client.exceptions.ResourceNotFoundException:
            return


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code"))
