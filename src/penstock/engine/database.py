"""The database that runs a plan's SQL: in memory, closed to everything but its scratch folder, its settings locked.

Expressions are checked against an allow-list before they get here (:mod:`penstock.compile.expressions`); this is the
second wall. It needs neither numpy nor pyarrow.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import duckdb

from penstock.engine.memory import share_heap
from penstock.engine.sql import literal
from penstock.errors import NO_SPACE

_CLOSED: Final[dict[str, bool]] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "allow_community_extensions": False,
    "allow_unsigned_extensions": False,
    "allow_persistent_secrets": False,
    # Without this a name in SQL could resolve to a variable of the Python code around it.
    "python_enable_replacements": False,
}


def open_database(
    scratch: Path | None, *, memory_mb: int = 512, threads: int = 1, spill_bytes: int | None = None
) -> duckdb.DuckDBPyConnection:
    """Open an in-memory database that reads and writes files only below ``scratch``; use it in a ``with``.

    What does not fit ``memory_mb`` megabytes is spilled to ``scratch``, which must exist: up to ``spill_bytes``, or nine tenths
    of what is free there. With None for a folder the database has none at all, which is enough to ask it for the types of
    expressions. Results keep their insertion order,
    times are in UTC, and a division by zero is an error, whatever DuckDB's defaults become. No setting can be
    changed afterwards.
    """
    share_heap()
    connection = duckdb.connect(
        ":memory:",
        config={
            **_CLOSED,
            "memory_limit": f"{memory_mb}MB",
            "threads": threads,
            "temp_directory": "" if scratch is None else str(scratch.resolve() / "spill"),
            **({} if spill_bytes is None else {"max_temp_directory_size": f"{spill_bytes}B"}),
            "preserve_insertion_order": True,
            "error_on_division_by_zero": True,
            # It computes what occurs twice before, and so outside, the TRY that should catch its failure.
            "disabled_optimizers": "common_subexpressions",
        },
    )
    connection.execute("SET GLOBAL TimeZone = 'UTC'")  # for its cursors too
    if scratch is not None:
        connection.execute(f"SET allowed_directories = [{literal(str(scratch.resolve()))}]")
    # The order matters: the folders can't be named once access is closed, and nothing can once all is locked.
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection


def is_disk_full(error: duckdb.Error) -> bool:
    """Tell whether the database failed because the disk has no room."""
    return isinstance(error, duckdb.IOException) and any(os.strerror(code) in str(error) for code in NO_SPACE)


def find_ending(error: BaseException) -> BaseException | None:
    """What ended the process, where ``error`` was met on the way out; None where the error is one of its own."""
    met: BaseException | None = error
    while met is not None and isinstance(met, Exception):
        met = met.__context__
    return met
