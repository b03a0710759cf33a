"""The parts of the contract whose names and meanings a standard gives: CSV Dialect and Table Schema.

``dialect`` follows CSV Dialect (https://specs.frictionlessdata.io/csv-dialect/), ``schema`` Table Schema
(https://datapackage.org/standard/table-schema/, version 2 where it differs from 1).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Strict, Tag
from pydantic.alias_generators import to_camel

from penstock.contract.scalars import Encoding, Format, Limit, Many, Name, OneOrMany

FieldType = Literal[
    "string", "number", "integer", "boolean", "object", "array", "list", "datetime", "date", "time",
    "year", "yearmonth", "duration", "geopoint", "geojson", "any",
]  # fmt: skip
FieldsMatch = Literal["exact", "equal", "subset", "superset", "partial"]
ItemType = Literal["string", "integer", "boolean", "number", "datetime", "date", "time"]


class Part(BaseModel):
    """A part of the contract: frozen, and an unknown key is a problem."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", populate_by_name=True, strict=True, use_attribute_docstrings=True
    )


class StandardPart(Part):
    """A part whose keys a standard spells in camel case."""

    model_config = ConfigDict(alias_generator=to_camel)


class DialectModel(StandardPart):
    """How the bytes of a file become records and cells (CSV Dialect, and two keys more)."""

    delimiter: str = ","
    """The character between two cells."""
    quote_char: str | None = '"'
    """The character around a cell that holds delimiters, quotes or newlines; `null` where there is none."""
    double_quote: bool = True
    """Whether a quote inside quotes is written twice."""
    escape_char: str | None = None
    """The character that makes the next one ordinary."""
    skip_initial_space: bool = False
    """Whether spaces after a delimiter are dropped."""
    header: bool = True
    """Whether the first record holds the names of the columns."""
    comment_char: str | None = None
    """A record that begins with this character is a comment."""
    null_sequence: str | None = None
    """A cell that is exactly this text is missing, for example `\\N`."""
    line_terminator: Literal["\n", "\r\n", "\r"] | None = None
    """What ends a record, `"\\n"`, `"\\r\\n"` or `"\\r"`; found out from the file unless said."""
    case_sensitive_header: bool = False
    """Whether the header's names must have the case of the fields' names."""
    encoding: Encoding = "utf-8"
    """The encoding of the files: `utf-8`, `latin-1` or `cp1252`, by any of their usual spellings."""
    max_record_bytes: int = Field(default=1_000_000, alias="max_record_bytes", ge=1)
    """A record longer than this is rejected; it bounds the memory that one record can take."""


class MissingValue(StandardPart):
    """A missing value with a label (Table Schema 2)."""

    value: str
    """The text that stands for a missing value."""
    label: str | None = None
    """What the missing value means to people; it changes nothing."""


MissingValues = Many[
    Annotated[
        Annotated[str, Tag("(text)")] | Annotated[MissingValue, Tag("(labelled)")],
        Discriminator(lambda value: "(labelled)" if isinstance(value, dict | MissingValue) else "(text)"),
    ]
]


class Category(StandardPart):
    """A category with a label (Table Schema 2)."""

    value: Limit
    """The value that the cell must have."""
    label: str | None = None
    """What the value means to people; it changes nothing."""


Categories = Many[
    Annotated[
        Annotated[Limit, Tag("(value)")] | Annotated[Category, Tag("(labelled)")],
        Discriminator(lambda value: "(labelled)" if isinstance(value, dict | Category) else "(value)"),
    ]
]


class ConstraintsModel(StandardPart):
    """The constraints of a field (Table Schema). Limits are values of the field's type and format."""

    required: bool = False
    """Whether a missing value is an error."""
    unique: bool = False
    """Accepted only on the field that is the load's key, where it means `on_duplicate: reject`."""
    min_length: int | None = Field(default=None, ge=0)
    """The least number of characters of a string, or of members of an array, list or object."""
    max_length: int | None = Field(default=None, ge=0)
    """The greatest number of characters of a string, or of members of an array, list or object."""
    minimum: Limit | None = None
    """The least value."""
    maximum: Limit | None = None
    """The greatest value."""
    exclusive_minimum: Limit | None = None
    """A value must be greater than this one."""
    exclusive_maximum: Limit | None = None
    """A value must be less than this one."""
    pattern: str | None = None
    """A regular expression (RE2) that must match the whole of a string."""
    enum: Annotated[tuple[Limit, ...], Strict(strict=False), Field(min_length=1)] | None = None
    """The values that are allowed."""
    json_schema: Any = None
    """Refused: the function carries no JSON Schema library; say it with a rule."""


class FieldModel(StandardPart):
    """One field of the schema (Table Schema), with the two keys that Penstock adds: `decimal` and `sensitive`."""

    name: Name
    """The column's name, and the attribute's unless `rename` says otherwise."""
    type: FieldType = "any"
    """The type of the cells; `any` takes every text as it is."""
    format: Format = "default"
    """How the type is written, for example `email` for a string or `%d/%m/%Y` for a date."""
    title: str | None = None
    """A title for people; it changes nothing."""
    description: str | None = None
    """A description for people; it changes nothing."""
    example: Any = None
    """An example value for people; it changes nothing."""
    rdf_type: str | None = None
    """The URI of an RDF class; it changes nothing."""
    constraints: ConstraintsModel = ConstraintsModel()
    """What the values must satisfy."""
    missing_values: MissingValues | None = None
    """The texts that stand for a missing value in this field, instead of the schema's."""
    true_values: Many[str] = ("true", "True", "TRUE", "1")
    """The texts that a boolean takes as true."""
    false_values: Many[str] = ("false", "False", "FALSE", "0")
    """The texts that a boolean takes as false."""
    decimal_char: str = "."
    """What stands between a number's whole part and its fraction."""
    group_char: str | None = None
    """What groups the digits of a number or integer, for example `,` in `1,000`."""
    bare_number: bool = True
    """If false, text around a number or integer is dropped, for example `€` or `%`."""
    delimiter: str = ","
    """What stands between the members of a list."""
    item_type: ItemType = "string"
    """The type of the members of a list."""
    categories: Annotated[Categories, Field(min_length=1)] | None = None
    """The values that a string or integer may have, with or without labels; as `enum`."""
    categories_ordered: bool = False
    """Refused if true: DynamoDB keeps no order of categories."""
    decimal: Annotated[tuple[int, int], Strict(strict=False)] | None = None
    """`[precision, scale]` of a number in expressions; `[38, 9]` unless said."""
    sensitive: bool = False
    """Whether the cell stays out of logs, displays, and rejects (unless `rejects` has them kept)."""


class SchemaModel(StandardPart):
    """A Table Schema descriptor."""

    fields: Annotated[Many[FieldModel], Field(min_length=1)]
    """The fields, in the order of the file's columns."""
    fields_match: FieldsMatch = "exact"
    """How the header must fit the fields: `exact` in order, `equal` by name, `subset` the file may have more
    columns, `superset` it may have fewer, `partial` at least one must be there."""
    missing_values: MissingValues = ("",)
    """The texts that stand for a missing value, unless the field has its own."""
    primary_key: OneOrMany = ()
    """Accepted where it equals the load's key; it then means `on_duplicate: reject`."""
    unique_keys: Many[Many[str]] = ()
    """Accepted where each equals the load's key; they then mean `on_duplicate: reject`."""
    foreign_keys: Many[Any] = ()
    """Refused: a foreign key needs another table while the file is read."""
    name: str | None = None
    """A name for people; it changes nothing."""
    title: str | None = None
    """A title for people; it changes nothing."""
    description: str | None = None
    """A description for people; it changes nothing."""
    profile: str | None = Field(default=None, alias="$schema")
    """The URL of the Table Schema profile; it changes nothing."""
