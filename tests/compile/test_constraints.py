"""Constraints compare values, not spellings, and say which limit was broken without saying the cell."""

from __future__ import annotations

import datetime as dt
import operator
from decimal import Context, Decimal
from typing import Any

import pytest
from cell_harness import judge_cell, judge_cells, make_field
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.compile.literals import canonical_literal
from penstock.compile.types import compile_field
from penstock.errors import ContractError

EXACT = Context(prec=400)
LIMITS = {
    "minimum": operator.ge,
    "maximum": operator.le,
    "exclusiveMinimum": operator.gt,
    "exclusiveMaximum": operator.lt,
}
NUMBERS = st.builds(
    "{}{}E{}".format,
    st.sampled_from(["", "-"]),
    st.integers(0, 10**38 - 1) | st.integers(0, 12),
    st.integers(-130, 80),
)
CLOSE = st.builds("{}{}.{}".format, st.sampled_from(["", "-"]), st.sampled_from([0, 1, 9, 10]), st.sampled_from(["0", "9", "5", "09", "49999999999", "50000000001", "00000000000000001"]))  # fmt: skip

BROKEN: list[tuple[dict[str, Any], dict[str, Any], dict[str, str | None]]] = [
    ({"type": "integer"}, {"minimum": "1"}, {"1": None, "+01": None, "0": "is below the minimum 1", "-5": "is below the minimum 1"}),
    ({"type": "integer"}, {"maximum": "1000000000000000000000000000000"},
     {"1000000000000000000000000000000": None, "1000000000000000000000000000001": "is above the maximum 1000000000000000000000000000000"}),
    ({"type": "number"}, {"exclusiveMinimum": "0"}, {"0.0": "is not above the exclusive minimum 0", "1E-130": None}),
    ({"type": "number"}, {"exclusiveMaximum": "1.5"}, {"1.50": "is not below the exclusive maximum 1.5", "1.4999999999999999999999999": None}),
    ({"type": "number", "decimalChar": ","}, {"minimum": "1.5"}, {"1,5": None, "1,4": "is below the minimum 1.5"}),
    ({"type": "number", "decimalChar": ","}, {"minimum": "1,5"}, {"1,5": None, "1,4": "is below the minimum 1,5"}),
    ({"type": "date"}, {"minimum": "2024-01-01"}, {"2024-01-01": None, "2023-12-31": "is below the minimum 2024-01-01"}),
    ({"type": "date", "format": "%d/%m/%Y"}, {"maximum": "31/12/2024"}, {"01/12/2024": None, "01/01/2025": "is above the maximum 31/12/2024"}),
    ({"type": "date", "format": "%d/%m/%Y"}, {"maximum": "2024-12-31"}, {"01/12/2024": None, "01/01/2025": "is above the maximum 2024-12-31"}),
    ({"type": "datetime"}, {"minimum": "2024-01-01T00:00:00Z"},
     {"2024-01-01T00:00:00": None, "2024-01-01T00:30:00+01:00": "is below the minimum 2024-01-01T00:00:00Z"}),
    ({"type": "datetime"}, {"maximum": "2024-01-01T00:00:00"}, {"2024-01-01T00:00:00.000000001": "is above the maximum 2024-01-01T00:00:00"}),
    ({"type": "datetime"}, {"exclusiveMinimum": "2024-01-01T00:00:00"}, {"2024-01-01T00:00:00.000000001": None, "2024-01-01T00:00:00Z": "is not above the exclusive minimum 2024-01-01T00:00:00"}),
    ({"type": "time"}, {"maximum": "12:00:00"}, {"12:00:00": None, "12:00:00.5": "is above the maximum 12:00:00"}),
    ({"type": "year"}, {"minimum": "1000"}, {"1000": None, "0999": "is below the minimum 1000"}),
    ({"type": "yearmonth"}, {"maximum": "2024-06"}, {"2024-06": None, "2024-07": "is above the maximum 2024-06"}),
    ({"type": "string"}, {"minLength": 2}, {"ab": None, "é": "is shorter than the minimum length of 2 characters", "😀😀": None}),
    ({"type": "string"}, {"maxLength": 1}, {"😀": None, "ab": "is longer than the maximum length of 1 characters"}),
    ({"type": "list"}, {"maxLength": 2}, {"a,b": None, "a,b,c": "is longer than the maximum length of 2 members"}),
    ({"type": "list", "itemType": "integer"}, {"minLength": 2}, {"1,2": None, "1": "is shorter than the minimum length of 2 members"}),
    ({"type": "array"}, {"minLength": 1}, {"[0]": None, "[]": "is shorter than the minimum length of 1 members"}),
    ({"type": "object"}, {"maxLength": 1}, {'{"a":1}': None, '{"a":1,"b":2}': "is longer than the maximum length of 1 members"}),
    ({"type": "string"}, {"pattern": "ORD-[0-9]{3}"}, {"ORD-123": None, "ORD-1234": "does not match the pattern ORD-[0-9]{3}", "xORD-123": "does not match the pattern ORD-[0-9]{3}"}),
    ({"type": "string"}, {"pattern": "it's|a"}, {"it's": None, "ab": "does not match the pattern it's|a"}),
    ({"type": "string"}, {"enum": ["a", "b"]}, {"a": None, "A": "is not one of the enumerated values a, b"}),
    ({"type": "number"}, {"enum": ["1.0", "2"]}, {"1": None, "2.00": None, "1.1": "is not one of the enumerated values 1.0, 2"}),
    ({"type": "boolean"}, {"enum": [True]}, {"1": None, "0": "is not one of the enumerated values true"}),
    ({"type": "datetime"}, {"enum": ["2024-01-01T00:00:00Z"]}, {"2024-01-01T01:00:00+01:00": None, "2024-01-01T00:00:00.0000001Z": "is not one of the enumerated values 2024-01-01T00:00:00Z"}),
    ({"type": "object"}, {"enum": ['{"a":1,"b":2}']}, {'{"b":2.0,"a":1}': None, "{}": 'is not one of the enumerated values {"a":1,"b":2}'}),
    ({"type": "geopoint"}, {"enum": ["1,2"]}, {"1.0, 2.0": None, "2,1": "is not one of the enumerated values 1,2"}),
    ({"type": "duration"}, {"enum": ["P1D"]}, {"P1D": None, "P2D": "is not one of the enumerated values P1D"}),
    ({"type": "string"}, {"enum": [str(n) for n in range(30)]}, {"30": "is not one of the enumerated values (30)"}),
]  # fmt: skip


@pytest.mark.parametrize(("field", "constraint", "cells"), BROKEN)
def test_a_broken_constraint_is_named_with_its_limit(
    field: dict[str, Any], constraint: dict[str, Any], cells: dict[str, str | None]
) -> None:
    judged = judge_cells(make_field(**field, constraints=constraint), list(cells))
    assert all(cell.valid for cell in judged)
    assert {cell.cell: cell.broken for cell in judged} == {c: (m,) if m else () for c, m in cells.items()}


@pytest.mark.parametrize("name", LIMITS)
@settings(max_examples=40, deadline=None)
@given(cells=st.lists(NUMBERS | CLOSE, min_size=1, max_size=40), limit=NUMBERS | CLOSE)
def test_numbers_are_compared_with_all_their_digits(name: str, cells: list[str], limit: str) -> None:
    field = make_field(type="number", constraints={name: limit})
    edge = EXACT.create_decimal(limit)
    for cell in judge_cells(field, [*cells, limit]):
        assert cell.valid
        assert (not cell.broken) is LIMITS[name](EXACT.create_decimal(cell.cell or ""), edge), cell


@pytest.mark.parametrize("name", LIMITS)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_datetimes_are_compared_as_moments(name: str, data: st.DataObject) -> None:
    zones = st.integers(-840, 840).map(lambda m: dt.timezone(dt.timedelta(minutes=m)))
    start = dt.datetime(2024, 1, 1)
    moments = st.datetimes(start, start + dt.timedelta(days=2), timezones=zones)
    limit = data.draw(moments)
    cells = data.draw(st.lists(moments, min_size=1, max_size=30))
    judged = judge_cells(
        make_field(type="datetime", constraints={name: limit.isoformat()}), [c.isoformat() for c in cells]
    )
    assert [not cell.broken for cell in judged] == [LIMITS[name](cell, limit) for cell in cells]


@pytest.mark.parametrize("limit", ["10", "1" + "0" * 37])
def test_an_integer_beyond_every_sql_type_is_compared_too(limit: str) -> None:
    huge = "1" + "0" * 60
    below = judge_cells(make_field(type="integer", constraints={"maximum": limit}), [huge, f"-{huge}"])
    assert [bool(cell.broken) for cell in below] == [True, False]
    above = judge_cells(
        make_field(type="integer", constraints={"exclusiveMinimum": limit}), [huge, f"-{huge}"]
    )
    assert [bool(cell.broken) for cell in above] == [False, True]


def test_every_broken_constraint_of_a_cell_is_told() -> None:
    field = make_field(
        type="string", constraints={"minLength": 3, "pattern": "[a-z]+", "enum": ["abc", "abcd"]}
    )
    assert len(judge_cell(field, "1").broken) == 3


def test_categories_are_values_with_or_without_labels() -> None:
    field = make_field(type="integer", categories=["1", {"value": "2", "label": "two"}])
    assert [c.broken for c in judge_cells(field, ["1", "02", "3"])] == [
        (),
        (),
        ("is not one of the categories 1, 2",),
    ]


def test_a_set_can_not_hold_a_member_twice() -> None:
    numbers = make_field(type="list", itemType="number")
    assert [bool(c.unheld) for c in judge_cells(numbers, ["1,2", "1,1.0"], "NS")] == [False, True]
    texts = make_field(type="list")
    assert [bool(c.unheld) for c in judge_cells(texts, ["a,b", "a,a", ""], "SS")] == [False, True, False]
    assert judge_cell(texts, "a,a", "L").unheld == ()


def test_json_that_dynamodb_can_not_hold_is_of_the_type_and_no_item() -> None:
    field = make_field(type="array")
    deep, deepest = "[" * 33 + "]" * 33, "[" * 32 + "]" * 32
    judged = judge_cells(field, [deepest, deep, "[1e400]", '[{"":1}]', "[" + "1" * 39 + "]"])
    assert [(c.valid, bool(c.unheld)) for c in judged] == [(True, False), *[(True, True)] * 4]
    assert judge_cell(field, deep, "S").unheld == ()


@pytest.mark.parametrize(
    ("field", "constraints", "message"),
    [
        ({"type": "integer"}, {"minimum": "1.5"}, "field `cell`: `1.5` is not of the type integer"),
        ({"type": "date"}, {"maximum": "2024-02-30"}, "field `cell`: `2024-02-30` is not of the type date"),
        ({"type": "integer"}, {"enum": [True]}, "`true` is a boolean, not of the type integer"),
        ({"type": "duration"}, {"minimum": "P1D"}, "durations have no order"),
        ({"type": "string"}, {"minimum": "a"}, "the type string has no order"),
        ({"type": "integer"}, {"minLength": 1}, "the type integer has no length"),
        ({"type": "date"}, {"pattern": ".*"}, "`pattern` is for strings"),
        ({"type": "number", "groupChar": ".", "decimalChar": ","}, {"minimum": "1.234"}, "reads as 1234 in the field's form and as 1.234"),
    ],
)  # fmt: skip
def test_a_constraint_that_does_not_fit_its_field_is_refused(
    field: dict[str, Any], constraints: dict[str, Any], message: str
) -> None:
    with pytest.raises(ContractError, match=message.replace("(", "[(]")):
        compile_field(0, make_field(**field, constraints=constraints), None)


@pytest.mark.parametrize(
    ("field", "written", "text"),
    [
        ({"type": "number"}, "1E2", "100"),
        ({"type": "number", "decimalChar": ","}, "1,50", "1.5"),
        ({"type": "number", "bareNumber": False}, "5%", "5"),
        ({"type": "date", "format": "%d.%m.%Y"}, "1.2.2024", "2024-02-01"),
        ({"type": "boolean", "trueValues": ["ja"], "falseValues": ["nein"]}, "ja", "true"),
        ({"type": "boolean"}, False, "false"),
        ({"type": "string", "format": "uuid"}, "123E4567-E89B-12D3-A456-426614174000", "123E4567-E89B-12D3-A456-426614174000"),
    ],
)  # fmt: skip
def test_a_limit_is_read_as_a_cell_of_its_field(
    field: dict[str, Any], written: str | bool, text: str
) -> None:
    assert canonical_literal(make_field(**field), written) == text


@pytest.mark.parametrize(("field", "constraint", "cells"), BROKEN)
def test_a_missing_cell_breaks_no_constraint(
    field: dict[str, Any], constraint: dict[str, Any], cells: dict[str, str | None]
) -> None:
    assert judge_cell(make_field(**field, constraints=constraint), None).broken == ()


@pytest.mark.parametrize("limit", ["-1", "0", "1", "1E+60", "-1E+60", "-1E-60"])
@pytest.mark.parametrize("name", LIMITS)
def test_a_cell_that_is_no_number_breaks_no_limit(name: str, limit: str) -> None:
    cell = judge_cell(make_field(type="number", constraints={name: limit}), "x")
    assert (cell.valid, cell.broken) == (False, ())


def test_decimal_is_no_constraint() -> None:
    assert judge_cell(make_field(type="number", decimal=[3, 1]), "1234.56").broken == ()
    assert Decimal(judge_cell(make_field(type="number", decimal=[3, 1]), "1234.56").text or "") == Decimal(
        "1234.56"
    )
