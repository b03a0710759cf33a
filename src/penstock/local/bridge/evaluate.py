"""An alarm judged by its own definition, as CloudWatch does: its dimensions, M of N, and what it makes of missing data.

CloudWatch guide, "Alarm evaluation" and "Configuring how CloudWatch alarms treat missing data". Where CloudWatch looks further
back than N periods for data that are missing, this does not: what it knows is there at once.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from penstock.watch.alarms import AlarmState

_COMPARISONS: Final = {
    "GreaterThanThreshold": (operator.gt, "greater than"),
    "GreaterThanOrEqualToThreshold": (operator.ge, "greater than or equal to"),
    "LessThanThreshold": (operator.lt, "less than"),
    "LessThanOrEqualToThreshold": (operator.le, "less than or equal to"),
}


@dataclass(frozen=True, slots=True)
class Rule:
    """An alarm's definition: ``bad`` of the last ``of`` periods (seconds) have to be over the threshold."""

    name: str
    namespace: str
    metric: str
    dimensions: tuple[tuple[str, str], ...]
    statistic: str
    period: int
    bad: int
    of: int
    comparison: str
    threshold: float
    missing: str
    state: AlarmState

    def query(self, identity: str) -> dict[str, Any]:
        """Give what to ask GetMetricData for."""
        dimensions = [{"Name": name, "Value": value} for name, value in self.dimensions]
        metric = {"Namespace": self.namespace, "MetricName": self.metric, "Dimensions": dimensions}
        return {
            "Id": identity,
            "MetricStat": {"Metric": metric, "Period": self.period, "Stat": self.statistic},
        }

    def reach(self, now: float) -> float:
        """Give how far back it looks."""
        return now // self.period * self.period - self.of * self.period

    def is_broken_by(self, value: float) -> bool:
        """Tell whether a value is on the wrong side of the threshold."""
        return bool(_COMPARISONS[self.comparison][0](value, self.threshold))


def read_rule(item: Mapping[str, Any]) -> Rule | None:
    """Read an alarm as DescribeAlarms gives it; None where it is of a kind that is left to the server."""
    if "MetricName" not in item or item["ComparisonOperator"] not in _COMPARISONS:
        return None
    dimensions = tuple((found["Name"], found["Value"]) for found in item.get("Dimensions", ()))
    return Rule(
        name=item["AlarmName"],
        namespace=item["Namespace"],
        metric=item["MetricName"],
        dimensions=dimensions,
        statistic=item.get("ExtendedStatistic") or item["Statistic"],
        period=item["Period"],
        bad=item.get("DatapointsToAlarm") or item["EvaluationPeriods"],
        of=item["EvaluationPeriods"],
        comparison=item["ComparisonOperator"],
        threshold=item["Threshold"],
        missing=item.get("TreatMissingData") or "missing",
        state=item["StateValue"],
    )


def evaluate(
    rule: Rule, values: Mapping[float, float], now: float, known_from: float
) -> tuple[AlarmState, str]:
    """Give the state that an alarm should have, and why.

    ``values`` are the statistic of each period that has data, by its beginning. The period that is not over counts only once it
    is bad by being too great, for what is too small may still grow. Of a period that began before ``known_from`` nobody
    knows whether data are missing: it is not held against anybody.
    """
    current = now // rule.period * rule.period
    periods = [current - rule.period * back for back in range(1, rule.of + 1)]
    if rule.comparison.startswith("Greater") and current in values and rule.is_broken_by(values[current]):
        periods = [current, *periods[:-1]]
    there = [values[begin] for begin in periods if begin in values]
    broken = [value for value in there if rule.is_broken_by(value)]
    absent = [begin for begin in periods if begin not in values and begin >= known_from]
    bad = len(broken) + (len(absent) if rule.missing == "breaching" else 0)
    if bad >= rule.bad:
        return "ALARM", _reason(rule, broken, bad)
    if there or rule.missing == "notBreaching":
        return (
            "OK",
            f"Not crossed: {bad} of the last {rule.of} periods of {rule.period} s, and {rule.bad} have to be.",
        )
    if rule.missing == "missing":
        return "INSUFFICIENT_DATA", f"There are no data of the last {rule.of} periods of {rule.period} s."
    return rule.state, "There are no data that would change it."


def _reason(rule: Rule, broken: list[float], bad: int) -> str:
    word = _COMPARISONS[rule.comparison][1]
    found = f"{broken[0]:g} was {word} the threshold ({rule.threshold:g})" if broken else "data are missing"
    return f"Threshold crossed: {found}, in {bad} of the last {rule.of} periods of {rule.period} s."
