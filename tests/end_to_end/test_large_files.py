"""Files that no single invocation loads give the table, the rejects and the counts of one that one invocation does."""

import gzip
import random
import time
from dataclasses import asdict
from typing import Any

import pytest
from deployed_world import World
from patience import wait_for

from penstock.aws.hint import QueuedHints
from penstock.aws.replay.order import order_replay
from penstock.aws.runs import Run, get_run

pytestmark = pytest.mark.aws


def make_file(rows: int) -> bytes:
    """A file with repeated keys, wrong cells, filtered rows, blank lines, newlines in cells and broken quotes."""
    dice = random.Random(3)
    lines = ["id,amount,note"]
    for i in range(rows):
        kind = dice.randrange(25)
        note = {1: '"two\nlines"', 2: '"say ""so"""', 3: 'bro"ken', 4: '"unclosed'}.get(kind, f"note {i:060}")
        amount = {5: "many", 6: "13"}.get(kind, str(i / 4))
        lines.append("" if kind == 7 else f"O-{dice.randrange(rows)},{amount},{note}")
    return "\n".join(lines).encode() + b"\n"


BODY = make_file(2500)


def outcome(world: World, run: Run) -> dict[str, Any]:
    """What a run is compared by: its table, its rejects, its counts."""
    return {
        "table": sorted(world.scan(run.feed), key=lambda item: str(item["id"])),
        "rejects": {line: asdict(reject) for line, reject in world.rejects(run).items()},
        **{name: getattr(run, name) for name in ("status", "counts", "items", "errors", "bytes")},
    }


@pytest.fixture(scope="module")
def whole(world: World) -> dict[str, Any]:
    """What one invocation makes of the file in one go."""
    run = world.load("whole", "whole.csv", BODY)
    assert run.saved is None
    return outcome(world, run)


def test_a_large_file_is_loaded_in_chunks(world: World, whole: dict[str, Any]) -> None:
    run = world.load("mapped", "mapped.csv", BODY)
    assert outcome(world, run) == whole
    assert run.counts["superseded"] > 100
    loads = world.client("s3").list_objects_v2(
        Bucket=world.running.names.artifacts_bucket, Prefix=f"runs/mapped/{run.saved}/load/"
    )
    assert loads["KeyCount"] > 2


def test_a_compressed_file_is_unpacked_once_and_loaded_in_chunks(world: World, whole: dict[str, Any]) -> None:
    run = world.load("packed", "packed.csv.gz", gzip.compress(BODY))
    assert outcome(world, run) == whole
    assert run.saved is not None


def test_a_file_that_takes_too_long_is_taken_up_where_it_stopped(world: World, whole: dict[str, Any]) -> None:
    world.client("lambda").update_function_configuration(
        FunctionName=world.running.names.feed("resumed").function, Timeout=10
    )
    # The function is started before, so that its ten seconds are not over before it has read a batch.
    world.load("resumed", "first.csv", b"id,amount,note\n")
    run = world.load("resumed", "resumed.csv", BODY)
    assert outcome(world, run) == whole
    assert run.offset is not None, "it was handed over"
    assert 0 < run.offset < len(BODY)


def mend(raw: bytes) -> bytes:
    """What somebody makes of a rejected record."""
    return raw.replace(b'bro"ken', b"mended").replace(b'"unclosed', b"closed").replace(b",many,", b",1,")


def test_rejects_of_a_large_file_are_corrected_and_come_to_what_the_corrected_file_comes_to(
    world: World, whole: dict[str, Any]
) -> None:
    run = world.load("mended", "mended.csv.gz", gzip.compress(BODY))
    assert run.saved is not None
    changes: dict[int, bytes | None] = {r.offset: mend(r.raw) for r in world.rejects(run).values()}
    corrected = BODY
    for offset in sorted(changes, reverse=True):
        raw = BODY[offset:].partition(b"\n")[0]
        corrected = corrected[:offset] + mend(raw) + corrected[offset + len(raw) :]

    names, sqs = world.running.names, world.client("sqs")
    queue = sqs.get_queue_url(QueueName=names.feed("mended").queue)["QueueUrl"]
    hints, ledger = QueuedHints(sqs, queue), world.running.ledger
    ordered = order_replay(world.client("s3"), names.artifacts_bucket, hints, run, changes, time.time())

    def find_end() -> Run | None:
        run = get_run(ledger, ordered)
        return run if run is not None and run.ended else None

    replay = wait_for(find_end, "the replay ends")
    assert (replay.status, replay.counts["read"], replay.counts["rejected"]) == ("done", len(changes), 0)

    again = world.load("whole", "mended.csv", corrected)
    assert again.counts["rejected"] == 0
    mended, due = (
        sorted(world.scan(table), key=lambda item: str(item["id"])) for table in ("mended", "whole")
    )
    assert mended == due != whole["table"]
