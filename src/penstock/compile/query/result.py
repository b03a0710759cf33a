"""The result of a query: the file that it becomes, and the contract by which that file is loaded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from penstock.compile.encode import canonical_text
from penstock.compile.query.types import TEXT, digits_of
from penstock.compile.sql import literal
from penstock.contract.check import check_load_names
from penstock.contract.model import (
    Contract,
    DialectModel,
    FieldModel,
    QualityModel,
    SchemaModel,
    TransformModel,
)
from penstock.contract.problem import dotted
from penstock.contract.standard import FieldType
from penstock.errors import ContractError
from penstock.plan.model import Column

_NULL: Final = "\\N"
"""What stands for NULL in the result's file; a text that begins with a backslash has one more before it."""


def derive_contract(contract: Contract, columns: Sequence[Column], sensitive: frozenset[str]) -> Contract:
    """Give the contract that loads the result's file: its fields are the columns, its ``load`` that of the contract.

    Raises :class:`~penstock.errors.ContractError` with all that ``load`` says about columns which the result does not have.
    """
    texts = [column.name for column in columns if column.sql_type == TEXT]
    load = contract.load
    if "on_duplicate" not in load.model_fields_set and load.newest_by is None:
        load = load.model_copy(update={"on_duplicate": "reject"})
    derived = contract.model_copy(
        update={
            "source": contract.source.model_copy(
                update={"dialect": DialectModel(line_terminator="\n", case_sensitive_header=True)}
            ),
            "schema_": SchemaModel(
                fields=tuple(_field(column, column.name in sensitive) for column in columns),
                missing_values=(),
            ),
            "transform": TransformModel(prepare={name: _unescape(name) for name in texts}),
            "references": {},
            "rules": (),
            "load": load,
            "quality": QualityModel(),
        }
    )
    problems = check_load_names(derived)
    if problems:
        raise ContractError(
            [
                f"{dotted(problem.path)}: "
                + problem.message.replace(
                    " is neither a field nor set", " is no column of the query's result"
                )
                for problem in problems
            ]
        )
    return derived


def _field(column: Column, sensitive: bool) -> FieldModel:
    kind: FieldType = column.type  # type: ignore[assignment] # one of Table Schema's
    return FieldModel(
        name=column.name,
        type=kind,
        decimal=digits_of(column.sql_type) if kind == "number" else None,
        missing_values=() if kind == "string" else (_NULL,),
        sensitive=sensitive,
    )


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _unescape(name: str) -> str:
    cell = _quoted(name)
    return f"CASE WHEN {cell} = {literal(_NULL)} THEN NULL WHEN starts_with({cell}, '\\') THEN substr({cell}, 2) ELSE {cell} END"


def write_header(columns: Sequence[Column]) -> str:
    """Write the first record of the result's file."""
    return ",".join(_quoted(column.name) for column in columns)


def write_record(columns: Sequence[Column]) -> str:
    """Write the SQL, over the result's columns, of a record of the result's file."""
    cells = ", ',', ".join(_cell(column) for column in columns)
    return f"concat({cells})"


def _cell(column: Column) -> str:
    name = _quoted(column.name)
    if column.sql_type != TEXT:
        return f"coalesce({canonical_text(name, column.sql_type)}, {literal(_NULL)})"
    escaped = f"CASE WHEN {name} = '' OR starts_with({name}, '\\') THEN concat('\\', {name}) ELSE {name} END"
    return f"CASE WHEN {name} IS NULL THEN {literal(_NULL)} ELSE concat('\"', replace({escaped}, '\"', '\"\"'), '\"') END"
