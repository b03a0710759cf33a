"""One step of the bridge: put the data points that are new, and set each alarm to the state that it should have."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby, islice
from typing import Any, Final

from penstock.local.bridge.evaluate import Rule, evaluate, read_rule
from penstock.local.bridge.measure import Machines, Point, Queues, read_document
from penstock.stack.connect import Connection
from penstock.stack.names import Names
from penstock.watch.logs import Tail

_MOST_NAMES: Final = 100
_MOST_POINTS: Final = 1_000
_MOST_QUERIES: Final = 500
"""What CloudWatch takes in one request."""


@dataclass
class Bridge:
    """Carries what a project's functions, queues and state machines say into CloudWatch, from ``since`` (epoch seconds) on."""

    connection: Connection
    names: Names
    since: float
    clock: Callable[[], float] = time.time
    _tail: Tail = field(init=False)
    _queues: Queues = field(init=False)
    _machines: Machines = field(init=False)
    _begun: bool = False
    _points: list[Point] = field(default_factory=list)

    def __post_init__(self) -> None:
        client, prefix = self.connection.client, f"{self.names.project}_"
        self._tail = Tail(client("logs"), (), int(self.since * 1000), pattern='"_aws"')
        self._queues = Queues(client("sqs"), prefix)
        self._machines = Machines(client("stepfunctions"), prefix, self.since)

    def step(self) -> None:
        """Do it once. Raises botocore's errors, and :class:`~penstock.errors.ServiceError`.

        What was measured by then is not lost: each line is given only once, so the next step puts what this one could not.
        """
        alarms = self._list_alarms()
        if not self._begun:  # one that died in the middle left them silent
            self._let_speak(alarms, enabled=True)
            alarms = self._list_alarms()
            self._begun = True
        for point in self._measure():
            self._points.append(point)
        if self._points:
            self._put([alarm for alarm in alarms if alarm["ActionsEnabled"]])
        self._judge(alarms)

    def _measure(self) -> Iterator[Point]:
        pages = self.connection.client("logs").get_paginator("describe_log_groups")
        found = pages.paginate(logGroupNamePrefix=self.names.log_group_prefix)
        self._tail.groups = [group["logGroupName"] for page in found for group in page["logGroups"]]
        for line in self._tail.read():
            yield from read_document(line)
        yield from self._queues.measure(self.clock())
        yield from self._machines.measure()

    def _list_alarms(self) -> list[dict[str, Any]]:
        pages = self.connection.client("cloudwatch").get_paginator("describe_alarms")
        found = pages.paginate(AlarmNamePrefix=f"{self.names.project}_", AlarmTypes=["MetricAlarm"])
        return [alarm for page in found for alarm in page["MetricAlarms"]]

    def _put(self, alarms: Sequence[dict[str, Any]]) -> None:
        """Put the data points. What the server makes of them at once, it makes silently, and it is undone."""
        self._let_speak(alarms, enabled=False)
        try:
            self._points.sort(key=_namespace)
            while self._points:
                _, some = next(groupby(self._points, key=_namespace))
                batch = list(islice(some, _MOST_POINTS))
                self.connection.client("cloudwatch").put_metric_data(
                    Namespace=batch[0].namespace, MetricData=[point.datum() for point in batch]
                )
                del self._points[: len(batch)]
            before = {alarm["AlarmName"]: alarm for alarm in alarms}
            for alarm in self._list_alarms():
                was = before.get(alarm["AlarmName"], alarm)
                if was["StateValue"] != alarm["StateValue"]:
                    self._set(was["AlarmName"], was["StateValue"], was["StateReason"])
        finally:
            self._let_speak(alarms, enabled=True)

    def _let_speak(self, alarms: Sequence[dict[str, Any]], *, enabled: bool) -> None:
        cloudwatch = self.connection.client("cloudwatch")
        change = cloudwatch.enable_alarm_actions if enabled else cloudwatch.disable_alarm_actions
        names = iter([alarm["AlarmName"] for alarm in alarms])
        while some := list(islice(names, _MOST_NAMES)):
            change(AlarmNames=some)

    def _judge(self, alarms: Sequence[dict[str, Any]]) -> None:
        now = self.clock()
        rules = iter([rule for rule in map(read_rule, alarms) if rule is not None])
        while some := list(islice(rules, _MOST_QUERIES)):
            for rule, values in zip(some, self._ask(some, now), strict=True):
                state, reason = evaluate(rule, values, now, self.since)
                if state != rule.state:
                    self._set(rule.name, state, reason)

    def _ask(self, rules: Sequence[Rule], now: float) -> list[dict[float, float]]:
        answer = self.connection.client("cloudwatch").get_metric_data(
            MetricDataQueries=[rule.query(f"m{number}") for number, rule in enumerate(rules)],
            StartTime=datetime.fromtimestamp(min(rule.reach(now) for rule in rules), UTC),
            EndTime=datetime.fromtimestamp(now + 60, UTC),
        )
        return [
            {at.timestamp(): value for at, value in zip(found["Timestamps"], found["Values"], strict=True)}
            for found in answer["MetricDataResults"]
        ]

    def _set(self, alarm: str, state: str, reason: str) -> None:
        self.connection.client("cloudwatch").set_alarm_state(
            AlarmName=alarm, StateValue=state, StateReason=reason
        )


def _namespace(point: Point) -> str:
    return point.namespace
