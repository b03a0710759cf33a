"""Judge files by a contract, and write nothing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from penstock.api.prepare import AnyPath, Progress, prepare
from penstock.api.rejects import FirstRejects
from penstock.contract.model import Contract
from penstock.engine.result import Reject, Write
from penstock.engine.size import item_size
from penstock.load.protocols import Refused
from penstock.load.report import Report

WRITE_UNIT_BYTES: Final = 1024
DOLLARS_PER_WRITE_UNIT: Final = 0.625e-6
"""On demand, us-east-1."""


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
) -> list[Verdict]:
    """Judge files as :func:`~penstock.api.run_files.run` would, and write nothing; give a verdict for each.

    Without files the contract alone is checked, down to its plan. Raises :class:`~penstock.errors.UsageError` and
    :class:`~penstock.errors.ContractError`.
    """
    call = prepare(contract, files, chunk_size, progress)
    verdicts = []
    for source in call.sources:
        scale, rejects = _Scale(), FirstRejects()
        report = call.run(source, scale, rejects)
        verdicts.append(
            Verdict(report, rejects.errors, tuple(rejects.rejects), scale.first, scale.write_units)
        )
    return verdicts


class _Scale:
    """Weighs items instead of writing them; see :class:`~penstock.load.protocols.ItemWriter`."""

    def __init__(self) -> None:
        self.first: dict[str, Any] | None = None
        self.write_units = 0

    def write(self, writes: Sequence[Write]) -> list[Refused]:
        for write in writes:
            if self.first is None and write.operation == "put":
                self.first = json.loads(write.body)
            self.write_units += _write_units(write)
        return []


def _write_units(write: Write) -> int:
    """Each put rounds up to the next kilobyte; a delete takes what is there, which is one unit at least."""
    if write.operation == "delete":
        return 1
    if (
        len(write.body) * 4 <= WRITE_UNIT_BYTES
    ):  # a character has at most four bytes, and JSON adds to the item
        return 1
    return max(1, -(-item_size(write.body) // WRITE_UNIT_BYTES))
