"""Judge files by a contract, and write nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from penstock.api.prepare import AnyPath, Progress, make_scratch, prepare
from penstock.api.rejects import FirstRejects
from penstock.contract.model import Contract
from penstock.engine.newest import is_tombstone
from penstock.engine.result import PUT, SEPARATOR, Reject, WriteBatch
from penstock.engine.size import item_size
from penstock.load.protocols import Written, all_written
from penstock.load.report import Report

WRITE_UNIT_BYTES: Final = 1024
DOLLARS_PER_WRITE_UNIT: Final = 0.625e-6
"""On demand, us-east-1."""

_PUT, _SEPARATOR = PUT.encode(), SEPARATOR.encode()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What loading a file would do.

    ``errors`` counts by code and field (None: the whole record), the most frequent first; ``rejects`` are the first of
    them; ``item`` is the first item that would be put, as DynamoDB JSON. ``write_units`` are those of the table, where
    no item is there yet; each index that an item is in takes up to as many again.
    """

    report: Report
    errors: tuple[tuple[str, str | None, int], ...]
    rejects: tuple[Reject, ...]
    item: dict[str, Any] | None
    write_units: int

    @property
    def dollars(self) -> float:
        """The price of :attr:`write_units` on demand in us-east-1, without indexes."""
        return self.write_units * DOLLARS_PER_WRITE_UNIT


def check(
    contract: Contract | AnyPath,
    files: Sequence[AnyPath] = (),
    *,
    chunk_size: int | None = None,
    progress: Progress | None = None,
    references: Mapping[str, AnyPath] | None = None,
) -> list[Verdict]:
    """Judge files as :func:`~penstock.api.run_files.run` would, and write nothing; give a verdict for each.

    Without files the contract alone is checked, down to its plan. ``references`` are as :func:`~penstock.api.run_files.run` takes
    them. Raises :class:`~penstock.errors.UsageError` and
    :class:`~penstock.errors.ContractError`.
    """
    call = prepare(contract, files, chunk_size, progress, references)
    verdicts = []
    for source in call.sources:
        scale, rejects = _Scale(), FirstRejects()
        with make_scratch() as scratch:
            report = call.run(source, scale, rejects, scratch)
        verdicts.append(
            Verdict(report, rejects.errors, tuple(rejects.rejects), scale.first, scale.write_units)
        )
    return verdicts


class _Scale:
    """Weighs items instead of writing them; see :class:`~penstock.load.protocols.ItemWriter`."""

    def __init__(self) -> None:
        self.first: dict[str, Any] | None = None
        self.write_units = 0

    def write(self, batches: Sequence[WriteBatch]) -> Written:
        for batch in batches:
            if self.first is None and batch.deletes < len(batch.rows):
                self.first = _first_item(batch)
            self.write_units += _write_units(batch)
        return all_written(batches)


def _first_item(batch: WriteBatch) -> dict[str, Any]:
    requests = batch.requests.split(SEPARATOR)
    put = next(request for request in requests if request.startswith(PUT) and not is_tombstone(request))
    found: dict[str, Any] = json.loads(put)["PutRequest"]["Item"]
    return found


def _write_units(batch: WriteBatch) -> int:
    """Each put rounds up to the next kilobyte; a delete takes what is there, which is one unit at least."""
    units = len(batch.rows)
    for request in batch.requests.encode().split(_SEPARATOR):
        # The JSON of an item is never shorter than what DynamoDB counts, and most items are small.
        if len(request) > WRITE_UNIT_BYTES and request.startswith(_PUT):
            units += max(0, -(-item_size(request[len(PUT) : -2]) // WRITE_UNIT_BYTES) - 1)
    return units
