"""Queries over a small catalogue, and what becomes of them: cases that are kept in files.

``python tests/compile/query_cases.py`` writes the SQL of the accepted ones anew, to be read before it is committed.
"""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any, Final

from ruamel.yaml import YAML

from penstock.compile.query.calls import GROUPS
from penstock.compile.query.compile import Compiled, compile_sql
from penstock.compile.query.scope import BaseColumn, Catalog

FOLDER: Final = Path(__file__).parent / "queries"

CATALOG: Final[Catalog] = {
    "rows": (
        BaseColumn("id", "DECIMAL(38,0)"),
        BaseColumn("t", "VARCHAR"),
        BaseColumn("n", "DECIMAL(10,2)"),
        BaseColumn("m", "DECIMAL(38,9)"),
        BaseColumn("b", "BOOLEAN"),
        BaseColumn("d", "DATE"),
        BaseColumn("ts", "TIMESTAMP"),
        BaseColumn("secret", "VARCHAR", sensitive=True),
        BaseColumn("tags", None, reason="`tags` is of the type list"),
    ),
    "ref": (
        BaseColumn("k", "VARCHAR"),
        BaseColumn("id", "DECIMAL(38,0)"),
        BaseColumn("v", "DECIMAL(5,0)"),
    ),
}


def read_cases(name: str) -> list[dict[str, Any]]:
    """Read the cases of one file."""
    cases: list[dict[str, Any]] = YAML(typ="safe", pure=True).load(FOLDER / f"{name}.yaml")
    return cases


def list_functions() -> str:
    """List the functions that both engines have, as the documentation does."""
    return "\n".join(
        f"**{group}**: "
        + ", ".join(f"`{name}{function.takes}`" for name, function in functions.items())
        + "\n"
        for group, functions in GROUPS.items()
    )


def describe(compiled: Compiled) -> dict[str, Any]:
    """Say what a query became, as a case has it."""
    found: dict[str, Any] = {
        "columns": dict(compiled.columns),
        "duckdb": compiled.duckdb,
        "spark": None if compiled.refused else compiled.spark,
    }
    return found | ({"refused": list(compiled.refused)} if compiled.refused else {})


def _write(cases: list[dict[str, Any]]) -> str:
    text = "# Queries that are taken: the types of their columns, and what they are in both engines.\n"
    for case in cases:
        found = describe(compile_sql(case["sql"], CATALOG))
        text += f"\n- sql: {_scalar(case['sql'])}\n  columns: {{{', '.join(f'{_key(k)}: {_quote(v)}' for k, v in found['columns'].items())}}}\n"
        for engine in ("duckdb", "spark"):
            text += f"  {engine}: {_scalar(found[engine])}\n"
        if found.get("refused"):
            text += "  refused:\n" + "".join(f"    - {_quote(reason)}\n" for reason in found["refused"])
    return text


def _scalar(text: str | None) -> str:
    if text is None:
        return "null"
    lines = [
        line
        for part in text.splitlines()
        for line in textwrap.wrap(part, 110, break_long_words=False, break_on_hyphens=False)
    ]
    folded = "\n".join(f"    {line}" for line in lines)
    assert YAML(typ="safe", pure=True).load(f">-\n{folded}") == text, text
    return f">-\n{folded}"


def _quote(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _key(text: str) -> str:
    return text if text.isidentifier() else _quote(text)


if __name__ == "__main__":
    (FOLDER / "accepted.yaml").write_text(_write(read_cases("accepted")))
