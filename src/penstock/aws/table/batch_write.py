"""BatchWriteItem: up to 25 writes in a request, without conditions."""

from __future__ import annotations

from collections.abc import Sequence

from penstock.aws.table.answers import ALL_DONE, read_answer, read_units
from penstock.aws.table.backlog import Parcel
from penstock.aws.table.batches import Frame, fit_batches
from penstock.aws.table.flights import Answer
from penstock.aws.table.operation import Reading, read_failure
from penstock.aws.table.unprocessed import find_unprocessed
from penstock.engine.result import BATCH_REQUESTS, WriteBatch
from penstock.plan.model import Table


class BatchWrite:
    """Writes to a table; see :class:`~penstock.aws.table.operation.Operation`. Needs dynamodb:BatchWriteItem on it."""

    name = "BatchWriteItem"
    most = BATCH_REQUESTS

    def __init__(self, table: Table) -> None:
        self._table = table
        self._frame = Frame(table.name)

    def cut(self, batches: Sequence[WriteBatch]) -> Sequence[WriteBatch]:
        return fit_batches(batches)

    def body(self, batch: WriteBatch) -> bytes:
        return self._frame.body(batch)

    def read(self, parcel: Parcel, answer: Answer | None) -> Reading:
        batch = parcel.batch
        if answer is not None and answer.status == 200 and ALL_DONE in answer.body:
            return _acknowledged(batch, None, answer.body)
        code, content = read_answer(answer)
        if code is not None:
            return read_failure(batch, code, content)
        assert answer is not None
        return _acknowledged(batch, find_unprocessed(content, self._table, batch), answer.body)


def _acknowledged(batch: WriteBatch, left: WriteBatch | None, body: bytes) -> Reading:
    done, deletes = len(batch.rows), batch.deletes
    if left is not None:
        done, deletes = done - len(left.rows), deletes - left.deletes
    return Reading(left=left, units=read_units(body), puts=done - deletes, deletes=deletes)
