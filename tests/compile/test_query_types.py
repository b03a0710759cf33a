"""What is accepted is typed by DuckDB as it was typed here, and fails only of values that are too large."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Final

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from query_cases import CATALOG

from penstock.compile.query.compile import compile_sql
from penstock.engine.database import open_database
from penstock.errors import ContractError

VALUES: Final[dict[str, list[str | bool | None]]] = {
    "DECIMAL(38,0)": ["0", "1", "-7", "99999999999999999999999999999999999999", None],
    "DECIMAL(5,0)": ["0", "12345", "-1", None],
    "DECIMAL(10,2)": ["0", "0.01", "-99999999.99", "2.50", None],
    "DECIMAL(38,9)": ["0", "-0.000000001", "99999999999999999999999999999.999999999", "1.5", None],
    "VARCHAR": ["", "a", "\\N", "é😀", "12", None],
    "BOOLEAN": [True, False, None],
    "DATE": ["0001-01-01", "1970-01-01", "2024-02-29", "9999-12-31", None],
    "TIMESTAMP": ["0001-01-01 00:00:00", "1969-12-31 23:59:59.999999", "2024-02-29 12:00:00", None],
}
REFUSALS: Final = ("decimal places", "NULL", "becomes too long", "38 digits", "always fails")
TOO_LARGE = (duckdb.OutOfRangeException, duckdb.ConversionException, duckdb.InvalidInputException)


def number() -> st.SearchStrategy[str]:
    leaf = st.sampled_from(["id", "n", "m", "1", "0", "-2.5", "1000000", "NULL"])

    def grow(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        pair = st.tuples(inner, inner)
        return st.one_of(
            st.tuples(inner, st.sampled_from("+-*%"), inner).map(lambda x: f"({x[0]} {x[1]} {x[2]})"),
            inner.map(lambda x: f"round({x}, 1)"),
            inner.map(lambda x: f"trunc({x})"),
            inner.map(lambda x: f"-({x})"),
            inner.map(lambda x: f"abs({x})"),
            inner.map(lambda x: f"ceil({x})"),
            pair.map(lambda x: f"decimal_division({x[0]}, {x[1]}, 3)"),
            pair.map(lambda x: f"coalesce({x[0]}, {x[1]})"),
            pair.map(lambda x: f"greatest({x[0]}, {x[1]})"),
            pair.map(lambda x: f"CASE WHEN b THEN {x[0]} ELSE {x[1]} END"),
        )

    return st.recursive(leaf, grow, max_leaves=4)


def text() -> st.SearchStrategy[str]:
    leaf = st.sampled_from(
        ["t", "'a'", "''", "CAST(n AS VARCHAR)", "CAST(ts AS VARCHAR)", "CAST(d AS VARCHAR)"]
    )
    return st.recursive(
        leaf,
        lambda inner: st.one_of(
            st.tuples(inner, inner).map(lambda x: f"({x[0]} || {x[1]})"),
            inner.map(lambda x: f"substr({x}, 2, 3)"),
            inner.map(lambda x: f"replace({x}, 'a', 'bb')"),
            inner.map(lambda x: f"upper({x})"),
            inner.map(lambda x: f"coalesce({x}, t)"),
        ),
        max_leaves=3,
    )


def moment() -> st.SearchStrategy[str]:
    return st.sampled_from(
        [
            "d",
            "ts",
            "d + 1",
            "d - INTERVAL 1 MONTH",
            "date_trunc('month', ts)",
            "last_day(d)",
            "greatest(d, ts)",
        ]
    )


def condition() -> st.SearchStrategy[str]:
    compared = st.one_of(
        st.tuples(number(), number()), st.tuples(text(), text()), st.tuples(moment(), moment())
    )
    operator = st.sampled_from(["=", "<>", "<", ">=", "IS DISTINCT FROM"])
    leaf = st.one_of(
        st.just("b"), st.tuples(compared, operator).map(lambda x: f"({x[0][0]} {x[1]} {x[0][1]})")
    )
    return st.one_of(leaf, st.tuples(leaf, st.sampled_from(["AND", "OR"]), leaf).map(" ".join))


def value() -> st.SearchStrategy[str]:
    return st.one_of(number(), text(), moment(), condition().map(lambda x: f"({x})"))


def query() -> st.SearchStrategy[str]:
    frame = st.sampled_from(["", " ROWS BETWEEN 1 PRECEDING AND CURRENT ROW"])
    plain = st.tuples(value(), value(), condition()).map(
        lambda x: f"SELECT {x[0]} AS x, {x[1]} AS y FROM rows WHERE {x[2]}"
    )
    grouped = st.tuples(value(), number(), value()).map(
        lambda x: (
            f"SELECT {x[0]} AS x, sum({x[1]}) AS s, max({x[2]}) AS m, count(*) AS c FROM rows GROUP BY x HAVING count(*) > 0"
        )
    )
    windows = st.tuples(value(), number(), value(), frame).map(
        lambda x: (
            f"SELECT lag({x[0]}) OVER (ORDER BY t, ({x[2]})) AS l, sum({x[1]}) OVER (PARTITION BY b ORDER BY t, ({x[2]}){x[3]}) AS s FROM rows"
        )
    )
    joined = st.tuples(number(), value()).map(
        lambda x: f"SELECT v, {x[1]} AS x FROM rows LEFT JOIN (SELECT v FROM ref) AS q ON {x[0]} = v"
    )
    return st.one_of(plain, grouped, windows, joined)


@pytest.fixture(scope="module")
def databases() -> Iterator[tuple[duckdb.DuckDBPyConnection, duckdb.DuckDBPyConnection]]:
    """One with empty tables, and one in which every value meets every type's extremes."""
    with open_database(None) as empty, open_database(None) as full:
        for name, columns in CATALOG.items():
            types = [(c.name, c.sql_type) for c in columns if c.sql_type is not None]
            for database in (empty, full):
                listed = ", ".join(f'"{column}" {sql_type}' for column, sql_type in types)
                database.execute(f'CREATE TABLE "{name}" ({listed})')
            for i in range(7):
                row = [VALUES[sql_type][i % len(VALUES[sql_type])] for _, sql_type in types]
                full.execute(f'INSERT INTO "{name}" VALUES ({", ".join("?" for _ in row)})', row)
        yield empty, full


@settings(max_examples=60, deadline=None)
@given(sql=query())
def test_duckdb_types_a_query_as_we_do_and_computes_it(
    databases: tuple[duckdb.DuckDBPyConnection, duckdb.DuckDBPyConnection], sql: str
) -> None:
    empty, full = databases
    try:
        found = compile_sql(sql, CATALOG)
    except ContractError as error:  # nothing else can be wrong with what these queries are made of
        unexpected = [problem for problem in error.problems if not any(word in problem for word in REFUSALS)]
        if unexpected:
            raise
        return
    described = empty.execute(f"DESCRIBE {found.duckdb}").fetchall()
    assert tuple((str(row[0]), str(row[1])) for row in described) == found.columns
    empty.execute(found.duckdb).fetchall()
    with suppress(*TOO_LARGE):
        full.execute(found.duckdb).fetchall()
