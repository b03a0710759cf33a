"""The lines that a project's functions wrote, from CloudWatch Logs: each once, however often one asks.

Lines come late: on AWS by seconds, on the embedded AWS when their invocation ends. So each reading looks back some way, and
leaves out what it gave before.
"""

from __future__ import annotations

import heapq
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Any, Final, TypeAlias

from penstock.aws.connect import Client
from penstock.aws.explain import AwsError, error_code, explain_error
from penstock.watch.at_once import ask_at_once

LATE_MS: Final = 60_000
"""How late a line may come and still be seen by the next reading."""
_MOST_AT_ONCE: Final = 10_000
"""FilterLogEvents gives no more at once (CloudWatch Logs API reference)."""
_PLATFORM: Final = ("START RequestId:", "END RequestId:", "REPORT RequestId:", "INIT_START ", "EXTENSION\t")

_Known: TypeAlias = tuple[object, ...]
"""By what a line is known again: its group, stream, time, id or text, and its number among those alike."""


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line of a log group. ``at`` is in milliseconds of the epoch; ``facts`` is the line where it is a JSON object, else None."""

    group: str
    at: int
    text: str
    facts: Mapping[str, Any] | None

    @property
    def is_platform(self) -> bool:
        """Whether Lambda itself wrote it, of an invocation that came to its end."""
        return self.text.startswith(_PLATFORM) and "Status: " not in self.text


@dataclass
class Tail:
    """Reads log groups from ``start`` (milliseconds of the epoch) on. Needs logs:FilterLogEvents on them.

    ``pattern`` is a filter pattern, which leaves more to the service: not all of its kinds hold everywhere.
    """

    logs: Client
    groups: Sequence[str]
    start: int
    pattern: str = ""
    _given: dict[_Known, int] = field(default_factory=dict)

    def read(self, end: int | None = None) -> Iterator[LogLine]:
        """Give the lines that this reader has not given yet, by time; to ``end`` at most. A group that is not there has none.

        Raises :class:`~penstock.errors.ServiceError`.
        """
        parts = [self._read_group(group, end) for group in self.groups]
        firsts = ask_at_once(
            lambda part: [*islice(part, 1)], parts
        )  # of a hundred groups one after another it takes long
        parts = [chain(first, part) for first, part in zip(firsts, parts, strict=True)]
        newest = self.start
        for known, line in heapq.merge(*parts, key=lambda found: found[1].at):
            self._given[known] = (
                line.at
            )  # and not sooner: where another group can't be read, it was not given
            newest = max(newest, line.at)
            yield line
            if newest > self.start + 2 * LATE_MS:  # so that days of lines are not all remembered
                self._go_on_from(newest - LATE_MS)
        self._go_on_from(newest - LATE_MS)

    def _go_on_from(self, moment: int) -> None:
        """Let the next reading begin there, and forget what it can't meet. By then all groups' lines before it were given."""
        self.start = max(self.start, moment)
        self._given = {known: at for known, at in self._given.items() if at >= self.start}

    def _read_group(self, group: str, end: int | None) -> Iterator[tuple[_Known, LogLine]]:
        start = self.start
        while True:
            repeats: Counter[_Known] = Counter()
            last = start
            for event in self._events(group, start, end):
                last, name = event["timestamp"], event.get("eventId") or event["message"]
                found = (group, event["logStreamName"], last, name)
                repeats[found] += 1
                known = (*found, repeats[found])
                if known not in self._given:
                    yield known, read_line(group, last, event["message"])
            # The embedded AWS ends a full answer and does not say that there is more.
            if last == start or not repeats or repeats.total() % _MOST_AT_ONCE:
                return
            start = last

    def _events(self, group: str, start: int, end: int | None) -> Iterator[Mapping[str, Any]]:
        ask: dict[str, Any] = {"logGroupName": group, "startTime": start}
        ask |= {"endTime": end} if end is not None else {}
        ask |= {"filterPattern": self.pattern} if self.pattern else {}
        try:
            for page in self.logs.get_paginator("filter_log_events").paginate(**ask):
                yield from page["events"]
        except AwsError as error:
            if error_code(error) != "ResourceNotFoundException":
                raise explain_error(error, f"read the log group {group}", "logs:FilterLogEvents") from error


def read_line(group: str, at: int, message: str) -> LogLine:
    """Read a line as CloudWatch Logs gives it."""
    text = message.rstrip("\n")
    return LogLine(group, at, text, _parse(text))


def _parse(text: str) -> Mapping[str, Any] | None:
    if not text.startswith("{"):
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def without_metrics(facts: Mapping[str, Any], *, values: bool = False) -> dict[str, Any]:
    """Give a line's facts without what makes it a document of metrics; with ``values`` their values stay."""
    about = facts.get("_aws")
    left = {name: value for name, value in facts.items() if name != "_aws"}
    if values or not isinstance(about, Mapping):
        return left
    for directive in about.get("CloudWatchMetrics", ()):
        names = {metric["Name"] for metric in directive.get("Metrics", ())}
        names |= {name for dimensions in directive.get("Dimensions", ()) for name in dimensions}
        left = {name: value for name, value in left.items() if name not in names}
    return left
