"""The tables: there, as the contract says, and able to take what the loader may send."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from penstock.plan.model import KeyAttribute, Table
from penstock.stack.doctor.finding import FeedSubject, Finding, Subject, find, looking
from penstock.stack.doctor.keys import Locked, check_allowed


def check_ledger(subject: Subject) -> Iterator[Finding]:
    """Look at the table of runs."""
    table = _describe(subject.client("dynamodb"), subject.names.ledger)
    if table is None:
        yield Finding(
            "ledger", None, "problem", f"there is no table {subject.names.ledger}", subject.make_missing
        )
        return
    indexes = {index["IndexName"] for index in table.get("GlobalSecondaryIndexes", [])}
    missing = {"by_feed", "by_due"} - indexes
    if missing:
        text = f"{subject.names.ledger} lacks its index {', '.join(sorted(missing))}"
        yield Finding("ledger", None, "problem", text, subject.make_missing)
    elif table["TableStatus"] not in {"ACTIVE", "UPDATING"}:
        yield Finding(
            "ledger", None, "problem", f"{subject.names.ledger} is {table['TableStatus']}", "Wait for it."
        )
    else:
        yield Finding("ledger", None, "ok", f"{subject.names.ledger} is there")


def check_table(subject: FeedSubject) -> Iterator[Finding]:
    """Look at a feed's table: its key, its state, its time to live, what guards it, and how much it takes."""
    wanted, name = subject.plan.table, subject.contract.name
    table = _describe(subject.client("dynamodb"), wanted.name)
    if table is None:
        do = "Make it, or leave out `load.table_exists`." if wanted.exists else subject.whole.make_missing
        yield Finding("table", name, "problem", f"there is no table {wanted.name}", do)
        return
    found = list(_compare(subject, table))
    found += _check_ttl(subject)
    found += _check_key(subject, table) if wanted.exists else _check_guards(subject, table)
    found += _check_capacity(subject, table)
    yield from found or [Finding("table", name, "ok", f"{wanted.name} is there, with the contract's key")]


def _describe(client: Any, table: str) -> dict[str, Any] | None:
    found = find(
        f"the table {table}",
        "dynamodb:DescribeTable",
        lambda: client.describe_table(TableName=table)["Table"],
    )
    return None if found is None else dict(found)


def _compare(subject: FeedSubject, table: Mapping[str, Any]) -> Iterator[Finding]:
    wanted, name = subject.plan.table, subject.contract.name
    types = {one["AttributeName"]: one["AttributeType"] for one in table["AttributeDefinitions"]}
    key = [(part["AttributeName"], types[part["AttributeName"]]) for part in table["KeySchema"]]
    if key != _key(wanted):
        text = f"{wanted.name} has the key {_spell(key)}, and the contract says {_spell(_key(wanted))}"
        yield Finding(
            "table",
            name,
            "problem",
            text,
            "Correct the contract's keys, or name another table in `load.table`.",
        )
    if table["TableStatus"] not in {"ACTIVE", "UPDATING"}:
        yield Finding(
            "table", name, "problem", f"{wanted.name} is {table['TableStatus']}", "Wait until it is ACTIVE."
        )


def _key(table: Table) -> list[tuple[str, str]]:
    parts: list[KeyAttribute | None] = [table.partition, table.sort]
    return [(part.name, part.type) for part in parts if part is not None]


def _spell(key: list[tuple[str, str]]) -> str:
    return ", ".join(f"{name} ({kind})" for name, kind in key)


def _check_ttl(subject: FeedSubject) -> Iterator[Finding]:
    wanted, name = subject.plan.table, subject.contract.name
    if wanted.ttl is None:
        return
    client = subject.client("dynamodb")
    with looking(f"the time to live of {wanted.name}", "dynamodb:DescribeTimeToLive"):
        found = client.describe_time_to_live(TableName=wanted.name)["TimeToLiveDescription"]
    on = found.get("TimeToLiveStatus") in {"ENABLED", "ENABLING"}
    if on and found.get("AttributeName") == wanted.ttl:
        return
    seen = f"by {found['AttributeName']}" if on else "turned off"
    text = f"items of {wanted.name} are to expire by {wanted.ttl}, and its time to live is {seen}"
    do = subject.whole.deploy
    if wanted.exists:
        do = (
            f"aws dynamodb update-time-to-live --table-name {wanted.name} "
            f"--time-to-live-specification AttributeName={wanted.ttl},Enabled=true"
        )
    yield Finding("table", name, "problem", text, do)


def _check_key(subject: FeedSubject, table: Mapping[str, Any]) -> Iterator[Finding]:
    key = table.get("SSEDescription", {}).get("KMSMasterKeyArn")
    if key is not None:
        contract = subject.contract
        locked = Locked(
            check="table",
            feed=contract.name,
            what=subject.plan.table.name,
            key=key,
            allowed=contract.load.table_key,
            place="the contract's `load.table_key`",
            so_that="nothing can be written",
        )
        yield from check_allowed(subject.whole, locked)


def _check_guards(subject: FeedSubject, table: Mapping[str, Any]) -> Iterator[Finding]:
    wanted, name = subject.plan.table, subject.contract.name
    if not table.get("DeletionProtectionEnabled"):
        text = f"{wanted.name} is not protected from deletion, as its stack made it"
        do = f"aws dynamodb update-table --table-name {wanted.name} --deletion-protection-enabled"
        yield Finding("table", name, "warning", text, do)
    client = subject.client("dynamodb")
    with looking(f"the backups of {wanted.name}", "dynamodb:DescribeContinuousBackups"):
        found = client.describe_continuous_backups(TableName=wanted.name)["ContinuousBackupsDescription"]
    recovery = found.get("PointInTimeRecoveryDescription", {}).get("PointInTimeRecoveryStatus")
    if recovery != "ENABLED":
        do = (
            f"aws dynamodb update-continuous-backups --table-name {wanted.name} "
            "--point-in-time-recovery-specification PointInTimeRecoveryEnabled=true"
        )
        yield Finding("table", name, "warning", f"{wanted.name} has no point-in-time recovery", do)


def _check_capacity(subject: FeedSubject, table: Mapping[str, Any]) -> Iterator[Finding]:
    """Hold the feed's write budget against what the table takes, of which each index takes as much again."""
    budget = subject.contract.load.max_write_units_per_second
    if budget is None:
        return
    name, wanted = subject.contract.name, subject.plan.table.name
    on_demand = table.get("BillingModeSummary", {}).get("BillingMode") == "PAY_PER_REQUEST"
    if on_demand:
        most = table.get("OnDemandThroughput", {}).get("MaxWriteRequestUnits", -1)
    else:
        most = table["ProvisionedThroughput"]["WriteCapacityUnits"]
    if 0 < most < budget:
        text = f"the budget of {budget} write units a second is more than {wanted} takes, {most}: it will be throttled"
        do = f"Lower `load.max_write_units_per_second` to {most}, or raise the table's."
        yield Finding("table", name, "warning", text, do)
