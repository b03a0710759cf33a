"""A query compiled: typed, checked, and written for both engines, from its text and what there is to read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from penstock.compile.query.dialects import Dialect
from penstock.compile.query.parse import parse_query
from penstock.compile.query.relations import Context, Selected, Text
from penstock.compile.query.scope import BaseColumn, Catalog
from penstock.compile.query.select import select_query
from penstock.compile.terms import RefusedError
from penstock.compile.translate import UntranslatedError
from penstock.contract.check_query import ROWS
from penstock.errors import ContractError


@dataclass(frozen=True, slots=True)
class Compiled:
    """A query: its SQL, its columns, and what it reads.

    ``columns`` are the names and types of the result, ``sensitive`` those in which sensitive cells are, ``reads`` the
    columns read of each relation, and ``refused`` the reasons why Spark can't be trusted with it.
    """

    duckdb: str
    spark: str
    columns: tuple[tuple[str, str], ...]
    sensitive: frozenset[str]
    reads: Mapping[str, frozenset[str]]
    refused: tuple[str, ...]


def compile_sql(text: str, catalog: Catalog, path: str = "transform.sql") -> Compiled:
    """Compile a query over what ``catalog`` has. Raises :class:`~penstock.errors.ContractError` with all its problems.

    It is done twice: with all columns, to see which of them are read, and with those alone, of which windows make their order.
    """
    context, _ = _translate(text, catalog, path)
    if ROWS not in context.reads.columns:
        raise ContractError([f"{path}: the query does not read `{ROWS}`, the rows of the file"])
    context, selected = _translate(text, _prune(catalog, context.reads.columns), path)
    sql = Text.of(lambda d: _write(d, context, selected))
    return Compiled(
        sql.duckdb,
        sql.spark,
        tuple((output.name, output.term.sql_type) for output in selected.outputs),
        frozenset(output.name for output in selected.outputs if output.term.sensitive),
        {name: frozenset(columns) for name, columns in context.reads.columns.items()},
        tuple(sorted(context.refused)),
    )


def _translate(text: str, catalog: Catalog, path: str) -> tuple[Context, Selected]:
    context = Context(catalog)
    try:
        selected = select_query(context, parse_query(text), {})
    except RefusedError as refused:
        context.problems.note(str(refused))
    except UntranslatedError:
        pass
    if context.problems.found:
        raise ContractError([f"{path}: {problem}" for problem in context.problems.found])
    return context, selected


def _prune(catalog: Catalog, reads: Mapping[str, set[str]]) -> Catalog:
    """Leave what is read; of a relation of which no column is, the first that can be."""
    return {name: keep_read(catalog[name], read) for name, read in reads.items()}


def keep_read(columns: tuple[BaseColumn, ...], read: set[str] | frozenset[str]) -> tuple[BaseColumn, ...]:
    """Give the columns that are carried: those that are read, or, of none, the first that can be."""
    readable = tuple(column for column in columns if column.sql_type is not None)
    return tuple(column for column in readable if column.name in read) or readable[:1]


def _write(d: Dialect, context: Context, selected: Selected) -> str:
    named = ", ".join(part.for_(d) for part in context.named)
    columns = [
        f"{d.cast(d.column('k', f'k{i}'), output.term.sql_type)} AS {d.identifier(output.name)}"
        for i, output in enumerate(selected.outputs)
    ]
    order = ", ".join(f"{i + 1} ASC NULLS FIRST" for i in range(len(columns)))
    return (
        f"{f'WITH {named} ' if named else ''}SELECT {', '.join(columns)} "
        f"FROM ({selected.text.for_(d)}) AS k ORDER BY {order}"
    )
