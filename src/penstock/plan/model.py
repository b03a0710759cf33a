"""The plan: a contract compiled into what every engine executes. Frozen, complete, and plain JSON on the wire.

A plan holds no name of a bucket, account or region: it says what happens to a file's bytes and how the table is
keyed. Its SQL refers to a field as ``f<index>``, by its place in :attr:`Plan.fields`; the engine binds those names
to the columns of a file when it has read the file's header.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from penstock.plan.table import Index, KeyAttribute, Manifest, Quality, Table

__all__ = [
    "CellKind",
    "Check",
    "Codec",
    "Column",
    "Dialect",
    "Encoding",
    "Field",
    "FieldsMatch",
    "Index",
    "ItemPlan",
    "KeyAttribute",
    "Manifest",
    "Plain",
    "Plan",
    "Quality",
    "Query",
    "Reference",
    "Statements",
    "Table",
    "Terminator",
    "Wide",
]

Encoding = Literal["utf-8", "latin-1", "cp1252"]
Terminator = Literal["auto", "lf", "cr"]
FieldsMatch = Literal["exact", "equal", "subset", "superset", "partial"]


@dataclass(frozen=True, slots=True)
class Dialect:
    """How bytes become records: single ASCII characters, ``None`` where the dialect has none."""

    delimiter: str = ","
    quote_char: str | None = '"'
    double_quote: bool = True
    escape_char: str | None = None
    skip_initial_space: bool = False
    header: bool = True
    comment_char: str | None = None
    line_terminator: Terminator = "auto"
    case_sensitive_header: bool = False
    encoding: Encoding = "utf-8"
    max_record_bytes: int = 1_000_000


@dataclass(frozen=True, slots=True)
class Field:
    """A field of the schema. ``required`` fields must be among the columns where ``fieldsMatch`` lets some be absent.

    What a ``sensitive`` field holds stays out of logs, displays and, unless :attr:`Plan.keep_sensitive`, rejects.
    """

    name: str
    type: str
    required: bool = False
    sensitive: bool = False


@dataclass(frozen=True, slots=True)
class Codec:
    """A field some of whose cells Python must decide, because SQL would lose digits or order.

    ``cell`` is SQL over the ``cells`` relation that gives the text to decide, and NULL for a cell that SQL decides.
    ``kind`` names a function of :mod:`penstock.engine.codecs`, ``options`` its arguments. For each distinct text the
    function gives its canonical text and its DynamoDB JSON, or nothing where the text is not of the type; the engine
    joins them to the row as ``d<field>`` and ``j<field>``.
    """

    field: int
    kind: str
    cell: str
    options: dict[str, str]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that can be wrong with a row. ``field`` is a name of the contract, or None for the whole row."""

    code: str
    field: str | None
    message: str


@dataclass(frozen=True, slots=True)
class ItemPlan:
    """How one item of a row is made, in SQL over the ``judged`` relation.

    ``when`` tells whether the row has this item. ``partition`` and ``sort`` give the key's canonical texts, equal where
    DynamoDB's keys are equal. ``put`` and ``key`` are the requests of BatchWriteItem that put and delete the item (see
    :class:`~penstock.engine.result.WriteBatch`); where rows compete, ``key`` puts a tombstone. ``size`` is an upper bound of
    the item's bytes, cheaply had.

    Two conditions are for rows that are rejected, of plans with a :attr:`Plan.manifest`; neither is ever NULL. ``told``:
    the key is certain, whatever else is wrong with the row. ``lacks``: the row certainly does not have this item.
    """

    name: str
    when: str
    partition: str
    sort: str | None
    put: str
    key: str
    size: str
    told: str = "FALSE"
    lacks: str = "FALSE"


@dataclass(frozen=True, slots=True)
class Statements:
    """The SQL of one chunk, from text to verdict.

    ``cells`` is a SELECT over ``raw`` (``n``, ``source_line`` if :attr:`uses_line`, and the text of each field as ``f<i>``)
    and ``object`` (one row: ``source_key``, ``source_last_modified``) that applies ``prepare`` and the missing values;
    it gives ``n`` and ``p<i>``.
    ``judged`` is a SELECT over ``decided`` (``cells`` with the codecs' answers) that gives ``n``, ``errors`` (indexes
    into :attr:`Plan.checks`; NULL for a row without), ``filtered``, ``deleted``, and the columns that items are made of.
    """

    cells: str
    judged: str
    uses_line: bool


@dataclass(frozen=True, slots=True)
class Plain:
    """The short way of rows that are as most rows are: every cell in its usual spelling, and no error.

    ``judged`` is a SELECT over ``raw`` and ``object`` that gives ``plain`` (never NULL), ``filtered`` and ``deleted``, and
    the columns that ``items`` are made of. Of a row that is not plain it says nothing: that one goes the long way, by
    :class:`Statements`, and so would a plain one, to the same end. ``keyed`` tells that the cells are plain of which the
    keys, ``kept``, and the items' ``when`` are made: ``scanned`` gives it with what a scan of keys needs, and no more.
    """

    judged: str
    scanned: str
    items: tuple[ItemPlan, ...]


@dataclass(frozen=True, slots=True)
class CellKind:
    """Fields of a wide contract of which nothing is asked but their own cells, and of all the same: judged a cell at a time.

    The SQL is that of a row of one field, ``f0``: ``cells`` and ``judged`` as in :class:`Statements`, ``plain`` as in
    :class:`Plain` (None where no cell is plain). ``judged`` gives ``cell_errors`` and ``row_errors``, lists of places among
    the ``errors`` that a cell can have (NULL for none); ``row_errors`` count only in rows that ``where`` keeps. ``attribute`` is
    SQL over either way's relation, with ``lead`` beside it, that gives the attribute as it stands in an item after another.

    ``fields`` are indexes into :attr:`Plan.fields`, ``attributes`` the names that they are loaded under, ``items`` the items
    that have them. ``checks`` are, for each field, the indexes into :attr:`Plan.checks` of its errors.
    """

    fields: tuple[int, ...]
    attributes: tuple[str, ...]
    items: tuple[int, ...]
    cells: str
    judged: str
    plain: str | None
    codec: Codec | None
    attribute: str
    errors: int
    checks: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Wide:
    """How a contract of many fields is judged, so that no statement has many columns.

    ``core`` are the fields that keys and expressions read. The plan's statements, codecs and items are over those alone,
    ``f<i>`` being the ``i``-th of them. All other fields are of one of ``kinds``; their attributes are added to the items.
    """

    core: tuple[int, ...]
    kinds: tuple[CellKind, ...]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of what a query reads or gives: ``type`` is one of Table Schema's, ``sql_type`` DuckDB's.

    The types are string (VARCHAR), integer (DECIMAL(p,0)), number (DECIMAL(p,s)), boolean, date, and datetime (TIMESTAMP):
    those in which DuckDB, Parquet and Spark hold the same values.
    """

    name: str
    type: str
    sql_type: str


@dataclass(frozen=True, slots=True)
class Reference:
    """What a query reads beside the rows: the object ``key`` of the landing bucket, or the newest object of another feed.

    ``rows`` tells how a CSV file becomes rows, and is None for Parquet. ``columns`` are those that the query reads,
    ``required`` those of Parquet that may not hold NULL, be they read or not.
    """

    name: str
    key: str | None
    prefix: str | None  # of the other feed, as is the suffix
    suffix: str | None
    rows: Plan | None
    columns: tuple[Column, ...]
    required: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Query:
    """A query between an object's rows and the items: ``Plan`` itself is then about the query's result.

    ``rows`` is the plan by which the object's records become rows; its one item is the record of a row, in CSV: each
    column of ``columns`` as canonical text in quotes, nothing where it is NULL. ``duckdb`` and ``spark`` are one SELECT, over ``rows`` and the references by
    their names, that gives the columns of ``result``,
    sorted by all of them (NULL first); ``spark`` is None where Spark can't be trusted to agree,
    and ``refused`` says why. ``record`` is SQL of DuckDB over the columns of the result that gives a row as a CSV record
    of the file that the plan itself reads, and ``header`` is that file's first record.

    ``over`` tells of what the rows are: of one object, of all objects under the feed's prefix, or of those of them that no run
    has loaded yet (:mod:`penstock.load.gathering`).
    """

    rows: Plan
    columns: tuple[Column, ...]
    references: tuple[Reference, ...]
    duckdb: str
    spark: str | None
    refused: tuple[str, ...]
    result: tuple[Column, ...]
    record: str
    header: str
    over: Literal["object", "prefix", "new"] = "object"


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that an engine needs for a feed.

    With ``on_duplicate`` ``newest`` all rows of a key are written, and compete in the table.
    """

    version: int
    name: str
    prefix: str
    suffix: str
    dialect: Dialect
    fields: tuple[Field, ...]
    fields_match: FieldsMatch
    codecs: tuple[Codec, ...]
    statements: Statements
    plain: Plain | None
    checks: tuple[Check, ...]
    items: tuple[ItemPlan, ...]
    table: Table
    on_duplicate: Literal["last", "first", "reject", "newest"]
    quality: Quality
    max_write_units: int | None = None  # a second, of all workers together; None: as many as the table takes
    wide: Wide | None = None  # None: all fields are judged together
    manifest: Manifest | None = None  # None: every version is written whole, and nothing vanishes
    keep_sensitive: bool = False  # whether rejects have the sensitive cells of their records
    query: Query | None = None  # None: each row becomes items by itself
    engine: Literal["lambda", "glue", "auto"] = (
        "lambda"  # what loads an object that one function may not manage
    )
