"""A feed in the simulated AWS: its bucket, queue, function, state machine, ledger and table, and the real code in them."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote_plus

from one_thread import one_thread
from sample_files import TABLE, WEIGHTS, make_contract, make_plan
from scenario import Scenario
from virtual_dynamodb import Tables, VirtualDynamoDB, follow_late
from virtual_lambda import AsynchronousCalls, VirtualFunction, VirtualInvoker, VirtualQueue, VirtualSQS
from virtual_s3 import Bucket, Store, Version, VirtualS3
from virtual_states import VirtualStates
from virtual_table import Index, ItemKey, Table
from virtual_time import EPOCH, Actor, Schedule
from virtual_wire import Wire
from virtual_writes import VirtualSender

from penstock.aws.connect import Connections
from penstock.aws.handler import respond
from penstock.aws.hint import DirectHints, QueuedHints
from penstock.aws.ledger import Ledger
from penstock.aws.loader import Loader, make_budget
from penstock.aws.log import Log
from penstock.aws.sweep import handler as sweep_handler
from penstock.aws.sweep.sweep import Sweeper
from penstock.plan.codec import plan_hash
from penstock.stack.names import Names
from penstock.stack.resources.state_machine import build_definition
from penstock.stack.resources.sweep import FULL_SWEEP, TICK_MINUTES, TIMEOUT_SECONDS

NAMES: Final = Names("shop", "123456789012", "eu-central-1")
LANDING: Final = NAMES.landing_bucket
ARTIFACTS: Final = NAMES.artifacts_bucket
LEDGER: Final = NAMES.ledger
MACHINE: Final = NAMES.feed("orders").state_machine_arn
TICK: Final = {"penstock": {"sweep": {"kind": "tick"}}}
FULL: Final = {"penstock": {"sweep": FULL_SWEEP}}
_PLAN_HASHES: dict[str, str] = {}


@dataclass(frozen=True)
class Write:
    """A write to the feed's table: by which run, of which object and version; ``item`` is None for a delete."""

    moment: float
    run: str
    place: str
    version: str
    id: str
    item: Mapping[str, Any] | None


@dataclass
class Topic:
    """Takes the place of a client of SNS."""

    wire: Wire
    notices: list[str] = field(default_factory=list)

    def publish(self, *, TopicArn: str, Subject: str, Message: str) -> dict[str, Any]:
        def effect() -> dict[str, Any]:
            self.notices.append(Message)
            return {"MessageId": str(len(self.notices))}

        return self.wire.call("sns", "Publish", {}, effect)


class SimulatedFeed:
    """The feed ``orders``, in the world of a scenario. ``problems`` are promises that were broken while it ran."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.schedule = Schedule(scenario.seed)
        self.wire = Wire(self.schedule, scenario.faults, scenario.strikes, self._is_denied)
        self.problems: list[str] = []
        self.writes: list[Write] = []
        self.log = io.StringIO()
        self.store = Store(
            {ARTIFACTS: Bucket(), LANDING: Bucket(scenario.versioned)}, lambda: self.schedule.now
        )
        self.tables = self._make_tables()
        self.function = VirtualFunction(self.wire, self._handle, scenario.seconds, scenario.skew)
        self.queue = VirtualQueue(
            self.function,
            visibility=6 * scenario.seconds,
            batch_size=scenario.batch_size,
            concurrency=scenario.concurrency,
        )
        self.calls = AsynchronousCalls(self.function)
        self.sweeps = AsynchronousCalls(
            VirtualFunction(self.wire, self._sweep, TIMEOUT_SECONDS, scenario.skew)
        )
        self.states = VirtualStates(self.wire, self.function, self.store)
        self.states.definitions[MACHINE] = build_definition(NAMES, make_contract(scenario.variant))
        self.topic = Topic(self.wire)
        self.connections = self._connect()
        self.versions: dict[str, list[Version]] = {}

    def _make_tables(self) -> Tables:
        later = follow_late(self.wire)
        indexes = {
            "by_feed": Index((("feed", "S"), ("started_at", "S"))),
            "by_due": Index((("due_feed", "S"), ("due_at", "N")), keys_only=True),
        }
        ledger = Table((("pk", "S"), ("sk", "S")), indexes, later=later)
        items = Table((("id", "S"),), {"by_secret": Index((("secret", "S"),))}, later=lambda _follow: None)
        items.wrote = self._watch
        return Tables({LEDGER: ledger, TABLE: items})

    def _connect(self) -> Connections:
        connections = Connections()
        vars(connections).update(
            s3=VirtualS3(self.store, self.wire),
            dynamodb=VirtualDynamoDB(self.tables, self.wire),
            sns=self.topic,
            sqs=VirtualSQS(self.queue),
            functions=VirtualInvoker(self.calls),
            stepfunctions=self.states,
        )
        return connections

    def _handle(self, event: Mapping[str, Any], name: str) -> Any:
        """Answer an invocation, as the function's handler does."""
        schedule, scenario = self.schedule, self.scenario
        actor = schedule.current
        if "penstock" in event:
            actor.run = event["penstock"]["run"]
        clock = self._clock(actor)
        loader = Loader(
            plan=make_plan(scenario.variant),
            connections=self.connections,
            sender=VirtualSender(self.tables, self.wire),
            ledger=Ledger(self.connections.dynamodb, LEDGER, clock),
            artifacts=ARTIFACTS,
            topic="alerts",
            state_machine=None if scenario.chunk_bytes is None else MACHINE,
            large_bytes=scenario.large_bytes,
            chunk_bytes=scenario.chunk_bytes or 1 << 20,
            chunk_workers=2,
            loaders=scenario.concurrency,
            batch_bytes=scenario.batch_bytes,
            leg_seconds=scenario.leg_seconds,
            sleep=schedule.pause,
        )
        vars(loader)["plan_hash"] = _PLAN_HASHES.setdefault(scenario.variant, loader.plan_hash)
        log = Log(self.log, lambda: schedule.now, bound={"request_id": name})
        return respond(event, loader, make_budget(actor.end - schedule.now, clock), log)

    def _sweep(self, event: Mapping[str, Any], name: str) -> Any:
        """Answer an invocation of the sweep, as its handler does."""
        schedule, clients = self.schedule, self.connections
        actor = schedule.current
        clock = self._clock(actor)
        plan = make_plan(self.scenario.variant)
        hints = (
            DirectHints(clients.functions, "loader")
            if self.scenario.direct
            else QueuedHints(clients.sqs, "queue", schedule.pause)
        )
        sweeper = Sweeper(
            plan,
            _PLAN_HASHES.setdefault(self.scenario.variant, plan_hash(plan)),
            LANDING,
            clients.s3,
            Ledger(clients.dynamodb, LEDGER, clock),
            hints,
            sleep=schedule.pause,
        )
        log = Log(self.log, lambda: schedule.now, bound={"request_id": name})
        end = clock() + actor.end - schedule.now
        return sweep_handler.respond(event, sweeper, self.topic, "alerts", name, end, log)

    def _clock(self, actor: Actor) -> Callable[[], float]:
        """Give an invocation's clock."""

        def clock() -> float:
            self.wire.stall()
            return self.schedule.now + actor.skew

        return clock

    def _is_denied(self, operation: str, request: Mapping[str, Any]) -> bool:
        rejects = operation == "PutObject" and request["Key"].startswith("rejects/")
        return rejects and self.wire.happens(self.wire.faults.denied_rejects)

    def _watch(self, who: str, key: ItemKey, item: Mapping[str, Any] | None) -> None:
        """Note a write to the table, and hold it against the ledger of this very moment."""
        now, ledger = self.schedule.now, self.tables.tables[LEDGER].items
        run = ledger.get((("S", f"RUN#{who}"), ("S", "RUN")))
        if run is None:
            self.problems.append(f"{who} wrote and is no run")
            return
        place, version = f"{run['bucket']['S']}/{run['key']['S']}", run["version"]["S"]
        state = ledger[("S", f"OBJECT#{place}"), ("S", "STATE")]
        self.writes.append(Write(now, who, place, version, key[0][1], item))
        if state.get("claim_run", {}).get("S") != who:
            self.problems.append(f"{who} wrote without the claim of {place}")
        elif float(state["claim_expires_at"]["N"]) - self.scenario.skew <= now:
            self.problems.append(f"{who} wrote after its claim of {place} had ended")

    def begin(self) -> None:
        """Set down all that the scenario has happen."""
        schedule, bucket = self.schedule, self.store.buckets[LANDING]
        if self.scenario.variant == "query":
            self.store.put(
                LANDING, "reference/weights.csv", "".join(f"{n}\n" for n in ("id", *WEIGHTS)).encode()
            )
        bucket.told = self._tell
        for change in self.scenario.changes:
            body = None if change.file is None else change.file.body
            schedule.at(change.moment, lambda key=change.key, body=body: self._change(key, body))  # type: ignore[misc]  # bound now
        for moment in self.scenario.sweeps:
            schedule.at(moment, self.sweep)
            schedule.at(moment + 30.0, self.tick)
        for moment in self.scenario.garbage:
            schedule.at(moment, lambda: self.queue.send('{"not": "an event"}'))

    def _change(self, key: str, body: bytes | None) -> None:
        self.schedule.note("people", f"{'delete' if body is None else 'put'} {key}")
        version = self.store.put(LANDING, key, body)
        self.versions.setdefault(key, []).append(version)

    def _tell(self, key: str, version: Version) -> None:
        """Send the events of a change: none, one or several, each when it comes."""
        if version.body is None:
            return  # the stack asks only for objects that are created
        faults, dice = self.wire.faults, self.schedule.dice
        copies = 0 if self.wire.happens(faults.dropped) else 1 + self.wire.happens(faults.doubled)
        for _ in range(copies):
            delay = dice.uniform(0, 120) if self.wire.happens(0.1) else dice.expovariate(1.0)
            event = _event(key)
            if self.scenario.direct:
                self.schedule.at(delay, lambda event=event: self.calls.call(event, "loader"))  # type: ignore[misc]  # bound now
            else:
                self.queue.send(event, delay)

    def sweep(self) -> None:
        """Let the contract's schedule come."""
        self.sweeps.call(FULL, "sweep")

    def tick(self) -> None:
        """Let the schedule come that looks for what died."""
        self.sweeps.call(TICK, "tick")

    def run(self) -> None:
        """Let everything happen, and then nothing more go wrong until all is at rest."""
        with one_thread(self.wire, self.scenario.seed):
            try:
                self.begin()
                self.schedule.run(EPOCH + self.scenario.busy)
                self.wire.calm()
                self.rest()
            finally:
                self.schedule.close()

    def rest(self, most: float = 12 * 3600.0) -> None:
        """Let the schedules come every few minutes until nothing is left to do, or half a day is over."""
        begun = self.schedule.now
        if self.scenario.faults.faithful and not self.scenario.strikes:
            self.schedule.run(begun + most)
            if not self.settled:
                self.problems.append("every event came, nothing failed, and something is left for the sweep")
        while self.schedule.now < begun + most:
            self.tick()
            self.sweep()
            until = self.schedule.now + 60.0 * TICK_MINUTES
            if self.schedule.run(until) and self.settled:
                return
            self.schedule.now = until

    @property
    def objects(self) -> dict[str, Mapping[str, Any]]:
        """The ledger's states, by key."""
        items = self.tables.tables[LEDGER].items
        start = f"OBJECT#{LANDING}/"
        return {pk.removeprefix(start): item for ((_, pk), (_, sk)), item in items.items() if sk == "STATE"}

    @property
    def settled(self) -> bool:
        """Whether nobody is at work, and every object's newest version is dealt with."""
        states = self.objects
        for key in self.versions:
            current = self.store.buckets[LANDING].current(key)
            state = states.get(key, {})
            if current is not None and state.get("applied", {}).get("M", {}).get("etag") != {
                "S": current.etag
            }:
                return False
        return not any("claim_run" in state or "pending" in state for state in states.values())


def _event(key: str) -> dict[str, Any]:
    """Make S3's event of an object that was put."""
    record = {
        "eventSource": "aws:s3",
        "eventName": "ObjectCreated:Put",
        "s3": {"bucket": {"name": LANDING}, "object": {"key": quote_plus(key, safe="/")}},
    }
    return {"Records": [record]}
