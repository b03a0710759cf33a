"""The data points that AWS would have: from log lines, queues and state machines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from penstock.aws.connect import Client
from penstock.watch.logs import LogLine

_SQS: Final = {
    "ApproximateNumberOfMessages": "ApproximateNumberOfMessagesVisible",
    "ApproximateNumberOfMessagesNotVisible": "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed": "ApproximateNumberOfMessagesDelayed",
}
"""The attributes of a queue, and the metrics that CloudWatch makes of them."""
_STATES: Final = {
    "FAILED": "ExecutionsFailed",
    "TIMED_OUT": "ExecutionsTimedOut",
    "ABORTED": "ExecutionsAborted",
}
AGAIN_SECONDS: Final = 60.0
"""SQS has its metrics once a minute; here also whenever something changed."""


@dataclass(frozen=True, slots=True)
class Point:
    """A data point: values of one metric under one set of dimensions. ``at`` is in seconds of the epoch."""

    namespace: str
    metric: str
    unit: str
    dimensions: tuple[tuple[str, str], ...]
    at: float
    values: tuple[float, ...]

    def datum(self) -> dict[str, Any]:
        """Give it as PutMetricData takes it."""
        return {
            "MetricName": self.metric,
            "Dimensions": [{"Name": name, "Value": value} for name, value in self.dimensions],
            "Timestamp": datetime.fromtimestamp(self.at, UTC),
            "Unit": self.unit,
            "Values": list(self.values),
        }


def read_document(line: LogLine) -> Iterator[Point]:
    """Give the data points of a line in the Embedded Metric Format; none of any other line.

    A metric has a value, or a list of them, for each set of dimensions (CloudWatch guide, "Specification: Embedded metric
    format"). What does not follow the format is left out, as CloudWatch does.
    """
    try:
        yield from _read(line.facts or {}, line.at)
    except (AttributeError, KeyError, TypeError, ValueError):
        return


def _read(facts: Mapping[str, Any], written_at: int) -> Iterator[Point]:
    about = facts.get("_aws")
    if not isinstance(about, Mapping):
        return
    at = float(about.get("Timestamp", written_at)) / 1000
    for directive in about.get("CloudWatchMetrics", ()):
        for names in directive.get("Dimensions", ()):
            dimensions = tuple((name, str(facts[name])) for name in names if name in facts)
            for metric in directive.get("Metrics", ()):
                values = _numbers(facts.get(metric["Name"]))
                if values:
                    unit = metric.get("Unit", "None")
                    yield Point(directive["Namespace"], metric["Name"], unit, dimensions, at, values)


def _numbers(found: object) -> tuple[float, ...]:
    several = found if isinstance(found, list) else [found]
    return tuple(
        float(value) for value in several if isinstance(value, int | float) and not isinstance(value, bool)
    )


@dataclass
class Queues:
    """The metrics of the queues whose names begin with ``prefix``.

    How old the oldest message is can't be asked: it is taken for as old as the time since the queue was last seen
    empty, which no message of it exceeds.
    """

    sqs: Client
    prefix: str
    _empty_at: dict[str, float] = field(default_factory=dict)
    _last: dict[str, tuple[tuple[float, ...], float]] = field(default_factory=dict)

    def measure(self, now: float) -> Iterator[Point]:
        """Give the data points of the queues that changed, or that have had none for a minute."""
        for url in self.sqs.list_queues(QueueNamePrefix=self.prefix).get("QueueUrls", ()):
            queue = url.rpartition("/")[2]
            told = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=list(_SQS))["Attributes"]
            numbers = tuple(float(told.get(name, 0)) for name in _SQS)
            if not any(numbers):
                self._empty_at[queue] = now
            last, at = self._last.get(queue, ((), 0.0))
            if numbers == last and now - at < AGAIN_SECONDS:
                continue
            self._last[queue] = (numbers, now)
            age = now - self._empty_at.setdefault(queue, now)
            dimensions = (("QueueName", queue),)
            for metric, number in zip(_SQS.values(), numbers, strict=True):
                yield Point("AWS/SQS", metric, "Count", dimensions, now, (number,))
            yield Point("AWS/SQS", "ApproximateAgeOfOldestMessage", "Seconds", dimensions, now, (age,))


@dataclass
class Machines:
    """The metrics of executions that did not end well, of the state machines whose names begin with ``prefix``."""

    stepfunctions: Client
    prefix: str
    since: float
    _told: set[str] = field(default_factory=set)

    def measure(self) -> Iterator[Point]:
        """Give a data point for each execution that ended since this began, and that was not told of yet."""
        for machine in self._machines():
            for status, metric in _STATES.items():
                ask = {"stateMachineArn": machine, "statusFilter": status, "maxResults": 100}
                for execution in self.stepfunctions.list_executions(**ask)["executions"]:
                    at, name = execution["stopDate"].timestamp(), execution["executionArn"]
                    if at >= self.since and name not in self._told:
                        self._told.add(name)
                        yield Point(
                            "AWS/States", metric, "Count", (("StateMachineArn", machine),), at, (1.0,)
                        )

    def _machines(self) -> Sequence[str]:
        pages = self.stepfunctions.get_paginator("list_state_machines").paginate()
        found = [machine for page in pages for machine in page["stateMachines"]]
        return [machine["stateMachineArn"] for machine in found if machine["name"].startswith(self.prefix)]
