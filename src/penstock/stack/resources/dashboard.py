"""The dashboard of a project, as plain data: is it well, what came, what failed, how fast, what does it cost.

What the functions publish is found by searches, one a graph however many feeds there are. What services publish has no
project in its dimensions, and a search for a part of a name would find other projects' too: queues and functions are
listed by name, and so are alarms. Lists take room, of which a template has little. So of very many feeds something is left
out, and the dashboard says so: the alarms that are less urgent first, then the others, then what services publish.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from penstock import metrics
from penstock.contract.model import Contract
from penstock.stack.names import Names
from penstock.stack.resources.alarms import feed_alarms
from penstock.stack.resources.widgets import (
    Row,
    Shown,
    Widget,
    alarm_rows,
    computed,
    graph,
    heading,
    named,
    numbers,
    place,
    search,
    total,
)

WRITE_UNIT_DOLLARS: Final = 0.000000625
GB_SECOND_DOLLARS: Final = {"arm64": 0.0000133334, "x86_64": 0.0000166667}
"""List prices of us-east-1."""

_FILES: Final = (metrics.FILES_LOADED, metrics.FILES_REJECTED, metrics.FILES_FAILED)
_FAILED: Final = (metrics.FILES_REJECTED, metrics.FILES_FAILED, metrics.NOT_CONSERVED, metrics.FILES_MISSING)
_RECORDS: Final = (
    metrics.RECORDS_LOADED,
    metrics.RECORDS_REJECTED,
    metrics.RECORDS_FILTERED,
    metrics.RECORDS_SUPERSEDED,
    metrics.RECORDS_WITHHELD,
    metrics.RECORDS_BLANK,
)
_TROUBLES: Final = (metrics.THROTTLES, metrics.ITEMS_RESENT)

MOST_METRICS: Final = 2500
"""How many metrics a dashboard may look at, those that are computed with included (CloudWatch quotas)."""


@dataclass(frozen=True, slots=True)
class Detail:
    """What is listed: alarms that are urgent, the others, and what services publish. ``left_out`` says what is not.

    Without services records are shown by what became of them for all feeds together only.
    """

    urgent: bool = True
    others: bool = True
    services: bool = True
    left_out: str = ""


DETAILS: Final = (
    Detail(),
    Detail(others=False, left_out=" There is room here for the urgent ones only."),
    Detail(False, False, left_out=" There is no room for them here."),
    Detail(False, False, False, " There is no room for them here, nor for queues and functions."),
)


@dataclass(frozen=True, slots=True)
class Subject:
    """What the dashboard is about. ``architecture`` is that of the functions, which sets their price."""

    names: Names
    feeds: Sequence[Contract]
    architecture: str


def dashboard_resource(subject: Subject, room: int) -> dict[str, Any]:
    """Give the dashboard as a resource, in as much detail as fits into ``room`` bytes of a template."""
    resource: dict[str, Any] = {}
    for detail in DETAILS:
        body = json.dumps(dashboard_body(subject, detail), separators=(",", ":"))
        resource = _resource(subject, body)
        size = len(json.dumps(resource, separators=(",", ":")).encode())
        if size <= room and _most_metrics(subject, body) <= MOST_METRICS:
            break
    return resource


def _most_metrics(subject: Subject, body: str) -> int:
    """Give how many metrics a body can come to look at: a search finds one of each feed, the rest is named."""
    return body.count("SEARCH(") * len(subject.feeds) + body.count('"..."') + body.count('["AWS/')


def _resource(subject: Subject, body: str) -> dict[str, Any]:
    # What all alarms' ARNs begin with stands once; what is not to be put in is marked (CloudFormation, "Fn::Sub").
    beginning = subject.names.arn("cloudwatch", f"alarm:{subject.names.project}_")
    folded = body.replace("${", "${!").replace(beginning, "${A}")
    return {
        "Type": "AWS::CloudWatch::Dashboard",
        "Properties": {
            "DashboardName": subject.names.dashboard,
            "DashboardBody": {"Fn::Sub": [folded, {"A": beginning}]} if "${A}" in folded else body,
        },
    }


def dashboard_body(subject: Subject, detail: Detail) -> dict[str, Any]:
    """Give the dashboard's body."""
    rows = [
        *_is_it_well(subject, detail),
        *_what_came(subject, detail),
        *_what_failed(subject, detail),
        *_how_fast(subject, detail),
        *_what_it_costs(subject, detail),
    ]
    return {"start": "-PT24H", "periodOverride": "inherit", "widgets": list(place(rows))}


def _is_it_well(subject: Subject, detail: Detail) -> Iterator[Row]:
    project = subject.names.project
    yield heading(
        f"{project}: is it well?",
        "An alarm's description says what it means and what to do. All of them: `penstock status`, or the page Alarms, by "
        f"`{project}_`.{detail.left_out}",
    )
    alarms = [
        (alarm.urgent, subject.names.alarm_arn(contract.name, alarm.kind))
        for contract in subject.feeds
        for alarm in feed_alarms(subject.names, contract)
    ]
    if detail.urgent:
        yield from alarm_rows("Act now", [arn for urgent, arn in alarms if urgent])
    if detail.others:
        yield from alarm_rows("Look at it today", [arn for urgent, arn in alarms if not urgent])


def _what_came(subject: Subject, detail: Detail) -> Iterator[Row]:
    project, region = subject.names.project, subject.names.region
    yield heading("What came?", "A run counts when it ends.")
    # A widget looks at 500 metrics at most, which are five of a hundred feeds.
    yield (
        4,
        [
            numbers(region, title, [total(project, metric, f"n{at}") for at, metric in enumerate(shown)])
            for title, shown in (("Files", _FILES), ("Records", _RECORDS[:5]))
        ],
    )
    records = _RECORDS if detail.services else _RECORDS[:1]
    by_feed = (
        ("Files loaded", _FILES[:1]),
        ("Records, by what became of them", records),
        ("Bytes read", (metrics.BYTES,)),
    )
    yield 6, [_by_feed(subject, title, shown) for title, shown in by_feed]


def _by_feed(subject: Subject, title: str, shown: Sequence[metrics.Metric]) -> Widget:
    searches = [search(subject.names.project, metric, name=f"s{at}") for at, metric in enumerate(shown)]
    return graph(subject.names.region, title, searches, stacked=True)


def _what_failed(subject: Subject, detail: Detail) -> Iterator[Row]:
    project, region = subject.names.project, subject.names.region
    yield heading("What failed?", "`penstock runs --feed FEED`, `penstock rejects RUN`, `penstock dlq`")
    shares = [search(project, metrics.REJECT_SHARE, "Maximum")]
    graphs = [
        _by_feed(subject, "Files refused, failed, not conserved, missing", _FAILED),
        graph(region, "Rejects of a file, at most, in %", shares),
    ]
    if detail.services:
        queues = (subject.names.feed(contract.name).dead_letters for contract in subject.feeds)
        letters = named("AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", queues)
        graphs.append(graph(region, "Dead letters", letters, stat="Maximum"))
    yield 6, graphs


def _how_fast(subject: Subject, detail: Detail) -> Iterator[Row]:
    project, region = subject.names.project, subject.names.region

    def worst(title: str, metric: metrics.Metric) -> Widget:
        return graph(region, title, [search(project, metric, "Maximum")])

    yield heading("How fast?", "Freshness: from a file's arrival in S3 to its last row in the table.")
    graphs = [
        graph(region, "Freshness, p95, in seconds", [search(project, metrics.FRESHNESS, "p95")]),
        worst("Runs, at most, in seconds", metrics.RUN_DURATION),
    ]
    own = [
        subject.names.feed(contract.name).queue for contract in subject.feeds if contract.trigger == "queue"
    ]
    if detail.services and own:
        waits = named("AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", own)
        graphs.append(graph(region, "Oldest message, in seconds", waits, stat="Maximum"))
    yield 6, graphs
    yield (
        6,
        (
            worst("Time used, in % of an invocation's", metrics.TIME_USED),
            worst("Silent for too long, in seconds", metrics.OVERDUE),
        ),
    )


def _what_it_costs(subject: Subject, detail: Detail) -> Iterator[Row]:
    project, region = subject.names.project, subject.names.region
    second = GB_SECOND_DOLLARS[subject.architecture]
    yield heading(
        "What does it cost?",
        f"List prices of us-east-1: ${WRITE_UNIT_DOLLARS * 1e6:.3f} a million write units, on demand; "
        f"${second * 1e6:.2f} a million GB-seconds of Lambda ({subject.architecture}).",
    )
    units = [
        search(project, metrics.WRITE_UNITS),
        computed(f"SUM(s)*{WRITE_UNIT_DOLLARS:.9f}", "dollars, if on demand", "w", right=True),
    ]
    troubles = [total(project, metric, f"t{number}") for number, metric in enumerate(_TROUBLES)]
    graphs = [
        graph(region, "Write units, and dollars", units),
        graph(region, "Throttles, items sent again", troubles),
    ]
    if detail.services:
        graphs.insert(
            1, graph(region, "The loaders' time, in dollars", _loaders(subject, second), stacked=True)
        )
    yield 6, graphs


def _loaders(subject: Subject, second: float) -> Shown:
    """Give what the time of the loaders costs: milliseconds, by their memory in MB."""
    by_memory: dict[int, list[str]] = {}
    for contract in subject.feeds:
        by_memory.setdefault(contract.function.memory, []).append(subject.names.feed(contract.name).function)
    shown: Shown = []
    for memory, functions in sorted(by_memory.items()):
        shown += named("AWS/Lambda", "Duration", "FunctionName", functions, hidden=f"m{memory}x")
        dollars = f"SUM(METRICS('m{memory}x'))*{memory / 1024 / 1000 * second:.15f}"
        shown.append(computed(dollars, f"those of {memory} MB", f"d{memory}"))
    return shown
