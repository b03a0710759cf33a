"""Plans whose items are the texts of rows, for a query: an ordinary contract's, with other SQL for its one item."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
from run_memory import compile_things

from penstock.engine.relations import RowFile
from penstock.plan.model import Column, Plan

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
