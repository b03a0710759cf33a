"""What a field may say, by its type: one line of a table, one behaviour."""

from __future__ import annotations

from typing import Any

import pytest
from small_contract import problems

F = "schema.fields"


def at(name: str) -> str:
    return f"schema.fields[{['id', 'code', 'price', 'day', 'open', 'tags'].index(name)}]"


@pytest.mark.parametrize(
    ("field", "key", "value", "message"),
    [
        ("code", "decimalChar", ",", "decimalChar belongs to number, and this field is a string"),
        ("id", "decimalChar", ",", "decimalChar belongs to number, and this field is an integer"),
        ("code", "groupChar", ",", "groupChar belongs to number and integer, and this field is a string"),
        ("day", "bareNumber", False, "bareNumber belongs to number and integer, and this field is a date"),
        ("code", "trueValues", ["y"], "trueValues belongs to boolean, and this field is a string"),
        ("code", "delimiter", ";", "delimiter belongs to list, and this field is a string"),
        ("code", "itemType", "integer", "itemType belongs to list, and this field is a string"),
        ("price", "categories", [1], "categories belongs to string and integer, and this field is a number"),
        ("id", "decimal", [18, 2], "decimal belongs to number, and this field is an integer"),
        (
            "price",
            "decimal",
            [39, 2],
            "must be [precision, scale] with 1 to 38 digits, of which scale are a fraction",
        ),
        ("price", "groupChar", ".", "is the same as decimalChar"),
        ("price", "decimalChar", "", "can't be empty"),
        ("price", "groupChar", "e", "can't hold a digit, a sign or an e"),
        ("open", "trueValues", [], "can't be empty; no cell could be a boolean"),
        ("open", "falseValues", ["1"], '"1" is among trueValues too'),
        ("tags", "delimiter", "", "can't be empty"),
        ("tags", "itemType", "strng", '"strng" is not known; did you mean "string"?'),
        ("code", "categoriesOrdered", True, "refused: DynamoDB keeps no order of categories; leave it out"),
        ("code", "format", "emial", '"emial" is no format of a string; did you mean "email"?'),
        ("id", "format", "hex", '"hex" is no format of an integer; it can be default'),
        (
            "day",
            "format",
            "any",
            'refused: "any" would be a guess for each cell; write the format, such as %d/%m/%Y',
        ),
        ("day", "format", "iso", '"iso" is neither default nor a pattern such as %d/%m/%Y'),
        ("day", "format", "%d/%m", "has no year"),
        ("day", "format", "%Y", "has no month"),
        ("day", "format", "%d/%m/%Y %H", "%H is part of a time, and this is a date; use type datetime"),
        ("day", "format", "%d/%m/%Y/%Y", "%Y stands twice"),
        ("day", "format", "%d/%m/%Q/%Y", "%Q is not a directive of strptime"),
        ("day", "format", "%x", "%x is the locale's own; write the directives out"),
        ("day", "format", "%y/%Y/%m/%d", "gives the year twice"),
    ],
)
def test_a_property_that_does_not_fit_the_type_is_refused(
    field: str, key: str, value: Any, message: str
) -> None:
    assert problems({f"{F}.{field}.{key}": value})[0].endswith(f"{key}: {message}")


@pytest.mark.parametrize(
    ("kind", "form", "message"),
    [
        ("time", "%d %H:%M", "%d is part of a date, and this is a time; use type datetime"),
        ("time", "%I:%M", "%I and %p belong together: twelve hours and their half of the day"),
        ("time", "%H:%S", "has seconds without minutes"),
        ("datetime", "%d/%m/%Y %M", "has no hour"),
        ("time", "%H:%M.%f", "has a fraction without seconds"),
        ("datetime", "%Y-%m-%d %H:%M %Z", "%Z names a time zone, and the names are ambiguous; use %z"),
    ],
)
def test_a_format_says_which_moment_a_text_means(kind: str, form: str, message: str) -> None:
    assert problems({f"{F}.day.type": kind, f"{F}.day.format": form}) == [f"{at('day')}.format: {message}"]


@pytest.mark.parametrize("form", ["%d/%m/%Y", "%d %b %Y", "%j/%Y", "fmt:%d.%m.%y", "%A, %d %B %Y"])
def test_formats_that_name_one_day_are_taken(form: str) -> None:
    assert problems({f"{F}.day.format": form}) == []


def test_topojson_is_refused_with_the_reason() -> None:
    found = problems({f"{F}.code.type": "geojson", f"{F}.code.format": "topojson"})
    assert found == [
        f"{at('code')}.format: refused: a TopoJSON object can't be checked without its topology; use type object"
    ]


@pytest.mark.parametrize(
    ("field", "constraints", "message"),
    [
        ("id", {"minLength": 1}, "minLength: minLength applies to string, array, object and list, and this field is an integer"),
        ("id", {"pattern": "a"}, "pattern: pattern applies to string, and this field is an integer"),
        ("open", {"minimum": 1}, "minimum: minimum applies to number, integer, date, time, datetime, year and yearmonth, and this field is a boolean"),
        ("code", {"maximum": "z"}, "maximum: maximum applies to number, integer, date, time, datetime, year and yearmonth, and this field is a string"),
        ("code", {"jsonSchema": {}}, "jsonSchema: refused: the function carries no JSON Schema library; say it with a rule"),
        ("code", {"minLength": 3, "maxLength": 2}, "minLength: is greater than maxLength; no value has at least 3 and at most 2"),
        ("code", {"minLength": -1}, "minLength: must be at least 0"),
        ("code", {"enum": []}, "enum: must have at least one entry"),
        ("id", {"enum": [1, "x"]}, 'enum[1]: "x" is not a value of type integer'),
        ("id", {"enum": [1, True]}, "enum[1]: is a boolean, not a value of type integer; put a text in quotes"),
        ("open", {"enum": ["maybe"]}, 'enum[0]: "maybe" is not a value of type boolean'),
        ("id", {"minimum": 1.5}, 'minimum: "1.5" is not a value of type integer'),
        ("id", {"minimum": 2, "maximum": 1}, "minimum: leaves no value below maximum"),
        ("price", {"minimum": 0.10, "maximum": "0.09"}, "minimum: leaves no value below maximum"),
        ("price", {"exclusiveMinimum": 1, "maximum": 1}, "exclusiveMinimum: leaves no value below maximum"),
        ("day", {"minimum": "2024-02-30"}, 'minimum: "2024-02-30" is not a value of type date'),
        ("day", {"minimum": "2024-02-02", "maximum": "2024-02-01"}, "minimum: leaves no value below maximum"),
    ],
)  # fmt: skip
def test_a_constraint_that_can_not_hold_is_refused(
    field: str, constraints: dict[str, Any], message: str
) -> None:
    assert problems({f"{F}.{field}.constraints": constraints}) == [f"{at(field)}.constraints.{message}"]


def test_a_minimum_that_is_the_maximum_is_taken() -> None:
    assert problems({f"{F}.id.constraints": {"minimum": 1, "maximum": 1}}) == []


def test_limits_can_be_written_in_the_format_of_the_field() -> None:
    limits = {"minimum": "31/01/2024", "maximum": "01/02/2024"}
    assert problems({f"{F}.day.format": "%d/%m/%Y", f"{F}.day.constraints": limits}) == []


def test_a_duration_has_no_least_value() -> None:
    found = problems({f"{F}.day.type": "duration", f"{F}.day.constraints": {"minimum": "P1M"}})
    assert found == [
        f"{at('day')}.constraints.minimum: refused: durations have no order (is a month longer than 30 days?)"
    ]


@pytest.mark.parametrize(
    ("pattern", "construct"),
    [
        ("a(?=b)", "look-ahead"),
        ("(?<!a)b", "look-behind"),
        (r"(a)\1", "a reference back to a group"),
        ("a++", "a possessive quantifier"),
        ("(?>a)", "an atomic group"),
        ("(?<year>a)", "a group named as (?<name>; write (?P<name>"),
        (r"\i\c*", r"XML Schema's \i or \c"),
        ("a{1001}", "a repetition of more than 1000"),
    ],
)
def test_a_pattern_the_engine_lacks_is_refused_by_its_construct(pattern: str, construct: str) -> None:
    assert problems({f"{F}.code.constraints": {"pattern": pattern}}) == [
        f"{at('code')}.constraints.pattern: the engine's regular expressions (RE2) do not have {construct}"
    ]


def test_class_subtraction_is_refused_because_it_would_be_read_as_something_else() -> None:
    found = problems({f"{F}.code.constraints": {"pattern": "[a-z-[aeiou]]"}})
    assert found[0].endswith("have no class subtraction, such as [a-z-[aeiou]]")


def test_a_broken_pattern_is_explained_by_the_engine() -> None:
    found = problems({f"{F}.code.constraints": {"pattern": "[a"}})
    assert found == [
        f"{at('code')}.constraints.pattern: is not a regular expression that the engine has (RE2): missing ]: [a"
    ]


def test_two_fields_of_one_name_are_a_problem_whatever_their_case() -> None:
    found = problems({f"{F}.code.name": "ID"})
    assert found == [
        f'{at("code")}.name: another field is called "ID" ("id"; the header\'s case does not count)'
    ]


def test_names_that_differ_in_case_are_two_where_the_header_is_case_sensitive() -> None:
    assert problems({f"{F}.code.name": "ID", "source.dialect.caseSensitiveHeader": True}) == []


def test_a_blank_name_is_a_problem() -> None:
    assert problems({f"{F}.code.name": "  "}) == [f"{at('code')}.name: can't be blank"]


def test_a_missing_value_given_twice_is_a_problem() -> None:
    found = problems({"schema.missingValues": ["", {"value": "", "label": "none"}]})
    assert found == ['schema.missingValues[1]: "" is given twice']


def test_categories_hold_the_enumeration() -> None:
    found = problems(
        {f"{F}.id.categories": [{"value": 1, "label": "one"}, 2], f"{F}.id.constraints": {"enum": [1, 3]}}
    )
    assert found == [f'{at("id")}.constraints.enum[1]: "3" is not among the categories']


def test_a_field_without_type_is_any_and_has_no_pattern() -> None:
    found = problems({f"{F}.code.type": None, "schema.fields.code.constraints": {"pattern": "a"}})
    assert found == [
        f"{at('code')}.constraints.pattern: pattern applies to string, and this field is of no type (any)"
    ]


def test_foreign_keys_are_refused_with_the_reason() -> None:
    found = problems({"schema.foreignKeys": [{"fields": ["id"], "reference": {"fields": ["id"]}}]})
    assert found == [
        "schema.foreignKeys: refused: a foreign key needs another table while the file is read; check it where both are"
    ]
