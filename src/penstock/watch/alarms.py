"""The alarms of a project, as CloudWatch has them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from penstock.aws.explain import AwsError, explain_error
from penstock.aws.runs import format_time
from penstock.stack.connect import Connection
from penstock.stack.names import Names

AlarmState = Literal["OK", "ALARM", "INSUFFICIENT_DATA"]

_NEXT: Final = re.compile(r"^(?:Feed \S+: )?(.*?)(?: Next: (penstock .+))?$", re.DOTALL)
"""A description of the stack's: what it means, and what to run next."""
_MOST_AT_ONCE: Final = 100
"""DescribeAlarms gives no more at once, and half as many unless it is asked (CloudWatch API reference)."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """An alarm and its state. ``feed`` is None where it is about the project; ``since`` is ISO 8601 in UTC."""

    name: str
    feed: str | None
    state: AlarmState
    since: str
    reason: str
    description: str

    @property
    def meaning(self) -> str:
        """What its description says that it means; its reason where it has none."""
        return self._parts[0] or self.reason

    @property
    def command(self) -> str | None:
        """The command that its description says to run next, if it says one."""
        return self._parts[1]

    @property
    def _parts(self) -> tuple[str, str | None]:
        found = _NEXT.match(self.description)
        assert found is not None, "the pattern fits any text"
        return found[1], found[2]


def list_alarms(connection: Connection, names: Names, feeds: Iterable[str]) -> tuple[Alarm, ...]:
    """Give a project's alarms, by name. Needs cloudwatch:DescribeAlarms.

    Raises :class:`~penstock.errors.ServiceError`.
    """
    known = tuple(feeds)
    owners = _find_owners(names, known)
    cloudwatch = connection.client("cloudwatch")
    ask = {"AlarmNamePrefix": f"{names.project}_", "AlarmTypes": ["MetricAlarm", "CompositeAlarm"]}
    size = {"PageSize": _MOST_AT_ONCE}
    found: list[Mapping[str, Any]] = []
    try:
        for page in cloudwatch.get_paginator("describe_alarms").paginate(**ask, PaginationConfig=size):
            found += [*page.get("MetricAlarms", ()), *page.get("CompositeAlarms", ())]
    except AwsError as error:
        raise explain_error(error, "read the alarms", "cloudwatch:DescribeAlarms") from error
    return tuple(
        sorted(
            (_alarm(item, _find_feed(item, names, known, owners)) for item in found),
            key=lambda alarm: alarm.name,
        )
    )


def _alarm(item: Mapping[str, Any], feed: str | None) -> Alarm:
    return Alarm(
        name=item["AlarmName"],
        feed=feed,
        state=item["StateValue"],
        since=format_time(item["StateUpdatedTimestamp"].timestamp()),
        reason=item.get("StateReason", ""),
        description=item.get("AlarmDescription", ""),
    )


def _find_owners(names: Names, feeds: tuple[str, ...]) -> dict[str, str]:
    """Give the feed of each thing that an alarm can look at, by what a dimension calls it."""
    owners: dict[str, str] = {}
    for feed in feeds:
        own = names.feed(feed)
        things = (own.queue, own.dead_letters, own.function, own.sweep, own.state_machine_arn)
        owners |= dict.fromkeys(things, feed)
    return owners


def _find_feed(
    item: Mapping[str, Any], names: Names, feeds: tuple[str, ...], owners: Mapping[str, str]
) -> str | None:
    """Give the feed that an alarm is about: what it measures says so, or its name does."""
    values = {dimension["Name"]: dimension["Value"] for dimension in item.get("Dimensions", ())}
    if values.get("Feed") in feeds:
        return str(values["Feed"])
    owner = next((owners[value] for value in values.values() if value in owners), None)
    if owner is not None:
        return owner
    named = [feed for feed in feeds if f"{item['AlarmName']}_".startswith(f"{names.project}_{feed}_")]
    return max(named, key=len, default=None)
