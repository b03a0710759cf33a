"""Saved queries for CloudWatch Logs Insights: what people ask the logs, ready to be run in the console.

They name fields that the log's lines have (:mod:`penstock.aws.log`, :mod:`penstock.aws.close`); a test holds them to that. Each
feed has its own, for a query names its log groups, of which it can name no more than 50.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from penstock import verdicts
from penstock.stack.names import Names

_ROW_CODES: Final = (
    verdicts.QUOTE_ERROR,
    verdicts.ENCODING_ERROR,
    verdicts.RECORD_TOO_LONG,
    verdicts.MISSING_CELL,
    verdicts.EXTRA_CELL,
    verdicts.TYPE_ERROR,
    verdicts.CONSTRAINT_ERROR,
    verdicts.EXPRESSION_ERROR,
    verdicts.ROW_CONSTRAINT,
    verdicts.KEY_ERROR,
    verdicts.ITEM_ERROR,
    verdicts.PRIMARY_KEY,
)
_SUMS: Final = ", ".join(f"sum(`errors.{code}`)" for code in _ROW_CODES)
_ENDED: Final = 'event in ["run done", "run rejected", "run failed"]'


@dataclass(frozen=True, slots=True)
class Query:
    """A saved query: its logical id, its name, and its commands."""

    logical_id: str
    name: str
    commands: tuple[str, ...]


QUERIES: Final = (
    Query(
        "RunsStory",
        "one run's story",
        (
            "fields @timestamp, level, event, outcome, reason, chunk, partition, seconds",
            'filter run = "PUT THE RUN HERE"',
            "sort @timestamp",
        ),
    ),
    Query(
        "FilesEvents",
        "every event of a file",
        (
            "fields @timestamp, level, event, outcome, reason, run, version",
            'filter key = "PUT THE KEY HERE"',
            "sort @timestamp",
        ),
    ),
    Query(
        "SlowestRuns",
        "slowest runs",
        (
            f"filter {_ENDED}",
            "fields seconds, run, key, outcome, counts.read, write_units, throttled, chunks",
            "sort seconds desc",
            "limit 25",
        ),
    ),
    Query(
        "TopCodes",
        "top reject codes",
        (
            f"filter {_ENDED} and counts.rejected > 0",
            f"stats {_SUMS}",
        ),
    ),
)


def query_resources(names: Names, feed: str) -> dict[str, dict[str, Any]]:
    """Give a feed's saved queries by logical id, in a folder of its own, over the log of its loader."""
    return {
        query.logical_id: {
            "Type": "AWS::Logs::QueryDefinition",
            "DependsOn": ["LogGroup"],
            "Properties": {
                "Name": f"penstock/{names.project}/{feed}/{query.name}",
                "QueryString": "\n| ".join(query.commands),
                "LogGroupNames": [names.feed(feed).log_group],
            },
        }
        for query in QUERIES
    }
