"""Rows as relations: the texts of rows made into typed Parquet files, which every query engine reads.

A text is the CSV record of a row: each column as canonical text in double quotes, doubled inside; nothing where it is
NULL. Texts are cast to their columns' types, which they fit exactly, for the plan that made them has seen to that.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self

import duckdb

from penstock import verdicts
from penstock.engine.sql import identifier, literal
from penstock.engine.ways import check_count
from penstock.errors import DataError
from penstock.plan.model import Column

FILE_BYTES: Final = 32 * 2**20
"""Bytes of texts that become one file. The database holds a file's rows in memory while it writes them."""

_BUFFER_BYTES: Final = 2 * 2**20
_END: Final = b",\n"
"""What ends a text. The comma makes one column more, without which the NULL of a single column would be an empty line."""


@dataclass(frozen=True, slots=True)
class RowFile:
    """A Parquet file of rows, by its name below the scratch folder. It is never changed."""

    name: str
    rows: int
    bytes: int


class RowFiles:
    """Makes files of rows' texts, in the order in which they come. A context manager, which leaves its files.

    ``folder`` is below the scratch folder that the connection can write to, and ``prefix`` begins the files' names there.
    Errors of the database are raised as they are.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        columns: Sequence[Column],
        scratch: Path,
        prefix: str,
        file_bytes: int = FILE_BYTES,
    ) -> None:
        self._connection = connection
        self._columns = tuple(columns)
        self._scratch = scratch
        self._prefix = prefix
        self._file_bytes = file_bytes
        self._texts = scratch / f"{prefix}-texts.csv"
        self._texts.parent.mkdir(parents=True, exist_ok=True)
        self._open: BinaryIO | None = None
        self._rows = self._bytes = self._longest = 0
        self.files: list[RowFile] = []

    def add(self, texts: str, rows: int) -> None:
        """Take the texts of some rows, separated as the requests of a batch are."""
        encoded = texts.encode()
        if self._open is None:
            self._open = self._texts.open("wb")
        self._open.write(encoded)
        self._open.write(_END)
        self._rows += rows
        self._bytes += len(encoded) + len(_END)
        self._longest = max(self._longest, len(encoded))
        if self._bytes >= self._file_bytes:
            self.flush()

    def flush(self) -> None:
        """Make a file of the texts that are not yet in one, if there are any."""
        if self._open is None:
            return
        self._open.close()
        name = f"{self._prefix}-{len(self.files):05d}.parquet"
        path = self._scratch / name
        self._connection.execute(
            f"COPY ({self._select()}) TO {literal(str(path))} (FORMAT parquet, COMPRESSION zstd)"
        )
        found = self._connection.execute(
            f"SELECT count(*) FROM read_parquet({literal(str(path))})"
        ).fetchone()
        check_count(0 if found is None else found[0], self._rows, "rows")
        self.files.append(RowFile(name, self._rows, path.stat().st_size))
        self._open = None
        self._rows = self._bytes = self._longest = 0

    def _select(self) -> str:
        """Read the texts, each cast to its column's type."""
        count = len(self._columns)
        names = ", ".join(f"'c{i}': 'VARCHAR'" for i in range(count + 1))
        # A query that names no column still counts rows.
        casts = [
            f"CAST(c{i} AS {column.sql_type}) AS {identifier(column.name)}"
            for i, column in enumerate(self._columns)
        ] or ["TRUE AS present"]
        options = ", ".join(
            (
                "auto_detect = false, header = false, strict_mode = true, parallel = false, null_padding = false",
                "delim = ',', quote = '\"', escape = '\"', new_line = '\\n', nullstr = '', allow_quoted_nulls = false",
                f"max_line_size = {self._longest + 16}, buffer_size = {max(2 * self._longest + 32, _BUFFER_BYTES)}",
                f"columns = {{{names}}}",
            )
        )
        return f"SELECT {', '.join(casts)} FROM read_csv({literal(str(self._texts))}, {options})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._open is not None:
            self._open.close()
        self._texts.unlink(missing_ok=True)


_DECIMAL: Final = re.compile(r"DECIMAL\((\d+),(\d+)\)")
_DIGITS: Final = {
    "TINYINT": 3,
    "SMALLINT": 5,
    "INTEGER": 10,
    "BIGINT": 19,
    "UTINYINT": 3,
    "USMALLINT": 5,
    "UINTEGER": 10,
    "UBIGINT": 20,
}
_MOMENTS: Final = ("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP WITH TIME ZONE")
_FIRST_DAY, _LAST_DAY = "DATE '0001-01-01'", "DATE '9999-12-31'"


def take_parquet(
    connection: duckdb.DuckDBPyConnection,
    columns: Sequence[Column],
    required: Sequence[str],
    file: Path,
    target: Path,
) -> int:
    """Copy the columns of a Parquet file that somebody else wrote, each cast to its type where all its values fit that exactly.

    Gives the number of rows. Raises :class:`~penstock.errors.DataError` where the file has not these columns, they may hold
    what does not fit, or one that is ``required`` has a NULL; whatever else the database fails at is raised as it is.
    """
    source = f"read_parquet({literal(str(file))})"
    there = {name: kind for name, kind, *_ in connection.execute(f"DESCRIBE FROM {source}").fetchall()}
    problems = [text for column in columns if (text := _misfit(column, there.get(column.name))) is not None]
    problems += [f"it has no column {name!r}" for name in required if name not in there]
    if problems:
        raise DataError(verdicts.REFERENCE_ERROR, "; ".join(dict.fromkeys(problems)))
    _check_nulls(connection, required, source)
    _check_range(connection, columns, source)
    casts = ", ".join(_exact_cast(column, there[column.name]) for column in columns) or "TRUE AS present"
    connection.execute(
        f"COPY (SELECT {casts} FROM {source}) TO {literal(str(target))} (FORMAT parquet, COMPRESSION zstd)"
    )
    found = connection.execute(f"SELECT count(*) FROM read_parquet({literal(str(target))})").fetchone()
    return 0 if found is None else int(found[0])


def _misfit(column: Column, found: str | None) -> str | None:
    """Say why a column of a file can't be taken for one of the query's, if it can't."""
    if found is None:
        return f"it has no column {column.name!r}"
    wanted = _DECIMAL.fullmatch(column.sql_type)
    if wanted is not None:
        digits, scale = _digits(found)
        fits = digits is not None and scale <= int(wanted[2]) and digits <= int(wanted[1]) - int(wanted[2])
    elif column.sql_type == "TIMESTAMP":
        fits = found in _MOMENTS
    else:
        fits = found == column.sql_type
    if fits:
        return None
    return f"its column {column.name!r} is {found}, which does not fit the schema's {column.type} ({column.sql_type}) exactly"


def _digits(found: str) -> tuple[int | None, int]:
    """Give the digits that a type has before the point and after it, None for the first where it holds no exact numbers."""
    decimal = _DECIMAL.fullmatch(found)
    if decimal is not None:
        return int(decimal[1]) - int(decimal[2]), int(decimal[2])
    return _DIGITS.get(found), 0


def _check_nulls(connection: duckdb.DuckDBPyConnection, required: Sequence[str], source: str) -> None:
    for name in required:
        found = connection.execute(
            f"SELECT count(*) FROM {source} WHERE {identifier(name)} IS NULL"
        ).fetchone()
        if found is not None and found[0]:
            raise DataError(
                verdicts.REFERENCE_ERROR,
                f"its column {name!r} is required, and {found[0]} of its rows have none",
            )


def _check_range(connection: duckdb.DuckDBPyConnection, columns: Sequence[Column], source: str) -> None:
    """Refuse days beyond the years 1 to 9999, which a schema's dates can't be and other engines count otherwise."""
    for column in columns:
        if column.sql_type not in {"DATE", "TIMESTAMP"}:
            continue
        name = identifier(column.name)
        beyond = connection.execute(
            f"SELECT count(*) FROM {source} WHERE NOT (CAST({name} AS DATE) BETWEEN {_FIRST_DAY} AND {_LAST_DAY})"
        ).fetchone()
        if beyond is not None and beyond[0]:
            raise DataError(
                verdicts.REFERENCE_ERROR,
                f"its column {column.name!r} has {beyond[0]} values beyond the years 1 to 9999",
            )


def _exact_cast(column: Column, found: str) -> str:
    name = identifier(column.name)
    value = f"{name} AT TIME ZONE 'UTC'" if found == "TIMESTAMP WITH TIME ZONE" else name
    return f"CAST({value} AS {column.sql_type}) AS {name}"
