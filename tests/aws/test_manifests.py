"""A mirror in AWS: each version changes what differs, by the manifest of the one before, whoever loads it and whoever dies."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from embedded_aws import make_table
from large_feed import KEY, Killed, LargeFeed, make_large_feed

from penstock.aws.ledger import LostClaimError
from penstock.aws.manifests import publish
from penstock.aws.object_state import Pointer, State
from penstock.aws.table.send import Answer
from penstock.compile.plan import compile_contract
from penstock.contract.read import read_contract
from penstock.local.server import Server
from penstock.plan.model import Manifest, Plan

pytestmark = pytest.mark.aws

CONTRACT = """\
penstock: 1
name: orders
source: {prefix: incoming/orders/}
schema:
  fields:
    - {name: id, type: string}
    - {name: n, type: integer}
load: {table: orders, partition_key: id, mode: mirror}
"""


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    path = tmp_path_factory.mktemp("contract") / "orders.yaml"
    path.write_text(CONTRACT)
    return compile_contract(read_contract(path))


@pytest.fixture
def feed(server: Server, plan: Plan) -> Iterator[LargeFeed]:
    """A feed whose files are loaded in one go."""
    with make_large_feed(server, plan, state_machine=None) as made:
        yield made


@pytest.fixture
def mapped(server: Server, plan: Plan, monkeypatch: pytest.MonkeyPatch) -> Iterator[LargeFeed]:
    """A feed all of whose files are large, in chunks of less than 1 KB, with several partitions of keys."""
    monkeypatch.setattr("penstock.aws.large.hand_over._ENTRIES_OF", 2800)
    with make_large_feed(server, plan, large_bytes=1, chunk_bytes=300, batch_bytes=300) as made:
        yield made


def write(rows: dict[str, Any]) -> bytes:
    return "\n".join(["id,n", *(f"{key},{value}" for key, value in rows.items())]).encode() + b"\n"


def table(feed: LargeFeed) -> dict[str, str]:
    return {item["id"]["S"]: item["n"]["N"] for item in feed.items()}


def state(feed: LargeFeed) -> State:
    return feed.world.ledger.read_state(feed.world.landing, KEY)


def sent(feed: LargeFeed) -> tuple[int, int, int]:
    """What the latest run put, deleted and left alone."""
    return feed.run.items["put"], feed.run.items["deleted"], feed.run.items["unchanged"]


FIRST = {f"k{i:03d}": i for i in range(200)}
SECOND = {f"k{i:03d}": i + (i % 10 == 0) for i in range(5, 210)}
"""It lacks 5 of the first, has 10 more, and 20 that differ."""


def as_text(rows: dict[str, int]) -> dict[str, str]:
    return {key: str(value) for key, value in rows.items()}


def test_a_newer_version_writes_what_differs_and_deletes_what_vanished(feed: LargeFeed) -> None:
    feed.land(write(FIRST))
    assert sent(feed) == (200, 0, 0)
    first = feed.run.id
    feed.world.now += 1
    feed.land(write(SECOND))
    assert sent(feed) == (29, 5, 176)
    assert feed.run.counts["loaded"] == 205
    assert feed.run.write_units == 34
    assert table(feed) == as_text(SECOND)
    assert state(feed).manifest == Pointer(feed.run.id, whole=True)
    kept = feed.world.keys("manifests/orders/")
    assert len(kept) == 2
    assert not [key for key in kept if first in key]


def test_many_workers_change_what_one_would(mapped: LargeFeed) -> None:
    mapped.land(write(FIRST))
    mapped.run_machine()
    assert sent(mapped) == (200, 0, 0)
    mapped.land(write(SECOND))
    mapped.run_machine()
    _, order = mapped.executions.started[-1]
    assert len(mapped.list_of(order, "chunks")) > 2
    assert len(mapped.list_of(order, "partitions")) == 4
    assert sent(mapped) == (29, 5, 176)
    assert mapped.run.status == "done"
    assert table(mapped) == as_text(SECOND)
    assert state(mapped).manifest == Pointer(mapped.run.id, whole=True)


def test_a_manifest_of_many_partitions_serves_a_run_of_one_and_the_other_way_round(
    mapped: LargeFeed,
) -> None:
    many = mapped.loader
    mapped.loader = replace(many, state_machine=None)
    mapped.land(write(FIRST))
    mapped.loader = many
    mapped.land(write(SECOND))
    mapped.run_machine()
    assert sent(mapped) == (29, 5, 176)
    mapped.loader = replace(many, state_machine=None)
    mapped.land(write({**SECOND, "k100": 0}))
    assert sent(mapped) == (1, 0, 204)


@pytest.mark.parametrize("seconds", [25.0, 60.0])
def test_a_run_that_is_handed_over_half_way_deletes_what_vanished(
    server: Server, plan: Plan, seconds: float
) -> None:
    with make_large_feed(server, plan, chunk_bytes=500, batch_bytes=200) as feed:
        feed.land(write(FIRST))
        feed.tick, feed.seconds = 1.0, seconds
        feed.land(write(SECOND))
        handed = feed.run
        assert handed.status == "handed over"
        feed.tick = 0.0
        feed.run_machine()
        assert feed.run.status == "done"
        assert sent(feed) == (29, 5, 176)
        assert table(feed) == as_text(SECOND)


def removing(feed: LargeFeed) -> bool:
    """Tell whether the run was handed over between two deletes of what vanished."""
    name = f"runs/orders/{feed.run.id}/load/000000.json"
    if feed.run.status != "handed over" or name not in feed.world.keys("runs/"):
        return False
    with feed.world.s3.get_object(Bucket=feed.world.artifacts, Key=name)["Body"] as body:
        loaded = json.loads(body.read())["state"]["loaded"]
    return bool(loaded["outcome"]["removed"]) and not loaded["finished"]


def test_a_run_that_is_handed_over_between_two_deletes_is_gone_on_with_there(
    server: Server, plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("penstock.load.remove._ROUND", 10)
    everything = replace(plan, manifest=Manifest(deletes=True))
    few = dict(list(FIRST.items())[:100])
    seen = []
    for seconds in (40.0, 50.0, 60.0):
        with make_large_feed(server, everything, batch_bytes=1000) as feed:
            feed.land(write(FIRST))
            feed.tick, feed.seconds = 1.0, seconds
            feed.land(write(few))
            seen.append(removing(feed))
            feed.tick = 0.0
            feed.run_machine()
            assert (feed.run.status, sent(feed)) == ("done", (0, 100, 100))
            assert table(feed) == as_text(few)
    assert any(seen)


class Mortal:
    """A sender whose process dies at a request, after it was sent."""

    def __init__(self, sender: Any, lives: int) -> None:
        self.sender, self.lives = sender, lives

    def send(self, operation: str, body: bytes) -> Any:
        answer = self.sender.send(operation, body)
        self.lives -= 1
        if self.lives == 0:
            raise Killed
        return answer


def test_what_a_worker_wrote_that_died_is_known_to_the_next_version(feed: LargeFeed) -> None:
    feed.land(write(FIRST))
    whole = feed.loader
    feed.loader = replace(whole, sender=Mortal(whole.sender, 1))
    with pytest.raises(Killed):
        feed.land(write(SECOND))
    assert state(feed).manifest == Pointer(feed.run.id, whole=False)
    feed.loader = whole
    feed.world.now += 1000
    third = {**FIRST, "k050": 1}
    feed.land(write(third))
    assert table(feed) == as_text(third)
    assert sent(feed) == (34 - 10, 10, 176)
    feed.land(write(FIRST))
    assert sent(feed) == (1, 0, 199)


def test_what_a_run_has_done_is_forgotten_once_another_version_is_written(server: Server, plan: Plan) -> None:
    with make_large_feed(server, plan, chunk_bytes=500, batch_bytes=500) as feed:
        whole = feed.loader
        feed.loader = replace(whole, large_bytes=1)
        feed.land(write(FIRST))
        feed.loader = replace(feed.loader, sender=Mortal(whole.sender, 3))
        with pytest.raises(Killed):
            feed.run_machine()
        feed.world.now += 10_000
        feed.loader = replace(whole, state_machine=None, sender=Mortal(whole.sender, 1))
        with pytest.raises(Killed):
            feed.land(write(SECOND))
        second = feed.run.version
        feed.world.s3.delete_object(Bucket=feed.world.landing, Key=KEY, VersionId=second)
        feed.world.now += 10_000
        feed.loader = whole
        feed.tell()
        assert feed.run.status == "done"
        assert table(feed) == as_text(FIRST)


def test_too_many_deletes_refuse_a_version_until_they_are_approved(feed: LargeFeed) -> None:
    feed.land(write(FIRST))
    few = dict(list(FIRST.items())[:100])
    feed.land(write(few))
    assert (feed.run.status, feed.run.code) == ("rejected", "delete-limit")
    assert str(feed.run.reason).endswith(f"penstock approve {feed.run.id}")
    assert table(feed) == as_text(FIRST)
    feed.tell()
    assert len(feed.runs()) == 2, "it is settled"
    run = feed.run
    assert feed.world.ledger.approve("orders", run.bucket, run.key, run.id, run.version)
    feed.tell()
    assert (feed.run.status, sent(feed)) == ("done", (0, 100, 100))
    assert table(feed) == as_text(few)
    assert state(feed).approved is None


def test_many_workers_hold_to_the_limit_and_to_what_was_approved(mapped: LargeFeed) -> None:
    mapped.land(write(FIRST))
    mapped.run_machine()
    few = dict(list(FIRST.items())[:100])
    mapped.land(write(few))
    mapped.run_machine()
    run = mapped.run
    assert (run.status, run.code) == ("rejected", "delete-limit")
    assert mapped.world.ledger.approve("orders", run.bucket, run.key, run.id, run.version)
    mapped.tell()
    mapped.run_machine()
    assert (mapped.run.status, sent(mapped)) == ("done", (0, 100, 100))
    assert table(mapped) == as_text(few)


def test_a_run_that_is_not_the_current_one_can_not_be_approved(feed: LargeFeed) -> None:
    feed.land(write(FIRST))
    feed.land(write({"k000": 0}))
    refused = feed.run
    feed.land(write(FIRST))
    assert not feed.world.ledger.approve("orders", refused.bucket, KEY, refused.id, refused.version)


def test_a_run_that_keeps_no_manifest_takes_the_last_ones_name_away(feed: LargeFeed) -> None:
    feed.land(write(FIRST))
    mirror = feed.loader
    feed.loader = replace(mirror, plan=replace(mirror.plan, manifest=None))
    feed.land(write(SECOND))
    assert state(feed).manifest is None
    feed.loader = mirror
    feed.land(write(FIRST))
    assert sent(feed) == (200, 0, 0)


@pytest.mark.parametrize("what", ["", ".json", ".parquet"])
def test_a_manifest_of_which_something_is_gone_means_that_all_is_written_and_nothing_deleted(
    feed: LargeFeed, what: str
) -> None:
    feed.land(write(FIRST))
    for key in feed.world.keys("manifests/"):
        if key.endswith(what):
            feed.world.s3.delete_object(Bucket=feed.world.artifacts, Key=key)
    feed.land(write(SECOND))
    assert sent(feed) == (205, 0, 0)
    assert "all rows are written, and nothing is deleted" in feed.stream.getvalue()


def test_a_manifest_of_another_version_of_penstock_is_not_believed(feed: LargeFeed) -> None:
    feed.land(write(FIRST))
    (key,) = (key for key in feed.world.keys("manifests/") if key.endswith(".json"))
    feed.world.s3.put_object(Bucket=feed.world.artifacts, Key=key, Body=b'{"version": 99}')
    feed.land(write(SECOND))
    assert sent(feed) == (205, 0, 0)


def test_rows_that_the_table_refused_are_told_to_the_next_version(feed: LargeFeed) -> None:
    feed.land(write(FIRST))
    whole = feed.loader
    feed.loader = replace(whole, sender=Refusing(whole.sender, b'"N":"12345"'))
    feed.land(write({**FIRST, "k010": 12345, "k020": 1}))
    assert feed.run.counts["rejected"] == 1
    assert state(feed).manifest == Pointer(feed.run.id, whole=True)
    feed.loader = whole
    feed.land(write({**FIRST, "k010": 12345, "k020": 1}))
    assert sent(feed) == (1, 0, 199)


def test_a_step_that_was_delivered_twice_and_ends_after_its_run_takes_nothing_from_the_manifest(
    mapped: LargeFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    mapped.land(write(FIRST))
    whole = mapped.loader
    mapped.loader = replace(whole, sender=Refusing(whole.sender, b'"N":"150"'))

    def publish_late(*given: Any) -> None:
        monkeypatch.setattr("penstock.aws.large.job.publish", publish)
        mapped.run_machine()  # with the other delivery
        publish(*given)

    monkeypatch.setattr("penstock.aws.large.job.publish", publish_late)
    with pytest.raises(LostClaimError):
        mapped.run_machine()
    assert mapped.run.counts["rejected"] == 1
    mapped.loader = whole
    mapped.land(write({**FIRST, "k000": 1}))
    mapped.run_machine()
    assert table(mapped) == as_text({**FIRST, "k000": 1})


class Refusing:
    """A sender whose table takes no item that holds some bytes."""

    def __init__(self, sender: Any, refused: bytes) -> None:
        self.sender, self.refused = sender, refused

    def send(self, operation: str, body: bytes) -> Any:
        if self.refused in body:
            return Answer(400, b'{"__type":"x#ValidationException","message":"no"}')
        return self.sender.send(operation, body)


def test_a_manifest_of_another_table_says_nothing_of_this_one(feed: LargeFeed) -> None:
    feed.land(write(FIRST))
    make_table(feed.world, "others", ["id:S:HASH"])
    plan = feed.loader.plan
    feed.loader = replace(feed.loader, plan=replace(plan, table=replace(plan.table, name="others")))
    feed.land(write(SECOND))
    assert sent(feed) == (205, 0, 0)
    assert table(feed) == as_text(FIRST)


def test_a_record_without_a_key_keeps_what_vanished_and_the_report_says_how_many(feed: LargeFeed) -> None:
    feed.land(write(FIRST))
    feed.land(write(SECOND) + b"k1,1,1\n")
    assert (sent(feed), feed.run.items["kept"]) == ((29, 0, 176), 5)
    answer = feed.world.s3.get_object(Bucket=feed.world.artifacts, Key=f"reports/orders/{feed.run.id}.json")
    with answer["Body"] as body:
        assert json.loads(body.read())["items"]["kept"] == 5
    feed.land(write(SECOND))
    assert sent(feed) == (0, 5, 205)
