"""A Parquet file of somebody else's: taken where its columns hold exactly what the schema says, refused where they may not."""

from __future__ import annotations

from base64 import b64decode
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from penstock.engine.parquet import take_parquet
from penstock.errors import DataError
from penstock.plan.model import Column

TYPES = {
    "string": "VARCHAR",
    "integer": "DECIMAL(38,0)",
    "number": "DECIMAL(12,2)",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "datetime": "TIMESTAMP",
}


def take(folder: Path, value: str, kind: str, required: tuple[str, ...] = ()) -> list[Any]:
    """Write a file with one value in its column ``x``, and take it."""
    written, taken = folder / "object.parquet", folder / "taken.parquet"
    with duckdb.connect() as connection:
        connection.execute(f"COPY (SELECT {value} AS x) TO '{written}' (FORMAT parquet)")
        column = Column("x", kind, TYPES[kind])
        assert take_parquet(connection, [column], required, written, taken) == 1
        [(name, sql_type, *_)] = connection.execute(f"DESCRIBE FROM read_parquet('{taken}')").fetchall()
        assert (name, sql_type) == ("x", column.sql_type)
        return [row[0] for row in connection.execute(f"SELECT x FROM read_parquet('{taken}')").fetchall()]


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        ("'é'", "string", "é"),
        ("7::TINYINT", "integer", 7),
        ("18446744073709551615::UBIGINT", "integer", 18446744073709551615),
        ("-7::DECIMAL(9,0)", "integer", -7),
        ("1.5::DECIMAL(2,1)", "number", Decimal("1.50")),
        ("2147483647::INTEGER", "number", Decimal("2147483647.00")),
        ("true", "boolean", True),
        ("DATE '2024-02-29'", "date", date(2024, 2, 29)),
        ("TIMESTAMP '2024-02-29 01:02:03.000004'", "datetime", datetime(2024, 2, 29, 1, 2, 3, 4)),
        ("TIMESTAMPTZ '2024-02-29 01:02:03+02'", "datetime", datetime(2024, 2, 28, 23, 2, 3)),
        ("NULL::DATE", "date", None),
    ],
)
def test_a_column_whose_values_all_fit_is_taken(
    tmp_path: Path, value: str, kind: str, expected: object
) -> None:
    assert take(tmp_path, value, kind) == [expected]


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("1.5::DOUBLE", "number"),
        ("1.5::FLOAT", "number"),
        ("1::BIGINT", "number"),
        ("1::DECIMAL(12,3)", "number"),
        ("1::DECIMAL(13,2)", "number"),
        ("1.5::DECIMAL(3,1)", "integer"),
        ("1", "string"),
        ("'1'", "integer"),
        ("1", "boolean"),
        ("TIMESTAMP '2024-02-29 00:00:00'", "date"),
        ("DATE '2024-02-29'", "datetime"),
        ("TIMESTAMP_NS '2024-02-29 00:00:00'", "datetime"),
        ("'x'::BLOB", "string"),
        ("[1]", "integer"),
        ("DATE '10000-01-01'", "date"),
        ("DATE '0001-01-01 (BC)'", "date"),
        ("'infinity'::DATE", "date"),
        ("'infinity'::TIMESTAMP", "datetime"),
    ],
)
def test_a_column_that_may_hold_what_does_not_fit_is_refused(tmp_path: Path, value: str, kind: str) -> None:
    with pytest.raises(DataError) as told:
        take(tmp_path, value, kind)
    assert told.value.code == "reference-error"
    assert "its column 'x'" in str(told.value)


NANOSECONDS = b64decode(
    "UEFSMRUAFSQVJCwVAhUAFQYVBhwAAAACAAAAAgEVzVsHAAAAAJeKJQAVBBksNQAYBnNjaGVtYRUCABUGJQIYAXgAFgIZHBkcJgAcFQYZJQYAGRgBeBUAFgIWShZK"
    "JghJHBUAFQAVAgA8KQYZJgACAAAAFkoWAiYIFkoAKCBwYXJxdWV0LWNwcC1hcnJvdyB2ZXJzaW9uIDI1LjAuMRkcHAAAAHoAAABQQVIx"
)
"""A file with one INT96 in its column ``x``: 2024-01-01 00:00:00.123456789, which the database reads as ...123456."""


def test_a_timestamp_of_which_the_database_would_drop_digits_is_refused(tmp_path: Path) -> None:
    (tmp_path / "object.parquet").write_bytes(NANOSECONDS)
    column = Column("x", "datetime", "TIMESTAMP")
    with duckdb.connect() as connection, pytest.raises(DataError, match="its column 'x' is INT96"):
        take_parquet(connection, [column], (), tmp_path / "object.parquet", tmp_path / "taken.parquet")


ALIKE = b64decode(
    "UEFSMRUAFRQVFCwVAhUAFQYVBhwAAAACAAAAAgEBAAAAFQAVFBUULBUCFQAVBhUGHAAAAAIAAAACAQIAAAAVBBk8NQAYBnNjaGVtYRUEABUCJQIYAVgAFQIl"
    "AhgBeAAWAhkcGSwmABwVAhklBgAZGAFYFQAWAhY6FjomCEkcFQAVABUCADwpBhkmAAIAAAAmABwVAhklBgAZGAF4FQAWAhY6FjomQkkcFQAVABUCADwpBhkm"
    "AAIAAAAWdBYCJggWdAAoIHBhcnF1ZXQtY3BwLWFycm93IHZlcnNpb24gMjUuMC4xGSwcAAAcAAAArwAAAFBBUjE="
)
"""A file with two columns, ``X`` and ``x``."""


def test_a_name_that_two_columns_have_but_for_its_case_is_refused(tmp_path: Path) -> None:
    (tmp_path / "object.parquet").write_bytes(ALIKE)
    column = Column("x", "integer", "DECIMAL(38,0)")
    with duckdb.connect() as connection, pytest.raises(DataError, match="it has 2 columns called 'x'"):
        take_parquet(connection, [column], (), tmp_path / "object.parquet", tmp_path / "taken.parquet")


def test_a_name_within_a_column_is_no_column(tmp_path: Path) -> None:
    column = Column("y", "integer", "DECIMAL(38,0)")
    select = "SELECT {'y': {'y': 1}, 'z': [2]} AS x, 3 AS y"
    with duckdb.connect() as connection:
        connection.execute(f"COPY ({select}) TO '{tmp_path}/object.parquet' (FORMAT parquet)")
        rows = take_parquet(connection, [column], (), tmp_path / "object.parquet", tmp_path / "taken.parquet")
    assert rows == 1


def test_a_required_column_without_a_value_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="its column 'x' is required, and 1 of its rows have none"):
        take(tmp_path, "NULL::VARCHAR", "string", required=("x",))


def test_a_required_column_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="it has no column 'y'"):
        take(tmp_path, "'a'", "string", required=("y",))
