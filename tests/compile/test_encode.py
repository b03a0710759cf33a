"""Computed values become canonical text and DynamoDB JSON, as a cell of the same value would."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Context, Decimal
from typing import Any

import pytest
from cell_harness import database, evaluate, judge_cell, make_field
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.compile.encode import (
    allowed_for,
    attribute_json,
    attribute_type_of,
    canonical_text,
    item_checks,
)
from penstock.compile.sql import joined
from penstock.errors import ContractError

ENCODED: list[tuple[str, str, str | None, str | None]] = [
    # value, type, canonical text, DynamoDB JSON of the default attribute type
    ("4.50::DECIMAL(18,2)", "DECIMAL(18,2)", "4.5", '{"N":"4.5"}'),
    ("4::DECIMAL(18,2)", "DECIMAL(18,2)", "4", '{"N":"4"}'),
    ("100::DECIMAL(18,0)", "DECIMAL(18,0)", "100", '{"N":"100"}'),
    ("100::DECIMAL(18,2)", "DECIMAL(18,2)", "100", '{"N":"100"}'),
    ("0::DECIMAL(18,9)", "DECIMAL(18,9)", "0", '{"N":"0"}'),
    ("-0.5::DECIMAL(38,38)", "DECIMAL(38,38)", "-0.5", '{"N":"-0.5"}'),
    ("0::DECIMAL(2,2)", "DECIMAL(2,2)", "0", '{"N":"0"}'),
    ("-7::HUGEINT", "HUGEINT", "-7", '{"N":"-7"}'),
    ("7::UTINYINT", "UTINYINT", "7", '{"N":"7"}'),
    ("true", "BOOLEAN", "true", '{"BOOL":true}'),
    ("'a\"b\\\n\u00e9'", "VARCHAR", 'a"b\\\n\u00e9', '{"S":"a\\"b\\\\\\n\u00e9"}'),
    ("''", "VARCHAR", "", '{"S":""}'),
    ("DATE '2024-02-29'", "DATE", "2024-02-29", '{"S":"2024-02-29"}'),
    ("TIME '10:00:00'", "TIME", "10:00:00", '{"S":"10:00:00"}'),
    ("TIMESTAMP '2024-02-29 10:00:00'", "TIMESTAMP", "2024-02-29T10:00:00", '{"S":"2024-02-29T10:00:00"}'),
    ("TIMESTAMP '2024-02-29 10:00:00.5'", "TIMESTAMP", "2024-02-29T10:00:00.5", '{"S":"2024-02-29T10:00:00.5"}'),
    ("NULL::VARCHAR", "VARCHAR", None, None),
    ("NULL::DECIMAL(2,2)", "DECIMAL(2,2)", None, None),
    ("NULL::BOOLEAN", "BOOLEAN", None, None),
]  # fmt: skip

LISTS = [
    ("['a', 'b\"', NULL]", "VARCHAR[]", None, '{"L":[{"S":"a"},{"S":"b\\""},{"NULL":true}]}'),
    ("['a', 'b']", "VARCHAR[]", "SS", '{"SS":["a","b"]}'),
    ("[1.50, 2.00]::DECIMAL(9,2)[]", "DECIMAL(9,2)[]", None, '{"L":[{"N":"1.5"},{"N":"2"}]}'),
    ("[1.50, 2.00]::DECIMAL(9,2)[]", "DECIMAL(9,2)[]", "NS", '{"NS":["1.5","2"]}'),
    ("[true]", "BOOLEAN[]", None, '{"L":[{"BOOL":true}]}'),
    ("[]::VARCHAR[]", "VARCHAR[]", None, '{"L":[]}'),
    ("[[1, 2], [3]]", "INTEGER[][]", None, '{"L":[{"L":[{"N":"1"},{"N":"2"}]},{"L":[{"N":"3"}]}]}'),
    ("NULL::VARCHAR[]", "VARCHAR[]", None, None),
]


def written(value: str, sql_type: str, attribute_type: Any = None) -> str:
    """The attribute of a value as an item has it: not at all where it is NULL."""
    return f"CASE WHEN {value} IS NOT NULL THEN {joined(attribute_json(value, sql_type, attribute_type))} END"


@pytest.mark.parametrize(("value", "sql_type", "text", "attribute"), ENCODED)
def test_a_value_has_a_text_and_an_attribute(
    value: str, sql_type: str, text: str | None, attribute: str | None
) -> None:
    assert evaluate(canonical_text(value, sql_type)) == text
    assert evaluate(written(value, sql_type)) == attribute


@pytest.mark.parametrize(("value", "sql_type", "attribute_type", "attribute"), LISTS)
def test_a_list_becomes_a_list_or_a_set(
    value: str, sql_type: str, attribute_type: Any, attribute: str | None
) -> None:
    assert evaluate(written(value, sql_type, attribute_type)) == attribute


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(-(10**38) + 1, 10**38 - 1), min_size=1, max_size=20), st.integers(0, 38))
def test_a_computed_decimal_has_the_text_of_a_cell_of_its_value(unscaled: list[int], scale: int) -> None:
    values = [Decimal(n).scaleb(-scale, Context(prec=40)) for n in unscaled]
    sql_type = f"DECIMAL(38,{scale})"
    column = ", ".join(f"('{value:f}'::{sql_type})" for value in values)
    rows = (
        database()
        .execute(f"SELECT {canonical_text('v', sql_type)} FROM (VALUES {column}) AS t(v)")
        .fetchall()
    )
    for value, (text,) in zip(values, rows, strict=True):
        assert text == judge_cell(make_field(type="number"), f"{value:f}").text


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0")), min_size=1, max_size=20))
def test_text_survives_dynamodb_json(texts: list[str]) -> None:
    column = ", ".join("('" + text.replace("'", "''") + "')" for text in texts)
    rows = database().execute(f"SELECT {written('v', 'VARCHAR')} FROM (VALUES {column}) AS t(v)").fetchall()
    assert [json.loads(attribute) for (attribute,) in rows] == [{"S": text} for text in texts]


@settings(max_examples=30, deadline=None)
@given(st.datetimes(dt.datetime(1, 1, 1), dt.datetime(9999, 12, 31)))
def test_a_computed_timestamp_is_a_datetime_again(moment: dt.datetime) -> None:
    text = evaluate(canonical_text(f"TIMESTAMP '{moment.isoformat(' ')}'", "TIMESTAMP"))
    assert judge_cell(make_field(type="datetime"), text).value == moment


@pytest.mark.parametrize(
    ("sql_type", "allowed"),
    [("VARCHAR", ("S",)), ("DECIMAL(9,2)", ("N", "S")), ("BOOLEAN", ("BOOL", "S")), ("DATE", ("S",)),
     ("VARCHAR[]", ("L", "SS")), ("BIGINT[]", ("L", "NS")), ("BOOLEAN[]", ("L",))],
)  # fmt: skip
def test_a_value_can_become_the_attributes_that_hold_it(sql_type: str, allowed: tuple[str, ...]) -> None:
    assert allowed_for(sql_type) == allowed
    assert attribute_type_of(sql_type) == allowed[0]
    assert attribute_json("v", sql_type, "S" if "S" in allowed else None)


def test_a_number_can_be_kept_as_text() -> None:
    assert evaluate(written("1.50::DECIMAL(9,2)", "DECIMAL(9,2)", "S")) == '{"S":"1.5"}'
    assert evaluate(written("true", "BOOLEAN", "S")) == '{"S":"true"}'


@pytest.mark.parametrize(
    "sql_type",
    ["DOUBLE", "FLOAT", "INTERVAL", "BLOB", "STRUCT(a INTEGER)", "DOUBLE[]", "TIMESTAMP WITH TIME ZONE"],
)
def test_a_type_that_no_attribute_holds_exactly_is_refused(sql_type: str) -> None:
    with pytest.raises(ContractError):
        attribute_type_of(sql_type)


def test_an_attribute_type_that_does_not_hold_the_value_is_refused() -> None:
    with pytest.raises(ContractError, match="can't become the attribute type N; it can become S"):
        attribute_json("v", "VARCHAR", "N")


@pytest.mark.parametrize(
    ("value", "sql_type", "attribute_type", "held"),
    [
        ("['a', 'b']", "VARCHAR[]", "SS", True),
        ("['a', 'a']", "VARCHAR[]", "SS", False),
        ("['a', NULL]", "VARCHAR[]", "SS", False),
        ("[]::VARCHAR[]", "VARCHAR[]", "SS", False),
        ("[1.0, 1.00]::DECIMAL(9,2)[]", "DECIMAL(9,2)[]", "NS", False),
        ("['a', 'a']", "VARCHAR[]", "L", True),
        ("99999999999999999999999999999999999999::HUGEINT", "HUGEINT", None, True),
        ("100000000000000000000000000000000000001::HUGEINT", "HUGEINT", None, False),
        ("-100000000000000000000000000000000000001::HUGEINT", "HUGEINT", None, False),
        ("100000000000000000000000000000000000010::HUGEINT", "HUGEINT", None, True),
        ("NULL::HUGEINT", "HUGEINT", None, True),
        ("NULL::VARCHAR[]", "VARCHAR[]", "SS", True),
        ("7::INTEGER", "INTEGER", None, True),
    ],
)
def test_what_dynamodb_can_not_hold_is_told(
    value: str, sql_type: str, attribute_type: Any, held: bool
) -> None:
    checks = item_checks(value, sql_type, attribute_type)
    assert any(evaluate(f"coalesce({check.bad}, FALSE)") for check in checks) is not held
