"""A deployed project, and what tests do with it."""

from dataclasses import dataclass
from typing import Any

from ourairports_oracle import Value, plain
from patience import PATIENCE

from penstock.aws.runs import Run
from penstock.engine.result import Reject
from penstock.local.follow import Landed, first_rejects, follow_run
from penstock.local.project import Running


@dataclass(frozen=True)
class World:
    """A deployed project, and what tests do with it."""

    running: Running

    def client(self, service: str) -> Any:
        return self.running.connection.client(service)

    def land(self, feed: str, name: str, body: bytes) -> Landed:
        """Put an object under the feed's prefix."""
        found = next(known for known in self.running.feeds if known.name == feed)
        bucket, key = self.running.names.landing_bucket, f"{found.prefix}{name}"
        answer = self.client("s3").put_object(Bucket=bucket, Key=key, Body=body)
        return Landed(found, bucket, key, answer["VersionId"], len(body))

    def load(self, feed: str, name: str, body: bytes) -> Run:
        """Put an object and wait for the end of its run."""
        return self.follow(self.land(feed, name, body))

    def follow(self, landed: Landed) -> Run:
        """Wait for the end of an object's run."""
        return follow_run(self.running, landed, patience=PATIENCE)

    def rejects(self, run: Run) -> dict[int, Reject]:
        """Give a run's rejects by line."""
        return {reject.line: reject for reject in first_rejects(self.running, run, 10_000)}

    def item(self, table: str, **key: str) -> dict[str, Value] | None:
        answer = self.client("dynamodb").get_item(
            TableName=table, Key={name: {"S": value} for name, value in key.items()}, ConsistentRead=True
        )
        return plain(answer["Item"]) if "Item" in answer else None

    def scan(self, table: str) -> list[dict[str, Value]]:
        pages = self.client("dynamodb").get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
        return [plain(item) for page in pages for item in page["Items"]]
