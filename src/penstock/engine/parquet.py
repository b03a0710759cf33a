"""A Parquet file that somebody else wrote, taken as a relation: by the types that its columns really have, and only exactly."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import duckdb

from penstock import verdicts
from penstock.engine.sql import files_sql, identifier, literal
from penstock.errors import DataError
from penstock.plan.model import Column

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
    source = files_sql([file])
    there = {name: kind for name, kind, *_ in connection.execute(f"DESCRIBE FROM {source}").fetchall()}
    problems = list(_find_ambiguous(connection, [*(column.name for column in columns), *required], file))
    problems += [text for column in columns if (text := _misfit(column, there.get(column.name))) is not None]
    problems += [f"it has no column {name!r}" for name in required if name not in there]
    if problems:
        raise DataError(verdicts.REFERENCE_ERROR, "; ".join(dict.fromkeys(problems)))
    _check_nulls(connection, required, source)
    _check_range(connection, columns, source)
    casts = ", ".join(_exact_cast(column, there[column.name]) for column in columns)
    connection.execute(
        f"COPY (SELECT {casts} FROM {source}) TO {literal(str(target))} (FORMAT parquet, COMPRESSION zstd)"
    )
    found = connection.execute(f"SELECT count(*) FROM {files_sql([target])}").fetchone()
    return 0 if found is None else int(found[0])


def _find_ambiguous(connection: duckdb.DuckDBPyConnection, names: Sequence[str], file: Path) -> Iterator[str]:
    """Say which columns a name could mean several of, and which are of a type that the database would cut to microseconds."""
    found = connection.execute(
        f"SELECT name, type, coalesce(num_children, 0) FROM parquet_schema({literal(str(file))})"
    ).fetchall()
    columns, within = [], 0
    for name, kind, children in found[1:]:  # the first is the file itself; what is within a column follows it
        if within == 0:
            columns.append((name, kind))
        within += children - (within > 0)
    for name in dict.fromkeys(names):
        alike = [kind for other, kind in columns if other.casefold() == name.casefold()]
        if len(alike) > 1:
            yield f"it has {len(alike)} columns called {name!r}, in one case or another"
        elif alike == ["INT96"]:
            yield (
                f"its column {name!r} is INT96, of nanoseconds: write it as a timestamp of microseconds (Spark's setting "
                "spark.sql.parquet.outputTimestampType)"
            )


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
