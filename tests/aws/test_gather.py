"""A feed whose query is over many files: what a run gathers, what is new after it, and what becomes of single files' events."""

from __future__ import annotations

import io
import itertools
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from large_feed import Killed, LargeFeed, make_large_feed
from row_plans import compile_query

from penstock.aws import load as load_module
from penstock.aws.artifacts import S3RejectWriter
from penstock.aws.function_errors import NotLoadedError
from penstock.aws.log import Log
from penstock.aws.objects import find_current
from penstock.aws.sweep.handler import respond
from penstock.aws.sweep.sweep import Sweeper, compare
from penstock.errors import ServiceError
from penstock.load.gathering import COUNTS, OBJECTS, read_lines
from penstock.local.server import Server
from penstock.plan.codec import plan_hash
from penstock.plan.model import Plan

pytestmark = pytest.mark.aws

PREFIX = "incoming/orders/"
FIELDS = ["shop", {"name": "amount", "type": "integer"}]
SUMS = "SELECT shop AS id, count(*) AS sales, sum(amount) AS amount FROM rows GROUP BY shop"


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    return make_plan(tmp_path_factory.mktemp("contract"), "new")


def make_plan(folder: Path, over: str, **parts: Any) -> Plan:
    transform = {"over": over}
    load = {"partition_key": "id"}
    plan = compile_query(
        folder, FIELDS, SUMS, load=load, transform=transform, schedule="rate(1 hour)", **parts
    )
    return replace(plan, name="orders", prefix=PREFIX, table=replace(plan.table, name="orders"))


@contextmanager
def make_feed(server: Server, plan: Plan, **options: Any) -> Iterator[LargeFeed]:
    with make_large_feed(server, plan, **options) as feed:
        yield feed


@pytest.fixture
def feed(server: Server, plan: Plan) -> Iterator[LargeFeed]:
    with make_feed(server, plan) as made:
        yield made


def put(feed: LargeFeed, **files: str) -> None:
    """Put files of such rows as ``x 1, y 2``, and tell nobody."""
    for name, rows in files.items():
        lines = [row.strip().replace(" ", ",") for row in rows.split(",")]
        feed.world.put(f"{PREFIX}{name}.csv", "\n".join(["shop,amount", *lines, ""]).encode())


def run(feed: LargeFeed) -> None:
    """Have the feed's objects gathered and loaded, as its schedule does."""
    feed.tell(PREFIX)


def sums(feed: LargeFeed) -> dict[str, tuple[int, int]]:
    return {item["id"]["S"]: (int(item["sales"]["N"]), int(item["amount"]["N"])) for item in feed.items()}


def kept(feed: LargeFeed, name: str) -> list[dict[str, Any]]:
    found = feed.world.s3.get_object(Bucket=feed.world.artifacts, Key=f"runs/orders/{feed.run.id}/{name}")
    with found["Body"] as body:
        return [json.loads(line) for line in body.read().splitlines()]


def gathered(feed: LargeFeed) -> list[str]:
    return [each["key"].removeprefix(PREFIX) for each in kept(feed, OBJECTS)]


def test_a_run_is_of_the_prefix_and_over_all_that_is_there(feed: LargeFeed) -> None:
    put(feed, a="x 1, y 2", b="x 3")
    run(feed)
    made = feed.run
    assert (made.status, made.key, sums(feed)) == ("done", PREFIX, {"x": (2, 4), "y": (1, 2)})
    assert made.counts["read"] == made.counts["loaded"] == 3
    assert made.version.startswith("gathered:")
    assert gathered(feed) == ["a.csv", "b.csv"]
    versions = {each["key"]: each["version"] for each in kept(feed, OBJECTS)}
    for key, version in versions.items():
        found = find_current(feed.world.s3, feed.world.landing, key)
        assert found is not None
        assert found.version == version
    assert [(each["key"], each["good"]) for each in kept(feed, COUNTS)] == [
        (f"{PREFIX}a.csv", 2),
        (f"{PREFIX}b.csv", 1),
    ]


def test_the_next_run_is_over_what_is_new_since_and_nothing_else(feed: LargeFeed) -> None:
    put(feed, b="x 1")
    run(feed)
    put(feed, a="y 2", c="x 5")
    run(feed)
    assert gathered(feed) == ["a.csv", "c.csv"]
    assert sums(feed) == {"x": (1, 5), "y": (1, 2)}
    put(feed, d="y 7")
    run(feed)
    assert gathered(feed) == ["d.csv"]
    assert sums(feed) == {"x": (1, 5), "y": (1, 7)}


def test_where_nothing_is_new_there_is_no_run(feed: LargeFeed) -> None:
    run(feed)
    assert feed.runs() == []
    put(feed, a="x 1")
    run(feed)
    run(feed)
    assert len(feed.runs()) == 1
    assert feed.lines()[-1]["outcome"] == "gone"
    assert feed.world.ledger.read_state(feed.world.landing, PREFIX).attempts == 0


def test_a_file_that_is_replaced_is_new_and_one_that_is_deleted_is_not_missed(feed: LargeFeed) -> None:
    put(feed, a="x 1", b="y 1")
    run(feed)
    feed.world.s3.delete_object(Bucket=feed.world.landing, Key=f"{PREFIX}b.csv")
    put(feed, a="x 9")
    run(feed)
    assert gathered(feed) == ["a.csv"]
    assert sums(feed) == {"x": (1, 9), "y": (1, 1)}


def test_a_version_that_is_current_again_was_taken_before(feed: LargeFeed) -> None:
    put(feed, a="x 1")
    run(feed)
    put(feed, a="x 2")
    run(feed)
    second = find_current(feed.world.s3, feed.world.landing, f"{PREFIX}a.csv")
    assert second is not None
    assert second.version_id is not None
    feed.world.s3.delete_object(Bucket=feed.world.landing, Key=second.key, VersionId=second.version_id)
    run(feed)
    assert len(feed.runs()) == 2
    assert sums(feed) == {"x": (1, 2)}


def test_all_current_files_are_gathered_where_the_query_is_over_the_prefix(
    server: Server, tmp_path: Path
) -> None:
    with make_feed(server, make_plan(tmp_path, "prefix")) as feed:
        put(feed, a="x 1", b="x 2")
        run(feed)
        run(feed)
        assert len(feed.runs()) == 1, "the same objects are loaded once"
        put(feed, c="x 3")
        run(feed)
        assert gathered(feed) == ["a.csv", "b.csv", "c.csv"]
        assert sums(feed) == {"x": (3, 6)}


def test_an_event_of_a_single_file_starts_nothing(feed: LargeFeed) -> None:
    feed.land(b"shop,amount\nx,1\n", f"{PREFIX}a.csv")
    assert feed.runs() == []
    assert (feed.lines()[-1]["outcome"], feed.lines()[-1]["key"]) == ("ignored", f"{PREFIX}a.csv")


def test_one_file_that_can_not_be_read_refuses_all_which_are_new_still(feed: LargeFeed) -> None:
    put(feed, a="x 1")
    feed.world.put(f"{PREFIX}b.csv", b"shop\ny\n")
    run(feed)
    refused = feed.run
    assert (refused.status, refused.code, sums(feed)) == ("rejected", "missing-label", {})
    assert refused.reason is not None
    assert refused.reason.startswith(f"{PREFIX}b.csv: ")
    run(feed)
    assert len(feed.runs()) == 1, "the same files would be refused again"
    put(feed, b="y 2")
    run(feed)
    assert gathered(feed) == ["a.csv", "b.csv"]
    assert sums(feed) == {"x": (1, 1), "y": (1, 2)}


def test_what_was_taken_before_is_known_after_a_run_that_was_refused(feed: LargeFeed) -> None:
    put(feed, a="x 1")
    run(feed)
    feed.world.put(f"{PREFIX}b.csv", b"shop\ny\n")
    run(feed)
    put(feed, b="y 2")
    run(feed)
    assert gathered(feed) == ["b.csv"]


def test_rejects_name_their_file_and_its_version(feed: LargeFeed) -> None:
    put(feed, a="x 1, x many", b="y 2")
    run(feed)
    (reject,) = feed.rejects()
    assert (reject.key, reject.line) == (f"{PREFIX}a.csv", 3)
    assert reject.version == kept(feed, OBJECTS)[0]["version"]


def test_a_run_that_failed_is_repeated_with_its_files_and_those_that_came_since(
    feed: LargeFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(feed, a="x 1")
    with monkeypatch.context() as broken:
        broken.setattr(S3RejectWriter, "close", _break)  # once the rows are read
        with pytest.raises(NotLoadedError):
            run(feed)
    assert feed.run.status == "failed"
    put(feed, b="x 2")
    run(feed)
    assert gathered(feed) == ["a.csv", "b.csv"]
    assert sums(feed) == {"x": (2, 3)}


def _break(_writer: object) -> None:
    raise ServiceError("S3 is not there")


def test_a_result_that_the_state_machine_loads_is_settled_as_one_here(server: Server, plan: Plan) -> None:
    with make_feed(server, plan, large_bytes=1, chunk_bytes=20, batch_bytes=20) as feed:
        put(feed, a="x 1, y 2", b="x 3")
        run(feed)
        assert feed.run.status == "handed over"
        feed.run_machine()
        assert (feed.run.status, sums(feed)) == ("done", {"x": (2, 4), "y": (1, 2)})
        run(feed)
        assert len(feed.runs()) == 1
        put(feed, c="x 9")
        run(feed)
        feed.run_machine()
        assert gathered(feed) == ["c.csv"]


def test_what_comes_while_a_run_is_under_way_is_gathered_when_it_has_ended(
    feed: LargeFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(feed, a="x 1")
    whole = vars(load_module)["load_version"]

    def meanwhile(*args: Any) -> Any:
        monkeypatch.setattr(load_module, "load_version", whole)
        put(feed, b="y 2")
        run(feed)  # meets the claim
        return whole(*args)

    monkeypatch.setattr(load_module, "load_version", meanwhile)
    run(feed)
    assert [each.status for each in feed.runs()] == ["done", "done"]
    assert sums(feed) == {"x": (1, 1), "y": (1, 2)}


def test_of_the_lists_of_what_was_taken_the_last_alone_is_kept(feed: LargeFeed) -> None:
    for name in ("a", "b", "c"):
        put(feed, **{name: "x 1"})
        run(feed)
    lists = feed.world.s3.list_objects_v2(Bucket=feed.world.artifacts, Prefix="manifests/orders/taken/")
    assert [each["Key"] for each in lists["Contents"]] == [f"manifests/orders/taken/{feed.run.id}.jsonl"]


class Told:
    """Takes hints, and passes them on to the feed's function."""

    request_dollars = 0.0

    def __init__(self, feed: LargeFeed) -> None:
        self.feed = feed
        self.objects: list[str] = []

    def send(self, objects: Any) -> int:
        for _, key in objects:
            self.objects.append(key)
            self.feed.tell(key)
        return len(objects)

    def pass_on(self, _event: str) -> None:
        raise AssertionError("nothing else is passed on")


def make_sweeper(feed: LargeFeed, **more: Any) -> Sweeper:
    plan, world = feed.loader.plan, feed.world
    hints = Told(feed)
    return Sweeper(plan, plan_hash(plan), world.landing, world.s3, world.ledger, hints, **more)


def test_the_schedule_tells_the_loader_of_the_prefix_and_of_no_file(feed: LargeFeed) -> None:
    put(feed, a="x 1", b="x 2")
    sweeper, sns = make_sweeper(feed), feed.world.connections.sns
    order: dict[str, Any] = {
        "penstock": {"sweep": {"kind": "full", "at": None, "time_zone": "UTC", "expect": []}}
    }
    for _ in range(2):
        answer = respond(
            order, sweeper, sns, None, f"worker-{_}", feed.world.now + 900, Log(io.StringIO(), feed.clock)
        )
        assert (answer["looked"], answer["queued"]) == (1, 1)
    assert sweeper.hints.objects == [PREFIX, PREFIX]  # type: ignore[union-attr]  # the test's own
    assert sums(feed) == {"x": (2, 3)}
    assert len(feed.runs()) == 1


def test_a_worker_that_died_is_followed_by_the_tick(feed: LargeFeed, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(*_: Any) -> None:
        raise Killed

    put(feed, a="x 1")
    with monkeypatch.context() as broken:
        broken.setattr(load_module, "load_version", die)
        broken.setattr(type(feed.world.ledger), "release", lambda *_, **__: False)
        with pytest.raises(Killed):
            run(feed)
    feed.world.now += 1000
    tick = {"penstock": {"sweep": {"kind": "tick"}}}
    sweeper = make_sweeper(feed)
    respond(
        tick,
        sweeper,
        feed.world.connections.sns,
        None,
        "w",
        feed.world.now + 900,
        Log(io.StringIO(), feed.clock),
    )
    assert sums(feed) == {"x": (1, 1)}


def test_what_a_worker_loaded_that_died_before_it_said_so_is_in_no_other_run(
    feed: LargeFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: Any) -> None:
        raise Killed

    put(feed, a="x 1")
    with monkeypatch.context() as broken:
        broken.setattr(type(feed.world.ledger), "settle", die)
        broken.setattr(type(feed.world.ledger), "release", lambda *_, **__: False)
        with pytest.raises(Killed):
            run(feed)
    assert feed.run.status == "done"
    put(feed, b="x 2")
    feed.world.now += 1000
    run(feed)
    assert [each.status for each in feed.runs()] == ["done", "done"]
    assert (gathered(feed), sums(feed)) == (["b.csv"], {"x": (1, 2)})
    run(feed)
    assert len(feed.runs()) == 2


def test_everything_is_new_where_it_is_to_be_loaded_again(feed: LargeFeed) -> None:
    put(feed, a="x 1")
    run(feed)
    put(feed, b="x 2")
    run(feed)
    assert sums(feed) == {"x": (1, 2)}
    (part,) = compare(make_sweeper(feed, again=True), PREFIX)
    assert (part.tally.looked, part.queued) == (1, (PREFIX,))
    assert gathered(feed) == ["a.csv", "b.csv"]
    assert sums(feed) == {"x": (2, 3)}


def test_after_a_refused_run_its_files_alone_are_tried_again(feed: LargeFeed) -> None:
    put(feed, a="x 1")
    run(feed)
    feed.world.put(f"{PREFIX}b.csv", b"shop\ny\n")
    run(feed)
    assert feed.run.status == "rejected"
    compare_again = compare(make_sweeper(feed, again=True), PREFIX)
    assert [part.tally.queued for part in compare_again] == [1]
    assert (len(feed.runs()), gathered(feed)) == (3, ["b.csv"])


@contextmanager
def dying(feed: LargeFeed, number: int) -> Iterator[None]:
    """Have the worker die before its request of that number."""
    calls = itertools.count()

    def count(**_: object) -> None:
        if next(calls) == number:
            raise Killed

    events = [client.meta.events for client in (feed.world.s3, feed.world.dynamodb)]
    for each in events:
        each.register("before-send", count, unique_id="dying")
    try:
        yield
    finally:
        for each in events:
            each.unregister("before-send", unique_id="dying")


def test_whenever_a_worker_dies_every_file_ends_up_taken_and_loaded(feed: LargeFeed) -> None:
    """Before every third of its requests, to save time."""
    names, alive = list[str](), False
    while not alive:
        names.append(f"f{len(names):02d}")
        put(feed, **{names[-1]: f"{names[-1]} 1"})
        with dying(feed, 3 * len(names) - 3):
            try:
                run(feed)
                alive = True
            except Killed:
                feed.world.now += 1000
        run(feed)
        if feed.run.status == "handed over":  # to who goes on with the result that was kept
            feed.run_machine()
        assert sums(feed) == dict.fromkeys(names, (1, 1))
    state = feed.world.ledger.read_state(feed.world.landing, PREFIX)
    assert state.applied is not None
    assert (state.claim_run, state.pending, state.attempts) == (None, False, 0)
    taken = feed.world.s3.get_object(
        Bucket=feed.world.artifacts, Key=f"manifests/orders/taken/{state.applied.taken}.jsonl"
    )
    with taken["Body"] as body:
        listed = [each.key for each in read_lines(body.read().splitlines())]
    assert listed == [f"{PREFIX}{name}.csv" for name in names]
    assert len(names) > 5
