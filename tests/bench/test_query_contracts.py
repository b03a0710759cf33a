"""The queries that are measured are ones that a contract can have, and that both engines run."""

from pathlib import Path

import pytest

from bench.query import QUERIES, write_contract
from penstock.compile.plan import compile_contract
from penstock.contract.read import read_contract


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_that_is_measured_compiles_for_both_engines(tmp_path: Path, name: str) -> None:
    query = compile_contract(read_contract(write_contract(tmp_path, name))).query
    assert query is not None
    assert query.spark is not None
