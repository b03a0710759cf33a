"""One session for all tests of this folder: Spark takes seconds to start."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from penstock.compile.plan import compile_contract
from penstock.contract.read import read_contract
from penstock.errors import UsageError
from penstock.plan.model import Plan
from penstock.spark.session import check_installed, open_session

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_PYSPARKS_OWN = ("unclosed <socket:ResourceWarning", "distutils Version classes:DeprecationWarning")
"""It leaves its sockets to the garbage collector, and compares versions in an old way."""

MakePlan = Callable[[str], Plan]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("spark"):
            for ignored in _PYSPARKS_OWN:
                item.add_marker(pytest.mark.filterwarnings(f"ignore:{ignored}"))
    try:
        check_installed()
    except UsageError as error:
        for item in items:
            if item.get_closest_marker("spark"):
                item.add_marker(pytest.mark.skip(reason=str(error)))


@pytest.fixture(scope="session")
def session() -> Iterator[SparkSession]:
    with open_session(2, brief=True) as opened:
        yield opened


@pytest.fixture
def make_plan(tmp_path: Path) -> MakePlan:
    def make(contract: str) -> Plan:
        path = tmp_path / "contract.yaml"
        path.write_text(contract)
        return compile_contract(read_contract(path))

    return make
