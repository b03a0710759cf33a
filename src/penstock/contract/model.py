"""The contract as it is written: one frozen model per part of the YAML file.

Names and meanings of ``schema`` follow Table Schema (https://datapackage.org/standard/table-schema/, version 2
where it differs from 1), those of ``dialect`` CSV Dialect (https://specs.frictionlessdata.io/csv-dialect/).
Cross-checks that need more than one part live in :mod:`penstock.contract.check`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

FieldType = Literal[
    "string", "number", "integer", "boolean", "object", "array", "list", "datetime", "date", "time",
    "year", "yearmonth", "duration", "geopoint", "geojson", "any",
]  # fmt: skip
FieldsMatch = Literal["exact", "equal", "subset", "superset", "partial"]
AttributeType = Literal["S", "N", "B", "BOOL", "SS", "NS", "L", "M"]
Name = Annotated[str, Field(min_length=1)]


class Part(BaseModel):
    """A part of the contract: frozen, and an unknown key is a problem."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, strict=True)


class StandardPart(Part):
    """A part whose keys a standard spells in camel case."""

    model_config = ConfigDict(alias_generator=to_camel)


class DialectModel(StandardPart):
    """How the bytes of a file become records and cells (CSV Dialect)."""

    delimiter: str = ","
    quote_char: str | None = '"'
    double_quote: bool = True
    escape_char: str | None = None
    skip_initial_space: bool = False
    header: bool = True
    comment_char: str | None = None
    null_sequence: str | None = None
    line_terminator: str | None = None  # None: found out from the file
    case_sensitive_header: bool = False
    encoding: str = "utf-8"
    max_record_bytes: int = Field(default=1_000_000, alias="max_record_bytes", ge=1)


class MissingValue(StandardPart):
    """A missing value with a label (Table Schema 2)."""

    value: str
    label: str | None = None


class ConstraintsModel(StandardPart):
    """The constraints of a field (Table Schema)."""

    required: bool = False
    unique: bool = False
    min_length: int | None = None
    max_length: int | None = None
    minimum: Any = None
    maximum: Any = None
    exclusive_minimum: Any = None
    exclusive_maximum: Any = None
    pattern: str | None = None
    enum: tuple[Any, ...] | None = None
    json_schema: Any = None


class FieldModel(StandardPart):
    """One field of the schema (Table Schema), with the two keys that Penstock adds."""

    name: Name
    type: FieldType = "string"
    format: str = "default"
    title: str | None = None
    description: str | None = None
    example: Any = None
    rdf_type: str | None = None
    constraints: ConstraintsModel = ConstraintsModel()
    missing_values: tuple[str | MissingValue, ...] | None = None
    true_values: tuple[str, ...] = ("true", "True", "TRUE", "1")
    false_values: tuple[str, ...] = ("false", "False", "FALSE", "0")
    decimal_char: str = "."
    group_char: str | None = None
    bare_number: bool = True
    delimiter: str = ","
    item_type: str = "string"
    categories: tuple[Any, ...] | None = None
    categories_ordered: bool = False
    decimal: tuple[int, int] | None = None  # Penstock: [precision, scale] of the number in expressions
    sensitive: bool = False  # Penstock: the cell stays out of logs and displays


class SchemaModel(StandardPart):
    """A Table Schema descriptor."""

    fields: tuple[FieldModel, ...] = Field(min_length=1)
    fields_match: FieldsMatch = "exact"
    missing_values: tuple[str | MissingValue, ...] = ("",)
    primary_key: str | tuple[str, ...] = ()
    unique_keys: tuple[tuple[str, ...], ...] = ()
    foreign_keys: tuple[Any, ...] = ()
    name: str | None = None
    title: str | None = None
    description: str | None = None
    profile: str | None = Field(default=None, alias="$schema")


class SourceModel(Part):
    """Where the feed's files are, and how they are written."""

    prefix: Name
    suffix: str = ".csv"
    dialect: DialectModel = DialectModel()


class TransformModel(Part):
    """What happens to a row: SQL expressions in a fixed order."""

    prepare: dict[str, str] = {}
    where: str | None = None
    set: dict[str, str] = {}
    rename: dict[str, str] = {}
    drop: tuple[str, ...] = ()


class RuleModel(Part):
    """A check of the whole row; NULL passes."""

    name: Name
    check: Name


class NamedValue(Part):
    """An attribute made by a template."""

    name: Name
    value: Name
    allow_separator: bool = False  # a part may hold the template's own separator


KeyModel = str | NamedValue


class IndexModel(Part):
    """A global secondary index."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{3,255}$")]
    partition_key: KeyModel
    sort_key: KeyModel | None = None
    projection: Literal["ALL", "KEYS_ONLY"] | tuple[str, ...] = "ALL"


class ItemModel(Part):
    """One of several items that a row becomes."""

    name: Name
    when: str | None = None
    partition_key: KeyModel
    sort_key: KeyModel | None = None
    set: dict[str, str] = {}
    keep: tuple[str, ...] | None = None  # attributes of the row to keep; all unless said


class LoadModel(Part):
    """The table, its keys, and what becomes of a row there."""

    table: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{3,255}$")]
    table_exists: bool = False  # the table is somebody else's: it is used, never made
    partition_key: KeyModel | None = None
    sort_key: KeyModel | None = None
    indexes: tuple[IndexModel, ...] = ()
    types: dict[str, AttributeType] = {}
    nulls: Literal["omit", "write"] = "omit"
    on_duplicate: Literal["last", "first", "reject"] = "last"
    mode: Literal["upsert", "mirror"] = "upsert"
    newest_by: str | None = None
    delete_where: str | None = None
    ttl: KeyModel | None = None
    stream: Literal["KEYS_ONLY", "NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES"] | None = None
    billing: Literal["on-demand", "provisioned"] = "on-demand"
    read_capacity: int | None = None
    write_capacity: int | None = None
    items: tuple[ItemModel, ...] | None = None


class QualityModel(Part):
    """When a file is refused as a whole."""

    max_rejects: str | int | None = None  # "5%" of read less blank, or a count
    on_quote_error: Literal["recover", "refuse"] = "recover"


class Contract(Part):
    """What a feed promises: one YAML file."""

    penstock: Literal[1]
    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")]
    source: SourceModel
    schema_: SchemaModel = Field(alias="schema")
    transform: TransformModel = TransformModel()
    rules: tuple[RuleModel, ...] = ()
    load: LoadModel
    quality: QualityModel = QualityModel()
    trigger: Literal["queue", "direct"] = "queue"
    schedule: str | None = None
