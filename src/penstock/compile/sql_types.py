"""DuckDB's types as expressions know them, and DuckDB itself asked for the type of a piece of SQL."""

from __future__ import annotations

import functools
import re
from typing import Final, Literal

import duckdb

from penstock.engine.database import open_database

Kind = Literal["null", "text", "number", "boolean", "date", "timestamp", "time", "interval", "list", "other"]

NAMES: Final[dict[str, str]] = {
    "null": "NULL",
    "text": "text",
    "number": "a number",
    "boolean": "a boolean",
    "date": "a date",
    "timestamp": "a timestamp",
    "time": "a time",
    "interval": "an interval",
    "list": "a list",
}

_KINDS: Final[dict[str, Kind]] = {
    '"NULL"': "null",
    "VARCHAR": "text",
    "HUGEINT": "number",
    "BOOLEAN": "boolean",
    "DATE": "date",
    "TIMESTAMP": "timestamp",
    "TIME": "time",
    "INTERVAL": "interval",
}

INTEGERS: Final = frozenset(
    ["TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"]
)
FLOATS: Final = frozenset({"FLOAT", "DOUBLE"})
_DECIMAL: Final = re.compile(r"DECIMAL\((\d+),(\d+)\)")


def kind_of(sql_type: str) -> Kind:
    """Give the kind of a type; ``other`` for the types that expressions don't have."""
    if sql_type in INTEGERS or _DECIMAL.fullmatch(sql_type):
        return "number"
    if sql_type.endswith("[]"):
        return "list"
    return _KINDS.get(sql_type, "other")


def scale_of(sql_type: str) -> int | None:
    """Give the scale of a DECIMAL, and None for any other type."""
    found = _DECIMAL.fullmatch(sql_type)
    return int(found[2]) if found else None


@functools.cache
def _database() -> duckdb.DuckDBPyConnection:
    return open_database(None, memory_mb=256)


@functools.lru_cache(maxsize=4096)
def ask_type(sql: str, operands: tuple[tuple[str, str], ...] = ()) -> str:
    """Ask DuckDB for the type of ``sql``, in which ``operands`` are names with their types.

    Raises :class:`duckdb.Error` where the types do not go together.
    """
    columns = ", ".join(f"NULL::{sql_type} AS {name}" for name, sql_type in operands)
    source = f" FROM (SELECT {columns})" if columns else ""
    row = _database().cursor().execute(f"DESCRIBE SELECT {sql} AS v{source}").fetchone()
    assert row is not None
    return str(row[1])


def ask_failure(sql: str) -> str | None:
    """Compute ``sql``, which is made of literals only, and give the reason why it fails, or None."""
    try:
        _database().cursor().execute(f"SELECT {sql}").fetchall()
    except duckdb.Error as error:
        return plain_reason(error)
    return None


def function_kinds(name: str) -> frozenset[str]:
    """Tell what DuckDB knows under a function's name: ``scalar``, ``aggregate``, ``table``, ...; empty if nothing."""
    return _catalogue().get(name, frozenset())


@functools.cache
def _catalogue() -> dict[str, frozenset[str]]:
    cursor = _database().cursor()
    cursor.execute("SELECT function_name, list(DISTINCT function_type) FROM duckdb_functions() GROUP BY 1")
    return {str(name): frozenset(kinds) for name, kinds in cursor.fetchall()}


def plain_reason(error: duckdb.Error) -> str:
    """Give the first sentence of DuckDB's reason: without its kind, its candidates and its picture of the statement."""
    text = re.split(r"\n|LINE \d+:|\tCandidate", str(error), maxsplit=1)[0].strip()
    return re.sub(r"^[A-Z][A-Za-z ]*Error: ", "", text).rstrip(".!")
