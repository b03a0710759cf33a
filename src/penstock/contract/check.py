"""The cross-checks of a contract: what the model of one part can't see. All problems are collected.

The rest of a contract, its SQL expressions, is parsed and typed by :mod:`penstock.compile`.
"""

from __future__ import annotations

from typing import Literal

from penstock.contract.check_engine import check_engine
from penstock.contract.check_expect import check_expect
from penstock.contract.check_load import check_load
from penstock.contract.check_newest import check_newest
from penstock.contract.check_query import check_query
from penstock.contract.check_schema import check_schema
from penstock.contract.check_source import check_source
from penstock.contract.check_transform import check_transform
from penstock.contract.check_unique import check_unique, has_unique
from penstock.contract.model import Contract
from penstock.contract.problem import Problem
from penstock.contract.scalars import canonical_encoding

__all__ = ["canonical_encoding", "check", "check_load_names", "effective_on_duplicate"]


def check(contract: Contract) -> list[Problem]:
    """Every problem of a contract whose parts are each of the right shape."""
    return [
        *check_source(contract.source, contract.schema_),
        *check_expect(contract),
        *check_schema(contract.schema_, contract.source.dialect),
        *check_transform(contract),
        *check_query(contract),
        *(check_load_names(contract) if contract.transform.sql is None else ()),
        *check_engine(contract),
    ]


def check_load_names(contract: Contract) -> list[Problem]:
    """The problems of what ``load`` says about a row, or, with a query, of its result once that is known."""
    return [*check_load(contract), *check_unique(contract), *check_newest(contract)]


def effective_on_duplicate(contract: Contract) -> Literal["last", "first", "reject", "newest"]:
    """What becomes of rows of a file that share a key.

    ``reject`` where the schema says that the key is unique or a query makes the rows, and ``newest`` where all rows
    compete by a value.
    """
    load = contract.load
    said = "on_duplicate" in load.model_fields_set
    if contract.transform.sql is not None and load.newest_by is None and not said:
        return "reject"
    if has_unique(contract.schema_) or load.on_duplicate == "reject":
        return "reject"
    return "newest" if load.newest_by is not None else load.on_duplicate
