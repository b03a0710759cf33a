"""The KMS keys that the project names, and those of what is not made here.

What is encrypted with one that is switched off can be neither read nor written, nor what is with one that the functions may not use.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from penstock.errors import ServiceError
from penstock.stack.doctor.finding import Finding, Subject, find, looking


def check_keys(subject: Subject) -> Iterator[Finding]:
    """Look whether the keys are there and enabled."""
    names, kms = subject.names, subject.client("kms")
    named = [(names.key, "encryption.key"), (names.existing_key, "landing.key")]
    named += [(feed.load.table_key, f"load.table_key of {feed.name}") for feed in subject.project.feeds]
    for arn, said in named:
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


@dataclass(frozen=True, slots=True)
class Locked:
    """Something that is encrypted with ``key``, as the service that has it calls that: an ARN, an id, or an alias.

    ``allowed`` is the ARN that the project says, in ``place``; ``so_that`` what comes of it where that is another.
    """

    check: str
    feed: str | None
    what: str
    key: str
    allowed: str | None
    place: str
    so_that: str


def check_allowed(subject: Subject, locked: Locked) -> Iterator[Finding]:
    """Hold the key of something against those that the functions may use; AWS's own let in all who may read or write."""
    allowed = {subject.names.key, locked.allowed}
    if locked.key in allowed:
        return
    encrypted = f"{locked.what} is encrypted with {locked.key}"
    try:
        with looking(f"the key {locked.key}", "kms:DescribeKey"):
            key = subject.client("kms").describe_key(KeyId=locked.key)["KeyMetadata"]
    except ServiceError as error:
        text = f"{encrypted}, and whose that is could not be told. {error}"
        do = f"If it is not AWS's own, write its ARN into {locked.place}, then `{subject.deploy}`."
        yield Finding(locked.check, locked.feed, "warning", text, do)
        return
    if key["KeyManager"] != "AWS" and key["Arn"] not in allowed:
        text = f"{encrypted}, which the functions may not use, so that {locked.so_that}"
        do = f"Write {key['Arn']} into {locked.place}, then `{subject.deploy}`."
        yield Finding(locked.check, locked.feed, "problem", text, do)
