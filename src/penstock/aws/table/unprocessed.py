"""Which writes of a batch are still to be done, by what the service gives back of them."""

from __future__ import annotations

import json
from decimal import Context, Decimal, InvalidOperation
from typing import Any, Final

from penstock.aws.table.batches import make_batch, split_batch
from penstock.engine.result import WriteBatch
from penstock.plan.model import KeyAttribute, Table

_EXACT: Final = Context(prec=40)
"""DynamoDB's numbers have at most 38 digits: none is rounded."""


def find_unprocessed(answer: dict[str, Any], table: Table, batch: WriteBatch) -> WriteBatch | None:
    """Give the writes of ``batch`` that the answer says are still to be done, None where all are done.

    They are found by their keys. Where one can't be found the whole batch is given: to write again what is written
    already changes nothing, and to lose one would.
    """
    left = [item for items in answer.get("UnprocessedItems", {}).values() for item in items]
    if not left:
        return None
    if len(left) >= len(batch.rows):
        return batch
    requests = split_batch(batch)
    by_key = {_key(json.loads(request), table): index for index, request in enumerate(requests)}
    keys = {_key(item, table) for item in left}
    if None in by_key or len(by_key) < len(requests) or len(keys) < len(left) or not keys <= by_key.keys():
        return batch
    indexes = sorted(by_key[key] for key in keys)
    return make_batch([requests[index] for index in indexes], [batch.rows[index] for index in indexes])


def _key(request: Any, table: Table) -> tuple[str, ...] | None:
    attributes = [table.partition, *([table.sort] if table.sort else [])]
    try:
        body = request["PutRequest"]["Item"] if "PutRequest" in request else request["DeleteRequest"]["Key"]
        return tuple(_canonical(body[attribute.name][attribute.type], attribute) for attribute in attributes)
    except (KeyError, TypeError, InvalidOperation):
        return None


def _canonical(value: str, attribute: KeyAttribute) -> str:
    """Give equal text for equal keys: 1 is 1.0 and 0 is -0."""
    return str(_EXACT.normalize(_EXACT.plus(Decimal(value)))) if attribute.type == "N" else value
