"""Files that no single invocation loads give the table, the rejects and the counts of one that one invocation does."""

import gzip
import random
from dataclasses import asdict
from typing import Any

import pytest
from deployed_world import World

from penstock.aws.runs import Run

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
    run = world.load("resumed", "resumed.csv", BODY)
    assert outcome(world, run) == whole
    assert run.offset is not None, "it was handed over"
    assert 0 < run.offset < len(BODY)
