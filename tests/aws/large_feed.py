"""A feed's function with a state machine that is driven here: what Step Functions would call, in its order."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote_plus

from botocore.exceptions import ClientError, EndpointConnectionError
from embedded_aws import World, make_table, make_world

from penstock.aws.artifacts import read_rejects
from penstock.aws.handler import respond
from penstock.aws.list_runs import list_runs
from penstock.aws.loader import Loader, make_budget
from penstock.aws.log import Log
from penstock.aws.runs import Run
from penstock.aws.table.send import Sender
from penstock.engine.result import Reject
from penstock.local.server import Server
from penstock.plan.model import Plan

KEY = "incoming/orders/large.csv"
MACHINE = "arn:aws:states:us-east-1:000000000000:stateMachine:shop_orders"

Order = dict[str, Any]


@dataclass
class Executions:
    """Takes the place of a client of Step Functions: notes what is started."""

    started: list[tuple[str, Order]] = field(default_factory=list)
    closed: bool = False
    deaf: bool = False
    """Whether it starts what it is told to, and its answer is lost."""

    def start_execution(self, **request: str) -> dict[str, str]:
        name = request["name"]
        if self.closed or request["stateMachineArn"] != MACHINE:
            raise ClientError({"Error": {"Code": "AccessDeniedException"}}, "StartExecution")
        if any(name == taken for taken, _ in self.started):
            raise ClientError({"Error": {"Code": "ExecutionAlreadyExists"}}, "StartExecution")
        self.started.append((name, json.loads(request["input"])))
        if self.deaf:
            raise EndpointConnectionError(endpoint_url="https://states.us-east-1.amazonaws.com")
        return {"executionArn": name}


class Killed(BaseException):
    """A worker that dies without a word."""


@dataclass
class LargeFeed:
    """The function of the feed ``orders``. Each look at the clock takes ``tick`` seconds."""

    world: World
    loader: Loader
    executions: Executions
    stream: io.StringIO = field(default_factory=io.StringIO)
    tick: float = 0.0
    seconds: float = 300.0
    """How long an invocation may take."""
    invocations: int = 0
    before: Callable[[Order], None] = lambda _order: None
    """What happens before a step."""

    def clock(self) -> float:
        self.world.now += self.tick
        return self.world.now

    def call(self, event: object) -> dict[str, Any]:
        self.invocations += 1
        self.world.now += 1
        log = Log(self.stream, lambda: self.world.now, bound={"request_id": f"request-{self.invocations}"})
        budget = make_budget(self.seconds, self.clock)
        return respond(event, self.loader, budget, log)

    def land(self, body: bytes, key: str = KEY) -> str:
        """Put an object, and tell the function. Gives its version."""
        version = self.world.put(key, body)
        self.tell(key)
        return version

    def tell(self, key: str = KEY) -> dict[str, Any]:
        record = {"bucket": {"name": self.world.landing}, "object": {"key": quote_plus(key, safe="/")}}
        return self.call(
            {"Records": [{"eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "s3": record}]}
        )

    def step(self, order: Order, name: str, **more: Any) -> dict[str, Any]:
        asked = {name: order[name] for name in ("run", "bucket", "key", "version")}
        event = {"penstock": {"step": name, **asked, **more}}
        self.before(event["penstock"])
        return self.call(event)

    def until_finished(self, order: Order, name: str, **more: Any) -> dict[str, Any]:
        while not (answer := self.step(order, name, **more))["finished"]:
            pass
        return answer

    def list_of(self, order: Order, name: str) -> list[dict[str, int]]:
        answer = self.world.s3.get_object(Bucket=self.world.artifacts, Key=order[name])
        with answer["Body"] as body:
            found: list[dict[str, int]] = json.loads(body.read())
        return found

    def run_machine(self) -> None:
        """Do what the state machine does with the execution that was started last."""
        _, order = self.executions.started[-1]
        if not self.until_finished(order, "cut")["conclude"]:
            for entry in self.list_of(order, "chunks"):
                self.until_finished(order, "survey", **entry)
            for entry in self.list_of(order, "partitions"):
                self.until_finished(order, "decide", **entry)
            self.until_finished(order, "decide")
            for entry in reversed(self.list_of(order, "chunks")):
                self.until_finished(order, "load", **entry)
        self.until_finished(order, "finish")

    def fail_machine(self, error: Exception | None = None) -> None:
        """Do what the state machine does when a state failed."""
        _, order = self.executions.started[-1]
        cause = json.dumps({"errorMessage": str(error), "errorType": type(error).__name__})
        self.until_finished(order, "fail", error={"Error": type(error).__name__, "Cause": cause})

    def runs(self) -> list[Run]:
        return list_runs(self.world.ledger)

    @property
    def run(self) -> Run:
        """The latest run."""
        return self.runs()[0]

    def rejects(self) -> list[Reject]:
        return list(read_rejects(self.world.s3, self.world.artifacts, "orders", self.run.id))

    def items(self) -> list[dict[str, Any]]:
        return sorted(self.world.scan("orders"), key=lambda item: str(item["id"]["S"]))

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.stream.getvalue().splitlines()]


@contextmanager
def make_large_feed(server: Server, plan: Plan, **options: Any) -> Iterator[LargeFeed]:
    """Make the feed in an account of its own; ``options`` are the loader's."""
    with make_world(server) as world, closing(Sender(world.connections, 4)) as sender:
        make_table(world, "orders", ["id:S:HASH"])
        executions = Executions()
        vars(world.connections)["stepfunctions"] = executions
        loader = Loader(
            plan, world.connections, sender, world.ledger, world.artifacts, world.topic, state_machine=MACHINE
        )

        def sleep(seconds: float) -> None:
            world.now += seconds

        loader = replace(loader, sleep=sleep, **options)
        yield LargeFeed(world, loader, executions)
