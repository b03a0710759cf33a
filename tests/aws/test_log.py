"""The log: one line of JSON for each thing that happened, at the level that is set, and of a sample at every level."""

import io
import json
from typing import Any

import pytest

from penstock.aws.log import LEVELS, Level, Log
from penstock.metrics import BYTES

IDS = [f"8f14e45f-ceea-467f-a0e6-{number:012x}" for number in range(20_000)]


class Written:
    """A log, and what it wrote."""

    def __init__(self, level: Level = "INFO", **more: Any) -> None:
        self.stream = io.StringIO()
        self.log = Log(self.stream, lambda: 1_764_000_000.0, level, {"feed": "orders"}, **more)

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.stream.getvalue().splitlines()]


def write_all(log: Log) -> None:
    for tell in (log.debug, log.info, log.warning, log.failure):
        tell("happened")


@pytest.mark.parametrize("level", LEVELS)
def test_what_is_less_important_than_the_level_is_not_written(level: Level) -> None:
    written = Written(level)
    write_all(written.log)
    assert [line["level"] for line in written.lines] == list(LEVELS[LEVELS.index(level) :])


def test_a_line_has_its_time_what_is_bound_and_its_own_fields_and_nothing_of_none() -> None:
    written = Written()
    written.log.begin("request-1").bind(run="r1", version=None).info("happened", outcome="done", code=None)
    assert written.lines == [
        {
            "time": "2025-11-24T16:00:00.000Z",
            "level": "INFO",
            "event": "happened",
            "feed": "orders",
            "request_id": "request-1",
            "run": "r1",
            "outcome": "done",
        }
    ]


def test_everything_is_written_of_a_share_of_invocations_near_the_one_asked_for() -> None:
    log = Written("ERROR", debug_share=0.01).log
    sampled = [name for name in IDS if log.begin(name).level == "DEBUG"]
    assert 150 <= len(sampled) <= 250
    again = Written("ERROR", debug_share=0.01).log
    assert sampled == [name for name in IDS if again.begin(name).level == "DEBUG"], "whoever asks"


@pytest.mark.parametrize(("share", "levels"), [(0.0, {"WARNING"}), (1.0, {"DEBUG"})])
def test_none_and_all_can_be_asked_for(share: float, levels: set[str]) -> None:
    log = Written("WARNING", debug_share=share).log
    assert {log.begin(name).level for name in IDS[:100]} == levels


def test_a_line_of_the_sample_says_so() -> None:
    written = Written(debug_share=1.0)
    written.log.begin("request-1").debug("happened")
    assert written.lines[0]["sampled"] is True


def test_a_line_stays_within_what_an_event_of_cloudwatch_can_have() -> None:
    written = Written()
    written.log.measure("happened", {BYTES: 1}, reason="x" * 2_000_000, key="ü" * 1024)
    assert len(written.stream.getvalue().encode()) < 1 << 14
    assert written.lines[0]["reason"].endswith("...")


def test_a_key_that_is_no_text_can_be_written() -> None:
    written = Written()
    written.log.info("object is gone", key="half a pair: \ud83d, a newline: \n")
    written.stream.getvalue().encode()
    assert [line["key"] for line in written.lines] == ["half a pair: \ud83d, a newline: \n"]
