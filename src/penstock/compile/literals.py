"""Values written in a contract, read by the same SQL and codecs as the cells they are compared with."""

from __future__ import annotations

import functools

import duckdb

from penstock.compile.cells import compile_cell
from penstock.compile.fields import refuse
from penstock.compile.sql import literal
from penstock.contract.model import FieldModel
from penstock.engine.codecs import CODECS
from penstock.engine.database import open_database

_FORM = {"format": "default", "decimal_char": ".", "group_char": None, "bare_number": True}


def canonical_literal(field: FieldModel, written: str | bool) -> str:
    """Give the canonical text of a value of the field's type, written in the field's own form or in the type's default.

    Raises :class:`~penstock.errors.ContractError`, naming the field, where it is none, or two different ones.
    """
    if isinstance(written, bool):
        if field.type != "boolean":
            raise refuse(
                field,
                f"`{str(written).lower()}` is a boolean, not of the type {field.type}; put a text in quotes",
            )
        return str(written).lower()
    own = _read(field, written)
    default = _read(field.model_copy(update=_FORM), written) if field.type != "string" else own
    if own is not None and default is not None and own != default:
        raise refuse(
            field, f"`{written}` reads as {own} in the field's form and as {default} in the default one"
        )
    text = own if own is not None else default
    if text is None:
        form = "" if field.format == "default" else f" of the format {field.format}"
        raise refuse(field, f"`{written}` is not of the type {field.type}{form}")
    return text


def _read(field: FieldModel, written: str) -> str | None:
    cell = compile_cell(0, field, "S")
    given = f"SELECT {literal(written)} AS p0"
    decided = "NULL"
    if cell.codec is not None:
        ((text,),) = _database().execute(f"SELECT {cell.codec.cell} FROM ({given})").fetchall()
        answer = None if text is None else CODECS[cell.codec.kind](text, cell.codec.options)
        decided = "NULL" if answer is None else literal(answer.text)
    judged = f"SELECT p0, {decided}::VARCHAR AS d0 FROM ({given})"
    ((valid, text),) = _database().execute(f"SELECT {cell.valid}, {cell.text} FROM ({judged})").fetchall()
    return str(text) if valid else None


@functools.cache
def _database() -> duckdb.DuckDBPyConnection:
    """A database closed to everything: the contract is somebody's text."""
    return open_database(None)
