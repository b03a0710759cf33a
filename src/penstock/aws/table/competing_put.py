"""PutItem under a condition: an item is written only where the table's is older (:mod:`penstock.engine.newest`).

BatchWriteItem knows no conditions, so that each write is a request of its own. In whatever order they come, and however
often: of all rows of a key the greatest stays.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

from penstock.aws.table.answers import CONDITION_FAILED, read_answer, read_units
from penstock.aws.table.backlog import Parcel
from penstock.aws.table.batches import split_batch
from penstock.aws.table.flights import Answer
from penstock.aws.table.operation import Reading, estimate_units, read_failure
from penstock.engine.newest import DIGEST, Competing, is_tombstone, read_request
from penstock.engine.result import WriteBatch
from penstock.plan.model import Table

_OLDER_DIGEST: Final = "attribute_not_exists(#d) OR #d < :d"
_WITH_VALUE: Final = f"attribute_not_exists(#v) OR #v < :v OR (#v = :v AND ({_OLDER_DIGEST}))"
_WITHOUT_VALUE: Final = f"attribute_not_exists(#v) AND ({_OLDER_DIGEST})"
"""A row without the value is older than any that has one."""
_DONE: Final = b'"ConsumedCapacity"'
"""Only in the answer to a write that was made."""


class CompetingPut:
    """Writes to a table whose rows compete; see :class:`~penstock.aws.table.operation.Operation`. Needs dynamodb:PutItem on it."""

    name = "PutItem"
    most = 1

    def __init__(self, table: Table) -> None:
        assert table.newest_by is not None
        self._partition = table.partition.name
        self._newest_by = table.newest_by
        self._before = f'{{"TableName":{json.dumps(table.name)},"Item":'
        names = json.dumps({"#v": table.newest_by, "#d": DIGEST}, ensure_ascii=False)
        self._with_value, self._without_value = (
            f',"ConditionExpression":"{condition}","ExpressionAttributeNames":{names},"ReturnConsumedCapacity":"TOTAL",'
            '"ReturnValuesOnConditionCheckFailure":"ALL_OLD","ExpressionAttributeValues":{":d":{"S":"'
            for condition in (_WITH_VALUE, _WITHOUT_VALUE)
        )

    def cut(self, batches: Sequence[WriteBatch]) -> Sequence[WriteBatch]:
        return [single for batch in batches for single in _list_singles(batch)]

    def body(self, batch: WriteBatch) -> bytes:
        found = self._read_request(batch)
        if found.value is None:
            return f'{self._before}{found.item}{self._without_value}{found.digest}"}}}}}}'.encode()
        return (
            f'{self._before}{found.item}{self._with_value}{found.digest}"}},":v":{found.value}}}}}'.encode()
        )

    def read(self, parcel: Parcel, answer: Answer | None) -> Reading:
        batch = parcel.batch
        if answer is not None and answer.status == 200 and _DONE in answer.body:
            return _made(batch, read_units(answer.body))
        code, content = read_answer(answer)
        if code is None:
            return _made(batch, 0.0)
        if code == CONDITION_FAILED:
            assert answer is not None
            return self._read_loss(parcel, content.get("Item") or {}, len(answer.body))
        return read_failure(batch, code, content)

    def _read_loss(self, parcel: Parcel, theirs: dict[str, Any], length: int) -> Reading:
        """Tell what a write lost to. It costs what it would have if it had been made; the answer does not say how much."""
        mine = self._read_request(parcel.batch)
        units = float(estimate_units(max(len(mine.item), length)))
        value = None if mine.value is None else json.loads(mine.value)
        other = theirs.get(self._newest_by)
        if value is not None and other is not None and value.keys() != other.keys():
            [kind], [there] = value, other
            reason = (
                f"The item in the table has {self._newest_by} as {there} where this row's is {kind}, so that it can't be told "
                "which is newer."
            )
            return Reading(CONDITION_FAILED, parcel.batch, refusal=reason)
        if theirs.get(DIGEST) != {"S": mine.digest} or not _are_equal(value, other):
            return Reading(units=units, outdated=1)
        if parcel.unsure:  # it was made before, and the answer was lost
            return _made(parcel.batch, units)
        return Reading(units=units, unchanged=1)

    def _read_request(self, batch: WriteBatch) -> Competing:
        return read_request(batch.requests, self._partition, self._newest_by)


def _list_singles(batch: WriteBatch) -> Sequence[WriteBatch]:
    if len(batch.rows) == 1:
        return [batch]
    pairs = zip(split_batch(batch), batch.rows, strict=True)
    return [WriteBatch(request, (row,), int(is_tombstone(request))) for request, row in pairs]


def _made(batch: WriteBatch, units: float) -> Reading:
    return Reading(units=units, puts=1 - batch.deletes, deletes=batch.deletes)


def _are_equal(value: dict[str, str] | None, other: dict[str, str] | None) -> bool:
    """Tell whether two values are one. The service writes a number in its own way."""
    if value is None or other is None:
        return value is other
    return value == other or ("N" in value and Decimal(value["N"]) == Decimal(other["N"]))
