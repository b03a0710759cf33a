"""A plan's query: its SELECT over files of rows, and its result written as the CSV file that the plan itself reads.

The query sorts its result by all its columns, so that the same rows give the same file, byte for byte, whoever computed them:
the sorted values lie in a Parquet file first, from which the records are written as they come. Memory and spill are
bounded; what does not fit fails with what to do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Final

import duckdb

from penstock import verdicts
from penstock.engine.database import find_ending, is_disk_full, open_database
from penstock.engine.sql import files_sql, identifier, literal
from penstock.engine.ways import FETCHED
from penstock.errors import NO_SPACE, CapacityError, DataError, EngineError
from penstock.plan.model import Query

_LOOK_SECONDS: Final = 0.25
"""How often it is asked whether a query is to stop."""

_FAULTS: Final[tuple[tuple[type[duckdb.Error], str], ...]] = (
    (duckdb.OutOfRangeException, "a number, a date or a text left the range of its type"),
    (duckdb.ConversionException, "a value could not be cast to another type"),
    (
        duckdb.InvalidInputException,
        "a division by zero, a subquery of several rows, or a function's argument",
    ),
)
"""What a query can fail at by the rows that it is given. The database's own message can hold a cell's value, and is not told."""


def run_select(  # noqa: PLR0913 -- what a query needs, each by its name
    query: Query,
    relations: Mapping[str, Sequence[Path]],
    result: Path,
    scratch: Path,
    *,
    memory_mb: int,
    threads: int = 1,
    spill_bytes: int | None = None,
    stop: Callable[[], bool] | None = None,
) -> int:
    """Run the query over files of rows, and leave its rows, sorted and typed, in the Parquet file ``result``; give their number.

    ``relations`` has the files of ``rows`` and of each reference; all are below ``scratch``, as is the result. Up to
    ``spill_bytes`` are spilled there.

    Raises :class:`~penstock.errors.DataError` where the query fails on these rows, :class:`~penstock.errors.CapacityError` where it
    takes more memory or disk, or ``stop`` says before its end that there is no more time, and EngineError for anything else.
    """
    database = open_database(scratch, memory_mb=memory_mb, threads=threads, spill_bytes=spill_bytes)
    with _explained(memory_mb), database, _interrupted(database, stop):
        _name_relations(database, query, relations)
        database.execute(
            f"COPY ({query.duckdb}) TO {literal(str(result))} (FORMAT parquet, COMPRESSION zstd)"
        )
        return _count(database, result)


def write_records(
    query: Query, result: Sequence[Path], file: Path, scratch: Path, *, memory_mb: int, header: bool = True
) -> int:
    """Write rows of a result, which lie sorted in Parquet files below ``scratch``, as records; give their number.

    The header stands before them, unless the file is only a piece of a result. The columns are those of the query's result. Raises CapacityError and EngineError of :mod:`penstock.errors`.
    """
    database = open_database(scratch, memory_mb=memory_mb)
    with _explained(memory_mb), database, file.open("wb") as written:
        if header:
            written.write(f"{query.header}\n".encode())
        if not result:
            return 0
        found = database.execute(f"SELECT encode({query.record}) FROM {files_sql(result)}")
        count = 0
        while rows := found.fetchmany(FETCHED):
            written.write(b"\n".join(record for (record,) in rows))
            written.write(b"\n")
            count += len(rows)
        return count


def _name_relations(
    database: duckdb.DuckDBPyConnection, query: Query, relations: Mapping[str, Sequence[Path]]
) -> None:
    """Make a view of each relation, of its columns' types also where it has no rows."""
    columns = {"rows": query.columns, **{found.name: found.columns for found in query.references}}
    for name, wanted in columns.items():
        files = relations[name]
        empty = ", ".join(f"NULL::{column.sql_type} AS {identifier(column.name)}" for column in wanted)
        rows = f"SELECT * FROM {files_sql(files)}" if files else f"SELECT {empty} WHERE FALSE"
        database.execute(f"CREATE TEMP VIEW {identifier(name)} AS {rows}")


def _count(database: duckdb.DuckDBPyConnection, file: Path) -> int:
    found = database.execute(f"SELECT count(*) FROM {files_sql([file])}").fetchone()
    assert found is not None
    return int(found[0])


@contextmanager
def _interrupted(database: duckdb.DuckDBPyConnection, stop: Callable[[], bool] | None) -> Iterator[None]:
    """Interrupt what the database is at once ``stop`` says so."""
    if stop is None:
        yield
        return
    ended = Event()

    def watch() -> None:
        while not ended.wait(_LOOK_SECONDS):
            if stop():
                database.interrupt()
                return

    watcher = Thread(target=watch, name="stop-query", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()


@contextmanager
def _explained(memory_mb: int) -> Iterator[None]:
    """Raise what a query fails at as what a person can do something about; no message holds a value."""
    try:
        yield
    except duckdb.OutOfMemoryException as error:
        raise CapacityError(
            f"The query takes more than the {memory_mb:,} MB of memory, or more than the free disk, that it was given. Give the "
            "function more memory and storage, here more free space in the folder for temporary files, or let a cluster do it "
            "(`engine: glue`)."
        ) from error
    except duckdb.InterruptException as error:
        ending = find_ending(error)
        if ending is not None:
            raise ending from None
        raise CapacityError(
            "The query did not end in the time that it had. Give the function a longer timeout or more memory, which is "
            "also more processor, or let a cluster do it (`engine: glue`)."
        ) from error
    except duckdb.Error as error:
        raise _explain(error) from error
    except OSError as error:
        if error.errno in NO_SPACE:
            raise _disk_full() from error
        raise


def _explain(error: duckdb.Error) -> BaseException:
    ending = find_ending(error)
    if ending is not None:
        return ending
    for kind, what in _FAULTS:
        if isinstance(error, kind):
            return DataError(
                verdicts.QUERY_ERROR,
                f"transform.sql failed on the rows of this file: {what} ({type(error).__name__}). Nothing was loaded. Have the query "
                "leave out such rows or guard what fails (`CASE WHEN`), then send the file again",
            )
    if is_disk_full(error):
        return _disk_full()
    return EngineError(f"the database stopped with {type(error).__name__} in the query: please report it")


def _disk_full() -> CapacityError:
    return CapacityError(
        "The disk is full: the query and its result do not fit there. Give the function more storage, or free some space in "
        "the folder for temporary files, or let a cluster do it (`engine: glue`)."
    )
