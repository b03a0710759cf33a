"""Some records of a file, found again where they begin and put together into batches that are judged as any other.

A verdict can depend on where a record stands: on how the records before it end, and on its line. So the whole file is read
by the grammar; only then what is wanted is taken out, each record with its place in the file as it lies there.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

import duckdb

from penstock.engine.assemble import RecordBatch, guard_mark
from penstock.engine.batch import Batch, Location, Position, RecordError
from penstock.engine.decide import find_repeated
from penstock.errors import UsageError

_PLACE_BYTES: Final = 200
"""What is kept of a record beside its text, about."""
_ROWS_AT_ONCE: Final = 100_000


def _column() -> array[int]:
    return array("q")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Records that are wanted, in columns, in the order of the file.

    ``start`` is where each begins in what is read and ``length`` how long it is there, its terminator left out. ``line``,
    ``offset`` and ``size`` are its place in the file as it lies there, which corrections of other records do not move.
    """

    start: array[int] = field(default_factory=_column)
    length: array[int] = field(default_factory=_column)
    line: array[int] = field(default_factory=_column)
    offset: array[int] = field(default_factory=_column)
    size: array[int] = field(default_factory=_column)

    def __len__(self) -> int:
        return len(self.start)

    def add(self, start: int, length: int, place: Location) -> None:
        """Add a record: where it begins and how long it is in what is read, and its place in the file."""
        self.start.append(start)
        self.length.append(length)
        self.line.append(place.line)
        self.offset.append(place.offset)
        self.size.append(place.length)

    def place(self, number: int) -> Location:
        """Give a record's place in the file, without its bytes."""
        return Location(self.line[number], self.offset[number], self.size[number], b"")


@dataclass(frozen=True, slots=True)
class SelectedBatch:
    """Records from anywhere in a file; see :class:`~penstock.engine.batch.Batch`. Rows are counted among those wanted."""

    text: bytes
    rows: int
    quote: str
    errors: tuple[RecordError, ...]
    blanks: int
    first: Position
    end: Position
    places: tuple[Location, ...]
    recovered: tuple[int, ...] = ()

    def locate(self, rows: list[int]) -> list[Location]:
        """Tell where rows are in the file as it lies there; their bytes are left out."""
        return [self.places[row] for row in rows]

    def lines(self) -> list[tuple[int, int]]:
        """Give the line of each row."""
        return [(row, place.line) for row, place in enumerate(self.places)]


class Selector:
    """Finds wanted records in the batches of a reader, which are given one after another from the file's first on."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._next = 0

    @property
    def missing(self) -> int:
        """How many wanted records begin after the batches so far."""
        return len(self._wanted) - self._next

    def find(self, batch: RecordBatch) -> Iterator[tuple[int, int | RecordError | None]]:
        """Give what is wanted of a batch by its number: its row in the batch, its error, or None for an empty line.

        Raises :class:`~penstock.errors.UsageError` where no such record begins there.
        """
        wanted, errors = self._wanted, {error.location.offset: error for error in batch.errors}
        begin, stop = self._next, bisect_left(wanted.start, batch.end.offset, self._next)
        rows = batch.find(wanted.start[begin:stop].tolist())
        for number, row in zip(range(begin, stop), rows, strict=True):
            length, error = wanted.length[number], errors.get(wanted.start[number])
            if length == 0:
                yield number, None
            elif error is not None and error.location.length == length:
                yield number, error
            elif row is not None and row[1] == length:
                yield number, row[0]
            else:
                raise UsageError(
                    f"What was rejected on line {wanted.line[number]} is no record of its own as the contract reads the file now: "
                    "its dialect was changed since. Put the file again, so that it is loaded whole."
                )
        self._next = stop


def select(
    batches: Iterable[RecordBatch], wanted: Wanted, delimiter: str, batch_bytes: int
) -> Iterator[SelectedBatch]:
    """Put what is wanted together, in a batch for every ``batch_bytes`` or some more."""
    selector, taken = Selector(wanted), _Taken(delimiter.encode())
    for batch in batches:
        texts: list[bytes] = []
        for number, found in selector.find(batch):
            place = wanted.place(number)
            if found is None:
                taken.blanks += 1
            elif isinstance(found, RecordError):
                taken.add_error(found, place)
            else:
                texts = texts or split_text(batch)
                taken.add_row(texts[found], place)
        taken.quote = batch.quote
        del batch, texts  # while the next is read, nothing here keeps this one
        if taken.size >= batch_bytes:
            yield taken.finish()
            taken = _Taken(taken.delimiter, taken.first + len(taken.texts))
    if taken.texts or taken.errors or taken.blanks:
        yield taken.finish()


@dataclass(slots=True)
class _Taken:
    """A batch in the making. ``first`` counts the rows that were taken before it."""

    delimiter: bytes
    first: int = 0
    quote: str = '"'
    size: int = 0
    blanks: int = 0
    texts: list[bytes] = field(default_factory=list)
    places: list[Location] = field(default_factory=list)
    errors: list[RecordError] = field(default_factory=list)

    def add_row(self, text: bytes, place: Location) -> None:
        self.texts.append(text)
        self.places.append(place)
        self.size += len(text) + _PLACE_BYTES

    def add_error(self, error: RecordError, place: Location) -> None:
        self.errors.append(RecordError(len(self.texts), error.code, error.message, place))
        self.size += _PLACE_BYTES

    def finish(self) -> SelectedBatch:
        return SelectedBatch(
            text=guard_mark(b"".join(self.texts), self.delimiter, self.quote.encode()),
            rows=len(self.texts),
            quote=self.quote,
            errors=tuple(self.errors),
            blanks=self.blanks,
            first=Position(0, 1, self.first, None, -1),
            end=Position(0, 1, self.first + len(self.texts), None, -1),
            places=tuple(self.places),
        )


def split_text(batch: Batch) -> list[bytes]:
    """Give the text of each row of a batch, with its newline. A newline within quotes ends no row."""
    lines, quote = batch.text.split(b"\n")[:-1], batch.quote.encode()
    rows: list[bytes] = []
    begun: list[bytes] = []
    for line in lines:
        closes = line.count(quote) % 2 == (1 if begun else 0)
        begun.append(line)
        if closes:
            rows.append(b"\n".join(begun) + b"\n")
            begun = []
    return rows


def note_wanted(database: duckdb.DuckDBPyConnection, rows: array[int]) -> None:
    """Note which rows of a file are wanted, in a table."""
    database.execute("CREATE OR REPLACE TABLE wanted (row BIGINT, number BIGINT)")
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        some = rows[start : start + _ROWS_AT_ONCE].tolist()
        database.execute(
            "INSERT INTO wanted SELECT unnest(?::BIGINT[]), unnest(?::BIGINT[])",
            [some, list(range(start, start + len(some)))],
        )


def put_wanted_last(database: duckdb.DuckDBPyConnection, rows: int) -> None:
    """Decide the keys as if the wanted rows stood behind all others of the file, which has so many rows."""
    database.execute("UPDATE keys SET row = row + ? WHERE row IN (SELECT row FROM wanted)", [rows])
    database.execute("UPDATE wanted SET row = row + ?", [rows])


def keep_wanted(database: duckdb.DuckDBPyConnection) -> None:
    """Leave of what loses that which is of wanted rows, by their numbers among those."""
    database.execute(
        "CREATE OR REPLACE TABLE losers AS SELECT number AS row, item FROM losers JOIN wanted USING (row) ORDER BY ALL"
    )
    find_repeated(database)
