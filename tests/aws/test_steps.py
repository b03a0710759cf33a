"""A file that takes many workers gives the table, the rejects and the counts of one pass, whatever happens to them."""

import gzip
import json
import random
import resource
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from emf_documents import add_metrics
from large_feed import KEY, Killed, LargeFeed, Order, make_large_feed

from penstock.aws import close
from penstock.aws.function_errors import NotLoadedError
from penstock.aws.large import conclude
from penstock.aws.ledger import Ledger, LostClaimError
from penstock.aws.loader import make_budget
from penstock.aws.log import Log
from penstock.aws.table.send import Answer
from penstock.aws.table.stats import Counters
from penstock.compile.plan import compile_contract
from penstock.contract.read import read_contract
from penstock.engine.batch import Position
from penstock.engine.bind import Binding
from penstock.errors import ConservationError, EngineError, ServiceError, UsageError
from penstock.load.chunk import Chunk
from penstock.load.conclude import report_failure
from penstock.load.cut import Cut
from penstock.load.steps.states import further
from penstock.load.steps.workplace import Workplace
from penstock.local.server import Server
from penstock.plan.model import Plan

pytestmark = pytest.mark.aws

CONTRACT = """\
penstock: 1
name: orders
source: {prefix: incoming/orders/}
schema:
  fields:
    - {name: id, type: string}
    - {name: n, type: integer}
    - {name: secret, type: string}
transform:
  where: "n <> 13"
  set: {line: "source.line", file: "source.key"}
load: {table: orders, partition_key: id}
"""


def make_plan(folder: Any, more: str = "") -> Plan:
    path = folder.mktemp("contract") / "orders.yaml"
    path.write_text(CONTRACT + more)
    return compile_contract(read_contract(path))


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    return make_plan(tmp_path_factory)


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    return make_plan(tmp_path_factory, "quality: {max_rejects: 1}\n")


@pytest.fixture
def feed(server: Server, plan: Plan) -> Iterator[LargeFeed]:
    """A feed all of whose files are large, in chunks of less than 1 KB."""
    with make_large_feed(server, plan, large_bytes=1, chunk_bytes=700, batch_bytes=700) as made:
        yield made


def make_file(rows: int = 200, seed: int = 1, *, repeats: bool = True) -> bytes:
    """A file with all that can happen: repeated keys, wrong cells, filtered rows, blank lines, broken quotes, newlines."""
    dice = random.Random(seed)
    lines = ["id,n,secret"]
    for i in range(rows):
        kind = dice.randrange(20)
        text = {1: '"a\nb"', 2: '"say ""hi"""', 3: 'bro"ken', 4: '"unclosed'}.get(kind, f"SECRET{i}")
        number = {5: "many", 6: "13", 7: ""}.get(kind, str(i))
        lines.append("" if kind == 8 else f"k{dice.randrange(rows) if repeats else i},{number},{text}")
    return "\n".join(lines).encode() + b"\n"


def outcome(feed: LargeFeed) -> dict[str, Any]:
    """All that a run is to be compared by."""
    run = feed.run
    report = feed.world.s3.get_object(Bucket=feed.world.artifacts, Key=f"reports/orders/{run.id}.json")
    with report["Body"] as body:
        told = json.loads(body.read())
    return {
        "items": feed.items(),
        "rejects": [asdict(reject) for reject in feed.rejects()],
        **{
            name: getattr(run, name)
            for name in ("status", "code", "reason", "counts", "items", "errors", "bytes")
        },
        **{name: told[name] for name in ("recovered", "recovered_count", "counts", "items", "errors")},
        "table": feed.items(),
    }


def one_pass(server: Server, plan: Plan, body: bytes, key: str = KEY) -> dict[str, Any]:
    with make_large_feed(server, plan, state_machine=None) as feed:
        feed.land(body, key)
        assert feed.executions.started == []
        return outcome(feed)


def test_a_mapped_file_gives_what_one_pass_gives(server: Server, plan: Plan, feed: LargeFeed) -> None:
    body = make_file()
    feed.land(body)
    assert feed.run.status == "handed over"
    feed.run_machine()
    assert outcome(feed) == one_pass(server, plan, body)
    assert feed.run.counts["superseded"] > 5
    assert feed.run.counts["rejected"] > 5
    told = add_metrics(feed.lines())
    assert told["RecordsLoaded"] == feed.run.counts["loaded"]
    assert (told["FilesLoaded"], told["Bytes"]) == (1, len(body))
    assert told["WriteUnits"] == pytest.approx(feed.run.write_units, abs=1)
    assert "TimeUsed" not in told, "no invocation is the run's"
    ((_, order),) = feed.executions.started
    assert len(feed.list_of(order, "chunks")) > 2
    state = feed.world.ledger.read_state(feed.world.landing, KEY)
    assert state.applied is not None
    assert (state.applied.version, state.claim_run, state.saved) == (feed.run.version, None, None)


def test_a_compressed_file_gives_what_one_pass_gives(server: Server, plan: Plan, feed: LargeFeed) -> None:
    body, key = gzip.compress(make_file()), f"{KEY}.gz"
    packed = replace(plan, suffix=".gz")
    feed.loader = replace(feed.loader, plan=packed)
    feed.land(body, key)
    feed.run_machine()
    assert outcome(feed) == one_pass(server, packed, body, key)


def test_a_file_that_takes_thirty_invocations_gives_what_one_pass_gives(
    server: Server, plan: Plan, feed: LargeFeed
) -> None:
    body = make_file(800)
    feed.loader = replace(feed.loader, batch_bytes=300, chunk_bytes=3000)
    feed.tick, feed.seconds = 1.0, 42.0
    feed.land(body)
    feed.run_machine()
    assert feed.invocations > 30
    assert outcome(feed) == one_pass(server, plan, body)


def test_keys_in_many_partitions_are_decided_as_in_one(
    server: Server, plan: Plan, feed: LargeFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("penstock.aws.large.hand_over._KEYS_OF", 700)
    body = make_file()
    feed.land(body)
    ((_, order),) = feed.executions.started
    feed.run_machine()
    assert len(feed.list_of(order, "partitions")) > 2
    assert outcome(feed) == one_pass(server, plan, body)


@pytest.mark.parametrize(("seconds", "repeats"), [(25.0, True), (80.0, True), (80.0, False)])
def test_a_run_that_nears_its_deadline_is_taken_up_where_it_stopped(
    server: Server, plan: Plan, seconds: float, repeats: bool
) -> None:
    body = make_file(200, repeats=repeats)
    with make_large_feed(server, plan, chunk_bytes=1000, batch_bytes=400) as feed:
        feed.tick, feed.seconds = 1.0, seconds
        feed.land(body)
        handed = feed.run
        assert handed.status == "handed over"
        loads = "load/000000.json" in " ".join(feed.world.keys(f"runs/orders/{handed.id}/"))
        assert loads == (seconds == 80.0), "it was surveyed to its end, and loading"
        if loads:
            assert handed.offset is not None
            assert 0 < handed.offset < len(body)
            assert 0 < handed.counts["loaded"] < 200
        feed.tick = 0.0
        feed.run_machine()
        assert outcome(feed) == one_pass(server, plan, body)
        assert feed.run.id == handed.id
        told = add_metrics(feed.lines())
        assert (told["FilesLoaded"], told["RecordsLoaded"]) == (1, feed.run.counts["loaded"])
        assert told["WriteUnits"] == pytest.approx(feed.run.write_units, abs=1), (
            "each invocation tells of its own"
        )


def test_a_compressed_file_that_nears_its_deadline_is_unpacked_from_there(server: Server, plan: Plan) -> None:
    body, key, packed = gzip.compress(make_file(150)), f"{KEY}.gz", replace(plan, suffix=".gz")
    with make_large_feed(server, packed, chunk_bytes=1000, batch_bytes=400) as feed:
        feed.tick, feed.seconds = 1.0, 60.0
        feed.land(body, key)
        assert feed.run.status == "handed over"
        feed.tick = 0.0
        feed.run_machine()
        assert outcome(feed) == one_pass(server, packed, body, key)


def test_without_a_state_machine_a_run_out_of_time_fails_as_it_did(server: Server, plan: Plan) -> None:
    with make_large_feed(server, plan, state_machine=None, batch_bytes=400) as feed:
        feed.tick, feed.seconds = 1.0, 40.0
        feed.world.put(KEY, make_file(200))
        with pytest.raises(NotLoadedError):
            feed.tell()
        assert (feed.run.status, str(feed.run.reason)[:15]) == ("failed", "The time was up")


def test_an_object_that_is_refused_is_finished_without_a_chunk(
    server: Server, plan: Plan, feed: LargeFeed
) -> None:
    body = b"id,other\na,1\n"
    feed.land(body)
    feed.run_machine()
    assert outcome(feed) == one_pass(server, plan, body)
    assert (feed.run.status, feed.run.code) == ("rejected", "incorrect-label")
    feed.tell()
    assert len(feed.runs()) == 1


def test_a_reject_limit_holds_for_all_chunks_together(server: Server, strict: Plan, feed: LargeFeed) -> None:
    feed.loader = replace(feed.loader, plan=strict)
    body = make_file(100)
    feed.land(body)
    feed.run_machine()
    assert outcome(feed) == one_pass(server, strict, body)
    assert (feed.run.status, feed.run.code) == ("rejected", "reject-limit")
    assert feed.items() == []
    assert feed.rejects() != []


def order_of(feed: LargeFeed) -> Order:
    return feed.executions.started[-1][1]


def survey_all(feed: LargeFeed) -> Order:
    order = order_of(feed)
    feed.until_finished(order, "cut")
    for entry in feed.list_of(order, "chunks"):
        feed.until_finished(order, "survey", **entry)
    feed.until_finished(order, "decide", partition=0)
    feed.until_finished(order, "decide")
    return order


def test_a_step_that_is_delivered_twice_at_once_counts_once(
    server: Server, plan: Plan, feed: LargeFeed
) -> None:
    body = make_file(100)
    feed.land(body)
    order = order_of(feed)

    def twice(name: str, **more: Any) -> None:
        with ThreadPoolExecutor(2) as pool:
            asked = [pool.submit(feed.until_finished, order, name, **more) for _ in range(2)]
            for answer in asked:
                assert answer.result()["finished"]

    twice("cut")
    for entry in feed.list_of(order, "chunks"):
        twice("survey", **entry)
    twice("decide", partition=0)
    twice("decide")
    for entry in feed.list_of(order, "chunks"):
        twice("load", **entry)
    feed.until_finished(order, "finish")
    feed.until_finished(order, "finish")
    feed.until_finished(order, "fail")
    assert outcome(feed) == one_pass(server, plan, body)
    assert len(feed.runs()) == 1
    told = add_metrics(feed.lines())
    assert (told["FilesLoaded"], told["RecordsLoaded"]) == (1, feed.run.counts["loaded"])


def test_who_comes_late_to_end_a_run_changes_nothing_of_what_it_left(feed: LargeFeed) -> None:
    feed.land(make_file(60))
    late = feed.run  # as a double of the finish read it
    feed.run_machine()
    left = outcome(feed)
    report = report_failure(feed.loader.plan, KEY, "no room for the rejects")
    log = Log(feed.stream, lambda: feed.world.now)
    ended = close.close_run(feed.loader, late, report, ("other",), make_budget(300, feed.clock), log)
    assert (late.status, ended.status) == ("handed over", "done")
    assert outcome(feed) == left
    assert not {"FilesFailed"} & add_metrics(feed.lines()).keys(), "it is counted by who ended it"


def test_of_two_that_cut_an_object_at_once_the_first_to_finish_stands() -> None:
    start, end = Position(12, 2, 0, "lf", -1), Position(100, 12, 10, "lf", -1)
    binding = Binding((0, 1, 2), ())
    first = Cut(binding, end, end, (Chunk(0, start, None, 10),), finished=True)
    second = replace(first, chunks=(Chunk(0, start, 50, 5), Chunk(1, Position(50, 7, 5, "lf", -1), None, 5)))
    assert further(None, first) is first
    assert further(first, second) is first, "others survey the chunks of the first by now"
    assert further(replace(first, finished=False), second) is second


@dataclass
class Mortal:
    """A sender whose process dies at a request, after it was sent."""

    sender: Any
    dies_at: int
    sent: int = 0

    def send(self, operation: str, body: bytes) -> Any:
        answer = self.sender.send(operation, body)
        self.sent += 1
        if self.sent == self.dies_at:
            raise Killed
        return answer


def test_a_worker_that_dies_loses_no_more_than_a_leg_and_holds_the_object_until_it_must_be_gone(
    server: Server, plan: Plan, feed: LargeFeed
) -> None:
    body = make_file(100)
    feed.land(body)
    order = survey_all(feed)
    chunk = feed.list_of(order, "chunks")[0]
    whole = feed.loader
    feed.loader = replace(whole, sender=Mortal(whole.sender, 3), leg_seconds=0.0)
    with pytest.raises(Killed):
        feed.step(order, "load", **chunk)
    dies_by = feed.world.now + feed.seconds
    feed.loader = replace(whole, sender=Mortal(whole.sender, 0))
    for entry in feed.list_of(order, "chunks"):
        feed.until_finished(order, "load", **entry)
    assert feed.world.now < dies_by
    feed.until_finished(order, "finish")
    assert feed.world.now > dies_by, "until then it may have a request under way"
    assert outcome(feed) == one_pass(server, plan, body)


class Denying:
    """A sender that the table refuses, from one request on."""

    def __init__(self, sender: Any, lets: int) -> None:
        self.sender, self.lets = sender, lets

    def send(self, operation: str, body: bytes) -> Any:
        self.lets -= 1
        if self.lets >= 0:
            return self.sender.send(operation, body)
        return Answer(400, b'{"__type":"x#AccessDeniedException","message":"no"}')


def fail_at_a_chunk(feed: LargeFeed, lets: int = 2) -> ServiceError:
    """Run the machine until a chunk fails."""
    whole = feed.loader
    feed.loader = replace(whole, sender=Denying(whole.sender, lets), leg_seconds=0.0)
    with pytest.raises(ServiceError) as caught:
        feed.run_machine()
    feed.loader = whole
    return caught.value


@pytest.mark.parametrize("by_hand", [False, True])
def test_an_execution_that_failed_is_started_again_and_does_only_what_is_left(
    server: Server, plan: Plan, feed: LargeFeed, by_hand: bool
) -> None:
    body = make_file(100)
    feed.land(body)
    failed_with = fail_at_a_chunk(feed)
    feed.fail_machine(failed_with)
    failed = feed.run
    assert failed.status == "failed"
    assert "In the step load of chunk" in str(failed.reason)
    assert "dynamodb:BatchWriteItem" in str(failed.reason)
    assert "these are not loaded" in str(failed.reason)
    state = feed.world.ledger.read_state(feed.world.landing, KEY)
    assert (state.claim_run, state.applied) == (None, None)

    steps: list[str] = []
    feed.before = lambda asked: steps.append(asked["step"])
    feed.world.now += 60
    if by_hand:
        feed.executions.started.append(("by hand", order_of(feed)))
    else:
        feed.tell()
        names = [name.split("-") for name, _ in feed.executions.started]
        assert [attempt for _, attempt, _ in names] == ["1", "2"]
        assert len({object_hash for object_hash, _, _ in names}) == 1
    sender = Mortal(feed.loader.sender, 0)
    feed.loader = replace(feed.loader, sender=sender)
    feed.run_machine()
    assert outcome(feed) == one_pass(server, plan, body)
    assert (feed.run.id == failed.id, feed.run.attempt) == (by_hand, 2)
    requests = sender.sent
    with make_large_feed(server, plan, large_bytes=1, chunk_bytes=700, batch_bytes=700) as other:
        sender = Mortal(other.loader.sender, 0)
        other.loader = replace(other.loader, sender=sender)
        other.land(body)
        other.run_machine()
    assert requests < sender.sent


def test_an_execution_that_is_started_again_just_before_a_newer_version_is_loaded_leaves_that_as_it_is(
    feed: LargeFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed.land(make_file(100))
    feed.fail_machine(fail_at_a_chunk(feed))
    order, claim = order_of(feed), Ledger.claim

    def claim_late(*given: Any, **more: Any) -> Any:
        monkeypatch.setattr(Ledger, "claim", claim)
        feed.land(make_file(90, seed=5))
        feed.run_machine()
        return claim(*given, **more)

    monkeypatch.setattr(Ledger, "claim", claim_late)
    with pytest.raises(UsageError, match="is over"):
        feed.step(order, "cut")
    newest = feed.run
    assert (newest.status, newest.id != order["run"]) == ("done", True)
    state = feed.world.ledger.read_state(feed.world.landing, KEY)
    assert (state.claim_run, state.attempts) == (None, 0)
    assert state.settles(str(newest.plan), version=newest.version)


def test_a_new_version_that_came_meanwhile_is_loaded_when_the_run_has_ended(
    server: Server, plan: Plan, feed: LargeFeed
) -> None:
    feed.land(make_file(60))
    newer = make_file(90, seed=5)
    feed.land(newer)
    assert len(feed.runs()) == 1, "the run has the key"
    first = feed.run
    feed.run_machine()
    assert [run.status for run in feed.runs() if run.id == first.id] == ["done"]
    feed.run_machine()
    assert feed.run.status == "done"
    assert feed.run.version != first.version
    orders = [order for _, order in feed.executions.started]
    feed.until_finished(orders[0], "finish")  # its answer was lost, and it comes again
    assert feed.run.version != first.version
    assert len(feed.runs()) == 2
    assert {item["id"]["S"] for item in one_pass(server, plan, newer)["table"]} <= {
        item["id"]["S"] for item in feed.items()
    }


def test_a_new_version_that_came_meanwhile_is_loaded_when_the_run_has_failed(feed: LargeFeed) -> None:
    feed.land(make_file(100))
    first = feed.run
    feed.land(make_file(90, seed=5))
    feed.fail_machine(fail_at_a_chunk(feed))
    assert [(run.version == first.version, run.status) for run in feed.runs()] == [
        (False, "handed over"),
        (True, "failed"),
    ]
    feed.run_machine()
    assert feed.run.status == "done"


@pytest.mark.parametrize("ends", ["finished", "failed"])
def test_a_new_version_whose_load_fails_after_the_run_is_due_for_nobody_else_knows_of_it(
    feed: LargeFeed, ends: str
) -> None:
    feed.land(make_file(100))
    feed.land(make_file(90, seed=5))  # its event is gone: it met the run's claim
    failure = fail_at_a_chunk(feed) if ends == "failed" else None
    feed.executions.closed = True
    if failure is not None:
        feed.fail_machine(failure)
    else:
        with pytest.raises(ServiceError, match="could not be loaded"):
            feed.run_machine()
    assert feed.run.status == "failed"
    due = feed.world.ledger.list_due("orders", feed.world.now)
    assert list(due) == [(feed.world.landing, KEY)]


@pytest.mark.parametrize("begins", ["while the run is closed", "when the object is free"])
def test_a_worker_that_begins_while_its_run_fails_is_waited_for_or_stops(
    feed: LargeFeed, monkeypatch: pytest.MonkeyPatch, begins: str
) -> None:
    feed.land(make_file(100))
    order = survey_all(feed)
    sent: list[bool] = []

    class Watched(Mortal):
        def send(self, operation: str, body: bytes) -> Any:
            held = feed.world.ledger.read_state(order["bucket"], order["key"]).claim_run
            sent.append(held == order["run"])
            return super().send(operation, body)

    whole = feed.loader
    if begins == "while the run is closed":
        close_run = close.close_run

        def begin_then_close(*given: Any) -> Any:
            feed.loader = replace(whole, sender=Watched(whole.sender, 1))
            with pytest.raises(Killed):
                feed.step(order, "load", chunk=1)
            return close_run(*given)

        monkeypatch.setattr(conclude, "close_run", begin_then_close)
        started = feed.world.now
        feed.fail_machine()
        assert feed.world.now > started + feed.seconds, "until then it may have a request under way"
        assert sent == [True]
        return
    find_chunk = Workplace.find_chunk

    def find(place: Workplace, index: int) -> Any:
        monkeypatch.setattr(Workplace, "find_chunk", find_chunk)
        feed.fail_machine()
        return find_chunk(place, index)

    monkeypatch.setattr(Workplace, "find_chunk", find)
    feed.loader = replace(whole, sender=Watched(whole.sender, 0))
    with pytest.raises(UsageError, match="came to an end"):
        feed.step(order, "load", chunk=1)
    assert not sent


def test_a_run_whose_finish_died_before_it_settled_the_object_is_settled_all_the_same(
    feed: LargeFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_arguments: object) -> bool:
        raise ServiceError("the ledger does not answer")

    feed.land(make_file(60))
    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "settle", die)
        with pytest.raises(ServiceError, match="does not answer"):
            feed.run_machine()
    feed.fail_machine()
    feed.tell()
    assert [run.status for run in feed.runs()] == ["done"]


def test_chunks_that_are_missing_are_named_and_the_object_is_not_settled(feed: LargeFeed) -> None:
    feed.land(make_file(200))
    order = survey_all(feed)
    feed.until_finished(order, "load", chunk=0)
    with pytest.raises(EngineError, match=r"these are not loaded: 1, 2"):
        feed.step(order, "finish")
    assert feed.run.status == "handed over"
    feed.fail_machine()
    assert "The state machine did not say why" not in str(feed.run.reason)
    assert "not loaded: 1, 2" in str(feed.run.reason)


def test_a_chunk_that_wrote_another_number_than_it_counted_fails_the_run_under_its_code(
    feed: LargeFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Counters.acknowledge
    lose = lambda self, now, reading: real(self, now, replace(reading, puts=reading.puts - 1))  # noqa: E731
    monkeypatch.setattr(Counters, "acknowledge", lose)
    feed.land(make_file(60))
    with pytest.raises(ConservationError) as met:
        feed.run_machine()
    feed.fail_machine(met.value)
    assert (feed.run.status, feed.run.code) == ("failed", "not-conserved")
    assert "In the step load of chunk" in str(feed.run.reason)
    told = add_metrics(feed.lines())
    assert (told["NotConserved"], told["FilesFailed"]) == (1, 1)
    assert "RecordsLoaded" not in told
    feed.step(order_of(feed), "cut")  # somebody starts the execution again
    assert (feed.run.status, feed.run.code) == ("handed over", None)


def test_a_deploy_in_the_middle_stops_the_run_with_a_word(feed: LargeFeed, plan: Plan) -> None:
    feed.land(make_file(60))
    order = order_of(feed)
    feed.until_finished(order, "cut")
    feed.loader = replace(feed.loader, plan=replace(plan, version=99))
    with pytest.raises(UsageError, match="deployed anew") as caught:
        feed.step(order, "survey", chunk=0)
    feed.fail_machine(caught.value)
    assert "deployed anew" in str(feed.run.reason)
    feed.world.now += 60
    feed.tell()
    assert len({run.saved for run in feed.runs()}) == 2, "nothing that another plan did is of use"
    feed.run_machine()
    assert feed.run.status == "done"


def test_a_deploy_before_the_end_has_what_was_loaded_by_the_old_contract_loaded_anew(
    feed: LargeFeed, plan: Plan
) -> None:
    """As a job in Glue does, which goes on for hours by the plan that it began with."""
    feed.land(make_file(60))

    def deploy(step: Order) -> None:
        if step["step"] == "finish":
            feed.loader = replace(feed.loader, plan=replace(plan, version=99))

    feed.before = deploy
    with pytest.raises(UsageError, match="deployed anew") as caught:
        feed.run_machine()
    feed.fail_machine(caught.value)
    assert (feed.run.status, "deployed anew" in str(feed.run.reason)) == ("failed", True)
    feed.world.now += 60
    feed.tell()
    feed.run_machine()
    assert (feed.run.status, feed.run.plan) == ("done", feed.loader.plan_hash)


@pytest.mark.parametrize(
    ("kind", "message", "reason"),
    [
        ("Sandbox.Timedout", "Task timed out after 300.00 seconds", "Task timed out after 300.00 seconds"),
        ("EngineError", "the counts do not add up", "the counts do not add up"),
        ("KeyError", "SECRET", "The function stopped with KeyError"),
    ],
)
def test_why_an_execution_failed_is_told_but_no_defects_words(
    feed: LargeFeed, kind: str, message: str, reason: str
) -> None:
    feed.land(make_file(60))
    cause = json.dumps({"errorType": kind, "errorMessage": message})
    feed.until_finished(order_of(feed), "fail", error={"Error": kind, "Cause": cause})
    assert reason in str(feed.run.reason)
    assert "SECRET" not in str(feed.run.reason)


def test_a_run_that_lost_its_claim_stops(feed: LargeFeed) -> None:
    feed.land(make_file(60))
    order = order_of(feed)
    feed.until_finished(order, "cut")
    feed.world.now += 2 * 3600
    feed.land(make_file(60, seed=9))
    for name in ("survey", "load"):
        with pytest.raises((LostClaimError, UsageError)):
            feed.step(order, name, chunk=0)
    assert feed.run.status == "handed over"
    feed.run_machine()
    assert [run.status for run in feed.runs()] == ["done", "failed"]


def test_an_object_at_which_a_worker_died_goes_to_the_state_machine(server: Server, plan: Plan) -> None:
    with make_large_feed(server, plan) as feed:
        world = feed.world
        assert world.ledger.claim("orders", world.landing, KEY, "dead", world.now + 5)
        world.now += 10
        feed.land(make_file(20))
        assert [run.status for run in feed.runs()] == ["handed over"]
        feed.run_machine()
        assert [run.status for run in feed.runs()] == ["done"]


def test_a_run_whose_folder_is_gone_is_begun_anew(server: Server, plan: Plan, feed: LargeFeed) -> None:
    body = make_file(60)
    feed.land(body)
    feed.fail_machine()
    for key in feed.world.keys("runs/"):
        feed.world.s3.delete_object(Bucket=feed.world.artifacts, Key=key)
    feed.tell()
    feed.run_machine()
    assert outcome(feed) == one_pass(server, plan, body)


def test_a_step_that_finds_the_disk_full_says_what_to_do(feed: LargeFeed) -> None:
    feed.land(make_file(60))
    order = order_of(feed)
    feed.until_finished(order, "cut")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4, limits[1]))
    try:
        with pytest.raises(ServiceError, match="more `storage`"):
            feed.step(order, "survey", chunk=0)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_step_of_a_run_that_is_unknown_or_of_another_version_is_refused(feed: LargeFeed) -> None:
    feed.land(make_file(60))
    order = order_of(feed)
    for wrong in ({"run": "run-x"}, {"version": "v0"}):
        with pytest.raises(UsageError, match="was not handed"):
            feed.step({**order, **wrong}, "cut")


def test_an_execution_that_can_not_be_started_brings_the_event_back(
    server: Server, plan: Plan, feed: LargeFeed
) -> None:
    body = make_file(60)
    feed.world.put(KEY, body)
    feed.executions.closed = True
    with pytest.raises(NotLoadedError):
        feed.tell()
    assert feed.run.status == "failed"
    assert "states:StartExecution" in str(feed.run.reason)
    feed.executions.closed = False
    feed.world.now += 60
    feed.tell()
    feed.run_machine()
    assert outcome(feed) == one_pass(server, plan, body)


def test_an_execution_that_started_without_an_answer_does_its_work(
    server: Server, plan: Plan, feed: LargeFeed
) -> None:
    body = make_file(60)
    feed.world.put(KEY, body)
    feed.executions.deaf = True
    with pytest.raises(NotLoadedError):
        feed.tell()
    feed.until_finished(order_of(feed), "cut")
    feed.tell()  # the event comes back, and meets the claim
    assert len(feed.executions.started) == 1
    feed.run_machine()
    assert outcome(feed) == one_pass(server, plan, body)
    assert len(feed.runs()) == 1


def test_an_object_is_not_free_while_an_execution_that_started_without_an_answer_writes(
    feed: LargeFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    start, whole = feed.executions.start_execution, feed.loader

    def start_unheard(**request: str) -> dict[str, str]:
        start(**request)
        order = survey_all(feed)
        feed.loader = replace(whole, sender=Mortal(whole.sender, 1))
        with pytest.raises(Killed):  # or it is slow: nobody can tell
            feed.step(order, "load", chunk=1)
        feed.loader = whole
        raise EndpointConnectionError(endpoint_url="https://states.us-east-1.amazonaws.com")

    monkeypatch.setattr(feed.executions, "start_execution", start_unheard)
    feed.world.put(KEY, make_file(100))
    with pytest.raises(NotLoadedError):
        feed.tell()
    assert feed.run.status == "failed"
    assert feed.world.ledger.read_state(feed.world.landing, KEY).claim_run == feed.run.id
    began = feed.world.now
    feed.fail_machine()  # to which its next step brings the execution, for the run is over
    assert feed.world.now > began + feed.seconds / 2
    assert feed.world.ledger.read_state(feed.world.landing, KEY).claim_run is None


def test_the_log_tells_every_step_and_no_cells_value(feed: LargeFeed) -> None:
    feed.land(make_file(100))
    feed.run_machine()
    told = {(line["event"], line.get("chunk")) for line in feed.lines()}
    assert {("run handed over", None), ("cut done", None), ("survey done", 0), ("load done", 1)} <= told
    assert {("decide done", None), ("run done", None), ("finish done", None)} <= told
    assert {line["run"] for line in feed.lines() if "run" in line} == {feed.run.id}
    assert "SECRET" not in feed.stream.getvalue()
