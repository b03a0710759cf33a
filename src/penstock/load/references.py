"""What a query reads beside the rows: small objects, read whole into typed files before the query begins.

A reference is right as a whole, or the file that needs it is refused: a join that lacks some of its rows would give a result
that nobody can tell from a right one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb

from penstock import verdicts
from penstock.engine.database import find_ending, is_disk_full, open_database
from penstock.engine.parquet import take_parquet
from penstock.engine.relations import RowFile
from penstock.engine.result import Reject
from penstock.errors import CapacityError, DataError, EngineError
from penstock.load.chunk import BATCH_BYTES, begin_object
from penstock.load.judges import MEMORY_MB
from penstock.load.protocols import ObjectSource
from penstock.load.rows import FILES_MB, read_rows
from penstock.plan.model import Query, Reference

_BLOCK_BYTES = 2**20


def find_missing(query: Query, sources: Mapping[str, ObjectSource]) -> DataError | None:
    """Give the error of references that are not there, None where all are."""
    missing = [place(reference) for reference in query.references if reference.name not in sources]
    if not missing:
        return None
    verb = "is" if len(missing) == 1 else "are"
    return DataError(
        verdicts.REFERENCE_ERROR,
        f"{', '.join(missing)} {verb} not there, and the query reads {'it' if len(missing) == 1 else 'them'}: put "
        f"{'it' if len(missing) == 1 else 'them'} there, and send the file again",
    )


def place(reference: Reference) -> str:
    """Name a reference and where it lies, for people."""
    if reference.key is not None:
        return f"the reference {reference.name} ({reference.key})"
    return f"the reference {reference.name} (the newest object of {reference.prefix}*{reference.suffix})"


def read_reference(
    query: Query,
    number: int,
    source: ObjectSource,
    scratch: Path,
    *,
    batch_bytes: int = BATCH_BYTES,
    memory_mb: int = MEMORY_MB,
    lanes: int | None = None,
) -> tuple[RowFile, ...]:
    """Read the reference of this number into files ``references/<number>/...`` below ``scratch``, in the order of the object.

    Raises :class:`~penstock.errors.DataError` with the code ``reference-error``, which names the reference, the line and the field,
    where anything of it breaks its schema; ServiceError and EngineError of :mod:`penstock.errors`.
    """
    reference = query.references[number]
    try:
        if reference.rows is None:
            return (_take_file(reference, number, source, scratch, memory_mb),)
        begun = begin_object(reference.rows, source)
        read = read_rows(
            reference.rows,
            reference.columns,
            source,
            begun.binding,
            begun.whole,
            _Refusal(),
            scratch,
            batch_bytes=batch_bytes,
            memory_mb=memory_mb,
            lanes=lanes,
            folder=f"references/{number}",
        )
    except DataError as error:
        raise DataError(
            verdicts.REFERENCE_ERROR,
            f"the reference {reference.name} ({source.key}) can't be used: {str(error).removesuffix('.')}. Nothing was loaded. "
            "Correct it, and send the file again",
        ) from error
    return read.files


def _take_file(
    reference: Reference, number: int, source: ObjectSource, scratch: Path, memory_mb: int
) -> RowFile:
    """Copy a Parquet file, and from it what the query reads, by the types that its columns really have."""
    folder = scratch / "references" / f"{number}"
    folder.mkdir(parents=True, exist_ok=True)
    copied, taken = folder / "object.parquet", folder / "00000.parquet"
    with copied.open("wb") as file:
        for block in source.blocks(_BLOCK_BYTES):
            file.write(block)
    try:
        with open_database(scratch, memory_mb=memory_mb + FILES_MB) as database:
            rows = take_parquet(database, reference.columns, reference.required, copied, taken)
    except duckdb.Error as error:
        raise _explain(error, reference) from error
    finally:
        copied.unlink(missing_ok=True)
    return RowFile(taken.relative_to(scratch).as_posix(), rows, taken.stat().st_size)


def _explain(error: duckdb.Error, reference: Reference) -> BaseException:
    ending = find_ending(error)
    if ending is not None:
        return ending
    if isinstance(error, duckdb.OutOfMemoryException) or is_disk_full(error):
        return CapacityError(
            f"There is not enough memory, or room on the disk, for {place(reference)}. Give the function more memory or storage, here "
            "more free space in the folder for temporary files."
        )
    if isinstance(error, duckdb.InternalException):
        return EngineError(f"the database stopped at {place(reference)}: please report it")
    # Bytes that are not Parquet's make the database fail in many ways.
    return DataError(
        verdicts.REFERENCE_ERROR, "it is not whole as a Parquet file, or of a kind that can't be read"
    )


class _Refusal:
    """Refuses a reference for its first reject."""

    def write(self, rejects: Sequence[Reject]) -> None:
        for reject in rejects:
            reason = reject.errors[0]
            field = "" if reason.field is None else f" in {reason.field}"
            raise DataError(
                verdicts.REFERENCE_ERROR, f"line {reject.line:,}: {reason.code}{field}: {reason.message}"
            )
