"""The database reaches its scratch folder and nothing else."""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from penstock.engine.database import open_database


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    folder = tmp_path / "it's a scratch"
    folder.mkdir()
    return folder


@pytest.fixture
def database(scratch: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with open_database(scratch) as connection:
        yield connection


def quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM read_csv({outside})",
        "SELECT * FROM read_text({outside})",
        "SELECT * FROM read_blob({outside})",
        "SELECT * FROM read_json({outside})",
        "SELECT * FROM read_parquet({outside})",
        "SELECT * FROM {outside}",
        "SELECT * FROM read_csv({through})",
        "SELECT * FROM glob({everything})",
        "SELECT * FROM read_csv('https://example.com/a.csv')",
        "SELECT * FROM read_parquet('s3://bucket/a.parquet')",
        "COPY (SELECT 1) TO {new}",
        "EXPORT DATABASE {new}",
        "ATTACH {new}",
        "INSTALL httpfs",
        "FORCE INSTALL httpfs FROM community",
        "LOAD httpfs",
        "LOAD {new}",
        "UPDATE EXTENSIONS",
        "SELECT getenv('HOME')",
        "CREATE PERSISTENT SECRET s (TYPE http, BEARER_TOKEN 'x')",
    ],
)
def test_nothing_outside_the_scratch_folder_can_be_reached(
    database: duckdb.DuckDBPyConnection, scratch: Path, tmp_path: Path, statement: str
) -> None:
    outside = tmp_path / "outside.csv"
    outside.write_text("a\n1\n")
    before = sorted(tmp_path.iterdir())
    filled = statement.format(
        outside=quoted(outside),
        through=quoted(scratch / ".." / "outside.csv"),
        everything=quoted(tmp_path / "*"),
        new=quoted(tmp_path / "new"),
    )
    with pytest.raises(duckdb.Error):
        database.execute(filled).fetchall()
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    "statement",
    [
        "SET threads = 8",
        "SET memory_limit = '64GB'",
        "SET enable_external_access = true",
        "SET allowed_directories = ['/']",
        "SET python_enable_replacements = true",
        "SET TimeZone = 'Asia/Tokyo'",
        "SET lock_configuration = false",
        "RESET lock_configuration",
        "RESET enable_external_access",
        "PRAGMA threads = 8",
        "PRAGMA enable_profiling",
        "SET log_query_path = '/dev/stderr'",
        "CALL enable_logging()",
    ],
)
def test_no_setting_can_be_changed(database: duckdb.DuckDBPyConnection, statement: str) -> None:
    with pytest.raises(duckdb.Error, match=r"locked|Cannot"):
        database.execute(statement)


def test_a_python_variable_is_not_a_table(database: duckdb.DuckDBPyConnection) -> None:
    rows = database.sql("SELECT 1 AS a")
    assert rows.fetchall() == [(1,)]
    with pytest.raises(duckdb.CatalogException, match="rows does not exist"):
        database.execute("SELECT * FROM rows")


def test_the_scratch_folder_can_be_written_and_read(
    database: duckdb.DuckDBPyConnection, scratch: Path
) -> None:
    file = quoted(scratch / "a.csv")
    database.execute(f"COPY (SELECT 7 AS a) TO {file}")
    assert database.execute(f"SELECT a FROM read_csv({file})").fetchall() == [(7,)]


def test_without_a_scratch_folder_no_file_can_be_written(tmp_path: Path) -> None:
    with open_database(None) as database, pytest.raises(duckdb.PermissionException):
        database.execute(f"COPY (SELECT 7) TO {quoted(tmp_path / 'a.csv')}")
    assert list(tmp_path.iterdir()) == []


def test_what_does_not_fit_memory_is_spilled_to_the_scratch_folder(tmp_path: Path) -> None:
    statement = "SELECT i, repeat('x', 200) || i AS t FROM range(200000) r(i) ORDER BY hash(i)"
    with open_database(tmp_path, memory_mb=40) as database:
        database.execute(f"CREATE TABLE spilled AS {statement}")
        assert database.execute("SELECT count(*), sum(i) FROM spilled").fetchone() == (200000, 19999900000)
        assert list((tmp_path / "spill").iterdir())


def test_times_are_in_utc_and_order_is_kept_and_a_division_by_zero_fails(
    database: duckdb.DuckDBPyConnection,
) -> None:
    row = database.execute(
        "SELECT current_setting('TimeZone'), current_setting('preserve_insertion_order'), current_setting('threads')"
    ).fetchone()
    assert row == ("UTC", True, 1)
    with pytest.raises(duckdb.Error, match="zero"):
        database.execute("SELECT 1 // 0").fetchall()


def test_it_closes_at_the_end_of_its_with(scratch: Path) -> None:
    with open_database(scratch) as database:
        pass
    with pytest.raises(duckdb.ConnectionException):
        database.execute("SELECT 1")


def test_a_failure_of_something_that_occurs_twice_is_caught(database: duckdb.DuckDBPyConnection) -> None:
    row = database.execute(
        "SELECT TRY(struct_pack(v := CASE WHEN i * 2 > 5 THEN i * 2 END)) "
        "FROM (SELECT unnest([170141183460469231731687303715884105727::HUGEINT]) AS i)"
    ).fetchone()
    assert row == (None,)
