"""The columns of a wide file, apart: those that are judged together, and the cells of the others, kind by kind."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter

from penstock.engine.batch import Batch
from penstock.engine.bind import Binding
from penstock.errors import ConservationError
from penstock.plan.model import CellKind, Plan

Cells = Sequence[bytes]
_Pick = Callable[[Cells], Cells]


@dataclass(frozen=True, slots=True)
class KindColumns:
    """Where the cells of a kind are: ``places`` are those of its fields, those first whose columns the file has.

    Each record of a text of a kind has two cells: the cell, after one that is empty, or a 0 where the file has no such column.
    """

    places: tuple[int, ...]
    pick: _Pick
    absent: int

    def write(self, cells: Cells, delimiter: bytes) -> bytes:
        """Write the kind's cells of a row."""
        there = self.pick(cells)
        text = delimiter + (b"\n" + delimiter).join(there) + b"\n" if there else b""
        return text + (b"0" + delimiter + b"\n") * self.absent


class Columns:
    """Which columns of a file go where, by the file's binding.

    ``core`` binds the columns of the core's text: its fields, and one more that is empty where all others are.
    """

    def __init__(self, plan: Plan, binding: Binding) -> None:
        assert plan.wide is not None
        self._binding = binding
        self._delimiter = plan.dialect.delimiter.encode()
        places = {field: place for place, field in enumerate(plan.wide.core)}
        of_core = [c for c, field in enumerate(binding.columns) if field in places]
        self._core = _pick(of_core)
        self._others = sorted(set(range(binding.width)) - set(of_core))
        self.core = Binding((*(_place(places, binding.columns[c]) for c in of_core), None))
        columns = {field: c for c, field in enumerate(binding.columns) if field is not None}
        self.kinds = tuple(_bind_kind(kind, columns) for kind in plan.wide.kinds)

    def take_core(self, batch: Batch) -> bytes:
        """Give the text of the core's columns."""
        return self._delimiter_lines(self._write_core(cells) for cells in self._records(batch))

    def take_apart(self, batch: Batch) -> tuple[bytes, list[bytes]]:
        """Give the text of the core's columns, and for each kind that of its cells, row by row."""
        core: list[bytes] = []
        kinds: list[list[bytes]] = [[] for _ in self.kinds]
        for cells in self._records(batch):
            core.append(self._write_core(cells))
            for kind, rows in zip(self.kinds, kinds, strict=True):
                rows.append(kind.write(cells, self._delimiter))
        return self._delimiter_lines(core), [b"".join(rows) for rows in kinds]

    def _write_core(self, cells: Cells) -> bytes:
        holds = any(map(cells.__getitem__, self._others))
        return self._delimiter.join((*self._core(cells), b"1" if holds else b""))

    @staticmethod
    def _delimiter_lines(lines: Sequence[bytes] | Iterator[bytes]) -> bytes:
        return b"".join(line + b"\n" for line in lines)

    def _records(self, batch: Batch) -> Iterator[Cells]:
        """Give the cells of each record as they are written; those that are empty are so without quotes."""
        width, count = self._binding.width, 0
        for cells in split_records(batch.text, self._delimiter, batch.quote.encode()):
            if len(cells) != width:
                break
            count += 1
            yield cells
        if count != batch.rows:
            raise ConservationError(
                f"of {batch.rows} records {count} could be divided into {width} cells; the run stops rather than lose one. "
                "This is a defect of Penstock: please report it with the contract's dialect"
            )


def split_records(text: bytes, delimiter: bytes, quote: bytes) -> Iterator[list[bytes]]:
    """Divide the text of a batch (see :class:`~penstock.engine.batch.Batch`) into records and those into cells.

    Cells stay as they are written, but an empty one loses its quotes.
    """
    lines = iter(text.split(b"\n")[:-1])
    if quote not in text:
        for line in lines:
            yield line.split(delimiter)
        return
    q, d = re.escape(quote), re.escape(delimiter)
    cell = re.compile(b"(" + q + b"(?:[^" + q + b"]++|" + q + q + b")*+" + q + b"|[^" + d + b"]*+)" + d)
    for line in lines:
        if quote not in line:
            yield line.split(delimiter)
            continue
        record = line
        # Quotes come in pairs: after an odd number of them the record goes on.
        while record.count(quote) % 2:
            record += b"\n" + next(lines)
        yield [b"" if found == quote * 2 else found for found in cell.findall(record + delimiter)]


def _pick(columns: Sequence[int]) -> _Pick:
    if len(columns) > 1:
        return itemgetter(*columns)
    return lambda cells: [cells[c] for c in columns]


def _place(places: dict[int, int], field: int | None) -> int:
    assert field is not None
    return places[field]


def _bind_kind(kind: CellKind, columns: dict[int, int]) -> KindColumns:
    there = [place for place, field in enumerate(kind.fields) if field in columns]
    absent = [place for place, field in enumerate(kind.fields) if field not in columns]
    return KindColumns(
        (*there, *absent), _pick([columns[kind.fields[place]] for place in there]), len(absent)
    )
