"""The embedded AWS for the tests of this room, with what a project's feeds share, made as the stack makes it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from fake_aws import connect

from penstock.aws.connect import Client, Connections
from penstock.aws.ledger import Ledger
from penstock.local.server import Server

LEDGER = "example_penstock_ledger"
_ACCOUNTS = itertools.count(1)


def new_account() -> str:
    """Give an account that nothing was done in: a world of its own, of which the test session's server has many."""
    return f"{next(_ACCOUNTS):012d}"


@dataclass
class World:
    """An account of its own. ``now`` is what its ledger takes for the time, in seconds of the epoch."""

    connections: Connections
    landing: str
    artifacts: str
    topic: str = ""
    now: float = 1_795_413_600.0
    calls: list[str] = field(default_factory=list)

    @property
    def s3(self) -> Client:
        return self.connections.s3

    @property
    def dynamodb(self) -> Client:
        return self.connections.dynamodb

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.dynamodb, LEDGER, lambda: self.now)

    def put(self, key: str, body: bytes) -> str:
        """Put an object into the landing bucket, and give the id of its version."""
        return str(self.s3.put_object(Bucket=self.landing, Key=key, Body=body)["VersionId"])

    def scan(self, table: str) -> list[dict[str, Any]]:
        pages = self.dynamodb.get_paginator("scan").paginate(TableName=table)
        return [item for page in pages for item in page["Items"]]

    def keys(self, prefix: str = "") -> list[str]:
        """Give the keys in the artifacts bucket."""
        found = self.s3.list_objects_v2(Bucket=self.artifacts, Prefix=prefix)
        return [item["Key"] for item in found.get("Contents", ())]


@contextmanager
def make_world(server: Server) -> Iterator[World]:
    account = new_account()
    with connect(server.endpoint, account) as connections:
        world = World(connections, f"landing-{account}", f"artifacts-{account}")
        for bucket in (world.landing, world.artifacts):
            world.s3.create_bucket(Bucket=bucket)
            versioning = {"Status": "Enabled"}
            world.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration=versioning)
        make_ledger(world)
        world.topic = connections.sns.create_topic(Name="alerts")["TopicArn"]
        yield world


def make_ledger(world: World) -> None:
    key = ["pk:S:HASH", "sk:S:RANGE"]
    indexes = {
        "by_feed": ["feed:S:HASH", "started_at:S:RANGE"],
        "by_due": ["due_feed:S:HASH", "due_at:N:RANGE"],
    }
    make_table(world, LEDGER, key, **indexes)


def make_table(world: World, name: str, key: list[str], **indexes: list[str]) -> None:
    """Make a table; a key's parts are ``name:type:role``."""

    def schema(parts: list[str]) -> list[dict[str, str]]:
        return [{"AttributeName": part.split(":")[0], "KeyType": part.split(":")[2]} for part in parts]

    types = {part.split(":")[0]: part.split(":")[1] for parts in (key, *indexes.values()) for part in parts}
    projected = {"Projection": {"ProjectionType": "ALL"}}
    more = [{"IndexName": index, "KeySchema": schema(parts), **projected} for index, parts in indexes.items()]
    world.dynamodb.create_table(
        TableName=name,
        KeySchema=schema(key),
        AttributeDefinitions=[{"AttributeName": n, "AttributeType": t} for n, t in types.items()],
        BillingMode="PAY_PER_REQUEST",
        **({"GlobalSecondaryIndexes": more} if more else {}),
    )
