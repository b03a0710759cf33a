"""The alarms of a feed: what each looks at, over what time, and what it tells people.

There are two kinds, and they are made differently.

- *Something happened*: a run failed, an invocation crashed. It is over as soon as it is there, and that nothing more
  happened in the next five minutes doesn't mean that it was mended. Such an alarm looks for one bad five minutes in the
  last twelve: it stays for an hour, so that it can be seen, and what happens again in that hour is told once. When it
  ends nobody is told.
- *Something is so*: messages lie among the dead letters, a feed is silent. Such an alarm ends when that does, and its
  end is told (``OKActions``), for it is what the reader of the first message waits for.

Nobody is told of missing data. Functions that are not called, queues that nothing moves in and runs that nobody made have
no data points, so where there are none nothing is wrong (``notBreaching``). There are two exceptions: ``sweep-stopped`` is
about just that, and ``silent`` stays as it is while no sweep measures it.

Each is a plain alarm of one metric: it costs $0.10 a month, and the embedded AWS has no others.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from penstock import metrics
from penstock.contract.model import Contract
from penstock.contract.scalars import duration_seconds
from penstock.stack.names import Names

Resource = dict[str, Any]

_Comparison = Literal["GreaterThanOrEqualToThreshold", "GreaterThanThreshold", "LessThanThreshold"]


@dataclass(frozen=True, slots=True)
class Window:
    """Over what an alarm looks: ``bad`` of the last ``of`` spans of ``period`` seconds, and whether its end is told."""

    period: int
    bad: int
    of: int
    told_when_over: bool


_HAPPENED: Final = Window(300, 1, 12, told_when_over=False)
_IS_SO: Final = Window(300, 1, 1, told_when_over=True)
# The writer finds its rate by being turned away: at a table's limit of 4,000 units a second some 300 times a minute
# (docs/benchmarks.md). That is as it should be for a while, but not for a good part of three hours in a row.
_THREE_HOURS: Final = Window(3600, 3, 3, told_when_over=True)
# By the minute: a burst reaches the limit in some minutes, what lasts does in nearly all.
_HALF_AN_HOUR: Final = Window(60, 27, 30, told_when_over=True)
_IN_AN_HOUR: Final = Window(3600, 1, 1, told_when_over=False)


@dataclass(frozen=True, slots=True)
class Source:
    """A metric as CloudWatch knows it: namespace, name, dimensions, and the statistic that counts."""

    namespace: str
    metric: str
    dimensions: Mapping[str, str]
    statistic: Literal["Sum", "Maximum"]


@dataclass(frozen=True, slots=True)
class Alarm:
    """An alarm of a feed. ``kind`` is the last part of its name, ``urgent`` whether data is missing, wrong or about to be.

    ``threshold`` is None where the contract has it ``off``. ``meaning`` and ``command`` are its description: a sentence
    or two, and what to run next.
    """

    kind: str
    urgent: bool
    source: Source
    threshold: float | None
    meaning: str
    command: str
    window: Window = _HAPPENED
    comparison: _Comparison = "GreaterThanOrEqualToThreshold"
    missing: Literal["notBreaching", "breaching", "ignore"] = "notBreaching"


def feed_alarms(names: Names, contract: Contract) -> tuple[Alarm, ...]:
    """Give the alarms that a feed has, the urgent ones first."""
    found = (*_of_loads(names, contract), *_of_sweep(names, contract), *_of_limits(names, contract))
    wanted = [alarm for alarm in found if alarm.threshold is not None]
    return tuple(sorted(wanted, key=lambda alarm: not alarm.urgent))


def alarm_resources(names: Names, contract: Contract) -> dict[str, Resource]:
    """Give the resources of a feed's alarms by logical id. They tell the project's topic."""
    return {
        f"{alarm.kind.title().replace('-', '')}Alarm": _resource(names, contract.name, alarm)
        for alarm in feed_alarms(names, contract)
    }


def _of_loads(names: Names, contract: Contract) -> Iterator[Alarm]:
    wanted, own = contract.alarms, names.feed(contract.name)
    runs = f"penstock runs --feed {contract.name}"
    yield Alarm(
        "loader-errors",
        True,
        Source("AWS/Lambda", "Errors", {"FunctionName": own.function}, "Sum"),
        _count(wanted.loader_errors),
        "The loader ended in an error: a crash, no memory or time left, a failed load. It is tried again.",
        runs,
    )
    yield Alarm(
        "failed-runs",
        True,
        _own(names, contract, metrics.FILES_FAILED, "Sum"),
        _count(wanted.failed_runs),
        "A file could not be loaded. It is tried again a few times, then its event is a dead letter.",
        runs,
    )
    yield Alarm(
        "not-conserved",
        True,
        _own(names, contract, metrics.NOT_CONSERVED, "Sum"),
        _count(wanted.not_conserved),
        "The counts of a run don't add up: a defect. Keep the file and the run's report.",
        runs,
    )
    yield Alarm(
        "dead-letters",
        True,
        # The maximum, for who looks at them hides them for a moment.
        Source("AWS/SQS", "ApproximateNumberOfMessagesVisible", {"QueueName": own.dead_letters}, "Maximum"),
        _count(wanted.dead_letters),
        "Events failed as often as they may. Their files stay as they are until they are sent back.",
        f"penstock dlq --feed {contract.name}",
        _IS_SO,
    )
    for kind, metric, what in _EXECUTIONS:
        yield Alarm(
            kind,
            True,
            Source("AWS/States", metric, {"StateMachineArn": own.state_machine_arn}, "Sum"),
            _count(wanted.state_machine),
            f"The execution that loads a large file {what}. What it did is kept.",
            runs,
        )


_EXECUTIONS: Final = (
    ("machine-failed", "ExecutionsFailed", "failed"),
    ("machine-timed-out", "ExecutionsTimedOut", "took longer than it may"),
    ("machine-aborted", "ExecutionsAborted", "was stopped by somebody"),
)


def _of_sweep(names: Names, contract: Contract) -> Iterator[Alarm]:
    wanted, own = contract.alarms, names.feed(contract.name)
    sweep = f"penstock sweep --feed {contract.name}"
    stopped = _seconds(wanted.sweep_stopped)
    spans = 1 if stopped is None else math.ceil(stopped / 300)
    yield Alarm(
        "sweep-stopped",
        True,
        _own(names, contract, metrics.SWEEPS, "Sum"),
        None if stopped is None else 1,
        f"No sweep ended well for {wanted.sweep_stopped}: lost events and dead workers are not found.",
        sweep,
        Window(300, spans, spans, told_when_over=True),
        "LessThanThreshold",
        "breaching",
    )
    yield Alarm(
        "silent",
        True,
        _own(names, contract, metrics.OVERDUE, "Maximum"),
        None if wanted.silent_after == "off" else 0,
        f"No file was loaded for {wanted.silent_after}. See whether any lies there that was not loaded.",
        f"{sweep} --dry-run",
        _IS_SO,
        "GreaterThanThreshold",
        "ignore",
    )
    yield Alarm(
        "sweep-errors",
        False,
        Source("AWS/Lambda", "Errors", {"FunctionName": own.sweep}, "Sum"),
        _count(wanted.sweep_errors),
        "The sweep failed more than once in an hour.",
        sweep,
        _IN_AN_HOUR,
    )


def _of_limits(names: Names, contract: Contract) -> Iterator[Alarm]:
    wanted, own = contract.alarms, names.feed(contract.name)
    runs = f"penstock runs --feed {contract.name}"
    yield Alarm(
        "reject-share",
        False,
        _own(names, contract, metrics.REJECT_SHARE, "Maximum"),
        _percent(wanted.reject_share),
        f"More than {wanted.reject_share} of a file's records were rejected.",
        f"{runs}, then penstock rejects RUN",
        comparison="GreaterThanThreshold",
    )
    if contract.trigger == "queue":
        yield Alarm(
            "oldest-message",
            False,
            Source("AWS/SQS", "ApproximateAgeOfOldestMessage", {"QueueName": own.queue}, "Maximum"),
            _seconds(wanted.oldest_message),
            f"A file has waited, or was tried again, for more than {wanted.oldest_message}.",
            runs,
            _IS_SO,
            "GreaterThanThreshold",
        )
    yield Alarm(
        "throttles",
        False,
        _own(names, contract, metrics.THROTTLES, "Sum"),
        _count(wanted.throttles),
        "For three hours the table turned many writes away: loads take longer than they need.",
        runs,
        _THREE_HOURS,
    )
    yield Alarm(
        "time-used",
        False,
        _own(names, contract, metrics.TIME_USED, "Maximum"),
        _percent(wanted.time_used),
        f"A run took {wanted.time_used} of the function's time; longer ones go to the state machine.",
        runs,
    )
    share = _percent(wanted.concurrency)
    yield Alarm(
        "concurrency",
        False,
        Source("AWS/Lambda", "ConcurrentExecutions", {"FunctionName": own.function}, "Maximum"),
        None if share is None else math.ceil(contract.function.concurrency * share / 100),
        f"For half an hour {wanted.concurrency} of the loaders that there may be were at work: files wait.",
        runs,
        _HALF_AN_HOUR,
    )


def _own(
    names: Names, contract: Contract, metric: metrics.Metric, statistic: Literal["Sum", "Maximum"]
) -> Source:
    """Give one of the metrics that the functions publish."""
    dimensions = dict(zip(metrics.DIMENSIONS, (names.project, contract.name), strict=True))
    return Source(metrics.NAMESPACE, metric.name, dimensions, statistic)


def _count(wanted: int | str) -> float | None:
    return wanted if isinstance(wanted, int) else None


def _percent(wanted: str) -> float | None:
    return None if wanted == "off" else float(wanted.removesuffix("%"))


def _seconds(wanted: str) -> float | None:
    return None if wanted == "off" else duration_seconds(wanted)


def _resource(names: Names, feed: str, alarm: Alarm) -> Resource:
    source, window = alarm.source, alarm.window
    told = {"OKActions": [names.topic_arn]} if window.told_when_over else {}
    return {
        "Type": "AWS::CloudWatch::Alarm",
        "Properties": {
            "AlarmName": names.alarm(feed, alarm.kind),
            "AlarmDescription": f"Feed {feed}: {alarm.meaning} Next: {alarm.command}",
            "Namespace": source.namespace,
            "MetricName": source.metric,
            "Dimensions": [{"Name": name, "Value": value} for name, value in source.dimensions.items()],
            "Statistic": source.statistic,
            "Period": window.period,
            "EvaluationPeriods": window.of,
            "DatapointsToAlarm": window.bad,
            "ComparisonOperator": alarm.comparison,
            "Threshold": alarm.threshold,
            "TreatMissingData": alarm.missing,
            "AlarmActions": [names.topic_arn],
            **told,
        },
    }
