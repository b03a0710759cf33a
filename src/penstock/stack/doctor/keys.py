"""The KMS keys that the project names: what is encrypted with one that is switched off can be neither read nor written."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from penstock.stack.doctor.finding import Finding, Subject, find


def check_keys(subject: Subject) -> Iterator[Finding]:
    """Look whether the keys are there and enabled."""
    names, kms = subject.names, subject.client("kms")
    for arn, said in ((names.key, "encryption.key"), (names.existing_key, "landing.key")):
        if arn is None:
            continue
        describe = partial(kms.describe_key, KeyId=arn)
        found = find(f"the key {arn}", "kms:DescribeKey", describe)
        state = None if found is None else found["KeyMetadata"]["KeyState"]
        if state == "Enabled":
            yield Finding("keys", None, "ok", f"the key of `{said}` is enabled")
        elif state is None:
            text = f"there is no key {arn}, which `{said}` names"
            yield Finding("keys", None, "problem", text, f"Correct `{said}`, or have the key made.")
        else:
            text = f"the key of `{said}`, {arn}, is {state}: what is encrypted with it can't be used"
            do = f"aws kms enable-key --key-id {arn}"
            if state == "PendingDeletion":
                do = f"At once: aws kms cancel-key-deletion --key-id {arn}, then {do}"
            yield Finding("keys", None, "problem", text, do)
