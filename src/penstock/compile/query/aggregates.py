"""Aggregates: those whose value does not depend on the order of rows, and that fail in one engine as in the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sqlglot import exp

from penstock.compile.query.dialects import Dialect
from penstock.compile.query.terms import Term, cast, condition, make, varying
from penstock.compile.query.translate import Translator
from penstock.compile.query.types import BOOLEAN, COUNT, MOST_DIGITS, NAMES, UNKNOWN, decimal, digits_of
from penstock.compile.sql_types import function_kinds
from penstock.compile.terms import RefusedError

AGGREGATES: Final = ("count", "sum", "min", "max", "bool_and", "bool_or", "count_if")

_ORDER: Final = "its value depends on the order of the rows, which they don't have"
_FLOAT: Final = "its result is a floating-point number, which loses digits"
REFUSED_AGGREGATES: Final[dict[str, str]] = {
    **dict.fromkeys(("avg", "mean"), f"{_FLOAT}; write `decimal_division(sum(x), count(x), 2)` with the number of decimal places"),
    **dict.fromkeys(("any_value", "arbitrary", "first", "last"), f"{_ORDER}; write min(x) or max(x), or row_number() and QUALIFY"),
    **dict.fromkeys(("array_agg", "group_concat", "list", "listagg", "string_agg"), f"{_ORDER}, and it can be larger than the memory"),
    **dict.fromkeys(("arg_max", "arg_min", "argmax", "argmin", "max_by", "min_by"), "of rows that are equal it takes any; write row_number() and QUALIFY"),
    **dict.fromkeys(("median", "mode", "quantile", "quantile_cont", "quantile_disc"), "it is not known to be the same in both engines"),
    **dict.fromkeys(("stddev", "stddev_pop", "stddev_samp", "var_pop", "var_samp", "variance", "corr"), _FLOAT),
    **dict.fromkeys(("approx_count_distinct", "approx_quantile"), "it is a guess; write count(DISTINCT x)"),
    "product": _FLOAT,
}  # fmt: skip

_SAFE_DIGITS: Final = 27
"""A sum of numbers of so many digits stays within 38 up to a hundred thousand million rows."""
_LONG: Final = 18
"""A number of so many digits is a machine word, which is faster summed up."""

_SPELLED: Final = {"count_if": "count"}


def is_aggregate(name: str) -> bool:
    """Tell whether a name is that of an aggregate, be it one that is refused."""
    return (
        name in AGGREGATES
        or name in REFUSED_AGGREGATES
        or ("aggregate" in function_kinds(name) and "scalar" not in function_kinds(name))
    )


def find_aggregate(node: exp.Expr) -> exp.Anonymous | None:
    """Give the call of an aggregate that a node is, with FILTER or without."""
    inner = node.this if isinstance(node, exp.Filter) else node
    return inner if isinstance(inner, exp.Anonymous) and is_aggregate(inner.name.lower()) else None


def has_aggregate(node: exp.Expr) -> bool:
    """Tell whether an expression has an aggregate outside of windows, or within what a window is over."""
    if isinstance(node, exp.Window):
        call, found = node.this, find_aggregate(node.this)
        inner = [call] if found is None else [*found.iter_expressions()]
        if isinstance(call, exp.Filter):
            inner.append(call.expression)
        rest = [child for child in node.iter_expressions() if child is not call]
        return any(has_aggregate(child) for child in (*inner, *rest))
    if find_aggregate(node) is not None:
        return True
    return any(has_aggregate(child) for child in node.iter_expressions())


def aggregate(t: Translator, node: exp.Expr, over: str = "") -> Term:
    """Translate the call of an aggregate; its arguments are of the rows that ``t`` translates for.

    ``over`` stands behind each call; it is a mark that the caller replaces by a window in each dialect's spelling.
    """
    call = find_aggregate(node)
    assert call is not None
    name = call.name.lower()
    if name not in AGGREGATES:
        reason = REFUSED_AGGREGATES.get(name, "it is not among the aggregates: " + ", ".join(AGGREGATES))
        raise RefusedError(f"the aggregate `{name}` can't be used: {reason}")
    distinct, arguments = _arguments(name, call)
    if distinct and over:
        raise RefusedError("DISTINCT can't be used in a window")
    chosen = varying(t.require(arguments[0])) if arguments else None
    if isinstance(node, exp.Filter):
        chosen = _only_where(varying(condition(t.require(node.expression.this), "FILTER")), chosen)

    def call_sql(argument: str) -> str:
        return f"{_SPELLED.get(name, name)}({'DISTINCT ' if distinct else ''}{argument}){over}"

    if chosen is None:
        return make(COUNT, lambda d: d.cast(call_sql("*"), COUNT))
    return _of_one(name, chosen, call_sql)


def _only_where(test: Term, term: Term | None) -> Term:
    """Give what is aggregated where a condition holds: NULL elsewhere. In windows Spark has no FILTER."""
    if term is None:
        return make(BOOLEAN, lambda _, test: f"CASE WHEN {test} THEN TRUE END", test)
    return make(term.sql_type, lambda _, test, x: f"(CASE WHEN {test} THEN {x} END)", test, term)


def _of_one(name: str, term: Term, call_sql: Callable[[str], str]) -> Term:
    if name == "count":
        return make(COUNT, lambda d, x: d.cast(call_sql(x), COUNT), term)
    if name == "count_if":  # of nothing but NULLs DuckDB's own gives NULL
        chosen = _only_where(condition(term, "`count_if`"), None)
        return make(COUNT, lambda d, x: d.cast(call_sql(x), COUNT), chosen)
    if term.sql_type == UNKNOWN:
        raise RefusedError(f"NULL alone has no type in `{name}`")
    if name == "sum":
        if term.kind != "number":
            raise RefusedError(f"`sum` takes numbers, not {NAMES[term.kind]}")
        return _sum(term, call_sql)
    if name in ("bool_and", "bool_or"):
        return make(BOOLEAN, lambda _, x: call_sql(x), condition(term, f"`{name}`"))
    return make(term.sql_type, lambda _, x: call_sql(x), term)


def _sum(term: Term, call_sql: Callable[[str], str]) -> Term:
    """Sum up so that it fails, or not, whatever the order is in which rows come.

    Where a sum of some of the rows may leave 38 digits and come back, those above and below zero are summed apart.
    """
    precision, scale = digits_of(term.sql_type)
    found = decimal(MOST_DIGITS, scale)
    if precision > _LONG:  # Spark gives a sum ten digits more than what it sums, and no more
        term = cast(term, found)
    if precision <= _SAFE_DIGITS:
        return make(found, lambda d, x: d.cast(call_sql(x), found), term)

    def build(d: Dialect, x: str) -> str:
        zero = d.cast("0", found)
        above = call_sql(f"CASE WHEN {x} < 0 THEN {zero} ELSE {x} END")
        below = call_sql(f"CASE WHEN {x} > 0 THEN {zero} ELSE {x} END")
        return d.cast(f"{d.cast(above, found)} + {d.cast(below, found)}", found)

    return make(found, build, term)


def _arguments(name: str, call: exp.Anonymous) -> tuple[bool, list[exp.Expr]]:
    """Give whether a call is of distinct values, and its arguments: none for ``count(*)``."""
    arguments = list(call.expressions)
    if name == "count" and (not arguments or isinstance(arguments[0], exp.Star)) and len(arguments) < 2:
        return False, []
    distinct = len(arguments) == 1 and isinstance(arguments[0], exp.Distinct)
    if distinct:
        if arguments[0].args.get("on"):
            raise RefusedError("ON can't be used here")
        arguments = arguments[0].expressions
    if len(arguments) != 1:
        raise RefusedError(f"`{name}` takes 1 argument, not {len(arguments)}")
    return distinct, arguments
