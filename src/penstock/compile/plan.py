"""From contract to plan: row by row, or with a query between the rows and the items."""

from __future__ import annotations

from penstock.compile.query.plan import compile_query
from penstock.compile.rowwise import compile_rowwise
from penstock.compile.wide import MOST_TOGETHER
from penstock.contract.model import Contract
from penstock.plan.model import Plan


def compile_contract(contract: Contract, *, together: int = MOST_TOGETHER) -> Plan:
    """Compile a contract into the plan that every engine executes.

    Of a contract of more than ``together`` fields, only those are judged in one statement that keys and expressions read;
    one with a query has its fields judged together, and only the columns that the query reads are carried.
    Raises :class:`~penstock.errors.ContractError` for what only typing an expression, a query or a key can show, with the
    problems of all expressions at once.
    """
    if contract.transform.sql is not None:
        return compile_query(contract)
    return compile_rowwise(contract, together=together)
