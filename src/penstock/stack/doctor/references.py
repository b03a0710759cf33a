"""What a feed's query refers to: whether its objects are there. A file that comes before them is refused."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from penstock.plan.model import Reference
from penstock.stack.doctor.finding import FeedSubject, Finding, find, looking


def check_references(subject: FeedSubject) -> Iterator[Finding]:
    """Look whether each reference has an object: of its key, or any of the feed that it names."""
    query = subject.plan.query
    for reference in () if query is None else query.references:
        yield _check(subject, reference)


def _check(subject: FeedSubject, reference: Reference) -> Finding:
    bucket, name = subject.whole.names.landing_bucket, subject.contract.name
    if reference.key is not None:
        there, place = _is_there(subject, bucket, reference.key), f"s3://{bucket}/{reference.key}"
        text, do = (
            f"there is no {place}",
            f"Put it there: penstock put FILE --reference {reference.name} --feed {name}",
        )
    else:
        there, place = _has_any(subject, bucket, reference), f"s3://{bucket}/{reference.prefix}"
        text, do = (
            f"there is no object of its feed under {place}",
            "Put one there, and have its feed load it.",
        )
    if there:
        return Finding("references", name, "ok", f"{reference.name} is at {place}")
    refused = f"{reference.name}: {text}, and files of this feed are refused"
    return Finding("references", name, "problem", refused, do)


def _is_there(subject: FeedSubject, bucket: str, key: str) -> bool:
    look = partial(subject.client("s3").head_object, Bucket=bucket, Key=key)
    return find(f"s3://{bucket}/{key}", "s3:GetObject", look) is not None


def _has_any(subject: FeedSubject, bucket: str, reference: Reference) -> bool:
    """Tell whether another feed has an object, be it loaded or not: what it loads its own runs tell."""
    prefix, suffix = reference.prefix or "", reference.suffix or ""
    with looking(f"s3://{bucket}/{prefix}", "s3:ListBucket"):
        pages = subject.client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        return any(entry["Key"].endswith(suffix) for page in pages for entry in page.get("Contents", ()))
