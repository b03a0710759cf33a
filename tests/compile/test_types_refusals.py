"""What a field can't have is refused by name when it is compiled, with what it can have."""

from __future__ import annotations

from typing import Any

import pytest
from cell_harness import judge_cell, make_field

from penstock.compile.types import allowed_attribute_types, compile_field
from penstock.contract.model import AttributeType
from penstock.errors import ContractError

REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"type": "string", "format": "wkt"}, "one of default, email, uri, uuid, binary, not `wkt`"),
    ({"type": "date", "format": "any"}, "would guess"),
    ({"type": "date", "format": "%d/%m"}, "needs a year, a month and a day"),
    ({"type": "date", "format": "%j"}, "needs a year"),
    ({"type": "date", "format": "%Y-%j-%d"}, "needs a year"),
    ({"type": "date", "format": "%Y-%m-%d %H"}, "directives of a time"),
    ({"type": "time", "format": "%Y %H"}, "directives of a date"),
    ({"type": "time", "format": "%M:%S"}, "needs an hour"),
    ({"type": "time", "format": "%I:%M"}, "%I and %p together"),
    ({"type": "time", "format": "%H:%M %p"}, "%H or %I|%I and %p together"),
    ({"type": "time", "format": "%H:%S"}, "smaller part"),
    ({"type": "date", "format": "%Y %y-%m-%d"}, "%Y or %y more than once"),
    ({"type": "date", "format": "%Y-%m-%d %b"}, "%m or %b or %B more than once"),
    ({"type": "date", "format": "%c"}, "%c is not supported"),
    ({"type": "datetime", "format": "%Y-%m-%d %H %Z"}, "%Z is not supported"),
    ({"type": "date", "format": "%Y-%m-%d%"}, "% is not supported"),
    ({"type": "integer", "format": "x"}, "no format `x`"),
    ({"type": "boolean", "format": "x"}, "no format `x`"),
    ({"type": "geojson", "format": "topojson"}, "`topojson`"),
    ({"type": "geopoint", "format": "x"}, "one of default, array, object"),
    ({"type": "boolean", "trueValues": ["x"], "falseValues": ["x"]}, "`x` is in both"),
    ({"type": "boolean", "trueValues": []}, "need a value each"),
    ({"type": "number", "decimalChar": "-"}, "`decimalChar` can't hold"),
    ({"type": "number", "decimalChar": ""}, "`decimalChar` can't be empty"),
    ({"type": "number", "groupChar": "."}, "must differ"),
    ({"type": "integer", "groupChar": "5"}, "`groupChar` can't hold"),
    ({"type": "number", "decimal": [39, 2]}, "`decimal` is"),
    ({"type": "number", "decimal": [5, 6]}, "`decimal` is"),
    ({"type": "list", "delimiter": ""}, "can't be empty"),
    ({"type": "list", "itemType": "number", "delimiter": "."}, "can't be divided"),
]


@pytest.mark.parametrize(("descriptor", "message"), REFUSED)
def test_what_does_not_fit_a_field_is_refused_with_its_name(descriptor: dict[str, Any], message: str) -> None:
    with pytest.raises(ContractError, match=f"^field `cell`: .*({message})"):
        compile_field(0, make_field(**descriptor), None)


@pytest.mark.parametrize(
    ("descriptor", "allowed"),
    [
        ({"type": "string"}, ("S",)),
        ({"type": "string", "format": "binary"}, ("B", "S")),
        ({"type": "integer"}, ("N", "S")),
        ({"type": "number"}, ("N", "S")),
        ({"type": "year"}, ("N", "S")),
        ({"type": "boolean"}, ("BOOL", "S")),
        ({"type": "date"}, ("S",)),
        ({"type": "list"}, ("L", "SS", "S")),
        ({"type": "list", "itemType": "integer"}, ("L", "NS", "S")),
        ({"type": "list", "itemType": "boolean"}, ("L", "S")),
        ({"type": "array"}, ("L", "S")),
        ({"type": "object"}, ("M", "S")),
        ({"type": "geojson"}, ("M", "S")),
        ({"type": "geopoint"}, ("M", "L", "S")),
    ],
)
def test_a_field_becomes_the_attributes_that_hold_it_and_no_other(
    descriptor: dict[str, Any], allowed: tuple[AttributeType, ...]
) -> None:
    field = make_field(**descriptor)
    assert allowed_attribute_types(field) == allowed
    assert compile_field(0, field, None).attribute_type == allowed[0]
    others: tuple[AttributeType, ...] = ("S", "N", "B", "BOOL", "SS", "NS", "L", "M")
    for other in set(others) - set(allowed):
        with pytest.raises(
            ContractError,
            match=f"can't become the attribute type {other}; it can become {', '.join(allowed)}",
        ):
            compile_field(0, field, other)


ATTRIBUTES: list[tuple[dict[str, Any], str, AttributeType | None, str]] = [
    ({"type": "string"}, 'a "b"\n', None, '{"S":"a \\"b\\"\\n"}'),
    ({"type": "string", "format": "binary"}, "YQ==", None, '{"B":"YQ=="}'),
    ({"type": "string", "format": "binary"}, "YQ==", "S", '{"S":"YQ=="}'),
    ({"type": "integer"}, "+007", None, '{"N":"7"}'),
    ({"type": "number"}, "1.50", "S", '{"S":"1.5"}'),
    ({"type": "boolean"}, "1", None, '{"BOOL":true}'),
    ({"type": "boolean"}, "0", "S", '{"S":"false"}'),
    ({"type": "date", "format": "%d/%m/%Y"}, "29/02/2024", None, '{"S":"2024-02-29"}'),
    ({"type": "list"}, 'a,"b"', None, '{"L":[{"S":"a"},{"S":"\\"b\\""}]}'),
    ({"type": "list", "delimiter": "\t"}, "a\tb\\t", None, '{"L":[{"S":"a"},{"S":"b\\\\t"}]}'),
    ({"type": "list", "delimiter": "n"}, "anb\n", None, '{"L":[{"S":"a"},{"S":"b\\n"}]}'),
    ({"type": "list", "delimiter": '"'}, 'a"b', None, '{"L":[{"S":"a"},{"S":"b"}]}'),
    ({"type": "list"}, "b,a", "SS", '{"SS":["b","a"]}'),
    ({"type": "list"}, "b,a", "S", '{"S":"b,a"}'),
    ({"type": "list", "itemType": "number"}, "1.50,2", None, '{"L":[{"N":"1.5"},{"N":"2"}]}'),
    ({"type": "list", "itemType": "number"}, "1.50,2", "NS", '{"NS":["1.5","2"]}'),
    ({"type": "list", "itemType": "boolean"}, "1,false", None, '{"L":[{"BOOL":true},{"BOOL":false}]}'),
    ({"type": "list", "itemType": "date"}, "2024-01-01", "SS", '{"SS":["2024-01-01"]}'),
    (
        {"type": "array"},
        '[1.50,"a",null,true,{}]',
        None,
        '{"L":[{"N":"1.5"},{"S":"a"},{"NULL":true},{"BOOL":true},{"M":{}}]}',
    ),
    ({"type": "array"}, "[1.50, 2]", "S", '{"S":"[1.50, 2]"}'),
    ({"type": "object"}, '{"b":{"a":[]}}', None, '{"M":{"b":{"M":{"a":{"L":[]}}}}}'),
    ({"type": "geopoint"}, "1.50, 2", None, '{"M":{"lon":{"N":"1.5"},"lat":{"N":"2"}}}'),
    ({"type": "geopoint"}, "1.50, 2", "L", '{"L":[{"N":"1.5"},{"N":"2"}]}'),
    ({"type": "geopoint"}, "1.50, 2", "S", '{"S":"1.50, 2"}'),
]


@pytest.mark.parametrize(("descriptor", "cell", "attribute_type", "attribute"), ATTRIBUTES)
def test_a_cell_becomes_its_attribute(
    descriptor: dict[str, Any], cell: str, attribute_type: AttributeType | None, attribute: str
) -> None:
    assert judge_cell(make_field(**descriptor), cell, attribute_type).json == attribute
