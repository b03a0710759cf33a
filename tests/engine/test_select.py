"""A query over files of rows: its result is complete and sorted, in bounded memory and disk, or there is a clear end."""

from __future__ import annotations

import random
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest

from penstock.engine.query import run_select, write_records
from penstock.engine.relations import RowFiles
from penstock.errors import CapacityError, DataError, EngineError
from penstock.plan.model import Column, Query

COLUMNS = (Column("a", "string", "VARCHAR"), Column("n", "integer", "DECIMAL(38,0)"))
SORTED = "SELECT a, n FROM rows ORDER BY a ASC NULLS FIRST, n ASC NULLS FIRST"


def query(duckdb_sql: str, result: tuple[Column, ...] = COLUMNS) -> Query:
    cells = (f"coalesce('\"' || CAST(\"{c.name}\" AS VARCHAR) || '\"', '')" for c in result)
    return Query(
        rows=None,  # type: ignore[arg-type]  # nobody here reads rows
        columns=COLUMNS,
        references=(),
        duckdb=duckdb_sql,
        spark=None,
        refused=(),
        result=result,
        record=" || ',' || ".join(cells),
        header=",".join(c.name for c in result),
    )


def write_rows(folder: Path, count: int) -> list[Path]:
    """Files of rows in no order; every third has no text."""
    dice = random.Random(count)
    with duckdb.connect() as connection, RowFiles(connection, COLUMNS, folder, "rows", 200_000) as files:
        for _ in range(0, count, 1000):
            texts = []
            for _ in range(min(1000, count)):
                n = dice.randrange(10**12)
                texts.append(f',"{n}"' if n % 3 == 0 else f'"{n:x}","{n}"')
            files.add(",\n".join(texts), len(texts))
        files.flush()
        return [folder / file.name for file in files.files]


def test_what_does_not_fit_into_memory_is_spilled_and_comes_out_sorted(tmp_path: Path) -> None:
    rows = write_rows(tmp_path, 200_000)
    assert len(rows) > 1
    wide = query("SELECT a, n FROM rows ORDER BY a ASC NULLS FIRST, n ASC NULLS FIRST")
    count = run_select(wide, {"rows": rows}, tmp_path / "sorted.parquet", tmp_path, memory_mb=40)
    written = write_records(
        wide, [tmp_path / "sorted.parquet"], tmp_path / "result.csv", tmp_path, memory_mb=40
    )
    header, *records = (tmp_path / "result.csv").read_bytes().splitlines()
    assert (header, count, written, len(records)) == (b"a,n", 200_000, 200_000, 200_000)
    keys = [(not a, a, int(n)) for a, n in (r.replace(b'"', b"").split(b",") for r in records)]
    assert keys == sorted(keys, key=lambda key: (key[1], key[2]))


def test_a_query_that_may_spill_too_little_says_so(tmp_path: Path) -> None:
    rows = write_rows(tmp_path, 200_000)
    with pytest.raises(CapacityError, match="more memory and storage"):
        run_select(
            query(SORTED), {"rows": rows}, tmp_path / "x.parquet", tmp_path, memory_mb=12, spill_bytes=1_000
        )


def test_a_query_that_is_to_stop_stops(tmp_path: Path) -> None:
    endless = query(
        "SELECT '' AS a, count(*) AS n FROM range(1000000) AS x, range(1000000000) AS y WHERE x <> y"
    )
    with pytest.raises(CapacityError, match="did not end in the time"):
        run_select(endless, {"rows": []}, tmp_path / "x.parquet", tmp_path, memory_mb=64, stop=lambda: True)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT a, n * CAST('99999999999999999999999999999999999999' AS DECIMAL(38,0)) AS n FROM rows",
        "SELECT a, CAST(a AS DECIMAL(38,0)) AS n FROM rows",
        "SELECT a, n % 0 AS n FROM rows",
        "SELECT (SELECT a FROM rows) AS a, n FROM rows",
    ],
)
def test_what_a_query_fails_at_is_an_error_of_the_data_and_tells_no_value(tmp_path: Path, sql: str) -> None:
    with duckdb.connect() as connection, RowFiles(connection, COLUMNS, tmp_path, "rows") as files:
        files.add('"secret","777777",\n"secret","777778"', 2)
        files.flush()
    with pytest.raises(DataError) as told:
        run_select(
            query(sql),
            {"rows": [tmp_path / file.name for file in files.files]},
            tmp_path / "x.parquet",
            tmp_path,
            memory_mb=64,
        )
    assert told.value.code == "query-error"
    assert "secret" not in str(told.value)
    assert "7777" not in str(told.value)


@pytest.mark.parametrize("sql", ["SELECT nothing FROM rows", "SELECT * FROM read_csv('/etc/passwd')"])
def test_a_query_that_should_not_have_been_compiled_is_a_defect(tmp_path: Path, sql: str) -> None:
    with pytest.raises(EngineError):
        run_select(query(sql), {"rows": []}, tmp_path / "x.parquet", tmp_path, memory_mb=64)


def test_a_relation_without_rows_has_its_columns(tmp_path: Path) -> None:
    assert run_select(query(SORTED), {"rows": []}, tmp_path / "x.parquet", tmp_path, memory_mb=64) == 0
    assert (
        write_records(query(SORTED), [tmp_path / "x.parquet"], tmp_path / "r.csv", tmp_path, memory_mb=64)
        == 0
    )
    assert (tmp_path / "r.csv").read_bytes() == b"a,n\n"


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Let no file grow beyond so many bytes: what is written past that fails as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_is_told_as_one_whoever_writes(tmp_path: Path) -> None:
    rows, made = write_rows(tmp_path, 20_000), tmp_path / "sorted.parquet"
    with largest_file(10_000), pytest.raises(CapacityError, match="The disk is full"):
        run_select(query(SORTED), {"rows": rows}, tmp_path / "cut.parquet", tmp_path, memory_mb=64)
    run_select(query(SORTED), {"rows": rows}, made, tmp_path, memory_mb=64)
    with largest_file(10_000), pytest.raises(CapacityError, match="The disk is full"):
        write_records(query(SORTED), [made], tmp_path / "cut.csv", tmp_path, memory_mb=64)
