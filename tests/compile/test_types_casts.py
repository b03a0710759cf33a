"""What DuckDB's casts let through, and the patterns refuse. Each row holds for both: the cast takes it, we don't."""

from __future__ import annotations

import pytest
from cell_harness import evaluate, judge_cell, make_field

LET_THROUGH = [
    # cell, type, cast, why it is wrong
    ("1.5", "integer", "BIGINT", "rounded to 2"),
    ("1e3", "integer", "BIGINT", "an exponent makes a number"),
    ("1_000", "integer", "BIGINT", "a programmer's separator"),
    ("0x10", "integer", "BIGINT", "hexadecimal"),
    ("0b11", "integer", "BIGINT", "binary"),
    (" 7 ", "integer", "BIGINT", "white space is not a digit"),
    ("7.", "integer", "BIGINT", "a point makes a number"),
    ("true", "integer", "BOOLEAN", "a word"),
    ("1_000.5", "number", "DECIMAL(18,2)", "a programmer's separator"),
    ("\t1.5\n", "number", "DECIMAL(18,2)", "white space is not a digit"),
    ("nan", "number", "DOUBLE", "not a number, by its own name"),
    ("infinity", "number", "DOUBLE", "no number is infinite"),
    ("-inf", "number", "DOUBLE", "no number is infinite"),
    ("1234567890123456789012345678901234567890", "number", "DOUBLE", "a double keeps 17 of the 40 digits"),
    ("t", "boolean", "BOOLEAN", "not among the true values"),
    ("yes", "boolean", "BOOLEAN", "not among the true values"),
    ("tRuE", "boolean", "BOOLEAN", "not among the true values"),
    ("infinity", "date", "DATE", "no calendar has it"),
    ("epoch", "date", "DATE", "a word"),
    ("2024-1-1", "date", "DATE", "a month has two digits"),
    ("2024/01/01", "date", "DATE", "ISO 8601 has hyphens"),
    (" 2024-01-01 ", "date", "DATE", "white space"),
    ("2024-01-01 (BC)", "date", "DATE", "another era"),
    ("-0044-03-15", "date", "DATE", "another era"),
    ("12024-01-01", "date", "DATE", "five digits of year"),
    ("2024-01-01 10:00", "datetime", "TIMESTAMP", "no T, no seconds"),
    ("2024-01-01", "datetime", "TIMESTAMP", "no time"),
    ("infinity", "datetime", "TIMESTAMP", "no calendar has it"),
    ("2024-01-01T24:00:00", "datetime", "TIMESTAMP", "the next day's midnight"),
    ("2024-01-01T00:00:00.1234567890", "datetime", "TIMESTAMP", "cut to six digits"),
    ("1:2:3", "time", "TIME", "an hour has two digits"),
    ("24:00:00", "time", "TIME", "the next day's midnight"),
    ("12024", "year", "BIGINT", "five digits"),
]


@pytest.mark.parametrize(("cell", "kind", "cast", "why"), LET_THROUGH)
def test_a_pattern_refuses_what_a_cast_takes(cell: str, kind: str, cast: str, why: str) -> None:
    quoted = "'" + cell + "'"
    assert evaluate(f"TRY_CAST({quoted} AS {cast}) IS NOT NULL"), "DuckDB has become stricter: drop this row"
    assert judge_cell(make_field(type=kind), cell).valid is False, why


@pytest.mark.parametrize(("cell", "form"), [("01/02/24", "%d/%m/%Y"), ("infinity", "%d/%m/%Y")])
def test_a_format_refuses_what_strptime_takes(cell: str, form: str) -> None:
    assert evaluate(f"TRY_STRPTIME('{cell}', '{form}') IS NOT NULL"), (
        "DuckDB has become stricter: drop this row"
    )
    assert judge_cell(make_field(type="date", format=form), cell).valid is False


def test_a_cast_to_decimal_would_round_and_the_cell_keeps_its_digits() -> None:
    assert str(evaluate("CAST('0.125' AS DECIMAL(18,2))")) == "0.13"
    cell = judge_cell(make_field(type="number", decimal=[18, 2]), "0.125")
    assert (cell.json, cell.fits) == ('{"N":"0.125"}', False)


def test_a_cast_to_json_would_lose_digits_and_the_cell_keeps_them() -> None:
    digits = "123456789012345678901234567890"
    assert digits not in evaluate(f"CAST(json_transform('[{digits}]', '[\"DOUBLE\"]') AS VARCHAR)")
    cell = judge_cell(make_field(type="array"), f"[{digits}]")
    assert cell.json == f'{{"L":[{{"N":"{digits}"}}]}}'


def test_a_cast_to_timestamp_would_drop_the_offset_and_the_value_is_in_utc() -> None:
    written = "2024-01-01T01:00:00+02:00"
    assert str(evaluate(f"CAST('{written}' AS TIMESTAMP)")) == "2024-01-01 01:00:00"
    cell = judge_cell(make_field(type="datetime"), written)
    assert (str(cell.value), cell.text) == ("2023-12-31 23:00:00", written)
