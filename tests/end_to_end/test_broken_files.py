"""What is wrong with a file as a whole, or with what only DynamoDB can know: said in the ledger, and nothing lost."""

import gzip
import json
import random

import pytest
from deployed_world import World

from penstock.aws.runs import Run

pytestmark = pytest.mark.aws

ZEROS = {"read": 0, "loaded": 0, "rejected": 0, "filtered": 0, "superseded": 0, "withheld": 0, "blank": 0}


def _assert_refused(run: Run, code: str) -> None:
    assert (run.status, run.code) == ("rejected", code)
    assert run.reason


@pytest.mark.parametrize("feed", ["orders", "direct"])
@pytest.mark.parametrize(
    ("name", "body", "code"),
    [
        ("no-such-column.csv", b"id,price,note\nO-1,1,x\n", "incorrect-label"),
        ("twice.csv", b"id,amount,amount\nO-1,1,x\n", "duplicate-label"),
        ("empty.csv", b"", "source-error"),
    ],
)
def test_a_file_with_a_wrong_header_is_refused_unread(
    world: World, feed: str, name: str, body: bytes, code: str
) -> None:
    run = world.load(feed, name, body)
    assert (run.status, run.counts) == ("rejected", ZEROS)
    assert run.reason
    if feed == "orders":
        assert run.code == code


def test_a_file_of_only_a_header_is_done_and_loads_nothing(world: World) -> None:
    run = world.load("orders", "header-only.csv", b"id,amount,note\n")
    assert (run.status, run.counts) == ("done", ZEROS)


def test_a_file_that_is_not_text_is_refused_unread(world: World) -> None:
    run = world.load("orders", "picture.csv", random.Random(1).randbytes(50_000))
    assert (run.status, run.counts) == ("rejected", ZEROS)
    assert run.reason


def test_a_packed_file_that_is_cut_short_is_not_a_success(world: World) -> None:
    whole = gzip.compress(b'"id"\n' * 1000, mtime=0)
    run = world.load("runways", "cut.csv.gz", whole[: len(whole) // 2])
    assert run.status in ("rejected", "failed")
    assert run.reason
    assert run.counts["loaded"] == 0


def test_a_file_within_its_reject_limit_is_loaded(world: World) -> None:
    run = world.load("strict", "within.csv", b"id,amount\nw1,1\nw2,x\nw3,3\n")
    assert (run.status, run.counts["loaded"], run.counts["rejected"]) == ("done", 2, 1)


def test_a_file_past_its_reject_limit_loads_nothing(world: World) -> None:
    run = world.load("strict", "past.csv", b"id,amount\np1,1\np2,x\np3,y\np4,4\n")
    _assert_refused(run, "reject-limit")
    assert run.counts == {**ZEROS, "read": 4, "rejected": 2, "withheld": 2}
    assert world.item("strict", id="p1") is None
    assert list(world.rejects(run)) == [3, 4]


def test_a_file_from_which_nothing_was_loaded_is_not_a_success(world: World) -> None:
    run = world.load("orders", "all-wrong.csv", b"id,amount,note\nX,1,\nY,2,\n")
    assert run.status == "rejected"
    assert run.counts == {**ZEROS, "read": 2, "rejected": 2}


def test_an_item_that_dynamodb_refuses_is_a_reject_and_the_others_are_loaded(world: World) -> None:
    rows = "".join(f"x{i},{'heavy' if i in (7, 60) else ''}\n" for i in range(100))
    run = world.load("parcels", "heavy.csv", f"id,weight\n{rows}".encode())
    assert run.status == "done"
    assert run.counts == {**ZEROS, "read": 100, "loaded": 98, "rejected": 2}
    rejects = world.rejects(run)
    assert sorted(rejects) == [9, 62]
    assert {reason.code for reject in rejects.values() for reason in reject.errors} == {"item-error"}
    assert rejects[9].raw == b"x7,heavy"
    assert len(world.scan("parcels")) == 98


def test_the_report_in_the_bucket_says_what_the_ledger_says(world: World) -> None:
    run = world.load("orders", "reported.csv", b"id,amount,note\nO-9001,1,\nbad,2,\nO-9002,z,\n")
    assert run.report is not None
    bucket, _, key = run.report.removeprefix("s3://").partition("/")
    report = json.loads(world.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read())
    assert (report["status"], report["counts"], report["run"]) == (run.status, dict(run.counts), run.id)
    assert report["errors"] == {"constraint-error": 1, "type-error": 1} == dict(run.errors)
    assert run.rejects is not None
    assert run.rejects.endswith(f"/rejects/orders/{run.id}/")


def test_no_cell_is_ever_in_a_log(world: World) -> None:
    world.load("orders", "secret.csv", b"id,amount,note\nO-9100,1,s3cr3t-cell\nO-9101,s3cr3t-cell,\n")
    logged = world.client("logs").filter_log_events(logGroupName=world.running.names.feed("orders").log_group)
    assert logged["events"]
    assert not [event for event in logged["events"] if "s3cr3t" in event["message"]]
