"""Rows as relations: the texts of rows made into typed Parquet files, which every query engine reads.

A text is the CSV record of a row: each column as canonical text in double quotes, doubled inside; nothing where it is
NULL. Texts are cast to their columns' types, which they fit exactly, for the plan that made them has seen to that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self

import duckdb

from penstock.engine.sql import NO_GUESSES, files_sql, identifier, literal
from penstock.engine.ways import check_count
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
        found = self._connection.execute(f"SELECT count(*) FROM {files_sql([path])}").fetchone()
        check_count(0 if found is None else found[0], self._rows, "rows")
        self.files.append(RowFile(name, self._rows, path.stat().st_size))
        self._open = None
        self._rows = self._bytes = self._longest = 0

    def _select(self) -> str:
        """Read the texts, each cast to its column's type."""
        count = len(self._columns)
        names = ", ".join(f"'c{i}': 'VARCHAR'" for i in range(count + 1))
        casts = [
            f"CAST(c{i} AS {column.sql_type}) AS {identifier(column.name)}"
            for i, column in enumerate(self._columns)
        ]
        options = ", ".join(
            (
                "auto_detect = false, header = false, strict_mode = true, parallel = false, null_padding = false",
                NO_GUESSES,
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
