"""A query in words: what it reads, what it gives, and where it can run."""

from __future__ import annotations

from collections.abc import Sequence

import sqlglot

from penstock.plan.model import Column, Query, Reference


def explain_query(query: Query) -> list[tuple[str, list[str]]]:
    """Give the sections on a query, each with a title."""
    return [
        (
            "What the query reads",
            [_source("rows", "the file's rows", query.columns), *map(_reference, query.references)],
        ),
        (
            "What the query gives",
            _columns(query.result),
        ),
        ("Where the query can run", list(_engines(query))),
        ("SQL: the query in DuckDB", _pretty(query.duckdb, "duckdb")),
        *([("SQL: the query in Spark", _pretty(query.spark, "spark"))] if query.spark is not None else []),
    ]


def _source(name: str, what: str, columns: Sequence[Column]) -> str:
    listed = ", ".join(f"{column.name} {column.sql_type}" for column in columns)
    return f"{name}, {what}: {listed}"


def _columns(columns: Sequence[Column]) -> list[str]:
    rows = [
        ("column", "type", "in SQL"),
        *((column.name, column.type, column.sql_type) for column in columns),
    ]
    wide = [max(len(row[place]) for row in rows) for place in (0, 1)]
    return [f"{name:{wide[0]}}  {kind:{wide[1]}}  {sql_type}" for name, kind, sql_type in rows]


def _reference(reference: Reference) -> str:
    if reference.key is None:
        what = f"the newest object {reference.prefix}*{reference.suffix}"
    else:
        what = f"the {'Parquet' if reference.rows is None else 'CSV'} object {reference.key}"
    return _source(reference.name, what, reference.columns)


def _engines(query: Query) -> list[str]:
    if query.spark is not None:
        return ["in the function (DuckDB), and on Spark: both give the same"]
    return ["in the function (DuckDB) alone; on Spark it can't be trusted to give the same:", *query.refused]


def _pretty(sql: str, dialect: str) -> list[str]:
    """Lay SQL out in lines. It is for reading: the plan's own text is what runs."""
    return sqlglot.parse_one(sql, read=dialect).sql(dialect, pretty=True).splitlines()
