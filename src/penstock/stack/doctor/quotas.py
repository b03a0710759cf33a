"""What the account allows, held against what the feeds may take at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from penstock.stack.doctor.finding import Finding, Subject, looking
from penstock.stack.resources.state_machine import chunk_concurrency

UNRESERVED: Final = 100
"""What Lambda keeps for functions that reserve nothing (Lambda guide, "Configuring reserved concurrency")."""
USUAL_CONCURRENCY: Final = 1000
NEW_ACCOUNT_MB: Final = 3008
"""The most memory that a function has in an account for which AWS has not raised it yet; no call tells it."""
MAX_TABLES: Final = 2500
"""The tables of a region, unless AWS was asked for more (DynamoDB guide, "Quotas")."""
_ASK: Final = "Ask for more in the Service Quotas console, or lower {}."


def check_quotas(subject: Subject) -> Iterator[Finding]:
    """Check Lambda's concurrency and memory, and DynamoDB's capacity and number of tables."""
    with looking("Lambda's quotas", "lambda:GetAccountSettings"):
        limits = subject.client("lambda").get_account_settings()["AccountLimit"]
    concurrency = int(limits["ConcurrentExecutions"])
    found = [*_check_concurrency(subject, concurrency), *_check_memory(subject, concurrency)]
    found += [*_check_capacity(subject), *_check_number_of_tables(subject)]
    yield from found or [
        Finding(
            "quotas", None, "ok", f"{concurrency:,} functions may run at once, and the feeds need no more"
        )
    ]


def _check_concurrency(subject: Subject, most: int) -> Iterator[Finding]:
    feeds = subject.project.feeds
    reserved = sum(feed.function.concurrency for feed in feeds if feed.trigger == "direct")
    if reserved and reserved > most - UNRESERVED:
        text = (
            f"the feeds that are called directly reserve {reserved:,} concurrent executions; of the account's {most:,} Lambda keeps "
            f"{UNRESERVED} free, so that they can't be deployed"
        )
        do = _ASK.format("`function.concurrency`, or let the feeds have a queue (`trigger: queue`)")
        yield Finding("quotas", None, "problem", text, do)
    # A large object's workers are called by its state machine, beside the loaders; a direct feed's share its reserve.
    together = sum(
        feed.function.concurrency + (0 if feed.trigger == "direct" else chunk_concurrency(feed))
        for feed in feeds
    )
    if together > most:
        text = f"the feeds may take {together:,} concurrent executions at once, and the account has {most:,}"
        do = _ASK.format("`function.concurrency` and `large_objects.concurrency`")
        yield Finding("quotas", None, "warning", f"{text}: then they slow one another, and others", do)


def _check_memory(subject: Subject, concurrency: int) -> Iterator[Finding]:
    """An account whose concurrency AWS has not raised yet is one whose functions have less memory, most likely."""
    if concurrency >= USUAL_CONCURRENCY:
        return
    for feed in subject.project.feeds:
        if feed.function.memory > NEW_ACCOUNT_MB:
            text = (
                f"the function is to have {feed.function.memory:,} MB; a new account's may have {NEW_ACCOUNT_MB:,}, and this seems "
                f"to be one, for only {concurrency:,} functions may run at once"
            )
            do = f"If the deploy refuses it, lower `function.memory` to {NEW_ACCOUNT_MB}, or ask AWS Support."
            yield Finding("quotas", feed.name, "warning", text, do)


def _check_capacity(subject: Subject) -> Iterator[Finding]:
    with looking("DynamoDB's quotas", "dynamodb:DescribeLimits"):
        limits: dict[str, Any] = subject.client("dynamodb").describe_limits()
    most = int(limits["TableMaxWriteCapacityUnits"])
    for feed in subject.project.feeds:
        for wanted, key in (
            (feed.load.max_write_units_per_second, "load.max_write_units_per_second"),
            (feed.load.write_capacity, "load.write_capacity"),
        ):
            if wanted is not None and wanted > most:
                text = f"`{key}` is {wanted:,}, and a table of this account takes at most {most:,} write units a second"
                yield Finding("quotas", feed.name, "warning", text, _ASK.format(f"`{key}`"))


def _check_number_of_tables(subject: Subject) -> Iterator[Finding]:
    with looking("the tables", "dynamodb:ListTables"):
        pages = subject.client("dynamodb").get_paginator("list_tables").paginate()
        tables = {name for page in pages for name in page["TableNames"]}
    wanted = {plan.table.name for plan in subject.plans.values() if not plan.table.exists}
    number = len(tables | wanted | {subject.names.ledger})
    if number > MAX_TABLES:
        text = (
            f"with the project's there are {number:,} tables, and a region usually has at most {MAX_TABLES:,}"
        )
        yield Finding("quotas", None, "warning", text, _ASK.format("their number"))
