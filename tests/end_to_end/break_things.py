"""Ways to break a deployed project: kill a function at work, deliver events as no queue would, and wait for the end."""

import json
import os
import signal
import urllib.parse
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from deployed_world import World
from patience import wait_for

from penstock.aws.list_runs import list_runs
from penstock.aws.object_state import state_key
from penstock.aws.runs import Run
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


def wait_until_applied(world: World, landed: Landed) -> None:
    """Wait until the ledger says that an object's newest version is applied, and that nobody is at work on it."""

    def is_applied() -> bool:
        state = world.running.ledger.read_state(landed.bucket, landed.key)
        applied = state.applied is not None and state.applied.version == landed.version
        return applied and state.claim_run is None and not state.pending

    wait_for(is_applied, f"{landed.key} is applied")


def let_claim_run_out(world: World, landed: Landed) -> None:
    """Set the end of a dead worker's claim to a moment ago, instead of waiting for it.

    A real one comes as soon as the function's timeout allows. To be soon it would have to be so short that on a busy
    computer a function is cut off before it has begun.
    """
    world.client("dynamodb").update_item(
        TableName=world.running.names.ledger,
        Key=state_key(landed.bucket, landed.key),
        UpdateExpression="SET claim_expires_at = :past, due_at = :past",
        ConditionExpression="attribute_exists(claim_run)",
        ExpressionAttributeValues={":past": {"N": str(world.running.ledger.clock() - 1)}},
    )


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
