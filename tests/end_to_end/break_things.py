"""Ways to break a deployed project: kill a function at work, deliver events as no queue would, and wait for the end."""

import json
import os
import signal
import time
import urllib.parse
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from deployed_world import World

from penstock.aws.runs import Run, list_runs
from penstock.local.follow import Landed
from penstock.stack.resources.sweep import FULL_SWEEP, write_order


def notification(landed: Landed) -> str:
    """The notification that S3 sent for an object, to be sent again: events come at least once."""
    record = {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "eventName": "ObjectCreated:Put",
        "s3": {
            "bucket": {"name": landed.bucket},
            "object": {"key": urllib.parse.quote_plus(landed.key), "versionId": landed.version},
        },
    }
    return json.dumps({"Records": [record]})


def queue_url(world: World, feed: str) -> str:
    name = world.running.names.feed(feed).queue
    return str(world.client("sqs").get_queue_url(QueueName=name)["QueueUrl"])


def is_drained(world: World, feed: str) -> bool:
    """Tell whether a feed's queue holds no message, and none of it is being worked on."""
    asked = world.client("sqs").get_queue_attributes(QueueUrl=queue_url(world, feed), AttributeNames=["All"])
    counts: dict[str, str] = asked["Attributes"]
    return {counts["ApproximateNumberOfMessages"], counts["ApproximateNumberOfMessagesNotVisible"]} == {"0"}


def deliver_at_once(world: World, feed: str, events: Iterable[str]) -> None:
    """Send events to a feed's queue, all at once."""
    sqs, url = world.client("sqs"), queue_url(world, feed)
    with ThreadPoolExecutor(10) as pool:
        list(pool.map(lambda event: sqs.send_message(QueueUrl=url, MessageBody=event), events))


def sweep(world: World, feed: str) -> dict[str, Any]:
    """Have the feed's sweep look at everything, as its schedule does. Gives its answer."""
    function = world.running.names.feed(feed).sweep
    answer = world.client("lambda").invoke(FunctionName=function, Payload=write_order(FULL_SWEEP).encode())
    said: dict[str, Any] = json.loads(answer["Payload"].read())
    assert said.get("outcome") == "done", said
    return said


def runs_of(world: World, landed: Landed) -> list[Run]:
    """Give the runs of a key, the newest first."""
    return [
        run for run in list_runs(world.running.ledger, landed.feed.name, limit=500) if run.key == landed.key
    ]


def wait_for(done: Callable[[], bool], seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, f"not within {seconds:.0f} seconds: {what}"
        time.sleep(0.1)


def wait_until_applied(world: World, landed: Landed, seconds: float = 60) -> None:
    """Wait until the ledger says that an object's newest version is applied, and that nobody is at work on it."""

    def is_applied() -> bool:
        state = world.running.ledger.read_state(landed.bucket, landed.key)
        applied = state.applied is not None and state.applied.version == landed.version
        return applied and state.claim_run is None and not state.pending

    wait_for(is_applied, seconds, f"{landed.key} is applied")


def kill_function(world: World, feed: str) -> None:
    """Kill the processes of a feed's loader, as Lambda ends one that ran out of memory: without a word."""
    name = f"AWS_LAMBDA_FUNCTION_NAME={world.running.names.feed(feed).function}\0".encode()
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if name in (process / "environ").read_bytes() + b"\0":
                found.append(int(process.name))
        except OSError:  # it has ended, or is somebody else's
            continue
    assert found, "the function has no process"
    for pid in found:
        os.kill(pid, signal.SIGKILL)
