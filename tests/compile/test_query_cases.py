"""Which queries are taken, what they become in both engines, and why others are refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import sqlglot
from query_cases import CATALOG, describe, list_functions, read_cases

from penstock.compile.query.compile import compile_sql
from penstock.errors import ContractError


def by_sql(case: dict[str, Any]) -> str:
    return str(case["sql"])


@pytest.mark.parametrize("case", read_cases("accepted"), ids=by_sql)
def test_a_query_becomes_sql_of_both_engines_with_the_types_of_its_columns(case: dict[str, Any]) -> None:
    assert describe(compile_sql(case["sql"], CATALOG)) == {k: v for k, v in case.items() if k != "sql"}


@pytest.mark.parametrize("case", [c for c in read_cases("accepted") if c["spark"]], ids=by_sql)
def test_sql_for_spark_is_sql_of_spark(case: dict[str, Any]) -> None:
    sqlglot.parse_one(case["spark"], read="spark")


@pytest.mark.parametrize("case", read_cases("refused"), ids=by_sql)
def test_a_query_is_refused_with_all_reasons(case: dict[str, Any]) -> None:
    with pytest.raises(ContractError) as caught:
        compile_sql(case["sql"], CATALOG)
    assert list(caught.value.problems) == [f"transform.sql: {problem}" for problem in case["problems"]]


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("(" * 40 + "SELECT id FROM rows" + ")" * 40, "the query is nested too deeply"),
        (
            "SELECT " + "+".join(["id"] * 200) + " AS x FROM rows",
            "the query is nested too deeply",
        ),
        ("SELECT id FROM rows" + " " * 20_000, "the query is longer than 20,000 characters"),
        ("SELECT id" + " // 3" * 40 + " AS x FROM rows", "the expression becomes too long"),
        (
            "SELECT id AS a0"
            + "".join(f", a{i} + a{i} AS a{i + 1}" for i in range(40))
            + " FROM rows GROUP BY a40",
            "no column is called `a39`",
        ),
        ("", "the query is empty"),
        ("-- nothing", "the query is empty"),
        ("SELECT 'a\0b' AS x FROM rows", "a text holds a character that is not text"),
    ],
)
def test_a_text_beyond_the_limits_is_refused(sql: str, reason: str) -> None:
    with pytest.raises(ContractError, match=reason):
        compile_sql(sql, CATALOG)


def test_a_semicolon_at_the_end_and_comments_are_left_out() -> None:
    plain = compile_sql("SELECT id FROM rows", CATALOG)
    assert compile_sql("SELECT id -- the id\nFROM /* all */ rows;", CATALOG) == plain


def test_names_are_found_whatever_their_case_unless_one_is_exact() -> None:
    assert compile_sql("SELECT R.ID AS id FROM ROWS AS r", CATALOG).columns == (("id", "DECIMAL(38,0)"),)


def test_only_what_is_read_is_listed() -> None:
    sql = "SELECT q.t FROM (SELECT t, n FROM rows) AS q JOIN ref ON ref.k = q.t"
    assert compile_sql(sql, CATALOG).reads == {"rows": {"t", "n"}, "ref": {"k"}}


def test_what_is_made_of_a_sensitive_column_is_sensitive() -> None:
    sql = "SELECT t, max(secret) AS a, count(secret) AS b, lag(q.secret) OVER (ORDER BY t) AS c FROM rows AS q GROUP BY t, q.secret"
    assert compile_sql(sql, CATALOG).sensitive == {"a", "b", "c"}


def test_a_window_is_ordered_by_all_that_the_query_reads() -> None:
    found = compile_sql("SELECT id, row_number() OVER (ORDER BY t) AS x FROM rows WHERE b", CATALOG)
    columns = ("id", "b")  # `t` is in the order already
    assert found.duckdb.count("ASC NULLS FIRST") == len(columns) + len(found.columns)


def test_what_only_duckdb_computes_keeps_spark_from_the_query() -> None:
    found = compile_sql("SELECT id FROM rows WHERE upper(t) = 'A'", CATALOG)
    assert found.refused == ("`upper`: Java changes the case of some letters otherwise",)


def test_the_documentation_lists_exactly_the_functions_that_both_engines_have() -> None:
    page = (Path(__file__).parents[2] / "docs" / "sql.md").read_text()
    assert page.partition("<!-- functions -->\n")[2].partition("<!-- /functions -->")[0] == list_functions()
