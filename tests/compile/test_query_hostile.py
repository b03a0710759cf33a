"""Queries of arbitrary words come to SQL or to a contract error, and to nothing else."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from query_cases import CATALOG, read_cases

from penstock.compile.query.compile import compile_sql
from penstock.errors import ContractError

TEXT = """
SELECT FROM WHERE GROUP BY HAVING QUALIFY ORDER LIMIT UNION ALL DISTINCT ON USING JOIN LEFT FULL CROSS WITH AS AND OR NOT IN IS NULL
CASE WHEN THEN ELSE END CAST OVER PARTITION ROWS BETWEEN PRECEDING FOLLOWING CURRENT ROW UNBOUNDED FILTER WINDOW EXISTS VALUES
LATERAL PIVOT UNNEST RECURSIVE INTERVAL DAY DATE EXTRACT LIKE ESCAPE EXCEPT SAMPLE ( ) ( ) , , . * + - / // % || = < :: [ ] { } : ; $1 ? -> @
rows ref id t n b d ts tags k v q r count sum max lag row_number upper round decimal_division concat
1 2.5 0 'a' '' '2024-01-01' "id" "x" -- /* */
"""
WORDS = TEXT.split()


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(WORDS), max_size=25).map(" ".join))
def test_words_in_any_order_come_to_an_end(words: str) -> None:
    with suppress(ContractError):
        compile_sql(words, CATALOG)


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_a_query_with_words_changed_comes_to_an_end(data: st.DataObject) -> None:
    words = str(data.draw(st.sampled_from(read_cases("accepted")))["sql"]).split()
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(words) - 1))
        words[place : place + data.draw(st.integers(0, 2))] = data.draw(
            st.lists(st.sampled_from(WORDS), max_size=2)
        )
        words = words or ["SELECT"]
    with suppress(ContractError):
        compile_sql(" ".join(words), CATALOG)


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=40))
def test_any_text_comes_to_an_end(text: str) -> None:
    with suppress(ContractError):
        compile_sql(text, CATALOG)


def doubling(parts: int) -> str:
    """A query of parts of which each reads the one before twice."""
    named = ["q0 AS (SELECT id FROM rows)"]
    named += [
        f"q{i} AS (SELECT a.id FROM q{i - 1} AS a JOIN q{i - 1} AS b ON a.id = b.id)" for i in range(1, parts)
    ]
    return f"WITH {', '.join(named)} SELECT id FROM q{parts - 1}"


def test_parts_that_read_one_another_many_times_over_are_refused() -> None:
    compile_sql(doubling(8), CATALOG)  # 128 times
    with pytest.raises(ContractError, match="the query reads more than 200 relations"):
        compile_sql(doubling(9), CATALOG)


def test_a_part_that_stands_nowhere_reads_nothing() -> None:
    unused = ", ".join(f"u{i} AS (SELECT id FROM rows)" for i in range(250))
    compile_sql(f"WITH {unused} SELECT id FROM rows", CATALOG)


@pytest.mark.parametrize("function", ["lpad", "rpad"])
def test_a_text_is_not_padded_beyond_measure(function: str) -> None:
    compile_sql(f"SELECT {function}(t, 1000, 'x') AS x FROM rows", CATALOG)
    with pytest.raises(ContractError, match="1000"):
        compile_sql(f"SELECT {function}(t, 1001, 'x') AS x FROM rows", CATALOG)
