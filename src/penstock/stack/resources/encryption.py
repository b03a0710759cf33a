"""How what a project keeps is encrypted where it lies: the properties of each kind of resource.

Without a key of the project's own each service encrypts with one of its own. A topic has no such key that CloudWatch could
use: under ``alias/aws/sns`` alarms are dropped without a word, so that it is left to the disks' encryption. With
``encryption.key`` everything is under that key (:mod:`penstock.stack.resources.key`).
"""

from __future__ import annotations

from typing import Any

from penstock.stack.names import Names

Properties = dict[str, Any]


def encrypt_bucket(names: Names) -> Properties:
    """Give a bucket's encryption. Its own key, made from the project's, keeps the calls of KMS to a few an hour."""
    if names.key is None:
        rule: Properties = {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    else:
        default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": names.key}
        rule = {"BucketKeyEnabled": True, "ServerSideEncryptionByDefault": default}
    return {"BucketEncryption": {"ServerSideEncryptionConfiguration": [rule]}}


def encrypt_queue(names: Names) -> Properties:
    """Give a queue's encryption, of which SQS takes one kind alone."""
    if names.key is None:
        return {"SqsManagedSseEnabled": True}
    return {"KmsMasterKeyId": names.key, "SqsManagedSseEnabled": False}


def encrypt_topic(names: Names) -> Properties:
    """Give a topic's encryption, beyond that of SNS's disks."""
    return {} if names.key is None else {"KmsMasterKeyId": names.key}


def encrypt_table(names: Names) -> Properties:
    """Give a table's encryption, beyond that by DynamoDB's own key."""
    if names.key is None:
        return {}
    return {"SSESpecification": {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": names.key}}


def encrypt_log_group(names: Names) -> Properties:
    """Give a log group's encryption, beyond that by CloudWatch Logs' own key."""
    return {} if names.key is None else {"KmsKeyId": names.key}


def encrypt_function(names: Names) -> Properties:
    """Give the encryption of a function's environment variables, which are names of resources, beyond Lambda's own."""
    return {} if names.key is None else {"KmsKeyArn": names.key}


def job_encryption(names: Names) -> Properties:
    """Give what a security configuration of Glue says: what Glue itself writes to S3 for a job is under the project's key.

    Bookmarks a job has none of, and its log groups have the key themselves. Glue would put the logs of a job whose configuration names a key for them into
    groups that it makes itself, named after the configuration and the role, and kept for ever (Glue guide, "Security
    configuration with Amazon CloudWatch logging").
    """
    return {
        "CloudWatchEncryption": {"CloudWatchEncryptionMode": "DISABLED"},
        "JobBookmarksEncryption": {"JobBookmarksEncryptionMode": "DISABLED"},
        "S3Encryptions": [{"S3EncryptionMode": "SSE-KMS", "KmsKeyArn": names.key}],
    }
