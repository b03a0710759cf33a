"""Plans whose items are the texts of rows, for a query: an ordinary contract's, with other SQL for its one item."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
from run_memory import compile_things

from penstock.engine.relations import RowFile
from penstock.plan.codec import read_plan, write_plan
from penstock.plan.model import Column, Plan, Query, Reference

SQL_TYPES = {
    "string": "VARCHAR",
    "integer": "DECIMAL(38,0)",
    "number": "DECIMAL(38,9)",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "datetime": "TIMESTAMP",
}


def compile_rows(folder: Path, fields: Sequence[Any], **parts: Any) -> tuple[Plan, tuple[Column, ...]]:
    """Compile a contract of these fields and parts into a plan of rows of all its fields. The key's must be there."""
    load = {"partition_key": fields[0]["name"] if isinstance(fields[0], dict) else fields[0]}
    plan = compile_things(folder, fields, load=load, **parts)
    columns = tuple(Column(f.name, f.type, SQL_TYPES[f.type]) for f in plan.fields)
    cells = (
        f"CASE WHEN t{i} IS NULL THEN '' ELSE concat('\"', replace(t{i}, '\"', '\"\"'), '\"') END"
        for i in range(len(columns))
    )
    put = " || ',' || ".join(cells)
    (item,) = plan.items
    plain = plan.plain
    if plain is not None:
        (short,) = plain.items
        plain = replace(plain, items=(replace(short, put=put),))
    return replace(plan, items=(replace(item, put=put),), plain=plain, on_duplicate="newest"), columns


def read_files(scratch: Path, files: Sequence[RowFile]) -> list[tuple[Any, ...]]:
    """Give the rows of files, in order."""
    with duckdb.connect() as database:
        found = []
        for file in files:
            rows = database.execute("SELECT * FROM read_parquet(?)", [str(scratch / file.name)]).fetchall()
            assert len(rows) == file.rows
            found += rows
        return found


def compile_query(
    folder: Path,
    fields: Sequence[Any],
    sql: str,
    result: Sequence[tuple[str, str]],
    *,
    references: Mapping[str, Sequence[Any]] | None = None,
    parquet: Mapping[str, Sequence[Column]] | None = None,
    load: dict[str, Any],
    **parts: Any,
) -> Plan:
    """Make a plan of a query over rows of these fields, and references of theirs, whose result has columns of such types."""
    rows, columns = compile_rows(folder, fields, **parts)
    found = []
    for name, wanted in (references or {}).items():
        plan, read = compile_rows(folder, wanted)
        found.append(Reference(name, f"reference/{name}.csv", None, None, plan, read))
    for name, there in (parquet or {}).items():
        found.append(Reference(name, f"reference/{name}.parquet", None, None, None, tuple(there)))
    outer = compile_things(
        folder,
        [{"name": name, "type": kind} for name, kind in result],
        load={"on_duplicate": "reject", **load},
        schema={"missingValues": ["\\N"]},
        **{name: part for name, part in parts.items() if name == "rules"},
    )
    record = " || ',' || ".join(
        f"coalesce('\"' || replace(CAST(\"{name}\" AS VARCHAR), '\"', '\"\"') || '\"', '\\N')"
        for name, _ in result
    )
    query = Query(
        rows=rows,
        columns=columns,
        references=tuple(found),
        duckdb=sql,
        spark=None,
        refused=(),
        result=tuple(Column(name, kind, SQL_TYPES[kind]) for name, kind in result),
        record=record,
        header=",".join(f'"{name}"' for name, _ in result),
    )
    return read_plan(write_plan(replace(outer, query=query)))
