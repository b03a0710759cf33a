"""An alarm is judged by its own definition: M of N periods, its comparison, and what it makes of missing data."""

from dataclasses import replace

import pytest

from penstock.local.bridge.evaluate import Rule, evaluate, read_rule

NOW = 1_795_413_630.0  # in the middle of a minute
MINUTE = 1_795_413_600.0

RULE = Rule(
    "a", "Penstock", "RejectShare", (), "Maximum", 60, 2, 3, "GreaterThanThreshold", 5.0, "missing", "OK"
)


def state(rule: Rule = RULE, known_from: float = 0.0, **values: float) -> str:
    """Judge values of minutes: ``now`` is the one that is not over, ``ago1`` the one before, and so on."""
    found = {MINUTE - 60 * (0 if name == "now" else int(name[3:])): value for name, value in values.items()}
    return evaluate(rule, found, NOW, known_from)[0]


def test_so_many_of_the_last_periods_as_it_says_have_to_be_bad() -> None:
    assert state(ago1=9, ago2=1, ago3=1) == "OK"
    assert state(ago1=9, ago2=1, ago3=9) == "ALARM"


def test_what_is_longer_ago_than_it_looks_back_does_not_count() -> None:
    assert state(ago1=9, ago4=9) == "OK"


def test_the_threshold_itself_is_not_greater_than_the_threshold() -> None:
    assert state(replace(RULE, bad=1), ago1=5) == "OK"
    assert state(replace(RULE, bad=1, comparison="GreaterThanOrEqualToThreshold"), ago1=5) == "ALARM"


def test_what_is_too_great_counts_before_its_period_is_over() -> None:
    assert state(now=9, ago1=9) == "ALARM"
    assert state(now=9, ago1=1) == "OK"


def test_what_is_too_small_counts_only_when_its_period_is_over() -> None:
    rule = replace(RULE, bad=1, comparison="LessThanThreshold")
    assert state(rule, now=1, ago1=9, ago2=9, ago3=9) == "OK"
    assert state(rule, now=9, ago1=1, ago2=9, ago3=9) == "ALARM"


@pytest.mark.parametrize(
    ("missing", "expected"),
    [("missing", "INSUFFICIENT_DATA"), ("notBreaching", "OK"), ("breaching", "ALARM"), ("ignore", "OK")],
)
def test_without_any_data_it_does_what_it_says_of_missing_data(missing: str, expected: str) -> None:
    assert state(replace(RULE, missing=missing)) == expected


def test_an_alarm_that_ignores_missing_data_stays_as_it_was() -> None:
    assert state(replace(RULE, missing="ignore", state="ALARM")) == "ALARM"
    assert state(replace(RULE, missing="ignore", state="ALARM"), ago1=1) == "OK"


def test_periods_that_nobody_watched_are_not_held_against_anybody() -> None:
    rule = replace(RULE, missing="breaching", bad=3)
    assert state(rule, known_from=MINUTE - 120) == "OK"
    assert state(rule, known_from=MINUTE - 180) == "ALARM"


def test_an_alarm_is_read_as_cloudwatch_describes_it_and_what_is_no_plain_one_is_left_alone() -> None:
    described = {
        "AlarmName": "a",
        "Namespace": "Penstock",
        "MetricName": "RejectShare",
        "Dimensions": [{"Name": "Feed", "Value": "orders"}],
        "Statistic": "Maximum",
        "Period": 60,
        "EvaluationPeriods": 3,
        "ComparisonOperator": "GreaterThanThreshold",
        "Threshold": 5.0,
        "StateValue": "OK",
    }
    rule = read_rule(described)
    assert rule == replace(RULE, bad=3, dimensions=(("Feed", "orders"),))
    assert read_rule({**described, "ComparisonOperator": "GreaterThanUpperThreshold"}) is None
