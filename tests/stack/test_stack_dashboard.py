"""The dashboard of a project is one that CloudWatch takes, shows what there is, and fits however many feeds there are."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from stack_samples import ACCOUNT, feed, templates_of, write_project

from penstock.metrics import DIMENSIONS, METRICS, NAMESPACE
from penstock.stack.changes import write_template

Widget = dict[str, Any]

QUESTIONS = ["is it well?", "What came?", "What failed?", "How fast?", "What does it cost?"]
SERVICES = {
    # Lambda and SQS developer guides
    ("AWS/Lambda", "Duration", "FunctionName"),
    ("AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName"),
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName"),
}
SEARCH = r"SEARCH\('\{([^}]*)\} ([^']*)', '([A-Za-z0-9]+)'\)"
FEEDS = [
    feed("orders", alarms={"silent_after": "26 hours"}, function={"memory": 3008}),
    feed("prices"),
    feed("returns", trigger="direct"),
]


def _body(folder: Path, feeds: list[dict[str, Any]], **project: Any) -> tuple[dict[str, Any], set[str]]:
    """The dashboard's body as CloudFormation puts it together, and the ARNs of the project's alarms."""
    templates = templates_of(write_project(folder, feeds, **project))
    alarms = {
        f"arn:aws:cloudwatch:eu-central-1:{ACCOUNT}:alarm:{resource['Properties']['AlarmName']}"
        for template in templates
        for resource in template.body["Resources"].values()
        if resource["Type"] == "AWS::CloudWatch::Alarm"
    }
    for template in templates:
        assert len(write_template(template.body)) <= 51_200
    properties = templates[0].body["Resources"]["Dashboard"]["Properties"]
    text = properties["DashboardBody"]
    if isinstance(text, dict):
        text, parts = text["Fn::Sub"]
        text = re.sub(r"\$\{(!?)(.*?)\}", lambda at: f"${{{at[2]}}}" if at[1] else parts[at[2]], text)
    body: dict[str, Any] = json.loads(text)
    return body, alarms


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], set[str]]:
    return _body(tmp_path_factory.mktemp("project"), FEEDS)


@pytest.fixture(scope="module")
def widgets(project: tuple[dict[str, Any], set[str]]) -> list[Widget]:
    found: list[Widget] = project[0]["widgets"]
    return found


def _of_kind(widgets: list[Widget], kind: str) -> list[dict[str, Any]]:
    return [widget["properties"] for widget in widgets if widget["type"] == kind]


def _named(graph: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """The metrics of a graph by namespace, name and dimension; ``...`` is what the one before it has."""
    before: list[str] = []
    for shown in graph["metrics"]:
        parts = [part for part in shown if isinstance(part, str)]
        if parts:
            before = before[:-1] + parts[1:] if parts[0] == "..." else parts
            yield before[0], before[1], before[2]
            assert len(before) == 4


def _expressions(graph: dict[str, Any]) -> dict[str, str]:
    return {
        shown[-1]["id"]: shown[-1]["expression"]
        for shown in graph["metrics"]
        if "expression" in (shown[-1] if isinstance(shown[-1], dict) else {})
    }


def test_it_answers_five_questions_from_top_to_bottom(widgets: list[Widget]) -> None:
    headings = [each["markdown"].partition("\n")[0] for each in _of_kind(widgets, "text")]
    assert headings == [f"## shop: {QUESTIONS[0]}", *(f"## {question}" for question in QUESTIONS[1:])]
    assert [widget["y"] for widget in widgets] == sorted(widget["y"] for widget in widgets)


def test_every_widget_has_what_cloudwatch_asks_of_its_kind(widgets: list[Widget]) -> None:
    required = {"metric": {"metrics", "region", "view"}, "alarm": {"alarms"}, "text": {"markdown"}}
    for widget in widgets:
        assert required[widget["type"]] <= set(widget["properties"])
    assert {each["view"] for each in _of_kind(widgets, "metric")} == {"timeSeries", "singleValue"}
    assert all(each["period"] % 60 == 0 for each in _of_kind(widgets, "metric"))


def test_widgets_lie_side_by_side_in_24_columns(widgets: list[Widget]) -> None:
    taken: set[tuple[int, int]] = set()
    for widget in widgets:
        assert widget["width"] >= 1
        assert widget["x"] + widget["width"] <= 24
        cells = {
            (x, y)
            for x in range(widget["x"], widget["x"] + widget["width"])
            for y in range(widget["y"], widget["y"] + widget["height"])
        }
        assert not cells & taken
        taken |= cells


def test_every_metric_is_one_that_is_published(widgets: list[Widget]) -> None:
    searched: set[str] = set()
    for graph in _of_kind(widgets, "metric"):
        assert set(_named(graph)) <= SERVICES
        for expression in _expressions(graph).values():
            for schema, about, statistic in re.findall(SEARCH, expression):
                assert schema == ",".join((NAMESPACE, *DIMENSIONS))
                found = re.fullmatch(r'Project="shop" MetricName="(\w+)"', about)
                assert found is not None
                searched.add(found[1])
                assert re.fullmatch(r"Sum|Maximum|p[0-9]+", statistic)
    assert searched <= {metric.name for metric in METRICS}
    # The alarms are there for it, or it says little by itself.
    assert {metric.name for metric in METRICS} - searched == {"ColdStarts", "Sweeps"}


def test_what_is_computed_is_computed_from_what_the_graph_has(widgets: list[Widget]) -> None:
    for graph in _of_kind(widgets, "metric"):
        named = [shown[-1]["id"] for shown in graph["metrics"] if isinstance(shown[-1], dict)]
        assert len(named) == len(set(named))
        assert all(re.fullmatch("[a-z][A-Za-z0-9_]*", name) for name in named)
        for expression in _expressions(graph).values():
            rest = re.sub(SEARCH, "0", expression)
            for part in re.findall(r"METRICS\('(\w+)'\)", rest):
                assert [name for name in named if part in name]
            for name in re.findall(r"\b[a-z]\w*\b", re.sub(r"'\w+'", "", rest)):
                assert name in named


def test_loaders_are_summed_by_their_memory(widgets: list[Widget]) -> None:
    (graph,) = [each for each in _of_kind(widgets, "metric") if each["title"].startswith("The loaders")]
    hidden = {shown[-2]: shown[-1] for shown in graph["metrics"] if len(shown) > 1}
    assert hidden == {
        "shop_orders": {"id": "m3008x0", "visible": False},
        "shop_prices": {"id": "m1769x0", "visible": False},
        "shop_returns": {"id": "m1769x1", "visible": False},
    }
    # An hour of 1,769 MB costs 3600 * 1769 / 1024 * $0.0000133334.
    factor = float(_expressions(graph)["d1769"].partition("*")[2])
    assert 3_600_000 * factor == pytest.approx(0.082924, rel=1e-4)


def test_all_alarms_of_few_feeds_are_there_the_urgent_ones_first(
    project: tuple[dict[str, Any], set[str]],
) -> None:
    body, alarms = project
    urgent, others = _of_kind(body["widgets"], "alarm")
    assert sorted([*urgent["alarms"], *others["alarms"]]) == sorted(alarms)
    assert {arn.rpartition("_")[2] for arn in others["alarms"]} == {
        "sweep-errors",
        "reject-share",
        "oldest-message",
        "throttles",
        "time-used",
        "concurrency",
    }


@pytest.mark.parametrize(
    ("feeds", "name", "length", "said", "shown"),
    [
        (30, "shop", 10, "Alarms, by `shop_`.", 1.0),
        (60, "shop", 10, "There is room here for the urgent ones only.", 0.5),
        (75, "a-large-project", 30, "There is no room for them here.", 0.0),
        (100, "p" * 30, 40, "nor for queues and functions.", 0.0),
    ],
)
def test_of_many_feeds_it_leaves_out_what_has_no_room_and_says_so(
    feeds: int, name: str, length: int, said: str, shown: float, tmp_path: Path
) -> None:
    many = [feed("f" * (length - 3) + f"{number:03d}") for number in range(feeds)]
    body, alarms = _body(tmp_path, many, name=name)
    assert _of_kind(body["widgets"], "text")[0]["markdown"].endswith(said)
    listed = [arn for each in _of_kind(body["widgets"], "alarm") for arn in each["alarms"]]
    assert len(listed) >= shown * len(alarms)
    assert set(listed) <= alarms
    # CloudWatch quotas: widgets, alarms and metrics of a widget, metrics of all widgets
    assert len(body["widgets"]) <= 500
    assert all(1 <= len(each["alarms"]) <= 100 for each in _of_kind(body["widgets"], "alarm"))
    looked_at = [_most(graph, feeds) for graph in _of_kind(body["widgets"], "metric")]
    assert max(looked_at) <= 500
    assert sum(looked_at) <= 2500


def _most(graph: dict[str, Any], feeds: int) -> int:
    searches = sum(len(re.findall(SEARCH, each)) for each in _expressions(graph).values())
    return searches * feeds + len([*_named(graph)])
