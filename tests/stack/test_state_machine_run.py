"""The state machine at work on the embedded AWS, with a function that notes its calls and answers as it is told."""

from __future__ import annotations

import io
import itertools
import json
import sys
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from patience import wait_for
from stack_samples import feed, write_project

from penstock.contract.project import read_project
from penstock.local import server as server_module
from penstock.local.server import Server, start_server, stop_server
from penstock.stack.connect import Connection
from penstock.stack.names import Names
from penstock.stack.resources.state_machine import write_definition

pytestmark = pytest.mark.aws
ACCOUNTS = itertools.count(1)
OBJECT = {"run": "r1", "bucket": "landing", "key": "incoming/orders/a b.csv", "version": "v1"}
CHUNKS = [{"chunk": number} for number in range(4)]
PARTITIONS = [{"partition": number} for number in range(2)]
STUB = """
import json, os, time, urllib.request
from pathlib import Path

FOLDER = Path({folder!r})
API = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/invocation/"

def respond(event):
    asked = event["penstock"]
    name = asked["step"] + "".join(f" {{part}} {{asked[part]}}" for part in ("chunk", "partition") if part in asked)
    with (FOLDER / "calls").open("a") as calls:
        calls.write(json.dumps(asked) + "\\n")
    answers = json.loads((FOLDER / "answers").read_text()).get(name, [])
    before = sum(json.loads(line) == asked for line in (FOLDER / "calls").read_text().splitlines()) - 1
    return answers[before] if before < len(answers) else {{"finished": True}}

while True:  # what awslambdaric does, and no more: the embedded AWS's own Pythons don't pass the names of errors on
    with urllib.request.urlopen(API + "next") as given:
        request, event = given.headers["Lambda-Runtime-Aws-Request-Id"], json.load(given)
    answer, kind = respond(event), "response"
    if "raise" in answer:
        answer, kind = {{"errorType": answer["raise"], "errorMessage": "as it was told"}}, "error"
    urllib.request.urlopen(API + request + "/" + kind, json.dumps(answer).encode()).close()
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """An embedded AWS whose state machines don't wait before they try again."""
    usual = server_module.server_environment

    def hasty(*arguments: Any, **options: Any) -> Mapping[str, str]:
        return {**usual(*arguments, **options), "SFN_WAIT_SCALE": "0"}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(server_module, "server_environment", hasty)
        started = start_server()
    yield started
    stop_server(started)


@dataclass
class Machine:
    """A feed's state machine in an account of its own. ``answers`` are the function's, by step, for each call in turn."""

    folder: Path
    connection: Connection
    large_objects: dict[str, Any] = field(default_factory=dict)
    job: bool = False
    ordered: dict[str, str] = field(default_factory=dict)

    def run(self, answers: Mapping[str, list[dict[str, Any]]] | None = None) -> dict[str, Any]:
        """Make the state machine and what it needs, let it load an object, and give the execution as it ended."""
        contract = feed("orders", large_objects=self.large_objects)
        project = read_project(write_project(self.folder, [contract]))
        names = Names("shop", str(self.connection.access_key), self.connection.region)
        s3, states = self.connection.client("s3"), self.connection.client("stepfunctions")
        s3.create_bucket(Bucket=names.artifacts_bucket)
        lists = {"chunks": CHUNKS, "partitions": PARTITIONS}
        for name, entries in lists.items():
            key, body = f"runs/orders/f1/{name}.json", json.dumps(entries).encode()
            s3.put_object(Bucket=names.artifacts_bucket, Key=key, Body=body)
        (self.folder / "answers").write_text(json.dumps(answers or {}))
        self._make_function(names.feed("orders").function)
        machine = states.create_state_machine(
            name=names.feed("orders").state_machine,
            definition=write_definition(names, project.feeds[0], job=self.job),
            roleArn=f"arn:aws:iam::{names.account}:role/machine",
        )
        order = {**OBJECT, **self.ordered, **{name: f"runs/orders/f1/{name}.json" for name in lists}}
        started = states.start_execution(stateMachineArn=machine["stateMachineArn"], input=json.dumps(order))[
            "executionArn"
        ]

        def describe() -> dict[str, Any]:
            described: dict[str, Any] = states.describe_execution(executionArn=started)
            return described

        wait_for(lambda: describe()["status"] != "RUNNING", "the execution has ended")
        return describe()

    def _make_function(self, name: str) -> None:
        package = io.BytesIO()
        with zipfile.ZipFile(package, "w") as zipped:
            zipped.writestr("stub.py", STUB.format(folder=str(self.folder)))
            start = zipfile.ZipInfo("bootstrap")
            start.external_attr = 0o755 << 16
            zipped.writestr(start, f'#!/bin/sh\nexec "{sys.executable}" -S "$(dirname "$0")/stub.py"\n')
        self.connection.client("lambda").create_function(
            FunctionName=name,
            Runtime="provided.al2023",
            Handler="stub.handle",
            Role="arn:aws:iam::000000000000:role/function",
            Code={"ZipFile": package.getvalue()},
            Timeout=30,
        )

    @property
    def calls(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.folder / "calls").read_text().splitlines()]

    @property
    def steps(self) -> list[str]:
        """The steps, repeated ones once: a map is one."""
        return [step for step, _ in itertools.groupby(self._name(call) for call in self.calls)]

    @staticmethod
    def _name(call: Mapping[str, Any]) -> str:
        return f"{call['step']} {'chunk' if 'chunk' in call else 'partition' if 'partition' in call else ''}".strip()


@pytest.fixture
def machine(server: Server, tmp_path: Path) -> Machine:
    return Machine(tmp_path, server.connection(f"{next(ACCOUNTS):012d}"))


def test_an_object_goes_through_every_step_in_order(machine: Machine) -> None:
    ended = machine.run()
    assert ended["status"] == "SUCCEEDED"
    assert machine.steps == ["cut", "survey chunk", "decide partition", "decide", "load chunk", "finish"]


def test_each_step_is_told_of_the_run_and_of_what_it_is_about(machine: Machine) -> None:
    machine.run()
    calls = sorted(machine.calls, key=lambda call: json.dumps(call, sort_keys=True))
    wanted = [
        *({"step": step, **OBJECT} for step in ("cut", "decide", "finish")),
        *({"step": step, **OBJECT, **chunk} for step in ("survey", "load") for chunk in CHUNKS),
        *({"step": "decide", **OBJECT, **partition} for partition in PARTITIONS),
    ]
    assert calls == sorted(wanted, key=lambda call: json.dumps(call, sort_keys=True))


def test_a_step_that_has_not_finished_is_called_again(machine: Machine) -> None:
    again = {"finished": False}
    answers = {
        "cut": [again, again],
        "survey chunk 2": [again],
        "decide partition 0": [again],
        "decide": [again],
        "load chunk 0": [again, again],
        "finish": [again],
    }
    assert machine.run(answers)["status"] == "SUCCEEDED"
    for name, times in {"cut": 3, "survey": 5, "load": 6, "finish": 2}.items():
        assert sum(call["step"] == name for call in machine.calls) == times
    assert machine.steps == ["cut", "survey chunk", "decide partition", "decide", "load chunk", "finish"]


@pytest.mark.parametrize(
    ("step", "steps"),
    [
        ("cut", ["cut", "finish"]),
        ("decide", ["cut", "survey chunk", "decide partition", "decide", "finish"]),
    ],
)
def test_where_nothing_is_left_it_finishes(machine: Machine, step: str, steps: list[str]) -> None:
    ended = machine.run({step: [{"finished": True, "conclude": True}]})
    assert (ended["status"], machine.steps) == ("SUCCEEDED", steps)


def test_a_step_that_a_service_failed_is_tried_again(machine: Machine) -> None:
    failed = {"raise": "ServiceError"}
    ended = machine.run({"cut": [failed], "load chunk 3": [failed, failed, failed], "finish": [failed]})
    assert ended["status"] == "SUCCEEDED"
    assert sum(call.get("chunk") == 3 and call["step"] == "load" for call in machine.calls) == 4


def test_what_can_not_go_otherwise_is_not_tried_again_and_the_object_is_given_free(machine: Machine) -> None:
    ended = machine.run({"decide": [{"raise": "EngineError"}]})
    assert (ended["status"], ended["error"]) == ("FAILED", "EngineError")
    assert machine.steps == ["cut", "survey chunk", "decide partition", "decide", "fail"]
    told = machine.calls[-1]["error"]
    assert told["Error"] == "EngineError"
    assert "as it was told" in told["Cause"]
    assert {**machine.calls[-1], "error": None} == {"step": "fail", **OBJECT, "error": None}


def test_a_chunk_that_fails_for_good_fails_the_object(machine: Machine) -> None:
    ended = machine.run({"survey chunk 1": [{"raise": "EngineError"}]})
    assert (ended["status"], ended["error"]) == ("FAILED", "States.ExceedToleratedFailureThreshold")
    assert machine.steps == ["cut", "survey chunk", "fail"]


@pytest.mark.parametrize("tolerated", [1, "25%"])
def test_a_tolerated_failure_leaves_the_judgement_to_the_finish(
    machine: Machine, tolerated: int | str
) -> None:
    machine.large_objects = {"tolerated_failures": tolerated}
    machine.run({"load chunk 1": [{"raise": "EngineError"}]})
    assert machine.steps[-2:] == ["load chunk", "finish"]


def test_a_failure_that_can_not_be_told_fails_the_object_all_the_same(machine: Machine) -> None:
    ended = machine.run({"cut": [{"raise": "EngineError"}], "fail": [{"raise": "UsageError"}]})
    assert (ended["status"], ended["error"]) == ("FAILED", "EngineError")
    assert machine.steps == ["cut", "fail"]


def test_no_more_workers_are_at_work_than_the_project_allows(machine: Machine) -> None:
    machine.large_objects = {"concurrency": 2}
    machine.run()
    runs = machine.connection.client("stepfunctions")
    (execution,) = runs.list_executions(
        stateMachineArn=runs.list_state_machines()["stateMachines"][0]["stateMachineArn"]
    )["executions"]
    found = runs.list_map_runs(executionArn=execution["executionArn"])["mapRuns"]
    assert len(found) == 3
    for run in found:
        assert runs.describe_map_run(mapRunArn=run["mapRunArn"])["maxConcurrency"] == 2


@pytest.mark.parametrize("ordered", [{}, {"engine": "lambda"}])
def test_where_there_is_a_job_an_order_that_does_not_ask_for_it_goes_through_the_chunks(
    machine: Machine, ordered: dict[str, str]
) -> None:
    machine.job, machine.ordered = True, ordered
    assert machine.run()["status"] == "SUCCEEDED"
    assert machine.steps == ["cut", "survey chunk", "decide partition", "decide", "load chunk", "finish"]


def test_where_a_job_is_asked_for_nothing_is_called_before_it_and_its_failure_gives_the_object_free(
    machine: Machine,
) -> None:
    """The embedded AWS knows no task that waits for a job in Glue, and fails it."""
    machine.job, machine.ordered = True, {"engine": "glue"}
    ended = machine.run()
    assert (ended["status"], machine.steps) == ("FAILED", ["fail"])
    assert {**machine.calls[0], "error": None} == {"step": "fail", **OBJECT, "error": None}
