"""A Parquet file of somebody else's: taken where its columns hold exactly what the schema says, refused where they may not."""

from __future__ import annotations

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


def test_a_required_column_without_a_value_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="its column 'x' is required, and 1 of its rows have none"):
        take(tmp_path, "NULL::VARCHAR", "string", required=("x",))


def test_a_required_column_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="it has no column 'y'"):
        take(tmp_path, "'a'", "string", required=("y",))
