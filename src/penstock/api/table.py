"""The table that a run from here loads: opened, compared with the contract's, and its writes accounted for."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError

from penstock.api.region import configured_region, find_region
from penstock.api.resume import Effort
from penstock.aws.connect import Connections
from penstock.aws.explain import error_code, explain_error
from penstock.aws.table.send import Sender
from penstock.aws.table.write import LANES, TableWriter, WriterStats
from penstock.errors import UsageError
from penstock.load.report import Report
from penstock.plan.model import Table

_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


class OpenTable:
    """A table to write to. ``writer`` is an :class:`~penstock.load.protocols.ItemWriter`."""

    def __init__(self, writer: TableWriter) -> None:
        self.writer = writer
        self._accounted = WriterStats()

    @property
    def effort(self) -> Effort:
        """What the writes took since they were accounted for last."""
        before, now = self._accounted, self.writer.stats
        return Effort(
            math.ceil(now.write_units - before.write_units),
            now.throttled - before.throttled,
            now.resent - before.resent,
        )

    def account(self, report: Report, before: Effort) -> Report:
        """Give the report with what the writes took since the last one, and ``before`` in another process."""
        found = before.plus(self.effort)
        alone = self._accounted.requests == 0  # the rates of several files can't be told apart
        self._accounted = self.writer.stats
        return replace(
            report,
            write_units=found.write_units,
            throttled=found.throttled,
            resent=found.resent,
            rate_over_time=self._accounted.rate_over_time if alone else (),
        )


@contextmanager
def open_table(
    table: Table, region: str | None, endpoint_url: str | None, profile: str | None
) -> Iterator[OpenTable]:
    """Open the table. None is what the AWS configuration says.

    Raises :class:`~penstock.errors.UsageError` where there is no such table or its keys are not the contract's, and
    :class:`~penstock.errors.ServiceError` where it can't be reached.
    """
    connections = find_table(table, region, endpoint_url, profile)
    sender = Sender(connections, LANES)
    try:
        with TableWriter(sender, table) as writer:
            yield OpenTable(writer)
    finally:
        sender.close()


def find_table(
    table: Table, region: str | None, endpoint_url: str | None, profile: str | None
) -> Connections:
    """Say how the table is reached, and raise what :func:`open_table` does."""
    connections = _connect(region, endpoint_url, profile)
    _refuse_wrong_table(table, connections)
    return connections


def _connect(region: str | None, endpoint_url: str | None, profile: str | None) -> Connections:
    """Connect as configured. A server on this computer is no account of anybody's: there, what is missing is made up."""
    if endpoint_url is None:
        return Connections(find_region(region, profile), None, profile)
    place = urlsplit(endpoint_url)
    if place.scheme not in {"http", "https"} or not place.hostname:
        raise UsageError(f"{endpoint_url} is no endpoint: one is as in http://127.0.0.1:4566.")
    if place.hostname not in _LOOPBACK or profile is not None:
        return Connections(find_region(region, profile), endpoint_url, profile)
    connections = Connections(region, endpoint_url)
    region = region or configured_region(connections.session) or "us-east-1"
    if connections.session.get_credentials() is not None:
        return replace(connections, region=region)
    return Connections(region, endpoint_url, access_key="000000000000", secret_key="local")  # noqa: S106 -- opens nothing


def _refuse_wrong_table(table: Table, connections: Connections) -> None:
    try:
        found = connections.dynamodb.describe_table(TableName=table.name)["Table"]
    except ClientError as error:
        code = error_code(error)
        if code == "ResourceNotFoundException":
            raise UsageError(
                f"There is no table {table.name} here, and a run makes none. `penstock deploy` makes it; or name another "
                "with --table, or correct the region, profile or endpoint."
            ) from error
        if "AccessDenied" in code:
            return  # who may write need not be allowed to look
        raise explain_error(error, f"look at the table {table.name}", "dynamodb:DescribeTable") from error
    except BotoCoreError as error:
        raise explain_error(error, f"look at the table {table.name}", "dynamodb:DescribeTable") from error
    types = {entry["AttributeName"]: entry["AttributeType"] for entry in found["AttributeDefinitions"]}
    keys = {entry["KeyType"]: entry["AttributeName"] for entry in found["KeySchema"]}
    there = [(keys[kind], types[keys[kind]]) for kind in ("HASH", "RANGE") if kind in keys]
    due = [(key.name, key.type) for key in (table.partition, table.sort) if key is not None]
    if there != due:
        raise UsageError(
            f"The table {table.name} has the keys {_list(there)}, and the contract's are {_list(due)}. Correct the contract, "
            "or name another table."
        )


def _list(keys: Sequence[tuple[str, str]]) -> str:
    return " and ".join(f"{name} ({kind})" for name, kind in keys)
