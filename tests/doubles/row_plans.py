"""Plans with a query, and the plans of their rows, from as little of a contract as a test speaks of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
from run_memory import compile_things

from penstock.engine.relations import RowFile
from penstock.plan.model import Column, Plan


def compile_query(
    folder: Path,
    fields: Sequence[Any],
    sql: str,
    *,
    references: Mapping[str, Sequence[Any]] | None = None,
    load: Mapping[str, Any],
    **parts: Any,
) -> Plan:
    """Compile a contract with a query over rows of these fields, and references of theirs; fields given as text are strings.

    A reference lies at ``reference/<name>.csv``, or, where its name ends in ``_parquet``, ``.parquet``.
    """
    return compile_things(
        folder,
        fields,
        load=dict(load),
        transform={"sql": sql, **parts.pop("transform", {})},
        references={name: _reference(name, wanted) for name, wanted in (references or {}).items()},
        **parts,
    )


def _reference(name: str, fields: Sequence[Any]) -> dict[str, Any]:
    suffix = "parquet" if name.endswith("_parquet") else "csv"
    found = [{"name": f, "type": "string"} if isinstance(f, str) else f for f in fields]
    return {"key": f"reference/{name}.{suffix}", "schema": {"fields": found}}


def compile_rows(folder: Path, fields: Sequence[Any], **parts: Any) -> tuple[Plan, tuple[Column, ...]]:
    """Compile the plan of the rows of a query that reads all these fields."""
    names = ", ".join(field if isinstance(field, str) else field["name"] for field in fields)
    key = names.partition(",")[0]
    plan = compile_query(folder, fields, f"SELECT {names} FROM rows", load={"partition_key": key}, **parts)
    assert plan.query is not None
    return plan.query.rows, plan.query.columns


def read_files(scratch: Path, files: Sequence[RowFile]) -> list[tuple[Any, ...]]:
    """Give the rows of files, in order."""
    with duckdb.connect() as database:
        found = []
        for file in files:
            rows = database.execute("SELECT * FROM read_parquet(?)", [str(scratch / file.name)]).fetchall()
            assert len(rows) == file.rows
            found += rows
        return found
