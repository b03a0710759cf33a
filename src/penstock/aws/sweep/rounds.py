"""The rounds of a feed's sweep in the ledger: how far the one under way has come, and who is at work on it.

A round goes over all objects of a feed once, in as many invocations as that takes. Its item is ``pk`` = ``SWEEP#<feed>``, ``sk`` =
``ROUND``. There is ``reached`` while a round is under way: the key after which it goes on. ``worker`` has it until
``worker_until``, which it puts off as it goes on; one that died is followed by the next. Were there two at once, they would
queue the same objects twice, which does no harm: so this is no lock, only a way to save work. ``wanted`` says that another
is to follow, ``last_sweep`` is what the last whole round came to.

Beside it, ``sk`` = ``TOLD`` holds the expected files that people were told of as missing, and ``sk`` = ``WATCHED`` since when
the feed's silence is measured (:mod:`penstock.aws.sweep.silence`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from botocore.exceptions import ClientError

from penstock.aws.attributes import from_item, to_item
from penstock.aws.explain import AwsError, error_code
from penstock.aws.ledger import Ledger
from penstock.aws.sweep.tally import Tally, read_tally


@dataclass(frozen=True, slots=True)
class Round:
    """A round that this worker has. ``number`` counts the feed's rounds, ``tally`` what this one came to so far."""

    feed: str
    worker: str
    number: int
    reached: str
    tally: Tally


_FREE = "(attribute_not_exists(worker_until) OR worker_until <= :now)"


def take_round(ledger: Ledger, feed: str, worker: str, until: float, *, begin: bool) -> Round | None:
    """Take on the round that is under way, or ``begin`` one where there is none; None where there is nothing to do.

    That is also where another worker is at work on it. A round that is to begin while one is under way begins after it,
    for that one may have passed what is looked for. But where ``worker`` itself began that one, it is called again.
    """
    item = _read(ledger, feed)
    if "reached" not in item:
        return _begin(ledger, feed, worker, until) if begin or item.get("wanted") else None
    if begin and item.get("begun_by") != worker:
        wanted = _update(ledger, feed, "SET wanted = :yes", "attribute_exists(reached)", {":yes": True})
        if wanted is None:  # it ended in the meantime
            return _begin(ledger, feed, worker, until)
    values = {":worker": worker, ":until": until, ":now": ledger.clock()}
    update = "SET worker = :worker, worker_until = :until"
    return _round(
        feed, worker, _update(ledger, feed, update, f"attribute_exists(reached) AND {_FREE}", values)
    )


def _begin(ledger: Ledger, feed: str, worker: str, until: float) -> Round | None:
    values = {
        ":worker": worker,
        ":until": until,
        ":now": ledger.clock(),
        ":start": "",
        ":tally": asdict(Tally()),
        ":zero": 0,
        ":one": 1,
    }
    update = (
        "SET worker = :worker, begun_by = :worker, worker_until = :until, reached = :start, tally = :tally, "
        "sweep_number = if_not_exists(sweep_number, :zero) + :one REMOVE wanted"
    )
    condition = f"attribute_not_exists(reached) AND {_FREE}"
    return _round(feed, worker, _update(ledger, feed, update, condition, values))


def _round(feed: str, worker: str, item: Mapping[str, Any] | None) -> Round | None:
    if item is None:
        return None
    return Round(feed, worker, item["sweep_number"], item["reached"], read_tally(item["tally"]))


def keep_round(ledger: Ledger, held: Round, until: float) -> bool:
    """Note how far the round has come. False where another worker has it by now."""
    values = {
        ":worker": held.worker,
        ":until": until,
        ":reached": held.reached,
        ":tally": asdict(held.tally),
    }
    update = "SET reached = :reached, tally = :tally, worker_until = :until"
    return _update(ledger, held.feed, update, "worker = :worker", values) is not None


def release_round(ledger: Ledger, held: Round) -> None:
    """Leave the round to whoever comes next."""
    _update(ledger, held.feed, "REMOVE worker, worker_until", "worker = :worker", {":worker": held.worker})


def finish_round(ledger: Ledger, held: Round, ended_at: str) -> None:
    """End the round, and keep what it came to."""
    last = {**asdict(held.tally), "number": held.number, "ended_at": ended_at}
    update = "SET last_sweep = :last REMOVE reached, tally, worker, worker_until"
    _update(ledger, held.feed, update, "worker = :worker", {":worker": held.worker, ":last": last})


def read_told(ledger: Ledger, feed: str) -> frozenset[str]:
    """Give the expected files that people were told of as missing the last time."""
    return frozenset(_read(ledger, feed, _TOLD).get("told", ()))


def keep_told(ledger: Ledger, feed: str, told: tuple[str, ...]) -> None:
    """Remember what people were told of as missing."""
    item = to_item({**_key(feed, _TOLD), "told": list(told)})
    try:
        ledger.dynamodb.put_item(TableName=ledger.table, Item=item)
    except AwsError as error:
        raise ledger.explain(error, "dynamodb:PutItem") from error


_TOLD = "TOLD"


def _key(feed: str, kind: str = "ROUND") -> dict[str, str]:
    return {"pk": f"SWEEP#{feed}", "sk": kind}


def _read(ledger: Ledger, feed: str, kind: str = "ROUND") -> dict[str, Any]:
    try:
        answer = ledger.dynamodb.get_item(
            TableName=ledger.table, Key=to_item(_key(feed, kind)), ConsistentRead=True
        )
    except AwsError as error:
        raise ledger.explain(error, "dynamodb:GetItem") from error
    return from_item(answer.get("Item", {}))


def _update(
    ledger: Ledger, feed: str, update: str, condition: str, values: Mapping[str, Any]
) -> dict[str, Any] | None:
    """Write under a condition. Give the item as it is then, or None where the condition did not hold."""
    try:
        answer = ledger.dynamodb.update_item(
            TableName=ledger.table,
            Key=to_item(_key(feed)),
            UpdateExpression=update,
            ConditionExpression=condition,
            ExpressionAttributeValues=to_item(values),
            ReturnValues="ALL_NEW",
        )
    except ClientError as error:
        if error_code(error) == "ConditionalCheckFailedException":
            return None
        raise ledger.explain(error, "dynamodb:UpdateItem") from error
    except AwsError as error:
        raise ledger.explain(error, "dynamodb:UpdateItem") from error
    return from_item(answer["Attributes"])
