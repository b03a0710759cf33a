"""What sweeps a feed: a function of its own, its role and log group, and the schedules that call it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from penstock.contract.model import Contract
from penstock.contract.scalars import duration_seconds
from penstock.stack.names import Names
from penstock.stack.resources.function import Code, Function, Logs, build_function, log_group
from penstock.stack.resources.roles import schedule_role, sweep_role

Resource = dict[str, Any]

HANDLER: Final = "penstock.aws.sweep.handler.handle"
MEMORY_MB: Final = 512
TIMEOUT_SECONDS: Final = 900
FULL_SWEEP: Final[dict[str, Any]] = {"kind": "full", "time_zone": "UTC", "expect": []}
"""What asks for a sweep of everything, at no time at which a file would be due."""
TICK_MINUTES: Final = 5
"""How soon a claim that died is found, and a round that ran out of time goes on."""


def sweep_resources(names: Names, contract: Contract, code: Code, logs: Logs) -> dict[str, Resource]:
    """Give the resources of a feed's sweep by logical id. Without a schedule in the contract there is the tick alone."""
    own = names.feed(contract.name)
    resources: dict[str, Resource] = {
        "SweepRole": sweep_role(names, contract, tracing=logs.tracing),
        "SweepLogGroup": log_group(names, own.sweep_log_group, logs.retention_days),
        "SweepFunction": _function(names, contract, code, logs),
        "ScheduleRole": schedule_role(names, contract.name),
        # One that is lost is followed by the next.
        "Tick": _schedule(
            own.tick,
            f"Penstock: looks for claims that died, for {contract.name} of {names.project}",
            {"ScheduleExpression": f"rate({TICK_MINUTES} minutes)"},
            {"kind": "tick"},
            {"MaximumRetryAttempts": 0, "MaximumEventAgeInSeconds": 60 * TICK_MINUTES},
        ),
    }
    timetable = contract.timetable
    if timetable is not None:
        resources["Schedule"] = _schedule(
            own.schedule,
            f"Penstock: compares what landed with what was loaded, for {contract.name} of {names.project}",
            {"ScheduleExpression": timetable.at, "ScheduleExpressionTimezone": timetable.time_zone},
            {
                **FULL_SWEEP,
                "at": "<aws.scheduler.scheduled-time>",  # Scheduler puts the time in its place
                "time_zone": timetable.time_zone,
                "expect": list(contract.source.expect),
            },
            {"MaximumRetryAttempts": 20, "MaximumEventAgeInSeconds": 3600},
        )
    return resources


def write_order(order: Mapping[str, Any]) -> str:
    """Give the event of an order for the sweep."""
    return json.dumps({"penstock": {"sweep": order}}, sort_keys=True, ensure_ascii=False)


def _function(names: Names, contract: Contract, code: Code, logs: Logs) -> Resource:
    own = names.feed(contract.name)
    direct = contract.trigger == "direct"
    way = {"PENSTOCK_LOADER": own.function} if direct else {"PENSTOCK_QUEUE": {"Ref": "Queue"}}
    function = Function(
        name=own.sweep,
        log_group=own.sweep_log_group,
        feed=contract.name,
        does="sweeps",
        handler=HANDLER,
        role="SweepRole",
        group="SweepLogGroup",
        memory=MEMORY_MB,
        timeout=TIMEOUT_SECONDS,
        variables={
            "PENSTOCK_LANDING": names.landing_bucket,
            **way,
            **_silence(contract),
        },
        unlimited="Its schedules alone call it, and two at once do no harm",
        no_destination="What one call of it does not do the next one does",
    )
    return build_function(names, function, code, logs)


def _silence(contract: Contract) -> dict[str, str]:
    allowed = contract.alarms.silent_after
    return {} if allowed == "off" else {"PENSTOCK_SILENT_AFTER": str(duration_seconds(allowed))}


def _schedule(
    name: str, description: str, when: dict[str, str], order: dict[str, Any], retries: dict[str, int]
) -> Resource:
    return {
        "Type": "AWS::Scheduler::Schedule",
        "Properties": {
            "Name": name,
            "Description": description,
            **when,
            "FlexibleTimeWindow": {"Mode": "OFF"},
            # What can't be called is no dead letter: those are events of objects, to be sent back to the loader.
            "Target": {
                "Arn": {"Fn::GetAtt": ["SweepFunction", "Arn"]},
                "RoleArn": {"Fn::GetAtt": ["ScheduleRole", "Arn"]},
                "Input": write_order(order),
                "RetryPolicy": retries,
            },
        },
    }
