"""Checks of the schema's fields: what Table Schema says of each type, and what can't be done here.

https://datapackage.org/standard/table-schema/ (version 2), "Field Types" and "Field Constraints".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic.alias_generators import to_camel

from penstock.contract.check_pattern import pattern_problem
from penstock.contract.check_temporal import format_problem
from penstock.contract.document import KeyPath
from penstock.contract.literals import read_literal
from penstock.contract.model import Category, DialectModel, FieldModel, MissingValue, SchemaModel
from penstock.contract.problem import Problem, near_miss

_NUMERIC = ("number", "integer")
_TEMPORAL = ("date", "time", "datetime")
_ORDERED = (*_NUMERIC, *_TEMPORAL, "year", "yearmonth")
_COUNTED = ("string", "array", "object", "list")

PROPERTY_TYPES = {
    "decimal_char": ("number",),
    "group_char": _NUMERIC,
    "bare_number": _NUMERIC,
    "true_values": ("boolean",),
    "false_values": ("boolean",),
    "delimiter": ("list",),
    "item_type": ("list",),
    "categories": ("string", "integer"),
    "categories_ordered": ("string", "integer"),
    "decimal": ("number",),
}
"""The types that a field's property belongs to; those not named here belong to all."""

CONSTRAINT_TYPES = {
    "min_length": _COUNTED,
    "max_length": _COUNTED,
    "minimum": _ORDERED,
    "maximum": _ORDERED,
    "exclusive_minimum": _ORDERED,
    "exclusive_maximum": _ORDERED,
    "pattern": ("string",),
}
"""The types that a constraint applies to; ``required``, ``unique`` and ``enum`` apply to all."""

FORMATS = {
    "string": ("default", "email", "uri", "binary", "uuid"),
    "geopoint": ("default", "array", "object"),
    "geojson": ("default", "topojson"),
}
"""The formats of a type; the other types have none but the default, save those written in strptime's patterns."""

LIMITS = ("minimum", "exclusive_minimum", "maximum", "exclusive_maximum")


def check_schema(schema: SchemaModel, dialect: DialectModel) -> Iterator[Problem]:
    """The problems of ``schema`` that lie in one field, or in the fields' names."""
    if schema.foreign_keys:
        yield Problem(
            ("schema", "foreignKeys"),
            "refused: a foreign key needs another table while the file is read; check it where both are",
        )
    yield from _check_names(schema, exact=dialect.case_sensitive_header or not dialect.header)
    yield from _check_missing(schema.missing_values, ("schema", "missingValues"))
    for index, field in enumerate(schema.fields):
        path = ("schema", "fields", index)
        yield from _check_properties(field, path)
        yield from _check_format(field, path)
        yield from _check_constraints(field, (*path, "constraints"))
        yield from _check_categories(field, path)
        if field.missing_values is not None:
            yield from _check_missing(field.missing_values, (*path, "missingValues"))


def _check_names(schema: SchemaModel, *, exact: bool) -> Iterator[Problem]:
    seen: dict[str, str] = {}
    for index, field in enumerate(schema.fields):
        path = ("schema", "fields", index, "name")
        key = field.name if exact else field.name.casefold()
        if not field.name.strip():
            yield Problem(path, "can't be blank")
        elif key in seen:
            case = "" if seen[key] == field.name else f' ("{seen[key]}"; the header\'s case does not count)'
            yield Problem(path, f'another field is called "{field.name}"{case}')
        seen.setdefault(key, field.name)


def _check_missing(values: tuple[str | MissingValue, ...], path: KeyPath) -> Iterator[Problem]:
    texts = [value.value if isinstance(value, MissingValue) else value for value in values]
    for index, text in enumerate(texts):
        if text in texts[:index]:
            yield Problem((*path, index), f'"{text}" is given twice')


def _check_properties(field: FieldModel, path: KeyPath) -> Iterator[Problem]:
    for name, types in PROPERTY_TYPES.items():
        if name in field.model_fields_set and field.type not in types:
            key = to_camel(name)
            yield Problem(
                (*path, key), f"{key} belongs to {_any_of(types)}, and this field is {_article(field)}"
            )
    if field.type == "boolean":
        yield from _check_booleans(field, path)
    if field.type in _NUMERIC:
        yield from _check_numerals(field, path)
    if field.type == "list" and not field.delimiter:
        yield Problem((*path, "delimiter"), "can't be empty")


def _check_booleans(field: FieldModel, path: KeyPath) -> Iterator[Problem]:
    for key, values in (("trueValues", field.true_values), ("falseValues", field.false_values)):
        if not values:
            yield Problem((*path, key), "can't be empty; no cell could be a boolean")
    for value in sorted(set(field.true_values) & set(field.false_values)):
        yield Problem((*path, "falseValues"), f'"{value}" is among trueValues too')


def _check_numerals(field: FieldModel, path: KeyPath) -> Iterator[Problem]:
    marks = {"decimalChar": field.decimal_char, "groupChar": field.group_char}
    for key, mark in marks.items():
        if mark == "":
            yield Problem((*path, key), "can't be empty")
        elif mark is not None and any(character in "0123456789+-eE" for character in mark):
            yield Problem((*path, key), "can't hold a digit, a sign or an e")
    if field.type == "number" and field.group_char and field.group_char == field.decimal_char:
        yield Problem((*path, "groupChar"), "is the same as decimalChar")
    if field.decimal is not None:
        precision, scale = field.decimal
        if not (1 <= precision <= 38 and 0 <= scale <= precision):
            yield Problem(
                (*path, "decimal"),
                "must be [precision, scale] with 1 to 38 digits, of which scale are a fraction",
            )


def _check_format(field: FieldModel, path: KeyPath) -> Iterator[Problem]:
    here = (*path, "format")
    if field.type in _TEMPORAL:
        problem = format_problem(field.type, field.format)
        if problem is not None:
            yield Problem(here, problem)
        return
    known = FORMATS.get(field.type, ("default",))
    if field.format not in known:
        near = near_miss(field.format, known)
        hint = f'; did you mean "{near}"?' if near else f"; it can be {', '.join(known)}"
        yield Problem(here, f'"{field.format}" is no format of {_article(field)}{hint}')
    elif field.format == "topojson":
        yield Problem(
            here, "refused: a TopoJSON object can't be checked without its topology; use type object"
        )


def _check_constraints(field: FieldModel, path: KeyPath) -> Iterator[Problem]:
    constraints = field.constraints
    if "json_schema" in constraints.model_fields_set:
        yield Problem(
            (*path, "jsonSchema"), "refused: the function carries no JSON Schema library; say it with a rule"
        )
    for name, types in CONSTRAINT_TYPES.items():
        if getattr(constraints, name) is None or field.type in types:
            continue
        key = to_camel(name)
        if field.type == "duration":
            yield Problem((*path, key), "refused: durations have no order (is a month longer than 30 days?)")
        else:
            yield Problem(
                (*path, key), f"{key} applies to {_any_of(types)}, and this field is {_article(field)}"
            )
    if constraints.pattern is not None and field.type == "string":
        problem = pattern_problem(constraints.pattern)
        if problem is not None:
            yield Problem((*path, "pattern"), problem)
    low, high = constraints.min_length, constraints.max_length
    if low is not None and high is not None and low > high:
        yield Problem(
            (*path, "minLength"), f"is greater than maxLength; no value has at least {low} and at most {high}"
        )
    yield from _check_limits(field, path)
    yield from _check_enum(field, path)


def _check_limits(field: FieldModel, path: KeyPath) -> Iterator[Problem]:
    if field.type not in _ORDERED:
        return
    values: dict[str, Any] = {}
    for name in LIMITS:
        written = getattr(field.constraints, name)
        if written is None:
            continue
        try:
            values[name] = read_literal(field, written)
        except ValueError as error:
            yield Problem((*path, to_camel(name)), str(error))
    for low in LIMITS[:2]:
        for high in LIMITS[2:]:
            if low not in values or high not in values:
                continue
            inclusive = (low, high) == ("minimum", "maximum")
            if values[low] > values[high] or (values[low] == values[high] and not inclusive):
                yield Problem((*path, to_camel(low)), f"leaves no value below {to_camel(high)}")


def _check_enum(field: FieldModel, path: KeyPath) -> Iterator[Problem]:
    for index, written in enumerate(field.constraints.enum or ()):
        try:
            read_literal(field, written)
        except ValueError as error:
            yield Problem((*path, "enum", index), str(error))


def _check_categories(field: FieldModel, path: KeyPath) -> Iterator[Problem]:
    if field.categories_ordered:
        yield Problem(
            (*path, "categoriesOrdered"), "refused: DynamoDB keeps no order of categories; leave it out"
        )
    if field.categories is None or field.type not in PROPERTY_TYPES["categories"]:
        return
    values: list[Any] = []
    for index, category in enumerate(field.categories):
        written = category.value if isinstance(category, Category) else category
        try:
            value = read_literal(field, written)
        except ValueError as error:
            yield Problem((*path, "categories", index), str(error))
            continue
        if value in values:
            yield Problem((*path, "categories", index), f'"{written}" is given twice')
        values.append(value)
    for index, written in enumerate(field.constraints.enum or ()):
        try:
            known = read_literal(field, written) in values
        except ValueError:
            continue  # said already
        if not known:
            yield Problem((*path, "constraints", "enum", index), f'"{written}" is not among the categories')


def _any_of(types: tuple[str, ...]) -> str:
    return types[0] if len(types) == 1 else f"{', '.join(types[:-1])} and {types[-1]}"


def _article(field: FieldModel) -> str:
    if field.type == "any":
        return "of no type (any)" if "type" not in field.model_fields_set else "any"
    return f"{'an' if field.type[0] in 'aio' else 'a'} {field.type}"
