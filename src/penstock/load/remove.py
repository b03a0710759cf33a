"""The last leg of a load: what vanished from the object is deleted, after everything else is written."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Final

import duckdb

from penstock.engine.manifest import read_vanished
from penstock.engine.result import BATCH_REQUESTS, SEPARATOR, WriteBatch
from penstock.errors import ServiceError
from penstock.load.chunk import Stop
from penstock.load.count import Outcome
from penstock.load.protocols import ItemWriter

_ROUND: Final = 40 * BATCH_REQUESTS
"""Deletes that are sent before it is asked whether to stop."""


def remove_vanished(
    database: duckdb.DuckDBPyConnection,
    files: Sequence[Path],
    items: ItemWriter,
    outcome: Outcome,
    stop: Stop,
) -> tuple[Outcome, bool]:
    """Delete what the files of a manifest say has vanished, from where ``outcome`` says that others came to.

    Goes on until ``stop`` says so; gives what was done by then, and whether that is all. A delete that is sent twice does
    no harm, and is counted by the worker whose state counts. Raises :class:`~penstock.errors.ServiceError`.
    """
    with closing(read_vanished(database, files, outcome.removed, _ROUND)) as rounds:
        for requests in rounds:
            batches = [
                _batch(requests[i : i + BATCH_REQUESTS]) for i in range(0, len(requests), BATCH_REQUESTS)
            ]
            if items.write(batches).refused:
                raise ServiceError(
                    "The table refused to delete an item that its object no longer has. Its key is not one of this table: "
                    "compare the table's keys with the contract's, and load the file again."
                )
            outcome = replace(outcome, removed=outcome.removed + len(requests))
            if stop():
                return outcome, False
    return outcome, True


def _batch(requests: Sequence[str]) -> WriteBatch:
    return WriteBatch(SEPARATOR.join(requests), range(len(requests)), len(requests))
