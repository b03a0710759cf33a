"""The spellings of SQL that the engine and the compiler share."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

NO_GUESSES: Final = "hive_partitioning = false"
"""The option of whatever reads files: else a folder called ``x=1`` above them makes a column of that name, over the file's own."""


def files_sql(files: Sequence[Path]) -> str:
    """Write the reading of Parquet files, one after another, as a relation."""
    return f"read_parquet([{', '.join(literal(str(file)) for file in files)}], {NO_GUESSES})"


def literal(text: str) -> str:
    """Write text as an SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """Write a name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'
