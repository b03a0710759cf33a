"""SQL expressions of a contract: read, checked against an allow-list, typed, and written as SQL for the engine.

    text ── tokens ──► tree ── translate ──► SQL and its type
           (limits)   (sqlglot)  (allow-list)   (asked of DuckDB)

Only the syntax of :mod:`penstock.compile.syntax` and the functions of :mod:`penstock.compile.functions` get through.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from penstock.compile.parse import parse_expression
from penstock.compile.sql_types import NAMES, kind_of
from penstock.compile.syntax import HANDLERS
from penstock.compile.terms import RefusedError, Term
from penstock.compile.translate import Translator
from penstock.errors import ContractError

RESULT_TYPES: Final = frozenset({"VARCHAR", "HUGEINT", "BOOLEAN", "DATE", "TIME", "TIMESTAMP", "VARCHAR[]"})
"""The types of a result, besides DECIMAL(p,s)."""


@dataclass(frozen=True, slots=True)
class Column:
    """How a name of the contract is written in SQL, and its DuckDB type."""

    name: str
    sql: str
    sql_type: str


Scope = Mapping[str, Column]


@dataclass(frozen=True, slots=True)
class Expression:
    """A checked expression: its SQL in parentheses, its DuckDB type, and the names of the scope it uses.

    What it can fail with (an overflow, a text that is not the number it is cast to, a division by zero), TRY catches.
    """

    sql: str
    sql_type: str
    reads: frozenset[str]


def compile_expression(text: str, scope: Scope, path: str, *, want: str | None = None) -> Expression:
    """Compile an expression over the names of ``scope``; ``want`` is the type its result must have.

    ``path`` is where it stands in the contract: each problem begins with it. Raises
    :class:`~penstock.errors.ContractError` with all problems that could be found.
    """
    try:
        tree = parse_expression(text)
    except RefusedError as refused:
        raise ContractError([f"{path}: {refused}"]) from None
    translator = Translator(scope, HANDLERS)
    term = translator.translate(tree)
    problems = translator.problems
    if term is not None and (unfit := _unfit(term, want)):
        problems = [unfit]
    if problems or term is None:
        raise ContractError([f"{path}: {problem}" for problem in problems])
    return Expression(term.sql, term.sql_type, frozenset(translator.reads))


def _unfit(term: Term, want: str | None) -> str | None:
    kind = kind_of(term.sql_type)
    shown = NAMES.get(kind, term.sql_type)
    if kind == "null":
        return "the result is always NULL; `CAST(NULL AS VARCHAR)` gives it a type"
    if want is not None and term.sql_type != want:
        return f"the result is {shown}, but {NAMES.get(kind_of(want), want)} is needed here"
    if term.sql_type in RESULT_TYPES or kind == "number":
        return None
    return f"the result is {shown} ({term.sql_type}), which an item can't hold"
