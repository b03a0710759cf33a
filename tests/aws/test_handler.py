"""What the function does about an event, and what it answers."""

import io
import itertools
import json
import random
import re
import resource
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import pytest
from embedded_aws import LEDGER, World, make_table, make_world
from emf_documents import add_metrics, metrics_of

from penstock.aws import handler as handler_module
from penstock.aws.artifacts import read_rejects
from penstock.aws.events import EventError
from penstock.aws.function_errors import NotLoadedError
from penstock.aws.handler import handle, respond
from penstock.aws.ledger import Ledger
from penstock.aws.list_runs import list_runs
from penstock.aws.loader import Loader, make_budget
from penstock.aws.log import Level, Log
from penstock.aws.runs import Run, put_run
from penstock.aws.settings import read_settings
from penstock.aws.table.send import Answer, Sender
from penstock.aws.table.stats import Counters
from penstock.compile.plan import compile_contract
from penstock.contract.read import read_contract
from penstock.errors import UsageError
from penstock.local.server import Server
from penstock.plan.codec import write_plan
from penstock.plan.model import Plan

pytestmark = pytest.mark.aws

CONTRACT = """\
penstock: 1
name: orders
source: {prefix: incoming/orders/, suffix: .csv}
schema:
  fields:
    - {name: id, type: string}
    - {name: n, type: integer}
    - {name: secret, type: string}
load: {table: orders, partition_key: id}
quality: {max_rejects: 50%}
"""
HEADER = b"id,n,secret\n"
GOOD = HEADER + b"a,1,x\nb,2,y\n"
NAME = "incoming/orders/May 2026/a+b%20\u00fc.csv"


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    path = tmp_path_factory.mktemp("contract") / "orders.yaml"
    path.write_text(CONTRACT)
    return compile_contract(read_contract(path))


@dataclass
class Tricks:
    """A sender that lets something happen before a request goes out."""

    sender: Sender
    before: list[Callable[[], None]] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    refused: bytes | None = None
    """What makes a request invalid."""
    sent: int = 0

    def send(self, operation: str, body: bytes) -> Answer:
        self.sent += 1
        if self.before:
            self.before.pop(0)()
        if self.refused is not None and self.refused in body:
            said = b'{"__type":"x#ValidationException","message":"... to a numeric value: 4111-1111"}'
            return Answer(400, said)
        return self.answers.pop(0) if self.answers else self.sender.send(operation, body)


@dataclass
class Function:
    """The function of the feed ``orders``, called here."""

    world: World
    loader: Loader
    tricks: Tricks
    stream: io.StringIO = field(default_factory=io.StringIO)
    requests: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def call(
        self, event: object, seconds: float = 300, request: str | None = None, level: Level = "INFO"
    ) -> dict[str, Any]:
        request = request or f"request-{next(self.requests)}"
        log = Log(self.stream, lambda: self.world.now, level, bound={"request_id": request})
        return respond(event, self.loader, make_budget(seconds, lambda: self.world.now), log)

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.stream.getvalue().splitlines()]

    def events(self) -> list[str]:
        return [line["event"] for line in self.lines()]

    def runs(self) -> list[Run]:
        return list_runs(self.world.ledger)

    def items(self) -> dict[str, str]:
        return {item["id"]["S"]: item["n"]["N"] for item in self.world.scan("orders")}


@pytest.fixture
def function(server: Server, plan: Plan) -> Iterator[Function]:
    with make_world(server) as world, closing(Sender(world.connections, 4)) as sender:
        make_table(world, "orders", ["id:S:HASH"])
        tricks = Tricks(sender)
        loader = Loader(plan, world.connections, tricks, world.ledger, world.artifacts, world.topic)
        yield Function(world, loader, tricks)


def notification(bucket: str, key: str) -> dict[str, Any]:
    record = {"bucket": {"name": bucket}, "object": {"key": quote_plus(key, safe="/")}}
    return {"Records": [{"eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "s3": record}]}


def queued(*messages: tuple[str, object]) -> dict[str, Any]:
    return {
        "Records": [
            {"eventSource": "aws:sqs", "messageId": name, "body": json.dumps(body)} for name, body in messages
        ]
    }


SUCCESS: dict[str, Any] = {"batchItemFailures": []}


def failures(*names: str) -> dict[str, Any]:
    return {"batchItemFailures": [{"itemIdentifier": name} for name in names]}


def test_a_file_is_loaded_and_its_run_rejects_and_report_are_kept(function: Function) -> None:
    world = function.world
    version = world.put(NAME, HEADER + b"a,1,x\nb,two,y\nc,3,z\n")
    assert function.call(queued(("m1", notification(world.landing, NAME)))) == SUCCESS
    assert function.items() == {"a": "1", "c": "3"}
    (run,) = function.runs()
    assert (run.status, run.key, run.version, run.attempt) == ("done", NAME, version, 1)
    assert (run.counts["read"], run.counts["loaded"], run.counts["rejected"]) == (3, 2, 1)
    assert (run.items["put"], run.errors, run.request_id) == (2, {"type-error": 1}, "request-1")
    (reject,) = read_rejects(world.s3, world.artifacts, "orders", run.id)
    assert (reject.line, reject.raw) == (3, b"b,two,y")
    assert run.report == f"s3://{world.artifacts}/reports/orders/{run.id}.json"
    report = json.loads(
        world.s3.get_object(Bucket=world.artifacts, Key=f"reports/orders/{run.id}.json")["Body"].read()
    )
    assert (report["status"], report["version"], report["run"]) == ("done", version, run.id)


HOSTILE_KEYS = [
    "incoming/orders/../../../tmp/x.csv",
    "incoming/orders/a\nRun: b\t\x7f\u202e\u2028'); --.csv",
    "incoming/orders/" + "\u00e9" * 502 + ".csv",
]


def test_whatever_a_key_holds_it_names_an_object_and_nothing_else(function: Function) -> None:
    world = function.world
    messages = []
    for number, key in enumerate(HOSTILE_KEYS):
        assert len(key.encode()) <= 1_024
        world.put(key, HEADER + b"k%d,1,x\nz%d,two,y\n" % (number, number))
        messages.append((f"m{number}", notification(world.landing, key)))
    detail = {"bucket": {"name": world.landing}, "object": {"key": "incoming/orders/\ud800.csv"}}
    half = {"source": "aws.s3", "detail-type": "Object Created", "detail": detail}
    assert function.call(queued(*messages, ("half", half))) == failures("half")
    assert function.items() == {"k0": "1", "k1": "1", "k2": "1"}
    assert {run.key for run in function.runs()} == set(HOSTILE_KEYS)
    lines = function.stream.getvalue().split("\n")
    assert all(json.loads(line)["time"] for line in lines[:-1])
    kept = world.s3.list_objects_v2(Bucket=world.artifacts)["Contents"]
    assert all(re.fullmatch(r"(rejects|reports)/orders/[\w:./-]+", found["Key"]) for found in kept)


def test_a_version_already_applied_is_not_loaded_again(function: Function) -> None:
    function.world.put(NAME, GOOD)
    event = notification(function.world.landing, NAME)
    for _ in range(3):
        assert function.call(queued(("m1", event))) == SUCCESS
    assert len(function.runs()) == 1
    assert function.tricks.sent == 1
    assert function.events().count("version is applied already") == 2


def test_a_changed_file_is_loaded_again_and_only_its_newest_version(function: Function) -> None:
    event = notification(function.world.landing, NAME)
    function.world.put(NAME, GOOD)
    function.call(event)
    function.world.put(NAME, HEADER + b"a,5,x\n")
    newest = function.world.put(NAME, HEADER + b"a,6,x\n")
    function.world.now += 1
    assert function.call(event) == {"outcome": "done"}
    assert function.items() == {"a": "6", "b": "2"}
    assert function.runs()[0].version == newest
    assert len(function.runs()) == 2


def test_two_messages_of_one_key_are_one_load(function: Function) -> None:
    function.world.put(NAME, GOOD)
    event = notification(function.world.landing, NAME)
    assert function.call(queued(("m1", event), ("m2", event))) == SUCCESS
    assert len(function.runs()) == 1
    assert function.events().count("version is applied already") == 0


def test_a_refused_file_is_done_and_people_are_told(
    function: Function, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[dict[str, str]] = []
    function.world.put(NAME, HEADER + b"a,1,SECRET\nb,two,SECRET\nc,three,SECRET\n")
    with monkeypatch.context() as patch:
        patch.setattr(function.world.connections.sns, "publish", lambda **request: told.append(request))
        assert function.call(queued(("m1", notification(function.world.landing, NAME)))) == SUCCESS
        assert function.call(queued(("m2", notification(function.world.landing, NAME)))) == SUCCESS
    assert function.items() == {}
    (run,) = function.runs()
    assert (run.status, run.code, run.counts["withheld"]) == ("rejected", "reject-limit", 1)
    assert len(list(read_rejects(function.world.s3, function.world.artifacts, "orders", run.id))) == 2
    (notice,) = told
    assert notice["Subject"] == "Penstock: orders refused a+b%20?.csv"
    assert f"penstock rejects {run.id}" in notice["Message"]
    assert str(run.reason) in notice["Message"]
    assert "SECRET" not in notice["Message"] + function.stream.getvalue()


def test_a_wrong_header_refuses_the_file_unread(function: Function) -> None:
    function.world.put(NAME, b"id,other\na,1\n")
    assert function.call(queued(("m1", notification(function.world.landing, NAME)))) == SUCCESS
    (run,) = function.runs()
    assert (run.status, run.counts["read"]) == ("rejected", 0)
    assert run.code == "incorrect-label"


def test_a_refused_version_is_judged_again_when_the_contract_was_mended(function: Function) -> None:
    function.world.put(NAME, HEADER + b"b,two,y\n")
    event = notification(function.world.landing, NAME)
    function.call(event)
    function.world.now += 1
    function.loader = replace(function.loader, plan=replace(function.loader.plan, version=99))
    function.call(event)
    assert [run.status for run in function.runs()] == ["rejected", "rejected"]


def test_a_failed_load_is_tried_again_and_only_its_message_comes_back(function: Function) -> None:
    other = "incoming/orders/other.csv"
    function.world.put(NAME, GOOD)
    function.world.put(other, HEADER + b"z,9,x\n")
    function.tricks.answers = [Answer(400, b'{"__type":"x#AccessDeniedException","message":"no"}')]
    event = queued(
        ("m1", notification(function.world.landing, NAME)),
        ("m2", notification(function.world.landing, other)),
    )
    assert function.call(event) == failures("m1")
    assert function.items() == {"z": "9"}
    failed = next(run for run in function.runs() if run.key == NAME)
    assert failed.status == "failed"
    assert "dynamodb:BatchWriteItem" in str(failed.reason)
    function.world.now += 60
    assert function.call(queued(("m1", notification(function.world.landing, NAME)))) == SUCCESS
    assert function.items() == {"a": "1", "b": "2", "z": "9"}
    assert function.runs()[0].attempt == 2


def test_a_failed_load_that_came_directly_is_an_error(function: Function) -> None:
    function.world.put(NAME, GOOD)
    function.tricks.answers = [Answer(400, b'{"__type":"x#AccessDeniedException","message":"no"}')]
    with pytest.raises(NotLoadedError, match="tried again"):
        function.call(notification(function.world.landing, NAME))
    assert function.call(notification(function.world.landing, NAME)) == {"outcome": "done"}


def test_an_event_that_meets_a_worker_is_done_and_the_worker_looks_again(function: Function) -> None:
    event = notification(function.world.landing, NAME)
    function.world.put(NAME, GOOD)

    def land_another() -> None:
        function.world.put(NAME, HEADER + b"a,7,x\n")
        assert function.call(queued(("m2", event))) == SUCCESS

    function.tricks.before = [land_another]
    assert function.call(queued(("m1", event))) == SUCCESS
    assert function.items() == {"a": "7", "b": "2"}
    assert "another worker has the key and will look again" in function.events()
    assert [run.status for run in function.runs()] == ["done", "done"]


@pytest.mark.parametrize("seed", range(3))
def test_however_events_and_workers_overlap_the_newest_version_is_the_last_loaded(
    function: Function, seed: int
) -> None:
    event = notification(function.world.landing, NAME)
    dice = random.Random(seed)
    versions = 6

    def land_and_tell(n: int) -> None:
        time.sleep(dice.random() / 20)
        function.world.put(
            NAME, HEADER + f"a,{n},x\n".encode() + b"".join(b"k%d,1,y\n" % i for i in range(60))
        )
        for message in range(dice.randint(1, 3)):
            assert function.call(queued((f"m{n}-{message}", event))) == SUCCESS

    with ThreadPoolExecutor(versions) as workers:
        for result in [workers.submit(land_and_tell, n) for n in range(versions)]:
            result.result()
    newest = function.world.s3.get_object(Bucket=function.world.landing, Key=NAME)
    with newest["Body"] as body:
        assert function.items()["a"] == body.read().split(b",")[3].decode()
    state = function.world.ledger.read_state(function.world.landing, NAME)
    assert state.applied is not None
    assert (state.applied.version, state.claim_run, state.pending) == (newest["VersionId"], None, False)
    assert all(run.status == "done" for run in function.runs())


def test_without_time_for_the_newer_version_the_message_comes_back(function: Function) -> None:
    event = notification(function.world.landing, NAME)
    function.world.put(NAME, GOOD)

    def land_another() -> None:
        function.world.put(NAME, HEADER + b"a,7,x\n")
        function.call(queued(("m2", event)))
        function.world.now += 285

    function.tricks.before = [land_another]
    assert function.call(queued(("m1", event))) == failures("m1")
    assert function.items() == {"a": "1", "b": "2"}
    assert function.call(queued(("m1", event))) == SUCCESS
    assert function.items() == {"a": "7", "b": "2"}


def test_a_worker_that_died_is_taken_over_when_its_claim_has_run_out(function: Function) -> None:
    world = function.world
    version = world.put(NAME, GOOD)
    assert world.ledger.claim("orders", world.landing, NAME, "dead", world.now + 100)
    put_run(
        world.ledger, Run("dead", "orders", world.landing, NAME, version, started_at="2026-11-23T06:00:00Z")
    )
    event = queued(("m1", notification(world.landing, NAME)))
    assert function.call(event) == SUCCESS
    assert function.items() == {}, "the claim is live"
    world.now += 101
    assert function.call(event) == SUCCESS
    assert function.items() == {"a": "1", "b": "2"}
    assert "took over from a worker that died" in function.events()
    told = add_metrics(function.lines())
    assert (told["FilesFailed"], told["FilesLoaded"]) == (1, 1), "it is counted by who takes over"


def test_a_version_whose_worker_died_before_it_said_so_is_not_loaded_again(
    function: Function, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Died(BaseException):
        pass

    def die(*_arguments: object) -> None:
        raise Died

    world = function.world
    version = world.put(NAME, GOOD)
    event = notification(world.landing, NAME)
    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "settle", die)
        with pytest.raises(Died):
            function.call(event, seconds=60)
    world.now += 100
    assert function.call(event) == {"outcome": "done"}
    assert [(run.status, run.version) for run in function.runs()] == [("done", version)]
    assert function.tricks.sent == 1
    state = world.ledger.read_state(world.landing, NAME)
    assert state.applied is not None
    assert (state.applied.run, state.claim_run, state.attempts) == (function.runs()[0].id, None, 0)


def test_an_event_that_meets_a_claim_and_whose_worker_fails_leaves_the_object_due(function: Function) -> None:
    world = function.world
    world.put(NAME, GOOD)
    event = queued(("m1", notification(world.landing, NAME)))

    def be_delivered_twice_and_fail() -> None:
        assert function.call(event) == SUCCESS, "nothing waits in a queue"
        raise MemoryError

    function.tricks.before = [be_delivered_twice_and_fail]
    with pytest.raises(MemoryError):
        function.call(event)
    assert list(world.ledger.list_due("orders", world.now)) == [(world.landing, NAME)]
    assert function.call(event) == SUCCESS
    assert function.items() == {"a": "1", "b": "2"}
    assert list(world.ledger.list_due("orders", world.now + 1000)) == []


def test_a_worker_that_dies_before_it_looks_again_leaves_the_object_due(function: Function) -> None:
    world = function.world
    world.put(NAME, GOOD)
    event = queued(("m1", notification(world.landing, NAME)))

    def land_another() -> None:
        world.put(NAME, HEADER + b"a,7,x\n")
        assert function.call(event) == SUCCESS

    class DiedError(BaseException):
        pass

    def die() -> None:
        raise DiedError

    function.tricks.before = [land_another, die]
    with pytest.raises(DiedError):
        function.call(event)
    state = world.ledger.read_state(world.landing, NAME)
    assert state.applied is not None
    world.now += 400
    function.tricks.before = []
    assert function.call(event) == SUCCESS
    assert function.items() == {"a": "7", "b": "2"}


def test_a_version_that_is_current_again_after_another_was_half_loaded_is_loaded_again(
    function: Function,
) -> None:
    world = function.world
    world.s3.put_bucket_versioning(Bucket=world.landing, VersioningConfiguration={"Status": "Suspended"})
    event = queued(("m1", notification(world.landing, NAME)))

    def land(n: int) -> dict[str, Any]:
        world.now += 400
        world.s3.put_object(Bucket=world.landing, Key=NAME, Body=HEADER + f"a,{n},x\n".encode())
        return function.call(event)

    assert land(1) == SUCCESS
    applied = Answer(
        400, b'{"__type":"x#AccessDeniedException"}'
    )  # as if it were of the batch after the one that is applied
    function.tricks.before = [lambda: put_item(world, "a", 2)]
    function.tricks.answers = [applied]
    assert land(2) == failures("m1")
    assert function.items() == {"a": "2"}
    assert land(1) == SUCCESS
    assert function.items() == {"a": "1"}


def put_item(world: World, key: str, n: int) -> None:
    world.dynamodb.put_item(TableName="orders", Item={"id": {"S": key}, "n": {"N": str(n)}})


def test_what_a_dead_worker_left_of_an_object_that_is_gone_is_cleared(function: Function) -> None:
    world = function.world
    assert world.ledger.claim("orders", world.landing, NAME, "dead", world.now - 1)
    assert function.call(queued(("m1", notification(world.landing, NAME)))) == SUCCESS
    state = world.ledger.read_state(world.landing, NAME)
    assert (state.claim_run, state.attempts) == (None, 1)
    assert list(world.ledger.list_due("orders", world.now)) == []


def test_a_run_out_of_time_stops_by_itself_and_says_so(function: Function) -> None:
    function.world.put(NAME, GOOD)

    def sleep() -> None:
        function.world.now += 55

    function.tricks.before = [sleep]
    function.tricks.answers = [Answer(500, b"{}")]
    event = queued(("m1", notification(function.world.landing, NAME)))
    assert function.call(event, seconds=60) == failures("m1")
    (run,) = function.runs()
    assert (run.status, str(run.reason)[:15]) == ("failed", "The time was up")


def test_hints_for_which_no_time_is_left_come_back(function: Function) -> None:
    function.world.put(NAME, GOOD)
    event = queued(("m1", notification(function.world.landing, NAME)))
    assert function.call(event, seconds=0) == failures("m1")
    assert function.runs() == []
    (line,) = function.lines()
    assert (line["bucket"], line["key"], line["message_id"]) == (function.world.landing, NAME, "m1")


def test_a_full_disk_fails_the_run_and_says_what_to_do(function: Function) -> None:
    function.world.put(NAME, GOOD)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4, limits[1]))
    try:
        answer = function.call(queued(("m1", notification(function.world.landing, NAME))))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert answer == failures("m1")
    (run,) = function.runs()
    assert run.status == "failed"
    assert "more `storage`" in str(run.reason)
    assert run.report is not None


def test_a_defect_frees_the_claim_and_marks_the_run(function: Function) -> None:
    function.world.put(NAME, GOOD)

    def fail() -> None:
        raise RuntimeError("a defect")

    function.tricks.before = [fail]
    with pytest.raises(RuntimeError):
        function.call(queued(("m1", notification(function.world.landing, NAME))))
    (run,) = function.runs()
    assert run.status == "failed"
    assert function.world.ledger.read_state(function.world.landing, NAME).claim_run is None
    told = function.lines()[-1]
    assert (told["event"], told["run"], told["version"]) == ("run failed", run.id, run.version)
    assert add_metrics(function.lines()) == {"FilesFailed": 1}


def test_an_object_that_is_gone_is_nothing_to_do(function: Function) -> None:
    assert function.call(queued(("m1", notification(function.world.landing, NAME)))) == SUCCESS
    assert function.runs() == []
    assert function.lines()[0]["outcome"] == "gone"


def test_a_key_of_another_feed_is_ignored_with_a_line_in_the_log(function: Function) -> None:
    for key in ("incoming/returns/a.csv", "incoming/orders/a.txt"):
        function.world.put(key, GOOD)
        assert function.call(notification(function.world.landing, key)) == {"outcome": "done"}
    assert [line["outcome"] for line in function.lines()] == ["ignored", "ignored"]
    assert function.items() == {}


def test_a_test_event_is_no_error(function: Function) -> None:
    test = {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "example"}
    assert function.call(queued(("m1", test))) == SUCCESS
    assert function.call(test) == {"outcome": "done"}


def test_a_message_that_is_not_understood_comes_back_alone(function: Function) -> None:
    function.world.put(NAME, GOOD)
    event = queued(("m1", "hello"), ("m2", notification(function.world.landing, NAME)), ("m3", {"what": 1}))
    assert function.call(event) == failures("m1", "m3")
    assert function.items() == {"a": "1", "b": "2"}


def test_an_event_that_is_not_understood_is_an_error(function: Function) -> None:
    with pytest.raises(EventError):
        function.call({"hello": "world"})
    assert function.lines()[0]["level"] == "ERROR"


def test_a_missing_ledger_is_a_failure_with_what_to_do(function: Function) -> None:
    function.loader = replace(function.loader, ledger=replace(function.world.ledger, table="none"))
    function.world.put(NAME, GOOD)
    assert function.call(queued(("m1", notification(function.world.landing, NAME)))) == failures("m1")
    assert "There is no ledger" in function.lines()[-1]["reason"]


def test_an_item_that_dynamodb_refuses_is_a_reject_without_its_value(function: Function) -> None:
    function.tricks.refused = b'{"S":"b"}'
    function.world.put(NAME, HEADER + b"a,1,x\nb,2,y\nc,3,y\nd,4,y\n")
    assert function.call(notification(function.world.landing, NAME)) == {"outcome": "done"}
    (run,) = function.runs()
    assert (run.status, run.counts["rejected"], run.errors) == ("done", 1, {"item-error": 1})
    assert "4111" not in function.stream.getvalue()
    (reject,) = read_rejects(function.world.s3, function.world.artifacts, "orders", run.id)
    assert reject.errors[0].code == "item-error"


def test_a_topic_that_is_not_there_does_not_change_the_outcome(function: Function) -> None:
    function.world.put(NAME, b"id,other\na,1\n")
    function.loader = replace(function.loader, topic=f"{function.world.topic}-none")
    assert function.call(queued(("m1", notification(function.world.landing, NAME)))) == SUCCESS
    assert "notice not sent" in function.events()


def test_rejects_that_can_not_be_kept_fail_the_run(function: Function) -> None:
    function.world.put(NAME, HEADER + b"a,1,x\nb,two,y\nc,3,z\n")
    function.loader = replace(function.loader, artifacts="no-such-bucket")
    assert function.call(queued(("m1", notification(function.world.landing, NAME)))) == failures("m1")
    assert "Could not write s3://no-such-bucket" in str(function.runs()[0].reason)


def test_every_line_of_the_log_is_json_with_what_it_is_about(function: Function) -> None:
    function.world.put(NAME, GOOD)
    function.call(notification(function.world.landing, NAME))
    (run,) = function.runs()
    started, ended = function.lines()
    for line in (started, ended):
        assert (line["run"], line["key"], line["version"]) == (run.id, NAME, run.version)
        assert (line["bucket"], line["request_id"]) == (function.world.landing, "request-1")
        assert "status" not in line
    assert (ended["event"], ended["outcome"], ended["counts"]["loaded"]) == ("run done", "done", 2)


def test_an_invocation_of_the_sample_tells_who_had_the_key_and_how_far_each_pass_is(
    function: Function,
) -> None:
    world = function.world
    world.put(NAME, GOOD)
    event = queued(("m1", notification(world.landing, NAME)))
    assert world.ledger.claim("orders", world.landing, NAME, "other", world.now + 100)
    function.call(event, level="DEBUG")
    looked = next(line for line in function.lines() if line["event"] == "object looked up")
    assert (looked["claimed_by"], looked["pending"], looked["attempts"]) == ("other", False, 1)
    world.now += 101
    function.call(event, level="DEBUG")
    told = function.events()
    for event_name in ("claimed", "survey under way", "load under way", "claim settled"):
        assert event_name in told
    assert any(line.get("over_time") for line in function.lines())


@dataclass
class Context:
    aws_request_id: str = "request-2"

    def get_remaining_time_in_millis(self) -> int:
        return 300_000


def test_the_entry_point_takes_everything_from_its_environment(
    function: Function,
    server: Server,
    plan: Plan,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Any,
) -> None:
    (tmp_path / "plans").mkdir()
    (tmp_path / "plans" / "orders.json").write_text(write_plan(plan))
    credentials = function.world.connections
    for name, value in {
        "PENSTOCK_PROJECT": "shop",
        "PENSTOCK_DEBUG_SHARE": "1",
        "PENSTOCK_FEED": "orders",
        "PENSTOCK_LEDGER": LEDGER,
        "PENSTOCK_ARTIFACTS": function.world.artifacts,
        "LAMBDA_TASK_ROOT": str(tmp_path),
        "AWS_ENDPOINT_URL": server.endpoint,
        "AWS_ACCESS_KEY_ID": str(credentials.access_key),
        "AWS_SECRET_ACCESS_KEY": "none",
        "AWS_DEFAULT_REGION": str(credentials.region),
    }.items():
        monkeypatch.setenv(name, value)
    function.world.put(NAME, GOOD)
    handler_module._start.cache_clear()
    try:
        event = queued(("m1", notification(function.world.landing, NAME)))
        assert handle(event, Context()) == SUCCESS
        loader, _ = handler_module._start()
        assert isinstance(loader.sender, Sender)
        for client in (loader.s3, loader.ledger.dynamodb, loader.sender):
            client.close()
    finally:
        handler_module._start.cache_clear()
    assert function.items() == {"a": "1", "b": "2"}
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {line["request_id"] for line in lines} == {"request-2"}
    assert {line["feed"] for line in lines} == {"orders"}
    assert all(line["sampled"] for line in lines)
    assert {line["level"] for line in lines} == {"DEBUG", "INFO"}
    began, *_, ended = (line for line in lines if line["level"] == "INFO")
    assert metrics_of(began) == {"ColdStarts": 1}
    assert metrics_of(ended)["FilesLoaded"] == 1
    assert (ended["Project"], ended["Feed"]) == ("shop", "orders")


def test_all_that_is_wrong_with_the_environment_is_told_at_once() -> None:
    with pytest.raises(UsageError) as caught:
        read_settings({"PENSTOCK_FEED": "orders", "PENSTOCK_LOG_LEVEL": "loud"})
    for name in ("PENSTOCK_LEDGER", "PENSTOCK_ARTIFACTS", "LAMBDA_TASK_ROOT", "PENSTOCK_LOG_LEVEL"):
        assert name in str(caught.value)


def test_a_run_that_wrote_another_number_than_it_counted_is_failed(
    function: Function, monkeypatch: pytest.MonkeyPatch
) -> None:
    function.world.put(NAME, GOOD)
    real = Counters.acknowledge
    lose = lambda self, now, reading: real(self, now, replace(reading, puts=reading.puts - 1))  # noqa: E731
    monkeypatch.setattr(Counters, "acknowledge", lose)
    assert function.call(queued(("m1", notification(function.world.landing, NAME)))) == failures("m1")
    (run,) = function.runs()
    assert (run.status, run.code) == ("failed", "not-conserved")
    assert "2 writes were to be made, and 1 were accounted for" in str(run.reason)
    told = add_metrics(function.lines())
    assert (told["NotConserved"], told["FilesFailed"]) == (1, 1)
