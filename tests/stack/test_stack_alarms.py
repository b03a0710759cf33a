"""Each feed has alarms that say what they mean and what to run next; the contract sets their thresholds."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import typer.main
from stack_samples import ACCOUNT, feed, index, templates_of, write_project

from penstock.cli.app import app
from penstock.contract.alarms import AlarmsModel
from penstock.metrics import DIMENSIONS, METRICS, NAMESPACE
from penstock.stack.changes import write_template

TOPIC = f"arn:aws:sns:eu-central-1:{ACCOUNT}:shop_penstock_alerts"
HANDBOOK = Path(__file__).parent.parent.parent / "docs" / "operating.md"
SILENT = {"silent_after": "26 hours"}
SERVICES = {
    # Lambda, SQS and Step Functions developer guides: their metrics in CloudWatch, and the dimensions.
    ("AWS/Lambda", "Errors"): {"FunctionName"},
    ("AWS/Lambda", "ConcurrentExecutions"): {"FunctionName"},
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible"): {"QueueName"},
    ("AWS/SQS", "ApproximateAgeOfOldestMessage"): {"QueueName"},
    ("AWS/States", "ExecutionsFailed"): {"StateMachineArn"},
    ("AWS/States", "ExecutionsTimedOut"): {"StateMachineArn"},
    ("AWS/States", "ExecutionsAborted"): {"StateMachineArn"},
}


def _alarms(folder: Path, contract: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The properties of a feed's alarms, by the last part of their names."""
    (template,) = [one for one in templates_of(write_project(folder, [contract])) if one.tier == "feed"]
    found = [
        resource["Properties"]
        for resource in template.body["Resources"].values()
        if resource["Type"] == "AWS::CloudWatch::Alarm"
    ]
    return {alarm["AlarmName"].rpartition("_")[2]: alarm for alarm in found}


@pytest.fixture(scope="module")
def alarms(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    return _alarms(tmp_path_factory.mktemp("project"), feed("orders", alarms=SILENT))


def test_a_feed_has_an_alarm_of_each_kind(alarms: dict[str, dict[str, Any]]) -> None:
    assert [alarm["AlarmName"] for alarm in alarms.values()] == [f"shop_orders_{kind}" for kind in alarms]
    assert list(alarms) == [
        "loader-errors",
        "failed-runs",
        "not-conserved",
        "dead-letters",
        "machine-failed",
        "machine-timed-out",
        "machine-aborted",
        "sweep-stopped",
        "silent",
        "sweep-errors",
        "reject-share",
        "oldest-message",
        "throttles",
        "time-used",
        "concurrency",
    ]


def test_every_alarm_looks_at_a_metric_that_there_is(alarms: dict[str, dict[str, Any]]) -> None:
    own = {metric.name for metric in METRICS}
    for alarm in alarms.values():
        dimensions = {each["Name"]: each["Value"] for each in alarm["Dimensions"]}
        if alarm["Namespace"] == NAMESPACE:
            assert alarm["MetricName"] in own
            assert dimensions == dict(zip(DIMENSIONS, ("shop", "orders"), strict=True))
        else:
            assert set(dimensions) == SERVICES[alarm["Namespace"], alarm["MetricName"]]
            (value,) = dimensions.values()
            assert re.fullmatch(r"(arn:aws:states:.*:)?shop_orders(_dead-letters|_sweep)?", value)


def test_every_description_says_whose_it_is_and_a_command_that_there_is(
    alarms: dict[str, dict[str, Any]],
) -> None:
    group: Any = typer.main.get_command(app)
    for alarm in alarms.values():
        text = alarm["AlarmDescription"]
        assert len(text) <= 1024
        about, _, commands = text.partition(" Next: ")
        assert re.fullmatch(r"Feed orders: [A-Z].*\.", about)
        for command in commands.split(", then "):
            name, *words = shlex.split(command.removeprefix("penstock "))
            known = {option for param in group.commands[name].params for option in param.opts}
            assert {word for word in words if word.startswith("--")} <= known


def test_all_tell_the_projects_topic_and_the_end_is_told_of_what_lasts(
    alarms: dict[str, dict[str, Any]],
) -> None:
    assert all(alarm["AlarmActions"] == [TOPIC] for alarm in alarms.values())
    assert {kind for kind, alarm in alarms.items() if alarm.get("OKActions") == [TOPIC]} == {
        "dead-letters",
        "sweep-stopped",
        "silent",
        "oldest-message",
        "throttles",
        "concurrency",
    }


def test_where_there_is_no_data_nothing_is_wrong_but_for_a_sweep_that_does_not_run(
    alarms: dict[str, dict[str, Any]],
) -> None:
    missing = {kind: alarm["TreatMissingData"] for kind, alarm in alarms.items()}
    assert missing.pop("sweep-stopped") == "breaching"
    assert missing.pop("silent") == "ignore"
    assert set(missing.values()) == {"notBreaching"}


def test_every_window_is_one_that_cloudwatch_takes(alarms: dict[str, dict[str, Any]]) -> None:
    for alarm in alarms.values():
        period, of = alarm["Period"], alarm["EvaluationPeriods"]
        assert period % 60 == 0
        # PutMetricAlarm: a day, or seven where a period is an hour or longer
        assert period * of <= (7 * 86_400 if period >= 3600 else 86_400)
        assert 1 <= alarm["DatapointsToAlarm"] <= of


THRESHOLDS: dict[str, tuple[int | str, dict[str, float]]] = {
    "loader_errors": (7, {"loader-errors": 7}),
    "failed_runs": (7, {"failed-runs": 7}),
    "not_conserved": (7, {"not-conserved": 7}),
    "dead_letters": (7, {"dead-letters": 7}),
    "state_machine": (7, {"machine-failed": 7, "machine-timed-out": 7, "machine-aborted": 7}),
    "sweep_stopped": ("31 minutes", {"sweep-stopped": 1}),
    "silent_after": ("2 days", {"silent": 0}),
    "sweep_errors": (7, {"sweep-errors": 7}),
    "reject_share": ("0.5%", {"reject-share": 0.5}),
    "oldest_message": ("90 minutes", {"oldest-message": 5400}),
    "throttles": (7, {"throttles": 7}),
    "time_used": ("50%", {"time-used": 50}),
    "concurrency": ("55%", {"concurrency": 6}),
}


def test_every_key_of_the_contract_is_tried_here() -> None:
    assert set(THRESHOLDS) == set(AlarmsModel.model_fields)


@pytest.mark.parametrize("key", THRESHOLDS)
def test_a_threshold_of_the_contract_is_that_of_its_alarms_and_of_no_other(
    key: str, alarms: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    value, wanted = THRESHOLDS[key]
    found = _alarms(tmp_path, feed("orders", alarms={**SILENT, key: value}))
    assert {kind: found[kind]["Threshold"] for kind in wanted} == wanted
    assert {kind for kind in found if found[kind] != alarms[kind]} == set(wanted)


@pytest.mark.parametrize("key", THRESHOLDS)
def test_an_alarm_that_is_off_is_not_there(
    key: str, alarms: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    found = _alarms(tmp_path, feed("orders", alarms={**SILENT, key: "off"}))
    assert set(alarms) - set(found) == set(THRESHOLDS[key][1])


def test_a_sweep_may_stand_still_for_as_long_as_the_contract_says(
    alarms: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    later = _alarms(tmp_path, feed("orders", alarms={"sweep_stopped": "31 minutes"}))["sweep-stopped"]
    for alarm, spans in ((alarms["sweep-stopped"], 3), (later, 7)):
        assert (alarm["Period"], alarm["EvaluationPeriods"], alarm["DatapointsToAlarm"]) == (
            300,
            spans,
            spans,
        )
        assert (alarm["Statistic"], alarm["ComparisonOperator"]) == ("Sum", "LessThanThreshold")


def test_every_alarm_has_its_row_in_the_handbook_and_no_other_has(alarms: dict[str, dict[str, Any]]) -> None:
    section = HANDBOOK.read_text().partition("\n## Alarms\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `([a-z-]+)` \| (.+) \| (.+) \| (.+) \|$", section, re.MULTILINE)
    assert [kind for kind, *_ in rows] == list(alarms)


def test_the_handbook_says_what_the_alarms_of_a_feed_cost(
    alarms: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    counts = [len(_alarms(tmp_path, feed("orders", trigger=trigger))) for trigger in ("queue", "direct")]
    dollars = re.search(
        r"\$0\.10 a month each, which is \$(\S+) .* or \$(\S+) .* \$(\S+) with", _flat(HANDBOOK)
    )
    assert dollars is not None
    assert [float(each) for each in dollars.groups()] == [
        round(count * 0.1, 2) for count in (counts[0], len(alarms), counts[1])
    ]
    readme = _flat(HANDBOOK.parent.parent / "README.md")
    assert f"${dollars[1]} a month a feed for its alarms" in readme


def _flat(path: Path) -> str:
    return " ".join(path.read_text().split())


def test_a_feed_without_a_queue_has_no_message_that_waits(tmp_path: Path) -> None:
    found = _alarms(tmp_path, feed("orders", trigger="direct"))
    assert "oldest-message" not in found
    assert "dead-letters" in found


def test_a_burst_that_takes_all_loaders_for_a_while_is_nothing_to_tell_of(
    alarms: dict[str, dict[str, Any]],
) -> None:
    alarm = alarms["concurrency"]
    assert (alarm["Threshold"], alarm["Statistic"]) == (9, "Maximum")
    assert alarm["Period"] * alarm["DatapointsToAlarm"] == 27 * 60


@pytest.mark.parametrize("trigger", ["queue", "direct"])
def test_a_feed_of_long_names_and_the_most_indexes_fits_cloudformation(trigger: str, tmp_path: Path) -> None:
    indexes = [index(f"{'i' * 150}_{number}", "status") for number in range(20)]
    load = {"table": "t" * 255, "indexes": indexes}
    contract = feed("f" * 40, load=load, trigger=trigger, schedule="rate(1 hour)", alarms=SILENT)
    for template in templates_of(write_project(tmp_path, [contract], name="p" * 30)):
        assert len(write_template(template.body)) <= 51_200
