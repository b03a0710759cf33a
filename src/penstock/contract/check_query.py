"""Checks of ``references``, and of what a contract with ``transform.sql`` can't say; the SQL itself is the compiler's."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from pydantic.alias_generators import to_camel

from penstock.contract.check_schema import check_schema
from penstock.contract.check_source import check_characters
from penstock.contract.check_unique import unique_sets
from penstock.contract.document import KeyPath
from penstock.contract.model import Contract, FieldModel, ReferenceModel, SchemaModel
from penstock.contract.problem import Problem

ROWS: Final = "rows"
"""What SQL calls the rows of the file; no reference can be called so."""

QUERY_TYPES: Final = ("string", "integer", "year", "number", "boolean", "date", "datetime")
"""The types of the fields that a query can read."""

_NAME: Final = re.compile("[a-z][a-z0-9_]{0,62}")
_PARQUET_KEYS: Final = frozenset(
    ("name", "type", "constraints", "decimal", "sensitive", "title", "description", "example", "rdf_type")
)
"""What can be said of a column of Parquet: its values are typed already, so that nothing is read from text."""


def check_query(contract: Contract) -> Iterator[Problem]:
    """The problems of ``references``, of ``transform.over``, and of the schema where there is a query."""
    yield from _check_over(contract)
    if contract.transform.sql is None:
        if contract.references:
            yield Problem(("references",), "are read by transform.sql, and there is none")
        return
    for path, _ in unique_sets(contract.schema_):
        yield Problem(
            path,
            "refused with transform.sql: it speaks of the load's key, and that is one of the query's result; there a "
            "key that repeats is rejected unless load.on_duplicate says otherwise",
        )
    for name, reference in contract.references.items():
        path = ("references", name)
        if name == ROWS:
            yield Problem(path, "is what the file's own rows are called; choose another name")
        elif not _NAME.fullmatch(name):
            yield Problem(
                path, "a name in SQL is of lowercase letters, digits and _, and begins with a letter"
            )
        yield from _check_reference(contract, reference, path)


def _check_over(contract: Contract) -> Iterator[Problem]:
    over, path = contract.transform.over, ("transform", "over")
    if contract.transform.sql is None:
        if "over" in contract.transform.model_fields_set:
            yield Problem(path, "belongs to transform.sql, and there is none: a row by itself is of one file")
        return
    if over == "object":
        return
    if contract.timetable is None:
        yield Problem(
            ("schedule",),
            f"is due with transform.over: {over}: a file that lands starts no run then, the schedule does",
        )
    if over == "new" and contract.load.mode == "mirror":
        yield Problem(
            ("load", "mode"),
            "mirror is refused with transform.over: new: what the new files alone give would delete what all others gave; "
            "say over: prefix",
        )


def _check_reference(contract: Contract, reference: ReferenceModel, path: KeyPath) -> Iterator[Problem]:
    if reference.feed is not None:
        yield from _check_feed(contract, reference, path)
        return
    if reference.key is None:
        yield Problem(path, "needs a `key`, of an object of the landing bucket, or a `feed`")
        return
    yield from _check_key(contract, reference.key, (*path, "key"))
    if reference.written is None:
        yield Problem(
            (*path, "format"), "is due: csv or parquet; the key ends in neither .csv, .csv.gz nor .parquet"
        )
    if reference.schema_ is None:
        yield Problem((*path, "schema"), "the key is required, with `key`")
        return
    parquet = reference.written == "parquet"
    if parquet and "dialect" in reference.model_fields_set:
        yield Problem((*path, "dialect"), "belongs to CSV, and this object is Parquet")
    for problem in (
        *check_schema(reference.schema_, reference.dialect),
        *(() if parquet else _check_dialect(reference)),
        *(_check_parquet(reference.schema_) if parquet else ()),
    ):
        yield Problem((*path, *problem.path), problem.message)
    for where, _ in unique_sets(reference.schema_):
        yield Problem(
            (*path, *where),
            "refused: whether a reference has something twice is not looked at; group by it in SQL",
        )


def _check_feed(contract: Contract, reference: ReferenceModel, path: KeyPath) -> Iterator[Problem]:
    if reference.feed == contract.name:
        yield Problem((*path, "feed"), f"is this feed itself, whose rows are `{ROWS}`")
    for key, name in (("key", "key"), ("format", "format"), ("dialect", "dialect"), ("schema_", "schema")):
        if key in reference.model_fields_set:
            yield Problem(
                (*path, name), f"is said by the contract of the feed {reference.feed}; leave it out"
            )


def _check_key(contract: Contract, key: str, path: KeyPath) -> Iterator[Problem]:
    source = contract.source
    if key.startswith("/"):
        yield Problem(path, f'a key in S3 does not begin with "/"; write {key.lstrip("/")}')
    elif "*" in key or key.endswith("/"):
        yield Problem(path, "names one object: S3 knows no wildcards, and a folder is no object")
    elif len(key.encode()) > 1024:
        yield Problem(path, "is too long: a key in S3 has at most 1024 bytes")
    elif key.startswith(source.prefix) and key.endswith(source.suffix):
        yield Problem(
            path,
            f"is an object of the feed itself ({source.prefix}*{source.suffix}), and would be loaded as one",
        )


def _check_dialect(reference: ReferenceModel) -> Iterator[Problem]:
    assert reference.schema_ is not None
    for problem in check_characters(reference.dialect):
        yield Problem(problem.path[1:], problem.message)
    if not reference.dialect.header and reference.schema_.fields_match != "exact":
        yield Problem(
            ("schema", "fieldsMatch"),
            f"{reference.schema_.fields_match} needs the names of the columns, and the dialect says that there is no header",
        )


def _check_parquet(schema: SchemaModel) -> Iterator[Problem]:
    for key in ("fields_match", "missing_values"):
        if key in schema.model_fields_set:
            yield Problem(
                ("schema", to_camel(key)), "belongs to CSV: Parquet names its columns, and knows NULL"
            )
    for index, field in enumerate(schema.fields):
        path: KeyPath = ("schema", "fields", index)
        if field.type not in QUERY_TYPES:
            yield Problem(
                (*path, "type"),
                f"a column of Parquet is read as {', '.join(QUERY_TYPES[:-1])} or {QUERY_TYPES[-1]}, not {field.type}",
            )
        yield from _check_parquet_field(field, path)


def _check_parquet_field(field: FieldModel, path: KeyPath) -> Iterator[Problem]:
    for key in sorted(field.model_fields_set - _PARQUET_KEYS):
        yield Problem(
            (*path, to_camel(key)), "belongs to cells of text, and Parquet's values are typed already"
        )
    for key in sorted(field.constraints.model_fields_set - {"required", "unique"}):
        yield Problem(
            (*path, "constraints", to_camel(key)),
            "refused: of a column of Parquet only `required` is checked; say it in the SQL (WHERE)",
        )
