"""Real files, whole, through S3, SQS, Lambda and DynamoDB: the table equals what the oracle computes."""

import pytest
from deployed_world import World
from ourairports_oracle import EXAMPLE, Expected, expect_navaids, expect_runways
from runways import DAYS

from penstock.aws.runs import Run
from penstock.engine.result import Reject
from penstock.local.demo_files import EDITS, make_dirty

pytestmark = pytest.mark.aws

NAVAIDS = (EXAMPLE / "data" / "navaids.csv.gz").read_bytes()


def _assert_accounted_for(run: Run, rejects: dict[int, Reject], expected: Expected) -> None:
    assert run.status == "done", run
    counts = dict(run.counts)
    assert counts.pop("read") == sum(counts.values()) == expected.read
    assert counts == {
        "loaded": len(expected.items),
        "rejected": len(expected.rejects),
        "filtered": 0,
        "superseded": 0,
        "withheld": 0,
        "blank": 0,
    }
    assert run.items["put"] == len(expected.items)
    assert {
        line: {(reason.code, reason.field) for reason in reject.errors} for line, reject in rejects.items()
    } == expected.rejects


def test_runways_of_two_days_leave_in_the_table_what_the_oracle_says(world: World) -> None:
    left = {}
    for day in (DAYS[0], DAYS[-1]):
        expected = expect_runways(day)
        run = world.load("runways", "runways.csv.gz", day)
        _assert_accounted_for(run, world.rejects(run), expected)
        left.update(expected.items)
    found = {(item["airport_ident"], item["id"]): item for item in world.scan("runways")}
    assert found == left


def test_navaids_leave_in_the_table_what_the_oracle_says(world: World) -> None:
    landed = world.land("navaids", "navaids.csv.gz", NAVAIDS)
    head = world.client("s3").head_object(Bucket=landed.bucket, Key=landed.key, VersionId=landed.version)
    expected = expect_navaids(NAVAIDS, int(head["LastModified"].timestamp()))
    run = world.follow(landed)
    _assert_accounted_for(run, world.rejects(run), expected)
    found = {(item["pk"], item["sk"]): item for item in world.scan("navaids")}
    assert found == expected.items


def test_the_navaids_go_by_their_time_to_live(world: World) -> None:
    found = world.client("dynamodb").describe_time_to_live(TableName="navaids")["TimeToLiveDescription"]
    assert found == {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires_at"}


def test_every_edit_of_the_dirty_file_meets_its_verdict(world: World) -> None:
    run = world.load("runways", "dirty.csv.gz", make_dirty(DAYS[0]))
    assert run.status == "done"
    counts = dict(run.counts)
    assert counts.pop("read") == sum(counts.values()) == 2002
    assert (counts["superseded"], counts["blank"]) == (1, 1)
    met = {
        reject.raw.partition(b",")[0].decode(): [reason.code for reason in reject.errors]
        for reject in world.rejects(run).values()
    }
    for edit in EDITS:
        if edit.code is not None:
            assert edit.code in met.pop(edit.runway), edit.what
    assert list(met.values()) == [["row-constraint"], ["row-constraint"]]  # the world's own dirt is left
