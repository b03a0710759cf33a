"""Look up many objects in the ledger at once."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence

from penstock.aws.attributes import from_item
from penstock.aws.explain import AwsError
from penstock.aws.hint import Named
from penstock.aws.ledger import Ledger
from penstock.aws.object_state import State, read_item, state_key
from penstock.errors import ServiceError

MOST = 100
"""How many items DynamoDB takes in a BatchGetItem."""

READ_UNITS = 0.5
"""What one of them takes, there or not: an eventually consistent read of up to 4 KB, which no item of an object has."""

_ROUNDS = 8
_ATTRIBUTES = "pk, applied, approved, claim_run, claim_expires_at, attempt, pending"


def look_up(
    ledger: Ledger,
    objects: Sequence[Named],
    sleep: Callable[[float], None] = time.sleep,
    jitter: Callable[[], float] = random.random,
) -> list[State]:
    """Give what the ledger says of each of at most a hundred different objects, in their order.

    Reads are eventually consistent: what was written a moment ago can be missing, and a hint too many does no harm. What
    DynamoDB left out, being busy, is asked for again. Needs dynamodb:BatchGetItem.
    """
    keys = [state_key(bucket, key) for bucket, key in objects]
    found: dict[str, State] = {}
    waiting = keys
    for again in range(_ROUNDS):
        if again:
            sleep(jitter() * min(5.0, 0.1 * 2.0**again))
        asked = {ledger.table: {"Keys": waiting, "ProjectionExpression": _ATTRIBUTES}}
        try:
            answer = ledger.dynamodb.batch_get_item(RequestItems=asked)
        except AwsError as error:
            raise ledger.explain(error, "dynamodb:BatchGetItem") from error
        for item in answer["Responses"].get(ledger.table, ()):
            found[item["pk"]["S"]] = read_item(from_item(item))
        waiting = answer.get("UnprocessedKeys", {}).get(ledger.table, {}).get("Keys", [])
        if not waiting:
            return [found.get(key["pk"]["S"], State()) for key in keys]
    raise ServiceError(
        f"The ledger {ledger.table} left {len(waiting)} reads of {len(keys)} undone, {_ROUNDS} times: it is throttled. Try again."
    )
