"""The rows that a query reads: which columns they have, and the plan by which objects become them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from penstock import verdicts
from penstock.compile.encode import canonical_text
from penstock.compile.items import ItemSql, enter_load
from penstock.compile.keys import KeySql
from penstock.compile.query.scope import BaseColumn
from penstock.compile.query.types import BOOLEAN, DATE, INTEGER, TEXT, TIMESTAMP, digits_of, kind_of
from penstock.compile.rows import RowSql
from penstock.compile.rowwise import STEPS, compile_rowwise, start_row
from penstock.compile.sql import joined, literal
from penstock.contract.check_query import QUERY_TYPES
from penstock.contract.model import Contract, FieldModel, ItemModel, LoadModel
from penstock.errors import ContractError
from penstock.plan.model import Check, Column, ItemPlan, KeyAttribute, Plan

_ANY_FIELDS: Final = 1_000_000
"""No contract has more: its fields are always judged together."""

_READABLE: Final = "a query reads text, whole numbers, decimals, booleans, dates and timestamps"


def list_columns(contract: Contract) -> tuple[BaseColumn, ...]:
    """Give the columns of a contract's rows: names after ``rename``, without ``drop``.

    Raises :class:`~penstock.errors.ContractError` with the problems of all expressions of the row.
    """
    row = start_row(_only_rows(contract))
    for step in STEPS:
        step(row)
    enter_load(row)
    if row.problems:
        raise ContractError(row.problems)
    sensitive = {field.name for field in contract.schema_.fields if field.sensitive}
    fields = {
        contract.transform.rename.get(field.name, field.name): field
        for field in contract.schema_.fields
        if field.name not in contract.transform.set
    }
    return tuple(
        _column(name, row, fields.get(name), bool(attribute.reads & sensitive))
        for name, attribute in row.attributes.items()
        if name not in contract.transform.drop
    )


def _column(name: str, row: RowSql, field: FieldModel | None, sensitive: bool) -> BaseColumn:
    if field is not None and field.type not in QUERY_TYPES:
        reason = f"`{name}` is of the type {field.type}, and {_READABLE}"
        return BaseColumn(name, None, sensitive, reason)
    sql_type = row.scope[name].sql_type
    if sql_type == "HUGEINT":
        return BaseColumn(name, INTEGER, sensitive)
    if sql_type in {TEXT, BOOLEAN, DATE, TIMESTAMP} or sql_type.startswith("DECIMAL"):
        return BaseColumn(name, sql_type, sensitive)
    return BaseColumn(name, None, sensitive, f"`{name}` is {sql_type}, and {_READABLE}")


def type_columns(fields: Sequence[FieldModel]) -> tuple[BaseColumn, ...]:
    """Give the columns of a Parquet file by the schema that the contract has for it."""
    types = {"string": TEXT, "integer": INTEGER, "year": INTEGER, "boolean": BOOLEAN, "date": DATE}
    return tuple(
        BaseColumn(
            field.name,
            "DECIMAL({},{})".format(*(field.decimal or (38, 9)))
            if field.type == "number"
            else types.get(field.type, TIMESTAMP),
            field.sensitive,
        )
        for field in fields
    )


def plan_column(name: str, sql_type: str) -> Column:
    """Give a column by its name and type."""
    kinds = {"text": "string", "boolean": "boolean", "date": "date", "timestamp": "datetime"}
    kind = kinds.get(kind_of(sql_type)) or ("integer" if digits_of(sql_type)[1] == 0 else "number")
    return Column(name, kind, sql_type)


def compile_rows(contract: Contract, columns: Sequence[Column]) -> Plan:
    """Compile the plan whose one item is the record of a row, in CSV, with these columns."""
    plan = compile_rowwise(
        _only_rows(contract), together=_ANY_FIELDS, build=lambda row: (_record(row, columns),)
    )
    return replace(plan, on_duplicate="newest")


def _only_rows(contract: Contract) -> Contract:
    """Give the contract without what it says of the load: that is about the query's result."""
    nothing = ItemModel(name="row", partition_key="row", keep=())
    load = LoadModel(table="rows", items=(nothing,))
    return contract.model_copy(update={"load": load})


def _record(row: RowSql, columns: Sequence[Column]) -> ItemSql:
    enter_load(row)
    row.judged.add([("deleted", "FALSE")])
    names = frozenset(column.name for column in columns)
    row.read_by_expressions |= row.fields_of(names)
    for column in columns:
        _refuse_unheld(row, column)
    put = joined(_pieces(row, columns))
    key = KeySql(KeyAttribute("row", "S"), "''", (), "FALSE", (), frozenset(), "TRUE", generated=False)
    plan = ItemPlan("row", when="TRUE", partition="''", sort=None, put=put, key="''", size="0")
    return ItemSql(plan, key, None, (), frozenset(), "FALSE")


def _pieces(row: RowSql, columns: Sequence[Column]) -> Iterator[str]:
    for number, column in enumerate(columns):
        if number:
            yield literal(",")
        if (
            column.sql_type == TIMESTAMP
        ):  # the text of the cell has an offset, perhaps, and any number of digits
            text = canonical_text(row.scope[column.name].sql, TIMESTAMP)
        else:
            text = row.attributes[column.name].text
        inner = f"replace({text}, '\"', '\"\"')" if column.sql_type == TEXT else text
        yield f"coalesce('\"' || {inner} || '\"', '')"


def _refuse_unheld(row: RowSql, column: Column) -> None:
    """Refuse values that a query has no room for: they are errors of their rows."""
    value = row.scope[column.name].sql
    if row.scope[column.name].sql_type == "HUGEINT":
        bad = f"{value} >= {10**38} OR {value} <= -{10**38}"
        message = "the number has more than 38 digits, which a query does not hold"
    elif column.sql_type in {DATE, TIMESTAMP}:
        bad = f"{value} < DATE '0001-01-01' OR {value} >= DATE '9999-12-31' + 1"
        message = "the date is not of the years 0001 to 9999, which are those of a query"
    else:
        return
    reads = row.reads[column.name]
    sound = row.sound[column.name]
    check = Check(verdicts.EXPRESSION_ERROR, column.name, message)
    row.faults.row(check, f"kept AND {sound} AND ({bad})", reads)
