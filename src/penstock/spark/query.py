"""A feed's query as Spark SQL, over the rows that executors have read; its result is left in pieces, in the run's folder.

Files of the folder are read and written by Penstock's own code, in Python processes beside the executors: Spark sees rows as Arrow
batches, and no path. What a query gives is sorted by all its columns, so a piece is the rows of one partition, or some of them in order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import astuple
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from penstock import verdicts
from penstock.engine.query import write_records
from penstock.errors import DataError, UsageError
from penstock.load.steps.query import query_of, read_relations, take_result
from penstock.load.steps.result import Piece, Result
from penstock.load.steps.states import new_token
from penstock.load.steps.workplace import Workplace
from penstock.plan.model import Column, Plan
from penstock.spark.distribute import spark_explained, told_alone

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession

PIECE_BYTES: Final = 64 << 20
"""Of how many bytes in memory the rows of a piece are: it is loaded by one worker."""
_BATCH_ROWS: Final = 10_000
_WRITING_MB: Final = 256
"""What the database may take that makes records of a piece's rows."""

_TYPES: Final = {"VARCHAR": "string", "BOOLEAN": "boolean", "DATE": "date", "TIMESTAMP": "timestamp_ntz"}
_FAULTS: Final = {
    "ArithmeticException": "a number left the range of its type, or was divided by zero",
    "NumberFormatException": "a text could not be cast to a number",
    "DateTimeException": "a text could not be cast to a date or a time, or one left their range",
    "IllegalArgumentException": "a function's argument",
    "ArrayIndexOutOfBoundsException": "a place beyond a list's end",
    "RuntimeException": "a value that a function, a cast or a subquery does not take",
}
"""What a query can fail at by the rows that it is given, by the ending of the name of Spark's own error (``Spark...``)."""

OpenPlace = Callable[[], Workplace]


def check_query(plan: Plan) -> None:
    """Raise :class:`~penstock.errors.UsageError` where Spark can't be trusted to give what DuckDB does."""
    query = plan.query
    if query is not None and query.spark is None:
        raise UsageError(
            f"The query of {plan.name} can't run on Spark with the result that it has in DuckDB: {'; '.join(query.refused)}. "
            "Write it otherwise, or leave it to the function (engine: lambda; here: without --engine spark)."
        )


def run_query(session: SparkSession, open_place: OpenPlace, began: float, reason: str | None) -> Result:
    """Run the query over what the run's folder has, and leave its result there. ``open_place`` is sent to the executors.

    Raises :class:`~penstock.errors.DataError` where the query fails on these rows, and
    :class:`~penstock.spark.distribute.TaskError` where Spark fails otherwise.
    """
    place = open_place()
    query = query_of(place)
    assert query.spark is not None, "it was looked at before anything was begun"
    columns = {"rows": query.columns, **{found.name: found.columns for found in query.references}}
    with query_explained():
        for name, files in read_relations(place).items():
            frame = _read(session, open_place, [file.name for file in files], columns[name])
            frame.createOrReplaceTempView(_quote(name))
        written = session.sql(query.spark).mapInArrow(_WritePieces(open_place), _PIECES).collect()
    pieces = [Piece(*row[2:]) for row in sorted(written)]
    return take_result(place, pieces, began, reason)


def _read(
    session: SparkSession, open_place: OpenPlace, names: Sequence[str], columns: Sequence[Column]
) -> DataFrame:
    """Give files of rows as a relation: a task reads some of them."""
    schema = ", ".join(f"{_quote(column.name)} {_spark_type(column.sql_type)}" for column in columns)
    if not names:
        return session.createDataFrame([], schema)
    files = session.sparkContext.parallelize([(name,) for name in names], len(names))
    return session.createDataFrame(files, "name string").mapInArrow(_ReadFiles(open_place, columns), schema)


def _quote(name: str) -> str:
    return f"`{name.replace('`', '``')}`"


def _spark_type(sql_type: str) -> str:
    return _TYPES.get(sql_type, sql_type.lower())


class _ReadFiles:
    """Reads the files that it is told of, in a Python process beside an executor."""

    def __init__(self, open_place: OpenPlace, columns: Sequence[Column]) -> None:
        self._open_place = open_place
        self._columns = [column.name for column in columns]

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        import pyarrow.parquet as pq  # noqa: PLC0415 -- it is an extra

        with told_alone():
            place = self._open_place()
        for batch in batches:
            for name in batch.column(0).to_pylist():
                with told_alone(), place.make_scratch() as folder:
                    path = Path(folder, "rows.parquet")
                    place.folder.download(name, path)
                    with pq.ParquetFile(path) as file:
                        yield from file.iter_batches(_BATCH_ROWS, columns=self._columns)


_PIECES: Final = "partition int, number int, name string, rows long, bytes long, lines long"


class _WritePieces:
    """Writes the rows of a partition as records, in a Python process beside an executor, and tells of the pieces."""

    def __init__(self, open_place: OpenPlace) -> None:
        self._open_place = open_place

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa  # noqa: PLC0415 -- it is an extra
        from pyspark import TaskContext  # noqa: PLC0415

        context = TaskContext.get()
        assert context is not None, "this is called by an executor"
        partition, token = context.partitionId(), new_token()
        with told_alone():
            place = self._open_place()
        for number, taken in enumerate(_gather(iter(batches))):
            with told_alone():
                piece = _write_piece(place, taken, f"result/{partition:06d}-{token}-{number:03d}.csv")
            row = (partition, number, *astuple(piece))
            names = [field.split()[0] for field in _PIECES.split(", ")]
            types = [pa.int32(), pa.int32(), pa.string(), pa.int64(), pa.int64(), pa.int64()]
            arrays = [pa.array([value], kind) for value, kind in zip(row, types, strict=True)]
            yield pa.RecordBatch.from_arrays(arrays, names)


def _gather(batches: Iterator[pa.RecordBatch]) -> Iterator[Iterator[pa.RecordBatch]]:
    """Give the rows of one piece after another, each to be used whole before the next."""
    for first in batches:
        yield _take_some(first, batches)


def _take_some(first: pa.RecordBatch, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    size = first.nbytes
    yield first
    while size < PIECE_BYTES and (batch := next(batches, None)) is not None:
        size += batch.nbytes
        yield batch


def _write_piece(place: Workplace, batches: Iterator[pa.RecordBatch], name: str) -> Piece:
    """Write rows as records into a file of the run's folder."""
    import pyarrow.parquet as pq  # noqa: PLC0415 -- it is an extra

    with place.make_scratch() as folder:
        scratch = Path(folder)
        rows, records = scratch / "rows.parquet", scratch / "records.csv"
        first = next(batches)
        with pq.ParquetWriter(rows, first.schema) as writer:
            writer.write_batch(first)
            for batch in batches:
                writer.write_batch(batch)
        query = query_of(place)
        count = write_records(query, [rows], records, scratch, memory_mb=_WRITING_MB, header=False)
        place.folder.upload(name, records)
        with records.open("rb") as file:
            lines = sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))
        return Piece(name, count, records.stat().st_size, lines)


def query_explained() -> AbstractContextManager[None]:
    """Raise what the query fails at by its rows as :class:`~penstock.errors.DataError`, and anything else as TaskError."""
    return spark_explained(" at the query", _find_fault)


def _find_fault(error: Exception) -> DataError | None:
    """Find what a query fails at by its rows, by the names of Java's classes alone."""
    from py4j.protocol import Py4JJavaError  # noqa: PLC0415 -- it is an extra

    cause = error.java_exception if isinstance(error, Py4JJavaError) else getattr(error, "_origin", None)
    for name in _name_causes(cause):
        found = next((what for ending, what in _FAULTS.items() if name == f"Spark{ending}"), None)
        if found is not None:
            return DataError(
                verdicts.QUERY_ERROR,
                f"transform.sql failed on the rows of this file: {found} ({name}). Nothing was loaded. Have the query "
                "leave out such rows or guard what fails (`CASE WHEN`), then send the file again",
            )
    return None


def _name_causes(error: Any) -> Iterator[str]:
    """Name the classes of a Java error and of what caused it."""
    while error is not None:
        yield error.getClass().getSimpleName()
        error = error.getCause()
