"""From a contract with ``transform.sql`` to its plan: that of its rows, the query, and that of the query's result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from penstock.compile.query.compile import Compiled, compile_sql, keep_read
from penstock.compile.query.result import derive_contract, write_header, write_record
from penstock.compile.query.rows import compile_rows, list_columns, plan_column, type_columns
from penstock.compile.query.scope import BaseColumn
from penstock.compile.rowwise import compile_rowwise
from penstock.contract.check_query import ROWS
from penstock.contract.model import Contract, LoadModel, ReferenceModel, SourceModel, TransformModel
from penstock.errors import ContractError
from penstock.plan.model import Column, Plan, Query, Reference


@dataclass(frozen=True, slots=True)
class Typed:
    """A contract's query, compiled, and the contract by which its result is loaded."""

    compiled: Compiled
    catalog: Mapping[str, tuple[BaseColumn, ...]]
    columns: tuple[Column, ...]
    derived: Contract


def compile_query(contract: Contract) -> Plan:
    """Compile a contract with a query. Raises :class:`~penstock.errors.ContractError` with all problems there are."""
    typed = type_query(contract)
    compiled, catalog = typed.compiled, typed.catalog
    columns = _carried(catalog[ROWS], compiled.reads[ROWS])
    query = Query(
        rows=compile_rows(contract, columns),
        columns=columns,
        references=tuple(
            _plan_reference(contract, name, _carried(catalog[name], read))
            for name, read in sorted(compiled.reads.items())
            if name != ROWS
        ),
        duckdb=compiled.duckdb,
        spark=None if compiled.refused else compiled.spark,
        refused=compiled.refused,
        result=typed.columns,
        record=write_record(typed.columns),
        header=write_header(typed.columns),
        over=contract.transform.over,
    )
    return replace(compile_rowwise(typed.derived), query=query)


def type_query(contract: Contract) -> Typed:
    """Type a contract's query, and check what its ``load`` says of the result."""
    assert contract.transform.sql is not None
    catalog = _list_catalog(contract)
    compiled = compile_sql(contract.transform.sql, catalog)
    unread = sorted(set(contract.references) - set(compiled.reads))
    if unread:
        raise ContractError([f"references.{name}: transform.sql does not read it" for name in unread])
    _refuse_alike(compiled, catalog)
    if contract.engine == "glue" and compiled.refused:
        why = "on Spark the query can't be trusted to give what it does in DuckDB"
        otherwise = "Write it otherwise, or say auto or lambda"
        raise ContractError([f"engine: {why}: {'; '.join(compiled.refused)}. {otherwise}"])
    columns = tuple(plan_column(name, sql_type) for name, sql_type in compiled.columns)
    return Typed(compiled, catalog, columns, derive_contract(contract, columns, compiled.sensitive))


def _refuse_alike(compiled: Compiled, catalog: Mapping[str, tuple[BaseColumn, ...]]) -> None:
    """Refuse columns of one relation that differ only in case: neither engine would tell them apart."""
    problems = []
    for relation, read in sorted(compiled.reads.items()):
        seen: dict[str, str] = {}
        for column in keep_read(catalog[relation], read):
            other = seen.setdefault(column.name.casefold(), column.name)
            if other != column.name:
                problems.append(
                    f"transform.sql: it reads `{other}` and `{column.name}` of {relation}, which differ only in case: `rename` one"
                )
    if problems:
        raise ContractError(problems)


def _list_catalog(contract: Contract) -> dict[str, tuple[BaseColumn, ...]]:
    problems: list[str] = []
    catalog: dict[str, tuple[BaseColumn, ...]] = {}
    for name in (ROWS, *contract.references):
        try:
            catalog[name] = _list_columns(contract, name)
        except ContractError as error:
            where = "" if name == ROWS else f"references.{name}: "
            problems += [f"{where}{problem}" for problem in error.problems]
    if problems:
        raise ContractError(problems)
    return catalog


def _list_columns(contract: Contract, name: str) -> tuple[BaseColumn, ...]:
    if name == ROWS:
        return list_columns(contract)
    reference = contract.references[name]
    if reference.feed is None and reference.written == "parquet":
        assert reference.schema_ is not None
        return type_columns(reference.schema_.fields)
    return list_columns(_contract_of(contract, name, reference))


def _contract_of(contract: Contract, name: str, reference: ReferenceModel) -> Contract:
    """Give the contract by which a reference of CSV becomes rows: its feed's, or one made for its object."""
    if reference.feed is not None:
        if reference.of_feed is None:
            raise ContractError(
                [f"the feed {reference.feed} is not known here: read the contract within its project"]
            )
        return reference.of_feed
    assert reference.schema_ is not None
    assert reference.key is not None
    return contract.model_copy(
        update={
            "name": name.replace("_", "-")[:40],
            "source": SourceModel(prefix=reference.key, suffix=reference.key, dialect=reference.dialect),
            "schema_": reference.schema_,
            "transform": TransformModel(),
            "references": {},
            "rules": (),
            "load": LoadModel(table="rows", partition_key=reference.schema_.fields[0].name),
        }
    )


def _carried(columns: tuple[BaseColumn, ...], read: frozenset[str]) -> tuple[Column, ...]:
    return tuple(plan_column(column.name, str(column.sql_type)) for column in keep_read(columns, read))


def _plan_reference(contract: Contract, name: str, columns: tuple[Column, ...]) -> Reference:
    reference = contract.references[name]
    if reference.feed is None and reference.written == "parquet":
        assert reference.schema_ is not None
        due = tuple(field.name for field in reference.schema_.fields if field.constraints.required)
        return Reference(name, reference.key, None, None, None, columns, due)
    own = _contract_of(contract, name, reference)
    rows = compile_rows(own, columns)
    if reference.feed is None:
        return Reference(name, reference.key, None, None, rows, columns)
    return Reference(name, None, own.source.prefix, own.source.suffix, rows, columns)
