"""A run's rejects and its report are kept where people can read them."""

import json
from collections.abc import Iterator

import pytest
from embedded_aws import World, make_world

from penstock.aws.artifacts import S3RejectWriter, put_parts, put_report, read_rejects
from penstock.engine.result import Reason, Reject
from penstock.errors import ServiceError
from penstock.load.report import Counts, ItemCounts, Report
from penstock.local.server import Server

pytestmark = pytest.mark.aws

REASON = Reason("type-error", "n", "it is not an integer")


@pytest.fixture
def world(server: Server) -> Iterator[World]:
    with make_world(server) as made:
        yield made


def reject(line: int, raw: bytes = b"a,\xff") -> Reject:
    return Reject(line, line * 100, len(raw), raw, None, (REASON,))


def test_rejects_read_back_in_order_from_parts_of_bounded_size(world: World) -> None:
    rejects = [reject(n) for n in range(100)]
    writer = S3RejectWriter(world.s3, world.artifacts, "orders", "run-1", part_bytes=1000)
    writer.write(rejects[:3])
    assert world.keys() == []
    writer.write(rejects[3:90])
    early = list(read_rejects(world.s3, world.artifacts, "orders", "run-1"))
    assert early == rejects[: len(early)]
    assert len(early) > 70, "they can be read while the run goes on"
    writer.write(rejects[90:])
    writer.close()
    assert list(read_rejects(world.s3, world.artifacts, "orders", "run-1")) == rejects
    keys = world.keys()
    assert keys[:2] == ["rejects/orders/run-1/part-00000.jsonl", "rejects/orders/run-1/part-00001.jsonl"]
    sizes = [world.s3.head_object(Bucket=world.artifacts, Key=key)["ContentLength"] for key in keys]
    assert max(sizes) < 1200
    where = put_parts(world.s3, world.artifacts, "orders", "run-1", writer.parts)
    assert where == f"s3://{world.artifacts}/rejects/orders/run-1/"
    assert list(read_rejects(world.s3, world.artifacts, "orders", "run-1")) == rejects


def test_of_a_run_that_ended_those_parts_count_that_it_names_in_that_order(world: World) -> None:
    parts: list[str] = []
    for name, line in (("b", 1), ("doubled", 7), ("a", 2)):
        writer = S3RejectWriter(world.s3, world.artifacts, "orders", "run-1", name=name)
        writer.write([reject(line)])
        writer.close()
        parts.extend(writer.parts if name != "doubled" else ())
    assert len(list(read_rejects(world.s3, world.artifacts, "orders", "run-1"))) == 3, "it has not ended"
    put_parts(world.s3, world.artifacts, "orders", "run-2", parts)
    put_parts(world.s3, world.artifacts, "orders", "run-1", parts)
    for run in ("run-1", "run-2"):  # an attempt names the parts of those before it, too
        assert list(read_rejects(world.s3, world.artifacts, "orders", run)) == [reject(1), reject(2)]


def test_a_run_without_rejects_leaves_none(world: World) -> None:
    writer = S3RejectWriter(world.s3, world.artifacts, "orders", "run-1")
    writer.write([])
    writer.close()
    assert put_parts(world.s3, world.artifacts, "orders", "run-1", writer.parts) is None
    assert world.keys() == []
    assert list(read_rejects(world.s3, world.artifacts, "orders", "run-1")) == []


def test_the_rejects_of_one_run_are_not_those_of_a_run_whose_name_goes_on(world: World) -> None:
    for run in ("run-1", "run-10"):
        writer = S3RejectWriter(world.s3, world.artifacts, "orders", run)
        writer.write([reject(len(run))])
        writer.close()
    assert list(read_rejects(world.s3, world.artifacts, "orders", "run-1")) == [reject(5)]


def test_a_report_is_json_at_its_place(world: World) -> None:
    report = Report("orders", "incoming/ü.csv", "done", Counts(read=1, loaded=1), ItemCounts(put=1), {})
    where = put_report(world.s3, world.artifacts, report, "run-1")
    assert where == f"s3://{world.artifacts}/reports/orders/run-1.json"
    kept = world.s3.get_object(Bucket=world.artifacts, Key="reports/orders/run-1.json")
    with kept["Body"] as body:
        assert json.loads(body.read())["counts"]["loaded"] == 1


def test_a_missing_bucket_is_told_with_what_was_to_be_written(world: World) -> None:
    writer = S3RejectWriter(world.s3, "no-such-bucket", "orders", "run-1")
    writer.write([reject(1)])
    with pytest.raises(
        ServiceError, match="Could not write s3://no-such-bucket/rejects/orders/run-1/part-00000"
    ):
        writer.close()
    with pytest.raises(ServiceError, match="Could not read the rejects"):
        list(read_rejects(world.s3, "no-such-bucket", "orders", "run-1"))
