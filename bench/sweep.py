"""``python -m bench.sweep``: what a sweep of a million objects takes, in memory, processor time and dollars.

The sweep is the real one, and so is botocore; only what would go over the network is answered here, page by page and item by
item, so that the doubles hold nothing either.
"""

from __future__ import annotations

import argparse
import io
import json
import resource
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import botocore.session
from botocore.awsrequest import AWSResponse

from penstock.aws.hint import QueuedHints
from penstock.aws.ledger import Ledger
from penstock.aws.sweep.sweep import Sweeper, compare
from penstock.aws.sweep.tally import Tally
from penstock.compile.plan import compile_contract
from penstock.contract.read import read_contract
from penstock.plan.codec import plan_hash

_PAGE: Final = 1000
_CONTRACT: Final = Path(__file__).parent / "contracts" / "lineitem.yaml"
_PROCESSOR_MB: Final = 1769
"""The memory at which Lambda gives a function one processor."""


class _Raw(io.BytesIO):
    def stream(self, **_options: Any) -> Iterator[bytes]:
        yield self.read()


class Services:
    """S3, the ledger and the queue of a feed with so many objects, of which one in ``lost_every`` is not applied."""

    def __init__(self, prefix: str, suffix: str, objects: int, lost_every: int) -> None:
        self._prefix = prefix
        self._suffix = suffix
        self._objects = objects
        self._lost_every = lost_every
        self._session = botocore.session.Session()

    def client(self, service: str) -> Any:
        """Give a client whose requests are answered here."""
        keys = {"aws_access_key_id": "none", "aws_secret_access_key": "none"}
        client = self._session.create_client(service, region_name="us-east-1", **keys)
        client.meta.events.register(f"before-send.{service}", self._answer)
        return client

    def _answer(self, request: Any, event_name: str, **_more: Any) -> AWSResponse:
        operation = event_name.rpartition(".")[2]
        if operation == "ListObjectsV2":
            body = self._list(parse_qs(urlsplit(request.url).query))
        elif operation == "BatchGetItem":
            body = self._look_up(json.loads(request.body))
        else:
            body = json.dumps({"Successful": [], "Failed": []}).encode()
        return AWSResponse(request.url, 200, {}, _Raw(body))

    def _list(self, query: dict[str, list[str]]) -> bytes:
        first = int(query.get("continuation-token", ["0"])[0])
        last = min(first + _PAGE, self._objects)
        contents = "".join(
            f"<Contents><Key>{self._prefix}{number:012d}{self._suffix}</Key><LastModified>2026-01-01T00:00:00Z"
            f'</LastModified><ETag>"{number:032x}"</ETag><Size>1000</Size><StorageClass>STANDARD</StorageClass></Contents>'
            for number in range(first, last)
        )
        more = f"<NextContinuationToken>{last}</NextContinuationToken>" if last < self._objects else ""
        truncated = "true" if more else "false"
        return f"<ListBucketResult><IsTruncated>{truncated}</IsTruncated>{more}{contents}</ListBucketResult>".encode()

    def _look_up(self, asked: dict[str, Any]) -> bytes:
        ((table, request),) = asked["RequestItems"].items()
        items = []
        for key in request["Keys"]:
            number = int(key["pk"]["S"].removesuffix(self._suffix).rpartition("/")[2])
            if self._lost_every and number % self._lost_every == 0:
                continue
            known = {
                "version": "v" * 32,
                "etag": f"{number:032x}",
                "status": "done",
                "plan": "p" * 64,
                "run": "r" * 24,
            }
            applied = {"M": {name: {"S": value} for name, value in known.items()}}
            items.append({"pk": key["pk"], "applied": applied})
        return json.dumps({"Responses": {table: items}, "UnprocessedKeys": {}}).encode()


def make_sweeper(objects: int, lost_every: int) -> Sweeper:
    """Make what sweeps so many objects."""
    plan = compile_contract(read_contract(_CONTRACT))
    services = Services(plan.prefix, plan.suffix, objects, lost_every)
    queue = QueuedHints(services.client("sqs"), "https://sqs.us-east-1.amazonaws.com/123456789012/feed")
    ledger = Ledger(services.client("dynamodb"), "ledger")
    return Sweeper(plan, plan_hash(plan), "landing", services.client("s3"), ledger, queue)


def sweep(sweeper: Sweeper) -> Tally:
    """Sweep them all."""
    tally = Tally()
    for part in compare(sweeper, sweeper.plan.prefix):
        tally += part.tally
    return tally


def _peak_mb() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(prog="python -m bench.sweep", description=__doc__)
    parser.add_argument("--objects", type=int, default=1_000_000)
    parser.add_argument(
        "--lost-every", type=int, default=1000, metavar="N", help="one object in N is not applied"
    )
    parser.add_argument("--memory", type=int, default=512, metavar="MB", help="the function's memory")
    options = parser.parse_args(arguments)
    sweeper = make_sweeper(options.objects, options.lost_every)
    before, begun = _peak_mb(), time.process_time()
    tally = sweep(sweeper)
    seconds, after = time.process_time() - begun, _peak_mb()
    # Memory is what Lambda measures processor time by. What it waits for the services comes on top.
    slow = seconds * _PROCESSOR_MB / options.memory
    tally = replace(tally, seconds=slow, gb_seconds=slow * options.memory / 1024, calls=1)
    print(f"{tally.looked:,} objects: {tally.applied:,} applied, {tally.queued:,} queued")
    print(f"peak memory {after:.0f} MB, {before:.0f} MB of it before the first object")
    print(f"processor time {seconds:.0f} s; {slow:.0f} s of a function with {options.memory} MB")
    print(
        f"{tally.lists:,} list requests, {tally.read_units:,.0f} read units, {tally.requests:,} requests to queue"
    )
    print(f"${tally.dollars:.4f} at list prices")


if __name__ == "__main__":
    main()
