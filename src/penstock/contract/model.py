"""The contract as it is written: one frozen model per part of the YAML file.

The parts that follow a standard, ``schema`` and ``dialect``, live in :mod:`penstock.contract.standard` and are
named here too; ``alarms`` in :mod:`penstock.contract.alarms`, what a feed runs on and when in
:mod:`penstock.contract.running`. Cross-checks that need more than one part live in :mod:`penstock.contract.check`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Discriminator, Field, PrivateAttr, Tag

from penstock.contract.alarms import AlarmsModel
from penstock.contract.running import (
    FunctionModel,
    GlueModel,
    LargeObjectsModel,
    ScheduleModel,
    ScheduleOrText,
)
from penstock.contract.scalars import (
    FeedName,
    KeyArn,
    Many,
    Name,
    RejectLimit,
    TableName,
)
from penstock.contract.standard import (
    Category,
    ConstraintsModel,
    DialectModel,
    FieldModel,
    FieldsMatch,
    FieldType,
    ItemType,
    MissingValue,
    Part,
    SchemaModel,
    StandardPart,
)

__all__ = [
    "AlarmsModel",
    "AttributeType",
    "Category",
    "ConstraintsModel",
    "Contract",
    "DialectModel",
    "FieldModel",
    "FieldType",
    "FieldsMatch",
    "FunctionModel",
    "GlueModel",
    "IndexModel",
    "ItemModel",
    "ItemType",
    "KeyModel",
    "LargeObjectsModel",
    "LoadModel",
    "MissingValue",
    "Name",
    "NamedValue",
    "Part",
    "QualityModel",
    "ReferenceModel",
    "RejectsModel",
    "RuleModel",
    "ScheduleModel",
    "SchemaModel",
    "SourceModel",
    "StandardPart",
    "TransformModel",
]

AttributeType = Literal["S", "N", "B", "BOOL", "SS", "NS", "L", "M"]


class SourceModel(Part):
    """Where the feed's files are, and how they are written."""

    prefix: Name
    """What the keys of the feed's objects begin with: a folder, such as `incoming/orders/`."""
    suffix: Name = ".csv"
    """What the keys of the feed's objects end with; objects that end in `.gz` are unpacked."""
    expect: Many[Name] = ()
    """Names of files, relative to the prefix, that have to be there when the schedule comes, such as `orders-%Y-%m-%d.csv`."""
    dialect: DialectModel = DialectModel()
    """How the bytes of a file become records and cells."""


class TransformModel(Part):
    """What happens to a row: SQL expressions in a fixed order."""

    prepare: dict[Name, Name] = Field(default_factory=dict)
    """Text to text for a field, before anything else looks at the cell."""
    where: Name | None = None
    """A row for which this is not true is filtered."""
    set: dict[Name, Name] = Field(default_factory=dict)
    """New values by name, in order; a later one may use an earlier one."""
    rename: dict[Name, Name] = Field(default_factory=dict)
    """New names by old name; keys, `drop`, `types` and indexes use the new ones."""
    drop: Many[str] = ()
    """Names that don't become attributes; the keys still see them."""
    sql: Name | None = None
    """One SELECT over all good rows of a file, `rows`, and over `references`; what it gives is loaded, and no row by itself."""
    over: Literal["object", "prefix", "new"] = "object"
    """What `rows` are of: one file; with the feed's `schedule` all files under its prefix, or those no run has loaded yet, as of one."""


class ReferenceModel(Part):
    """What `transform.sql` reads beside the rows: an object of the landing bucket, or the newest one of another feed."""

    key: Name | None = None
    """The object's key in the landing bucket, such as `reference/countries.csv`; due unless there is a `feed`."""
    feed: FeedName | None = None
    """Another feed of the project, without `sql` of its own: its newest object, read by its contract."""
    format: Literal["csv", "parquet"] | None = None
    """How the object is written; the key's ending tells (`.csv`, `.csv.gz`, `.parquet`) unless said."""
    dialect: DialectModel = DialectModel()
    """How the bytes of a CSV file become records and cells."""
    schema_: SchemaModel | None = Field(default=None, alias="schema")
    """A Table Schema descriptor, or the path of a `.json` file that holds one; due with `key`."""
    _contract: Contract | None = PrivateAttr(default=None)

    @property
    def of_feed(self) -> Contract | None:
        """The contract of the feed, once the project's contracts were looked at."""
        return self._contract

    def resolve(self, contract: Contract) -> ReferenceModel:
        """Give the reference with the contract of its feed."""
        resolved = self.model_copy()
        resolved._contract = contract
        return resolved

    @property
    def written(self) -> Literal["csv", "parquet"] | None:
        """How the object is written; None where nothing tells."""
        key = self.key or ""
        if self.format is not None:
            return self.format
        return "csv" if key.endswith((".csv", ".csv.gz")) else "parquet" if key.endswith(".parquet") else None


class RuleModel(Part):
    """A check of the whole row; NULL passes."""

    name: Name
    """The rule's name, as it stands in the reasons of rejected rows."""
    check: Name
    """An SQL expression that must not be false."""


class NamedValue(Part):
    """An attribute made by a template."""

    name: Name
    """The attribute's name."""
    value: Name
    """A template such as `CUSTOMER#{customer_id}`; `{n:010d}` pads an integer, `{{` and `}}` are braces."""
    allow_separator: bool = False
    """Whether a part may hold the template's own separator, so that two rows might share a key."""


KeyModel = Annotated[
    Annotated[str, Tag("(field)")] | Annotated[NamedValue, Tag("(template)")],
    Discriminator(lambda value: "(template)" if isinstance(value, dict | NamedValue) else "(field)"),
]
"""A field's name, or an attribute made by a template."""

Projection = Annotated[
    Annotated[Literal["ALL", "KEYS_ONLY"], Tag("(word)")] | Annotated[Many[str], Tag("(list)")],
    Discriminator(lambda value: "(list)" if isinstance(value, list | tuple) else "(word)"),
]


class IndexModel(Part):
    """A global secondary index."""

    name: TableName
    """The index's name."""
    partition_key: KeyModel
    """The field, or the template, that is the index's partition key."""
    sort_key: KeyModel | None = None
    """The field, or the template, that is the index's sort key."""
    projection: Projection = "ALL"
    """What the index holds beside the keys: `ALL`, `KEYS_ONLY`, or a list of attributes."""


class ItemModel(Part):
    """One of several items that a row becomes."""

    name: Name
    """The item's name, as it stands in the reasons of rejected rows."""
    when: Name | None = None
    """The row has this item where this is true; always unless said."""
    partition_key: KeyModel
    """The field, or the template, that is the item's partition key."""
    sort_key: KeyModel | None = None
    """The field, or the template, that is the item's sort key."""
    set: dict[Name, Name] = Field(default_factory=dict)
    """Attributes of this item alone: SQL expressions over the row, by name."""
    keep: Many[str] | None = None
    """The row's names that become attributes of this item; all unless said."""


class LoadModel(Part):
    """The table, its keys, and what becomes of a row there."""

    table: TableName
    """The table's name."""
    table_exists: bool = False
    """Whether the table is somebody else's: it is used, never made."""
    table_key: KeyArn | None = None
    """The ARN of the KMS key of a table that exists, if it is neither one of AWS's own nor the project's."""
    partition_key: KeyModel | None = None
    """The field, or the template, that is the partition key; due unless there are `items`."""
    sort_key: KeyModel | None = None
    """The field, or the template, that is the sort key."""
    indexes: Many[IndexModel] = ()
    """Global secondary indexes, at most 20."""
    types: dict[Name, AttributeType] = Field(default_factory=dict)
    """DynamoDB types by name, where the default type is not what is wanted."""
    nulls: Literal["omit", "write"] = "omit"
    """Whether an absent value is left out or written as NULL."""
    on_duplicate: Literal["last", "first", "reject"] = "last"
    """Which row of one key within a file is loaded; `reject` rejects every row after the first, and is the default with `sql`."""
    mode: Literal["upsert", "mirror"] = "upsert"
    """`upsert` adds and replaces items; `mirror` also deletes the items of an object that its newer version lacks."""
    max_deletes: RejectLimit = "10%"
    """With `mode: mirror`, a count, or a share of the object's items, past which nothing is changed until somebody approves."""
    skip_unchanged: bool = False
    """Whether items are left alone that the object's last version wrote just so; with `mode: mirror` they always are."""
    newest_by: Name | None = None
    """The attribute by which rows of one key compete, in whatever files and order they come: the greatest value stays."""
    revision: int = Field(default=0, ge=0, le=999)
    """With `newest_by`: at one value, rows of a later revision of the contract win. Raise it to have rows loaded anew replace their items."""
    delete_where: Name | None = None
    """A row for which this is true deletes its key."""
    ttl: KeyModel | None = None
    """The attribute that holds the second (Unix time) after which DynamoDB deletes the item."""
    stream: Literal["KEYS_ONLY", "NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES"] | None = None
    """What the table's stream shows; no stream unless said."""
    billing: Literal["on-demand", "provisioned"] = "on-demand"
    """How the table's capacity is paid."""
    read_capacity: int | None = Field(default=None, ge=1)
    """Read units a second of a provisioned table."""
    write_capacity: int | None = Field(default=None, ge=1)
    """Write units a second of a provisioned table."""
    max_write_units_per_second: int | None = Field(default=None, ge=1)
    """The write units a second that all workers of the feed together may take; no limit unless said."""
    items: Annotated[Many[ItemModel], Field(min_length=1)] | None = None
    """The items that a row becomes, where it is not just one."""


class QualityModel(Part):
    """When a file is refused as a whole."""

    max_rejects: RejectLimit | None = None
    """A count, or a share of the records read less the blank ones such as `5%`, past which nothing is loaded."""
    on_quote_error: Literal["recover", "refuse"] = "recover"
    """Whether reading goes on at the next line after a quote that is never closed, or the file is refused."""


class RejectsModel(Part):
    """What is kept of rejected records."""

    sensitive: Literal["withhold", "keep"] = "withhold"
    """Whether rejects have the cells of sensitive fields. `withhold` puts `(sensitive)` in the place of each, and of the whole
    record where its cells can't be told apart for certain; the record itself stays in the file, and is replayed from there."""


class Contract(Part):
    """What a feed promises: one YAML file."""

    penstock: Literal[1]
    """The version of the contract's format: 1."""
    name: FeedName
    """The feed's name: lowercase letters, digits and hyphens, beginning with a letter, at most 40."""
    source: SourceModel
    """Where the feed's files are, and how they are written."""
    schema_: SchemaModel = Field(alias="schema")
    """A Table Schema descriptor, or the path of a `.json` file that holds one."""
    transform: TransformModel = TransformModel()
    """What happens to a row before it is loaded."""
    references: dict[Name, ReferenceModel] = Field(default_factory=dict)
    """What `transform.sql` reads beside the rows, by the names that it has there."""
    rules: Many[RuleModel] = ()
    """Checks of the whole row."""
    load: LoadModel
    """The table, its keys, and what becomes of a row there."""
    quality: QualityModel = QualityModel()
    """When a file is refused as a whole."""
    rejects: RejectsModel = RejectsModel()
    """What is kept of rejected records."""
    function: FunctionModel = FunctionModel()
    """The size of the loader function."""
    large_objects: LargeObjectsModel = LargeObjectsModel()
    """How objects are loaded that are too large for one invocation."""
    engine: Literal["lambda", "glue", "auto"] = "lambda"
    """What loads large objects, and runs queries: the feed's function, a job in AWS Glue, or what an estimate says."""
    glue: GlueModel = GlueModel()
    """The size of the job in AWS Glue."""
    trigger: Literal["queue", "direct"] = "queue"
    """Whether S3's events reach the function through a queue or directly."""
    schedule: ScheduleOrText | None = None
    """When everything in the bucket is compared with what was loaded: `rate(1 hour)`, or `{at, time_zone}`; never unless said."""

    alarms: AlarmsModel = AlarmsModel()
    """When people are told that the feed is not well."""

    @property
    def timetable(self) -> ScheduleModel | None:
        """The schedule with its time zone, however it is written."""
        return ScheduleModel(at=self.schedule) if isinstance(self.schedule, str) else self.schedule
