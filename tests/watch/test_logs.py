"""Lines of log groups are given once each, also those that come late, and metrics are kept apart from what happened."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from threading import Barrier
from typing import Any

import pytest
from botocore.exceptions import ClientError
from embedded_aws import new_account
from patience import PATIENCE

from penstock.errors import ServiceError
from penstock.local.server import Server
from penstock.watch.logs import LATE_MS, Tail, read_line, without_metrics

NOW = int(time.time() * 1000)


@dataclass
class Groups:
    """The log groups of an account of its own."""

    logs: Any
    made: set[str] = field(default_factory=set)

    def write(self, group: str, *lines: tuple[int, str], stream: str = "s") -> None:
        if group not in self.made:
            self.logs.create_log_group(logGroupName=group)
            self.made.add(group)
        if f"{group}/{stream}" not in self.made:
            self.logs.create_log_stream(logGroupName=group, logStreamName=stream)
            self.made.add(f"{group}/{stream}")
        events = [{"timestamp": at, "message": text} for at, text in lines]
        self.logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)


@pytest.fixture
def groups(server: Server) -> Groups:
    return Groups(server.connection(new_account()).client("logs"))


def texts(tail: Tail, end: int | None = None) -> list[str]:
    return [line.text for line in tail.read(end)]


@pytest.mark.aws
def test_lines_of_several_groups_come_in_the_order_of_their_times(groups: Groups) -> None:
    groups.write("a", (NOW, "1"), (NOW + 20, "3"))
    groups.write("b", (NOW + 10, "2"), (NOW + 30, "4"))
    assert texts(Tail(groups.logs, ["a", "b"], NOW)) == ["1", "2", "3", "4"]


@pytest.mark.aws
def test_only_what_was_written_between_the_two_times_is_given(groups: Groups) -> None:
    groups.write("a", (NOW, "before"), (NOW + 10, "in"), (NOW + 20, "after"))
    assert texts(Tail(groups.logs, ["a"], NOW + 5), NOW + 15) == ["in"]


@pytest.mark.aws
def test_a_line_is_given_once_and_one_that_comes_late_still_is(groups: Groups) -> None:
    tail = Tail(groups.logs, ["a"], NOW - LATE_MS)
    groups.write("a", (NOW, "1"), (NOW, "1"))
    assert texts(tail) == ["1", "1"]
    assert texts(tail) == []
    groups.write("a", (NOW - LATE_MS // 2, "late"), stream="other")
    groups.write("a", (NOW + 1, "2"))
    assert texts(tail) == ["late", "2"]
    assert texts(tail) == []


@pytest.mark.aws
def test_what_was_given_is_forgotten_once_nothing_that_late_is_looked_for(groups: Groups) -> None:
    tail = Tail(groups.logs, ["a"], NOW - 10 * LATE_MS)
    groups.write("a", *((NOW - 3 * LATE_MS + i, str(i)) for i in range(50)))
    assert len(texts(tail)) == 50
    groups.write("a", (NOW, "new"))
    assert texts(tail) == ["new"]
    assert len(tail._given) == 1


def test_of_days_of_lines_no_more_is_remembered_than_can_come_again() -> None:
    class Talking:
        def get_paginator(self, operation: str) -> Talking:
            return self

        def paginate(self, **ask: Any) -> Iterator[dict[str, Any]]:
            times = range(NOW - 1000 * LATE_MS, NOW, LATE_MS)
            yield {"events": [{"timestamp": at, "logStreamName": "s", "message": str(at)} for at in times]}

    tail = Tail(Talking(), ["a", "b"], NOW - 1000 * LATE_MS)
    remembered = [len(tail._given) for _ in tail.read()]
    assert len(remembered) == 2000
    assert max(remembered) < 10


def test_groups_are_asked_side_by_side() -> None:
    together = Barrier(3, timeout=PATIENCE)

    class Waiting:
        def get_paginator(self, operation: str) -> Waiting:
            return self

        def paginate(self, **ask: Any) -> Iterator[dict[str, Any]]:
            together.wait()
            yield {"events": [{"timestamp": NOW, "logStreamName": "s", "message": ask["logGroupName"]}]}

    assert texts(Tail(Waiting(), ["a", "b", "c"], NOW)) == ["a", "b", "c"]


def test_a_line_is_not_lost_where_another_group_could_not_be_read() -> None:
    class Failing:
        failed = False

        def get_paginator(self, operation: str) -> Failing:
            return self

        def paginate(self, **ask: Any) -> Iterator[dict[str, Any]]:
            if ask["logGroupName"] == "b" and not self.failed:
                self.failed = True
                raise ClientError({"Error": {"Code": "ThrottlingException"}}, "FilterLogEvents")
            yield {"events": [{"timestamp": NOW, "logStreamName": "s", "message": ask["logGroupName"]}]}

    tail = Tail(Failing(), ["a", "b"], NOW)
    with pytest.raises(ServiceError):
        texts(tail)
    assert texts(tail) == ["a", "b"]
    assert texts(tail) == []


@pytest.mark.aws
def test_more_lines_than_one_answer_holds_are_all_given(groups: Groups) -> None:
    for part in range(3):
        lines = [(NOW + part * 9 + i // 1000, f"{part}-{i}") for i in range(9_000)]
        groups.write("a", *lines, stream=str(part))
    found = texts(Tail(groups.logs, ["a"], NOW))
    assert (len(found), len(set(found))) == (27_000, 27_000)


@pytest.mark.aws
def test_a_group_that_is_not_there_has_no_lines(groups: Groups) -> None:
    groups.write("a", (NOW, "1"))
    assert texts(Tail(groups.logs, ["nowhere", "a"], NOW)) == ["1"]


def test_what_may_not_be_read_names_the_permission() -> None:
    class Denying:
        def get_paginator(self, operation: str) -> Denying:
            return self

        def paginate(self, **ask: object) -> None:
            raise ClientError({"Error": {"Code": "AccessDeniedException"}}, "FilterLogEvents")

    with pytest.raises(ServiceError, match=r"log group a: access was denied. Allow logs:FilterLogEvents"):
        texts(Tail(Denying(), ["a"], 0))


@pytest.mark.parametrize("text", ["{", "[1]", "Task timed out", "{" * 100_000])
def test_a_line_that_is_no_json_object_is_its_text(text: str) -> None:
    line = read_line("a", NOW, f"{text}\n")
    assert (line.text, line.facts) == (text, None)


@pytest.mark.parametrize(
    ("text", "platform"),
    [
        ("START RequestId: 1 Version: $LATEST", True),
        ("REPORT RequestId: 1\tDuration: 5 ms", True),
        ("REPORT RequestId: 1\tDuration: 5 ms\tStatus: timeout", False),
        ("Traceback (most recent call last):", False),
    ],
)
def test_what_lambda_writes_of_every_invocation_is_told_from_what_went_wrong(
    text: str, platform: bool
) -> None:
    assert read_line("a", NOW, text).is_platform is platform


def test_metrics_are_kept_apart_from_what_happened() -> None:
    directive = {"Namespace": "Penstock", "Dimensions": [["Project", "Feed"]], "Metrics": [{"Name": "Bytes"}]}
    line = {
        "event": "run done",
        "_aws": {"CloudWatchMetrics": [directive]},
        "Project": "p",
        "Feed": "f",
        "Bytes": 7,
    }
    facts = read_line("a", NOW, json.dumps(line)).facts
    assert facts is not None
    assert without_metrics(facts) == {"event": "run done"}
    assert without_metrics(facts, values=True) == {
        "event": "run done",
        "Project": "p",
        "Feed": "f",
        "Bytes": 7,
    }
