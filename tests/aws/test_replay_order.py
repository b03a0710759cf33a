"""An order to replay a run: its rejects are loaded, counted against it, once, and only while it is its key's last."""

from __future__ import annotations

import io
import itertools
import json
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from embedded_aws import World, make_table, make_world
from emf_documents import add_metrics

from penstock.aws.artifacts import read_rejects
from penstock.aws.connect import Connections
from penstock.aws.events import ReplayOrder, encode_replay
from penstock.aws.handler import respond
from penstock.aws.ledger import Ledger
from penstock.aws.list_runs import list_runs
from penstock.aws.loader import Loader, make_budget
from penstock.aws.log import Log
from penstock.aws.replay import replay as replay_module
from penstock.aws.replay.corrections import put_changes
from penstock.aws.replay.order import check_replayable
from penstock.aws.replay.record import begin_replay
from penstock.aws.runs import Run, get_run
from penstock.aws.table.send import Answer, Sender
from penstock.aws.table.stats import Counters
from penstock.compile.plan import compile_contract
from penstock.contract.read import read_contract
from penstock.engine.result import Reject
from penstock.errors import ServiceError, UsageError
from penstock.local.server import Server
from penstock.plan.model import Plan, Query

pytestmark = pytest.mark.aws

CONTRACT = """\
penstock: 1
name: orders
source: {prefix: incoming/orders/, suffix: .csv}
schema:
  fields:
    - {name: id, type: string}
    - {name: n, type: integer, constraints: {maximum: 9}}
load: {table: orders, partition_key: id}
"""
KEY = "incoming/orders/today.csv"
FILE = b"id,n\na,1\nb,20\nc,x\nd,4\ne,50\nb,3\n"
"""Lines 3 and 6 are too large, and line 4 is no number; line 7 has line 3's key."""
MIRROR = "mode: mirror, max_deletes: 100%"
DONE: dict[str, Any] = {"batchItemFailures": []}


class Killed(BaseException):
    """The process is gone."""


@dataclass
class Life:
    """Counts the requests of a process, and ends it before the one of a number; then nothing goes out any more."""

    ends_at: int | None = None
    requests: int = 0

    def spend(self) -> None:
        self.requests += 1
        if self.ends_at is not None and self.requests > self.ends_at:
            raise Killed


@dataclass
class Mortal:
    """A client of a process that can end."""

    inner: Any
    life: Life

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            self.life.spend()
            return getattr(self.inner, name)(*arguments, **named)

        return call


@dataclass
class MortalSender:
    """A sender of a process that can end; before a request something else may happen."""

    inner: Sender
    life: Life
    before: list[Callable[[], None]]

    def send(self, operation: str, body: bytes) -> Answer:
        if self.before:
            self.before.pop(0)()
        self.life.spend()
        return self.inner.send(operation, body)


@dataclass
class Feed:
    """The feed ``orders`` and its function, called here."""

    world: World
    plan: Plan
    sender: Sender
    before: list[Callable[[], None]] = field(default_factory=list)
    stream: io.StringIO = field(default_factory=io.StringIO)
    ids: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def call(self, event: object, seconds: float = 300, life: Life | None = None) -> Any:
        life = life or Life()
        world, connections = self.world, Connections("us-east-1")
        for name in ("s3", "dynamodb", "sns"):
            vars(connections)[name] = Mortal(getattr(world.connections, name), life)
        ledger = replace(world.ledger, dynamodb=connections.dynamodb)
        loader = Loader(
            self.plan, connections, MortalSender(self.sender, life, self.before), ledger, world.artifacts
        )
        log = Log(self.stream, lambda: world.now, bound={"request_id": f"request-{next(self.ids)}"})
        return respond(event, loader, make_budget(seconds, lambda: world.now), log)

    def put(self, body: bytes) -> Run:
        """Put an object and load it; give its run."""
        self.world.put(KEY, body)
        self.world.now += 1
        self.call(notification(self.world))
        return next(run for run in list_runs(self.world.ledger) if run.replays is None)

    def replay(self, run: Run, changes: dict[int, bytes | None] | None = None, **more: Any) -> Run:
        """Order a replay, have the order followed, and give the replay's run."""
        event = self.order(run, changes)
        self.call(event, **more)
        return self.find(json.loads(event["Records"][0]["body"])["penstock"]["id"])

    def order(self, run: Run, changes: dict[int, bytes | None] | None = None) -> dict[str, Any]:
        self.world.now += 1
        name, world = f"replay-{next(self.ids)}", self.world
        key = changes and put_changes(world.s3, world.artifacts, "orders", run.id, name, changes)
        body = encode_replay(ReplayOrder(name, run.id, key or None))
        return {"Records": [{"eventSource": "aws:sqs", "messageId": name, "body": body}]}

    def find(self, run_id: str) -> Run:
        run = get_run(self.world.ledger, run_id)
        assert run is not None
        return run

    def rejects(self, run: Run) -> list[Reject]:
        run = self.find(run.id)
        return list(read_rejects(self.world.s3, self.world.artifacts, "orders", run.id, run.parts))

    def items(self) -> dict[str, str]:
        return {item["id"]["S"]: item["n"]["N"] for item in self.world.scan("orders")}


def notification(world: World) -> dict[str, Any]:
    where = {"bucket": {"name": world.landing}, "object": {"key": KEY}}
    return {"Records": [{"eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "s3": where}]}


def compile_text(folder: Path, text: str) -> Plan:
    path = folder / "orders.yaml"
    path.write_text(text)
    return compile_contract(read_contract(path))


@pytest.fixture
def feed(server: Server, tmp_path: Path) -> Iterator[Feed]:
    with make_world(server) as world, closing(Sender(world.connections, 4)) as sender:
        make_table(world, "orders", ["id:S:HASH"])
        yield Feed(world, compile_text(tmp_path, CONTRACT), sender)


@pytest.fixture
def mended(tmp_path: Path) -> Plan:
    """The contract without its limit."""
    return compile_text(tmp_path, CONTRACT.replace(", constraints: {maximum: 9}", ""))


def conserved(run: Run) -> bool:
    parts = ("loaded", "rejected", "filtered", "superseded", "withheld", "blank")
    return run.counts["read"] == sum(run.counts[name] for name in parts)


def test_under_a_mended_contract_what_is_right_now_is_loaded_and_counted(feed: Feed, mended: Plan) -> None:
    run = feed.put(FILE)
    assert (run.counts["loaded"], run.counts["rejected"]) == (3, 3)
    feed.plan = mended
    replay = feed.replay(run)
    assert (replay.status, replay.replays) == ("done", run.id)
    assert (replay.counts["read"], replay.counts["loaded"], replay.counts["superseded"]) == (3, 1, 1)
    assert feed.items() == {"a": "1", "b": "3", "d": "4", "e": "50"}
    after = feed.find(run.id)
    assert conserved(after)
    assert (after.status, after.counts["loaded"], after.counts["rejected"]) == ("done", 4, 1)
    assert (after.items["put"], after.errors, after.revision) == (4, {"type-error": 1}, 1)
    assert [(reject.line, reject.raw) for reject in feed.rejects(run)] == [(4, b"c,x")]
    report = feed.world.s3.get_object(Bucket=feed.world.artifacts, Key=f"reports/orders/{run.id}.json")
    told = json.loads(report["Body"].read())
    assert (told["counts"], told["errors"]) == (after.counts, {"type-error": 1})
    metrics = add_metrics(map(json.loads, feed.stream.getvalue().splitlines()))
    names = ("FilesLoaded", "RecordsLoaded", "RecordsRejected", "RecordsSuperseded")
    assert [metrics.get(name) for name in names] == [1, 4, 3, 1], "what is mended is counted where it is now"


def test_corrected_rejects_are_loaded_until_none_is_left(feed: Feed) -> None:
    run = feed.put(FILE)
    first = feed.replay(run, {9: b"b,2", 14: b"c,y"})
    assert (first.counts["read"], first.counts["superseded"], first.counts["rejected"]) == (2, 1, 1)
    assert [reject.line for reject in feed.rejects(run)] == [4, 6]
    feed.replay(feed.find(run.id), {14: b"c,3", 22: b""})
    after = feed.find(run.id)
    assert feed.items() == {"a": "1", "b": "3", "c": "3", "d": "4"}
    assert (after.counts["rejected"], after.counts["blank"], after.rejects) == (0, 1, None)
    assert conserved(after)
    assert feed.rejects(run) == []
    refused = feed.replay(after)
    assert (refused.status, refused.reason) == (
        "failed",
        f"The run {run.id} has no rejects, or none that are left.",
    )


def test_an_order_that_is_delivered_twice_is_followed_once(feed: Feed) -> None:
    run = feed.put(FILE)
    event = feed.order(run, {14: b"c,3"})
    assert feed.call(event) == feed.call(event) == DONE
    assert feed.find(run.id).revision == 1
    assert len(list_runs(feed.world.ledger)) == 2


def test_wherever_a_replay_dies_another_one_comes_to_the_same_end(feed: Feed) -> None:
    changes: dict[int, bytes | None] = {9: b"b,2", 14: b"c,3", 22: b"e,five"}
    for death in itertools.count():
        run = feed.put(FILE)
        event, life = feed.order(run, changes), Life(death)
        try:
            assert feed.call(event, life=life) == DONE
        except Killed:
            feed.world.now += 400  # its claim has run out
            assert feed.call(event) == DONE  # the message comes back
            own, left = (
                feed.find(json.loads(event["Records"][0]["body"])["penstock"]["id"]),
                feed.rejects(run),
            )
            assert (own.status == "done") == (len(left) == 1)  # both, or neither
            again = {r.offset: changes[r.offset] for r in left if r.offset in changes}
            feed.replay(feed.find(run.id), again)
        after = feed.find(run.id)
        assert (after.counts["loaded"], after.counts["superseded"], after.counts["rejected"]) == (4, 1, 1)
        assert conserved(after)
        assert feed.items() == {"a": "1", "b": "3", "c": "3", "d": "4"}
        assert [(reject.line, reject.raw) for reject in feed.rejects(run)] == [(6, b"e,50")]
        state = feed.world.ledger.read_state(feed.world.landing, KEY)
        assert state.claim_run is None
        assert state.applied is not None
        assert state.applied.run == run.id
        if life.requests <= death:
            break
    assert death > 15


def test_what_another_replay_mended_meanwhile_is_not_written_over(
    feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = feed.put(FILE)
    usual = begin_replay

    def begin_behind(ledger: Ledger, own: Run) -> bool:
        monkeypatch.setattr(replay_module, "begin_replay", usual)
        assert feed.replay(run, {14: b"c,3"}).status == "done"
        return usual(ledger, own)

    monkeypatch.setattr(replay_module, "begin_replay", begin_behind)
    late = feed.replay(run, {14: b"c,8"})
    assert "1 are no rejects of the run" in str(late.reason)
    assert feed.items()["c"] == "3"
    assert feed.find(run.id).revision == 1


def test_a_run_that_is_not_its_keys_last_is_refused(feed: Feed) -> None:
    old = feed.put(FILE)
    new = feed.put(b"id,n\na,7\n")
    replay = feed.replay(old)
    assert replay.status == "failed"
    assert f"what is loaded now of the run {new.id} replaces it" in str(replay.reason)
    assert feed.items()["a"] == "7"
    assert feed.find(old.id) == old


def test_a_newer_version_that_no_event_told_of_is_loaded_instead(feed: Feed) -> None:
    run = feed.put(FILE)
    feed.world.put(KEY, b"id,n\na,7\n")
    replay = feed.replay(run, {14: b"c,3"})
    assert "There is a newer version" in str(replay.reason)
    assert feed.items() == {"a": "7", "b": "3", "d": "4"}


def test_where_somebody_is_at_work_a_replay_is_refused_and_writes_nothing(feed: Feed) -> None:
    run = feed.put(FILE)
    world = feed.world
    world.ledger.claim("orders", world.landing, KEY, "other", world.now + 1000)
    replay = feed.replay(run, {14: b"c,3"})
    assert "Somebody is at work" in str(replay.reason)
    assert "c" not in feed.items()
    assert world.ledger.read_state(world.landing, KEY).claim_run == "other"


def test_what_an_attempt_left_undone_is_loaded_before_its_rejects_can_be(feed: Feed) -> None:
    run = feed.put(FILE)
    world = feed.world
    world.ledger.claim("orders", world.landing, KEY, "other", world.now + 10)
    world.now += 100
    replay = feed.replay(run, {14: b"c,3"})
    assert "is not the last" in str(replay.reason)
    (newest,) = [found for found in list_runs(world.ledger) if found.attempt == 2]
    assert newest.status == "done"


def test_a_version_that_comes_during_a_replay_is_loaded_after_it(feed: Feed) -> None:
    run = feed.put(FILE)

    def arrive() -> None:
        feed.world.put(KEY, b"id,n\na,7\n")
        assert feed.call(notification(feed.world)) == {"outcome": "done"}

    feed.before.append(arrive)
    replay = feed.replay(run, {14: b"c,3"})
    assert (replay.status, feed.find(run.id).counts["rejected"]) == ("done", 2)
    assert feed.items() == {"a": "7", "b": "3", "c": "3", "d": "4"}


def test_a_version_that_comes_during_a_replay_and_can_not_be_loaded_after_it_is_due(feed: Feed) -> None:
    run = feed.put(FILE)

    def arrive() -> None:
        feed.world.put(KEY, b"id,n\na,7\n")
        feed.call(notification(feed.world))

    def fail() -> None:
        raise ServiceError("the table is closed")

    feed.before += [arrive, fail]
    assert feed.replay(run, {14: b"c,3"}).status == "done"
    assert [found.status for found in list_runs(feed.world.ledger)].count("failed") == 1
    due = feed.world.ledger.list_due("orders", feed.world.now)
    assert list(due) == [(feed.world.landing, KEY)]


def test_a_file_that_was_deleted_since_is_read_by_its_version_while_that_is_there(feed: Feed) -> None:
    run = feed.put(FILE)
    s3, landing = feed.world.s3, feed.world.landing
    s3.delete_object(Bucket=landing, Key=KEY)
    assert feed.replay(run, {14: b"c,3"}).status == "done"
    s3.delete_object(Bucket=landing, Key=KEY, VersionId=run.version)
    replay = feed.replay(feed.find(run.id), {9: b"b,2"})
    assert "is gone" in str(replay.reason)
    assert "a new file" in str(replay.reason)


def test_a_run_that_was_refused_whole_is_not_replayed(feed: Feed, tmp_path: Path) -> None:
    feed.plan = compile_text(tmp_path, f"{CONTRACT}quality: {{max_rejects: 1}}\n")
    run = feed.put(FILE)
    assert run.status == "rejected"
    replay = feed.replay(run)
    assert "was refused whole (reject-limit)" in str(replay.reason)
    assert feed.items() == {}


def test_where_rows_compete_an_older_one_is_loaded_and_changes_nothing(feed: Feed, tmp_path: Path) -> None:
    feed.plan = compile_text(
        tmp_path, CONTRACT.replace("partition_key: id", "partition_key: id, newest_by: n")
    )
    run = feed.put(b"id,n\na,5\na,x\nb,y\n")
    replay = feed.replay(run, {9: b"a,4", 13: b"b,1"})
    assert (replay.counts["loaded"], replay.items["put"], replay.items["outdated"]) == (2, 1, 1)
    assert feed.items() == {"a": "5", "b": "1"}
    assert feed.find(run.id).items["outdated"] == 1


def test_what_a_replay_wrote_of_a_mirrored_file_is_deleted_with_the_row_that_vanishes(
    feed: Feed, tmp_path: Path
) -> None:
    feed.plan = compile_text(tmp_path, CONTRACT.replace("partition_key: id", f"partition_key: id, {MIRROR}"))
    run = feed.put(b"id,n\na,1\nb,x\nc,3\nd,y\n")
    feed.replay(run, {9: b"b,2", 17: b"d,4"})
    assert feed.items() == {"a": "1", "b": "2", "c": "3", "d": "4"}
    run = feed.put(b"id,n\na,1\nc,3\nd,4\n")
    assert feed.items() == {"a": "1", "c": "3", "d": "4"}
    assert (run.items["put"], run.items["deleted"], run.items["unchanged"]) == (1, 1, 2)


def test_what_a_replay_of_a_mirrored_file_may_have_written_before_it_died_is_known(
    feed: Feed, tmp_path: Path
) -> None:
    feed.plan = compile_text(tmp_path, CONTRACT.replace("partition_key: id", f"partition_key: id, {MIRROR}"))
    for death in itertools.count():
        run = feed.put(b"id,n\na,1\nb,x\nc,3\n")
        event, life = feed.order(run, {9: b"b,2"}), Life(death)
        try:
            feed.call(event, life=life)
        except Killed:
            feed.world.now += 400
        feed.put(b"id,n\na,1\nc,3\n")
        assert feed.items() == {"a": "1", "c": "3"}
        if life.requests <= death:
            break


def test_something_that_waits_for_the_object_is_done_first(feed: Feed) -> None:
    run = feed.put(FILE)
    ledger, landing = feed.world.ledger, feed.world.landing
    claim = ledger.claim("orders", landing, KEY, "other", feed.world.now + 10, attempt=False)
    assert claim is not None
    ledger.release(claim, again=True)
    assert "Something came" in str(feed.replay(run, {14: b"c,3"}).reason)
    assert feed.replay(run, {14: b"c,3"}).status == "done"


def test_a_run_of_which_nothing_was_loaded_is_done_once_something_is(feed: Feed, mended: Plan) -> None:
    run = feed.put(b"id,n\na,10\n")
    assert (run.status, run.code) == ("rejected", "nothing-loaded")
    feed.plan = mended
    feed.replay(run)
    after = feed.find(run.id)
    assert (after.status, after.code, after.reason) == ("done", None, None)
    assert feed.call(notification(feed.world)) == {"outcome": "done"}
    assert len(list_runs(feed.world.ledger)) == 2  # the event that comes again finds it done


def test_without_time_a_replay_fails_and_says_so(feed: Feed) -> None:
    run = feed.put(FILE)
    plenty = feed.world.s3.get_object

    def slow(**arguments: Any) -> Any:
        feed.world.now += 100
        return plenty(**arguments)

    feed.world.s3.get_object = slow
    replay = feed.replay(run, {14: b"c,3"}, seconds=60)
    assert (replay.status, feed.find(run.id)) == ("failed", run)
    assert "The time was up" in str(replay.reason)


def test_a_replay_that_loses_count_of_its_writes_fails_under_its_code_and_tells_what_was_written(
    feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = feed.put(FILE)
    before = add_metrics(map(json.loads, feed.stream.getvalue().splitlines()))
    real = Counters.acknowledge
    lose = lambda self, now, reading: real(self, now, replace(reading, puts=reading.puts - 1))  # noqa: E731
    monkeypatch.setattr(Counters, "acknowledge", lose)
    replay = feed.replay(run, {14: b"c,3"})
    assert (replay.status, replay.code, feed.find(run.id)) == ("failed", "not-conserved", run)
    told = add_metrics(map(json.loads, feed.stream.getvalue().splitlines()))
    assert told["NotConserved"] == 1
    assert told["WriteUnits"] == before["WriteUnits"] + 1


def test_a_replay_is_not_replayed_itself(feed: Feed) -> None:
    run = feed.put(FILE)
    replay = feed.replay(run)
    assert f"a replay, of the run {run.id}" in str(feed.replay(replay).reason)


def test_rejects_of_a_query_feed_are_not_loaded_by_themselves(feed: Feed) -> None:
    """Neither of a run that had a result, nor where the contract has a query by now."""
    run = feed.put(FILE)
    instead = f"penstock backfill {KEY} --again"
    with pytest.raises(UsageError, match=instead):
        check_replayable(replace(run, result={"read": 1}))
    feed.plan = replace(feed.plan, query=Query(feed.plan, (), (), "", None, (), (), "", ""))
    replay = feed.replay(run)
    assert replay.status == "failed"
    assert instead in str(replay.reason)
    assert feed.find(run.id) == run


def test_corrections_of_another_run_are_refused(feed: Feed) -> None:
    run = feed.put(FILE)
    key = f"rejects/orders/{run.id}-other/corrections-x.json"
    body = encode_replay(ReplayOrder("replay-x", run.id, key))
    feed.call({"Records": [{"eventSource": "aws:sqs", "messageId": "m", "body": body}]})
    assert "not of the run" in str(feed.find("replay-x").reason)


def test_an_order_of_a_run_that_is_not_there_is_told_and_done(feed: Feed) -> None:
    body = encode_replay(ReplayOrder("replay-x", "nothing"))
    event = {"Records": [{"eventSource": "aws:sqs", "messageId": "m", "body": body}]}
    assert feed.call(event) == DONE
    assert "there is no such run of this feed" in feed.stream.getvalue()


def test_no_cell_is_in_the_log(feed: Feed) -> None:
    run = feed.put(b"id,n\na,1\nb,4111-1111\n")
    feed.replay(run, {9: b"b,5222-2222"})
    said = feed.stream.getvalue()
    assert "replay rejected" in said
    assert "4111" not in said
    assert "5222" not in said
