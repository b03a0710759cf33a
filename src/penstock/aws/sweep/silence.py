"""How long a feed has been silent: a feed that gets no file does nothing that could tell of it, so the sweep measures it.

It counts from the start of the last run that loaded something of a file. A file that was refused, a run that failed and
a replay of what was there before are no news. Where there is no such run it counts from when this was asked first, which
is some minutes after the deploy: the ledger's item ``pk`` = ``SWEEP#<feed>``, ``sk`` = ``WATCHED`` keeps that moment.
"""

from __future__ import annotations

from typing import Final

from penstock.aws.attributes import from_item, to_item
from penstock.aws.explain import AwsError
from penstock.aws.ledger import Ledger
from penstock.aws.list_runs import list_runs
from penstock.aws.runs import Run, read_time

_LOOKED_AT: Final = (1, 25, 1000)
"""How many of the latest runs are looked at: the last one nearly always tells, and past these a feed fails, which is told."""


def measure_silence(ledger: Ledger, feed: str, allowed: float) -> float:
    """Give by how many seconds a feed has been silent for longer than is ``allowed``; 0 where it has not.

    Needs dynamodb:Query on the ledger's index ``by_feed`` and dynamodb:UpdateItem.
    """
    last = _find_last(ledger, feed)
    since = _begin_watch(ledger, feed) if last is None else read_time(last)
    return max(0.0, ledger.clock() - since - allowed)


def _find_last(ledger: Ledger, feed: str) -> str | None:
    """Give when the last run began that loaded something; of a feed whose runs all failed, when the oldest looked at did."""
    runs: list[Run] = []
    for limit in _LOOKED_AT:
        runs = list_runs(ledger, feed, limit)
        found = next((run.started_at for run in runs if _is_news(run)), None)
        if found is not None:
            return found
        if len(runs) < limit:
            return None
    return runs[-1].started_at


def _is_news(run: Run) -> bool:
    return run.status == "done" and run.replays is None and run.counts.get("loaded", 0) > 0


def _begin_watch(ledger: Ledger, feed: str) -> float:
    """Give when silence was first asked for, which is now where it never was."""
    try:
        answer = ledger.dynamodb.update_item(
            TableName=ledger.table,
            Key=to_item({"pk": f"SWEEP#{feed}", "sk": "WATCHED"}),
            UpdateExpression="SET watched_since = if_not_exists(watched_since, :now)",
            ExpressionAttributeValues=to_item({":now": ledger.clock()}),
            ReturnValues="ALL_NEW",
        )
    except AwsError as error:
        raise ledger.explain(error, "dynamodb:UpdateItem") from error
    return float(from_item(answer["Attributes"])["watched_since"])
