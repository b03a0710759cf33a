"""The functions of a feed, and the schedules that call its sweep."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from penstock.stack.doctor.finding import FeedSubject, Finding, find, looking


def check_functions(subject: FeedSubject) -> Iterator[Finding]:
    """Look whether loader and sweep are there and may run."""
    name = subject.contract.name
    found = [
        finding
        for function in (subject.own.function, subject.own.sweep)
        for finding in _check(subject, function)
    ]
    yield from found or [Finding("functions", name, "ok", "loader and sweep are there and may run")]


def _check(subject: FeedSubject, function: str) -> Iterator[Finding]:
    name, client = subject.contract.name, subject.client("lambda")
    found = find(
        f"the function {function}",
        "lambda:GetFunctionConfiguration",
        lambda: client.get_function_configuration(FunctionName=function),
    )
    if found is None:
        do = subject.whole.make_anew
        yield Finding("functions", name, "problem", f"there is no function {function}", do)
        return
    yield from _check_state(subject, function, found)
    with looking(f"the function {function}", "lambda:GetFunctionConcurrency"):
        reserved = client.get_function_concurrency(FunctionName=function).get("ReservedConcurrentExecutions")
    if reserved == 0:
        wanted = subject.contract.function.concurrency
        do = f"aws lambda delete-function-concurrency --function-name {function}"
        if subject.direct and function == subject.own.function:
            do = (
                f"aws lambda put-function-concurrency --function-name {function} "
                f"--reserved-concurrent-executions {wanted}"
            )
        text = f"the function {function} was stopped: its reserved concurrency is 0"
        yield Finding("functions", name, "problem", text, do)


def _check_state(subject: FeedSubject, function: str, found: dict[str, Any]) -> Iterator[Finding]:
    name = subject.contract.name
    # Lambda lets functions that nobody called for weeks rest; the next call wakes them.
    if found.get("State", "Active") not in {"Active", "Inactive"}:
        reason = found.get("StateReason", "Lambda does not say why")
        text = f"the function {function} is {found['State']}: {reason}"
        yield Finding("functions", name, "problem", text, "Mend that, or wait where it is Pending.")
    if found.get("LastUpdateStatus") == "Failed":
        reason = found.get("LastUpdateStatusReason", "Lambda does not say why")
        text = f"the last update of {function} failed: {reason}"
        yield Finding("functions", name, "problem", text, subject.whole.deploy)


def check_schedules(subject: FeedSubject) -> Iterator[Finding]:
    """Look whether the schedules of the sweep are there and enabled: without the tick, dead workers go unnoticed."""
    wanted = [subject.own.tick]
    if subject.contract.timetable is not None:
        wanted.append(subject.own.schedule)
    name, client = subject.contract.name, subject.client("scheduler")
    well = True
    for schedule in wanted:
        get = partial(client.get_schedule, Name=schedule)
        found = find(f"the schedule {schedule}", "scheduler:GetSchedule", get)
        if found is None:
            well = False
            do = subject.whole.make_anew
            yield Finding("schedules", name, "problem", f"there is no schedule {schedule}", do)
        elif found.get("State") == "DISABLED":
            well = False
            do = "Enable it in EventBridge Scheduler's console."
            yield Finding("schedules", name, "problem", f"the schedule {schedule} is disabled", do)
    if well:
        yield Finding("schedules", name, "ok", f"{' and '.join(wanted)} call the sweep")
