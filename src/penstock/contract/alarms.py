"""When alarms tell people of a feed: the thresholds of the contract.

Over what time each is measured, and why, is decided where the alarms are made (:mod:`penstock.stack.resources.alarms`).
"""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

from penstock.contract.scalars import CountOrOff, DurationOrOff, ShareOrOff, duration_seconds
from penstock.contract.standard import Part


def _within_a_day(value: str) -> str:
    """An alarm looks back over a day at most (CloudWatch, PutMetricAlarm: ``EvaluationPeriods``)."""
    if value != "off" and duration_seconds(value) > 86_400:
        raise ValueError("must be at most 24 hours, which is as far back as an alarm can look")
    return value


class AlarmsModel(Part):
    """From what on people are told, through the project's topic, that the feed is not well; `off` takes an alarm away."""

    loader_errors: CountOrOff = 1
    """Invocations of the loader in five minutes that ended in an error: a crash, no memory or time left, a load that failed."""
    failed_runs: CountOrOff = 1
    """Failed runs in five minutes."""
    not_conserved: CountOrOff = 1
    """Runs in five minutes whose counts don't add up."""
    dead_letters: CountOrOff = 1
    """Messages among the dead letters."""
    state_machine: CountOrOff = 1
    """Executions of the state machine in five minutes that failed, as many that timed out, or that were aborted."""
    sweep_stopped: Annotated[DurationOrOff, AfterValidator(_within_a_day)] = "15 minutes"
    """Time in which no sweep ended well; there is one every five minutes."""
    silent_after: DurationOrOff = "off"
    """Time since a file was loaded, such as `26 hours`; what is usual only you know, so it is off unless said."""
    reject_share: ShareOrOff = "5%"
    """The rejects of a file, as a share of its records less the blank ones; told when there are more."""
    oldest_message: DurationOrOff = "1 hour"
    """Time that a file waits in the queue or is tried again; told when it is longer. With `trigger: direct` there is no queue."""
    throttles: CountOrOff = 5000
    """Write requests that the table turned away in an hour, three hours in a row."""
    time_used: ShareOrOff = "80%"
    """What one run took of the function's timeout."""
    concurrency: ShareOrOff = "90%"
    """What was at work of `function.concurrency`, for half an hour without a rest."""
    sweep_errors: CountOrOff = 2
    """Failed invocations of the sweep in an hour; one that is made up for by the next try is none to tell of."""
