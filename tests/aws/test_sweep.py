"""The sweep queues what lies in the bucket and is not applied, whatever was lost, and nothing else."""

import io
import itertools
import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from embedded_aws import LEDGER, World, make_world
from emf_documents import add_metrics, metrics_of

from penstock.aws.attributes import from_item
from penstock.aws.events import EventError, ObjectHint, decode_event
from penstock.aws.hint import Named, QueuedHints
from penstock.aws.log import Log
from penstock.aws.object_state import Applied
from penstock.aws.runs import Run, format_time, new_run_id, put_run
from penstock.aws.sweep import handler as sweep_handler
from penstock.aws.sweep import silence
from penstock.aws.sweep import sweep as sweep_module
from penstock.aws.sweep.handler import respond
from penstock.aws.sweep.sweep import STOP_SECONDS, Sweeper, compare
from penstock.compile.plan import compile_contract
from penstock.contract.read import read_contract
from penstock.errors import ServiceError, UsageError
from penstock.local.server import Server
from penstock.plan.codec import plan_hash, write_plan
from penstock.plan.model import Plan

pytestmark = pytest.mark.aws

CONTRACT = """\
penstock: 1
name: orders
source: {prefix: incoming/orders/, suffix: .csv}
schema: {fields: [{name: id, type: string}]}
load: {table: orders, partition_key: id}
"""
PREFIX = "incoming/orders/"
TICK = {"penstock": {"sweep": {"kind": "tick"}}}
FULL: dict[str, Any] = {
    "kind": "full",
    "at": "<aws.scheduler.scheduled-time>",
    "time_zone": "UTC",
    "expect": [],
}
LONG = 900.0


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    path = tmp_path_factory.mktemp("contract") / "orders.yaml"
    path.write_text(CONTRACT)
    return compile_contract(read_contract(path))


@dataclass
class Feed:
    """The feed ``orders``: its bucket, its ledger, its queue, and the sweep, called here."""

    world: World
    sweeper: Sweeper
    queue: str
    stream: io.StringIO = field(default_factory=io.StringIO)
    calls: int = 0

    def sweep(self, seconds: float = LONG, **order: Any) -> dict[str, Any]:
        """Call the function as the contract's schedule does."""
        return self.call({"penstock": {"sweep": {**FULL, **order}}}, seconds)

    def call(self, event: object, seconds: float = LONG) -> dict[str, Any]:
        self.calls += 1
        worker = f"request-{self.calls}"
        log = Log(self.stream, lambda: self.world.now)
        sns, topic = self.world.connections.sns, self.world.topic
        return respond(event, self.sweeper, sns, topic, worker, self.world.now + seconds, log)

    def put(self, *names: str) -> list[str]:
        return [self.world.put(f"{PREFIX}{name}", name.encode()) for name in names]

    def settle(self, name: str, version: str, etag: str, **more: Any) -> None:
        """Note in the ledger that a version was dealt with."""
        known = {"status": "done", "plan": self.sweeper.plan_hash, **more}
        claim = self.claim(name)
        self.world.ledger.settle(claim, Applied(version, etag, run="run-1", **known))

    def claim(self, name: str, seconds: float = 60, run: str = "run-1") -> Any:
        ends = self.world.now + seconds
        return self.world.ledger.claim("orders", self.world.landing, f"{PREFIX}{name}", run, ends)

    def fail(self, name: str, times: int = 1) -> None:
        """Have a load fail so often that nobody has a claim any more."""
        for _ in range(times):
            self.world.ledger.release(self.claim(name))

    def etag(self, name: str) -> str:
        found = self.world.s3.head_object(Bucket=self.world.landing, Key=f"{PREFIX}{name}")
        return str(found["ETag"]).strip('"')

    def queued(self) -> list[str]:
        """Take all messages from the queue, and give the objects that the loader takes them to tell of."""
        names: list[str] = []
        while found := self.world.connections.sqs.receive_message(
            QueueUrl=self.queue, MaxNumberOfMessages=10
        ).get("Messages"):
            for message in found:
                record = {"eventSource": "aws:sqs", "messageId": "m", "body": message["Body"]}
                for hint in decode_event({"Records": [record]}).hints:
                    assert isinstance(hint, ObjectHint)
                    assert hint.bucket == self.world.landing
                    names.append(hint.key.removeprefix(PREFIX))
                self.world.connections.sqs.delete_message(
                    QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"]
                )
        return sorted(names)

    def overdue(self) -> float | None:
        """Let the tick come, and give by how long it says that the feed is silent."""
        assert self.call(TICK)["outcome"] == "done"
        return metrics_of(self.lines()[-1]).get("Overdue")

    def run(self, ended: str, seconds: float = 0, **more: Any) -> None:
        """Note a run in the ledger that begins now, or as many seconds later."""
        moment = self.world.now + seconds
        about: dict[str, Any] = {"counts": {"read": 1, "loaded": 1}, "status": ended, **more}
        put_run(
            self.world.ledger,
            Run(new_run_id(moment), "orders", "landing", "a.csv", "v1", format_time(moment), **about),
        )

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.stream.getvalue().splitlines()]


@pytest.fixture
def feed(server: Server, plan: Plan) -> Iterator[Feed]:
    with make_world(server) as world, closing(world.connections.sqs) as sqs:
        queue = sqs.create_queue(QueueName="orders")["QueueUrl"]
        hints = QueuedHints(sqs, queue)
        sweeper = Sweeper(plan, plan_hash(plan), world.landing, world.s3, world.ledger, hints, memory_mb=512)
        yield Feed(world, sweeper, queue)


def test_an_object_whose_event_was_lost_is_queued_and_nothing_else(feed: Feed) -> None:
    version, _ = feed.put("loaded.csv", "lost, 50% + \u00fc.csv")
    feed.settle("loaded.csv", version, feed.etag("loaded.csv"))
    for other in ("", "folder.csv/", "readme.txt"):
        feed.world.put(f"{PREFIX}{other}", b"")
    feed.world.put("incoming/returns/a.csv", b"")
    swept = feed.sweep()
    assert feed.queued() == ["lost, 50% + \u00fc.csv"]
    assert (swept["looked"], swept["applied"], swept["queued"]) == (2, 1, 1)
    assert [line["event"] for line in feed.lines()] == ["sweep finished", "swept"]


def test_a_newer_version_is_queued_and_the_same_content_is_not(feed: Feed) -> None:
    feed.put("changed.csv", "same.csv")
    for name in ("changed.csv", "same.csv"):
        feed.settle(name, "v0", feed.etag("same.csv"))
    feed.sweep()
    assert feed.queued() == ["changed.csv"]


def test_a_refused_object_is_queued_when_the_contract_was_mended(feed: Feed) -> None:
    version, _ = feed.put("by this plan.csv", "by an older one.csv")
    feed.settle("by this plan.csv", version, feed.etag("by this plan.csv"), status="rejected")
    feed.settle(
        "by an older one.csv", version, feed.etag("by an older one.csv"), status="rejected", plan="old"
    )
    feed.sweep()
    assert feed.queued() == ["by an older one.csv"]


def test_what_a_worker_has_is_left_alone(feed: Feed) -> None:
    feed.put("under way.csv")
    feed.claim("under way.csv")
    assert feed.sweep()["under_way"] == 1
    assert feed.queued() == []


def test_a_failed_load_is_queued_again(feed: Feed) -> None:
    feed.put("failed.csv")
    feed.fail("failed.csv", times=4)
    feed.sweep()
    assert feed.queued() == ["failed.csv"]


def test_what_fails_again_and_again_is_queued_less_often_but_never_given_up(feed: Feed) -> None:
    feed.put("poison.csv", "worse.csv", "worst.csv")
    feed.fail("poison.csv", times=5)
    feed.fail("worse.csv", times=10)
    feed.fail("worst.csv", times=100)
    came: dict[int, list[str]] = {}
    for number in range(1, 17):
        swept = feed.sweep()
        came[number] = feed.queued()
        assert swept["queued"] + swept["put_off"] == 3
    assert [n for n in came if "poison.csv" in came[n]] == [2, 4, 6, 8, 10, 12, 14, 16]
    assert [n for n in came if "worse.csv" in came[n]] == [4, 8, 12, 16]
    assert [n for n in came if "worst.csv" in came[n]] == [8, 16]


def test_by_hand_everything_has_its_turn(feed: Feed) -> None:
    feed.put("poison.csv")
    feed.fail("poison.csv", times=100)
    assert [part.queued for part in compare(feed.sweeper, PREFIX)] == [(f"{PREFIX}poison.csv",)]
    assert feed.queued() == ["poison.csv"]


def test_without_a_way_to_queue_it_only_looks(feed: Feed) -> None:
    feed.put("lost.csv")
    looking = replace(feed.sweeper, hints=None)
    (part,) = compare(looking, PREFIX)
    assert (part.tally.queued, part.tally.requests) == (1, 0)
    assert feed.queued() == []


def test_a_tick_finds_a_claim_whose_worker_died_and_begins_no_round(feed: Feed) -> None:
    feed.put("lost.csv", "dead.csv", "alive.csv")
    feed.claim("dead.csv", seconds=60)
    feed.claim("alive.csv", seconds=3600)
    assert feed.call(TICK)["died"] == 0
    feed.world.now += 600
    assert feed.call(TICK) == {"outcome": "done", "died": 1, "missing": []}
    assert feed.queued() == ["dead.csv"]


def test_a_full_sweep_finds_it_too_and_says_so(feed: Feed) -> None:
    feed.put("dead.csv")
    feed.claim("dead.csv", seconds=60)
    feed.world.now += 600
    swept = feed.sweep()
    assert (swept["died"], swept["looked"], swept["queued"]) == (1, 1, 1)
    assert feed.queued() == ["dead.csv", "dead.csv"]  # twice does no harm


def test_a_tick_queues_an_object_with_an_event_that_nobody_took_up(feed: Feed) -> None:
    feed.put("a.csv")
    claim = feed.claim("a.csv")
    assert feed.claim("a.csv", run="run-2") is None
    feed.world.ledger.release(claim)
    feed.world.now += 600
    feed.call(TICK)
    assert feed.queued() == ["a.csv"]


def test_a_claim_on_what_is_not_the_feeds_any_more_stops_no_sweep(feed: Feed) -> None:
    ends = feed.world.now + 60
    feed.world.ledger.claim("orders", feed.world.landing, "elsewhere/a.csv", "run-1", ends)
    feed.world.ledger.claim("orders", "another-bucket", f"{PREFIX}a.csv", "run-2", ends)
    feed.put("dead.csv")
    feed.claim("dead.csv", seconds=60)
    feed.world.now += 600
    assert feed.call(TICK)["died"] == 1
    assert feed.queued() == ["dead.csv"]


def test_what_takes_down_every_worker_is_left_alone_for_longer_and_longer(feed: Feed) -> None:
    feed.put("poison.csv")
    runs = (f"run-{number}" for number in itertools.count())
    for attempts, minutes in ((5, 5), (6, 10), (7, 20)):
        while feed.claim("poison.csv", seconds=-1, run=next(runs)).attempt < attempts:
            pass
        feed.world.now += 60 * minutes - 2
        assert feed.call(TICK)["died"] == 0
        feed.world.now += 2
        assert feed.call(TICK)["died"] == 1


def test_a_sweep_without_time_is_gone_on_with_by_ticks_until_it_has_seen_everything(
    feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep_module, "MOST", 2)
    names = [f"{number}.csv" for number in range(5)]
    feed.put(*names)
    assert feed.sweep(seconds=STOP_SECONDS - 1)["reached"] == f"{PREFIX}1.csv"
    assert feed.call(TICK, seconds=STOP_SECONDS - 1)["reached"] == f"{PREFIX}3.csv"
    swept = feed.call(TICK)
    assert (swept["looked"], swept["queued"]) == (5, 5)
    assert feed.queued() == names
    assert "round" not in feed.call(TICK)


def test_a_schedule_that_comes_while_a_sweep_goes_on_has_another_follow_it(
    feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep_module, "MOST", 1)
    feed.put("b.csv", "c.csv")
    assert feed.sweep(seconds=STOP_SECONDS - 1)["round"] == 1
    feed.put("a.csv")  # where the first has passed
    second = feed.sweep()
    assert (second["round"], second["looked"]) == (1, 2)
    assert "a.csv" not in feed.queued()
    third = feed.call(TICK)
    assert (third["round"], third["looked"]) == (2, 3)
    assert "a.csv" in feed.queued()
    assert "round" not in feed.call(TICK)


def test_a_sweep_that_is_called_again_because_it_failed_has_none_follow_it(
    feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep_module, "MOST", 1)
    feed.put("a.csv", "b.csv")
    feed.sweep(seconds=STOP_SECONDS - 1)
    feed.calls -= 1  # Lambda calls again with the same request id
    assert feed.sweep()["round"] == 1
    assert "round" not in feed.call(TICK)


def test_a_sweep_that_died_is_gone_on_with_where_it_was_last_noted(
    feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep_module, "MOST", 1)
    monkeypatch.setattr(sweep_module, "_KEPT_EVERY", 2)
    names = [f"{number}.csv" for number in range(4)]
    feed.put(*names)

    class Dying(QueuedHints):
        """Its fourth object is its last."""

        def send(self, objects: Sequence[Named]) -> int:
            if objects[0][1].endswith("3.csv"):
                raise ServiceError("The queue is gone.")
            return super().send(objects)

    hints = Dying(feed.world.connections.sqs, feed.queue)
    dying = Feed(feed.world, replace(feed.sweeper, hints=hints), feed.queue, calls=100)
    with pytest.raises(ServiceError, match="gone"):
        dying.sweep()
    assert feed.call(TICK)["looked"] == 4
    assert feed.queued() == ["0.csv", "1.csv", "2.csv", "2.csv", "3.csv"]


def test_a_worker_that_goes_on_keeps_others_out_and_may_be_followed_once_it_must_be_gone(feed: Feed) -> None:
    feed.put("a.csv")
    meanwhile: list[dict[str, Any]] = []
    real = feed.sweeper.ledger.dynamodb.batch_get_item

    def ask(**request: Any) -> Any:
        if not meanwhile:
            meanwhile.append({})
            meanwhile[0] = other.sweep()
        return real(**request)

    other = Feed(feed.world, feed.sweeper, feed.queue, calls=100)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(feed.sweeper.ledger.dynamodb, "batch_get_item", ask)
        assert feed.sweep()["looked"] == 1
    assert "round" not in meanwhile[0]
    assert feed.queued() == ["a.csv"]


def test_two_sweeps_at_once_do_no_harm(feed: Feed) -> None:
    feed.put(*(f"{number}.csv" for number in range(3)))
    one, other = compare(feed.sweeper, PREFIX), compare(feed.sweeper, PREFIX)
    for part in (next(one), next(other)):
        assert part.tally.queued == 3
    assert feed.queued() == sorted(f"{number}.csv" for number in (0, 0, 1, 1, 2, 2))


def test_slices_that_are_worked_on_at_once_come_to_the_same(
    feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep_module, "MOST", 2)
    feed.put(*(f"{number}.csv" for number in range(9)))
    with ThreadPoolExecutor(4) as pool:
        parts = list(compare(replace(feed.sweeper, each=pool.map), PREFIX))
    assert [part.last for part in parts] == [f"{PREFIX}{number}.csv" for number in (1, 3, 5, 7, 8)]
    assert sum(part.tally.queued for part in parts) == 9
    assert feed.queued() == [f"{number}.csv" for number in range(9)]


def test_an_expected_file_that_is_not_there_is_told_once(feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    notices: list[dict[str, str]] = []
    with monkeypatch.context() as patch:
        patch.setattr(feed.world.connections.sns, "publish", lambda **notice: notices.append(notice))
        order: dict[str, Any] = {
            "expect": ["orders-%Y-%m-%d.csv", "all.csv"],
            "time_zone": "Pacific/Kiritimati",
        }
        feed.put("all.csv")
        night: dict[str, Any] = {
            **order,
            "at": "2026-11-29T11:00:00Z",
        }  # which is the thirtieth there, fourteen hours on
        for _ in range(2):
            assert feed.sweep(**night)["missing"] == [f"{PREFIX}orders-2026-11-30.csv"]
        (notice,) = notices
        assert notice["Subject"] == "Penstock: orders did not get orders-2026-11-30.csv"
        assert f"s3://{feed.world.landing}/{PREFIX}orders-2026-11-30.csv" in notice["Message"]
        warnings = [line for line in feed.lines() if line["event"] == "expected files are not there"]
        assert len(warnings) == 2
        assert add_metrics(feed.lines()) == {"Sweeps": 2, "FilesMissing": 2}
        feed.put("orders-2026-11-30.csv")
        assert feed.sweep(**night)["missing"] == []
        feed.sweep(**{**order, "at": "2026-11-30T11:00:00Z"})
    assert [notice["Subject"].rpartition(" ")[2] for notice in notices] == [
        "orders-2026-11-30.csv",
        "orders-2026-12-01.csv",
    ]


def test_a_notice_that_did_not_go_out_is_sent_by_the_next_sweep(feed: Feed) -> None:
    feed.world.topic, topic = f"{feed.world.topic}-none", feed.world.topic
    feed.sweep(expect=["all.csv"])
    assert "notice not sent" in [line["event"] for line in feed.lines()]
    feed.world.topic = topic
    notices: list[Any] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(feed.world.connections.sns, "publish", lambda **notice: notices.append(notice))
        feed.sweep(expect=["all.csv"])
    assert len(notices) == 1


def test_a_sweep_says_what_it_took(feed: Feed) -> None:
    feed.put(*(f"{number}.csv" for number in range(25)))
    swept = feed.sweep()
    assert (swept["lists"], swept["read_units"], swept["requests"]) == (1, 25 * 0.5 + 1, 3)
    dollars = 5.0e-6 + 13.5 * 0.125e-6 + 3 * 0.4e-6 + 3 * 0.625e-6 + 0.2e-6
    assert swept["dollars"] == pytest.approx(dollars, abs=1e-9)
    item = feed.world.dynamodb.get_item(
        TableName=LEDGER, Key={"pk": {"S": "SWEEP#orders"}, "sk": {"S": "ROUND"}}
    )["Item"]
    assert from_item(item)["last_sweep"]["looked"] == 25


def test_what_can_not_be_listed_is_an_error_that_says_what_it_takes(feed: Feed) -> None:
    feed.sweeper = replace(feed.sweeper, bucket="no-such-bucket")
    with pytest.raises(ServiceError, match="no-such-bucket"):
        feed.sweep()
    assert feed.lines()[-1]["event"] == "sweep failed"


def test_an_order_of_an_unknown_shape_is_an_error(feed: Feed) -> None:
    with pytest.raises(EventError):
        feed.call({"hello": "world"})
    assert feed.lines()[0]["level"] == "ERROR"


def test_silence_is_measured_where_the_contract_limits_it(feed: Feed) -> None:
    assert feed.overdue() is None
    feed.sweeper = replace(feed.sweeper, silent_after=3600)
    assert feed.overdue() == 0


def test_a_feed_that_never_got_a_file_is_silent_since_it_is_watched(feed: Feed) -> None:
    feed.sweeper = replace(feed.sweeper, silent_after=3600)
    assert feed.overdue() == 0
    feed.world.now += 3600
    assert feed.overdue() == 0
    feed.world.now += 90
    assert feed.overdue() == 90


def test_a_feed_is_silent_since_it_last_loaded_something(feed: Feed) -> None:
    feed.sweeper = replace(feed.sweeper, silent_after=3600)
    feed.run("done")
    feed.world.now += 4000
    assert feed.overdue() == 400
    feed.run("done")
    assert feed.overdue() == 0


@pytest.mark.parametrize(
    "run",
    [
        {"ended": "rejected"},
        {"ended": "failed"},
        {"ended": "running"},
        {"ended": "done", "counts": {"read": 1, "loaded": 0, "filtered": 1}},
        {"ended": "done", "replays": "run-1"},
    ],
)
def test_a_run_that_loads_nothing_of_a_file_is_no_news(feed: Feed, run: dict[str, Any]) -> None:
    feed.sweeper = replace(feed.sweeper, silent_after=3600)
    feed.run("done")
    feed.world.now += 4000
    feed.run(**run)
    assert feed.overdue() == 400


def test_what_failed_since_the_last_load_does_not_hide_it(feed: Feed) -> None:
    feed.sweeper = replace(feed.sweeper, silent_after=3600)
    feed.run("done")
    for number in range(30):
        feed.run("failed", 1 + number)
    feed.world.now += 4000
    assert feed.overdue() == 400


def test_of_a_feed_that_only_fails_no_more_runs_are_looked_at_than_tell(
    feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(silence, "_LOOKED_AT", (1, 3))
    feed.sweeper = replace(feed.sweeper, silent_after=3600)
    for number in range(5):
        feed.run("failed", number)
    feed.world.now += 4000
    assert feed.overdue() == 398


@dataclass
class Context:
    aws_request_id: str = "request-1"

    def get_remaining_time_in_millis(self) -> int:
        return 900_000


def test_the_entry_point_takes_everything_from_its_environment(
    feed: Feed, server: Server, plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    (tmp_path / "plans").mkdir()
    (tmp_path / "plans" / "orders.json").write_text(write_plan(plan))
    for name, value in {
        "PENSTOCK_PROJECT": "shop",
        "PENSTOCK_DEBUG_SHARE": "1",
        "PENSTOCK_FEED": "orders",
        "PENSTOCK_LEDGER": LEDGER,
        "PENSTOCK_LANDING": feed.world.landing,
        "PENSTOCK_QUEUE": feed.queue,
        "LAMBDA_TASK_ROOT": str(tmp_path),
        "PENSTOCK_SILENT_AFTER": "93600",
        "AWS_ENDPOINT_URL": server.endpoint,
        "AWS_ACCESS_KEY_ID": str(feed.world.connections.access_key),
        "AWS_SECRET_ACCESS_KEY": "none",
        "AWS_DEFAULT_REGION": str(feed.world.connections.region),
    }.items():
        monkeypatch.setenv(name, value)
    feed.put("lost.csv")
    sweep_handler._start.cache_clear()
    try:
        assert sweep_handler.handle({"penstock": {"sweep": FULL}}, Context())["queued"] == 1
        sweeper, sns, _, _ = sweep_handler._start()
        assert isinstance(sweeper.hints, QueuedHints)
        assert sweeper.silent_after == 93_600
        for client in (sweeper.s3, sweeper.ledger.dynamodb, sweeper.hints.sqs, sns):
            client.close()
    finally:
        sweep_handler._start.cache_clear()
    assert feed.queued() == ["lost.csv"]
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {(line["feed"], line["request_id"]) for line in lines} == {("orders", "request-1")}
    told = [(line["event"], metrics_of(line)) for line in lines]
    everything = ["objects compared", "sweep finished", "swept"]
    assert told == list(zip(everything, ({}, {}, {"Sweeps": 1, "Overdue": 0}), strict=True))
    assert (lines[-1]["Project"], lines[-1]["Feed"]) == ("shop", "orders")


def test_all_that_is_wrong_with_the_environment_is_told_at_once() -> None:
    both = {
        "PENSTOCK_QUEUE": "q",
        "PENSTOCK_LOADER": "f",
        "PENSTOCK_LOG_LEVEL": "loud",
        "PENSTOCK_SILENT_AFTER": "1 day",
    }
    with pytest.raises(UsageError) as caught:
        sweep_handler.read_settings(both)
    for name in (
        "PENSTOCK_FEED",
        "PENSTOCK_LEDGER",
        "PENSTOCK_LANDING",
        "PENSTOCK_LOADER",
        "PENSTOCK_LOG_LEVEL",
        "PENSTOCK_SILENT_AFTER",
    ):
        assert name in str(caught.value)
