"""Syntax trees of sqlglot, checked against an allow-list and written as DuckDB's SQL.

Nothing of the user's text passes through: each node that is known here is written anew from its translated parts, and
each part of a node that is not known here is refused, so that a form of syntax that nobody thought of is refused too.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol, TypeVar

from sqlglot import ErrorLevel, exp

from penstock.compile.calls import refusal
from penstock.compile.functions import REFUSED
from penstock.compile.terms import RefusedError, Term, column_term

Handles = TypeVar("Handles")


class Named(Protocol):
    """A name of the contract, as :class:`penstock.compile.expressions.Column` has it."""

    @property
    def name(self) -> str: ...
    @property
    def sql(self) -> str: ...
    @property
    def sql_type(self) -> str: ...


REASONS: Final[dict[type[exp.Expr], str]] = {
    exp.Query: "a subquery can't be used: an expression sees one row",
    exp.SubqueryPredicate: "a subquery can't be used: an expression sees one row",
    exp.Star: "`*` can't be used: name the fields",
    exp.Window: "a window can't be used: an expression sees one row",
    exp.Filter: "FILTER can't be used: an expression sees one row",
    exp.WithinGroup: "WITHIN GROUP can't be used: an expression sees one row",
    exp.Placeholder: "a parameter can't be used: nothing fills it",
    exp.Parameter: "a parameter can't be used: nothing fills it",
    exp.Lambda: "a lambda can't be used",
    exp.Collate: "COLLATE can't be used: compare `lower(x)`",
    exp.AtTimeZone: "AT TIME ZONE can't be used: its result depends on a list of time zones that changes; add an interval",
    exp.Bracket: "brackets can't be used after a value: write `list_extract(x, 1)` or `substring(x, 1, 1)`",
    exp.PositionalColumn: "a column can't be named by its number",
    exp.Pow: "a power gives a floating-point number, which loses digits: write `x * x`",
    exp.Div: "`/` gives a floating-point number, which loses digits: write `//` for whole numbers, or "
    "`decimal_division(a, b, 2)` with the number of decimal places",
    exp.RegexpLike: "write `regexp_full_match(x, '...')`",
    exp.RegexpILike: "write `regexp_full_match(x, '...', 'i')`",
    exp.SimilarTo: "SIMILAR TO can't be used: write `regexp_full_match(x, '...')`",
    exp.Glob: "GLOB can't be used: write LIKE or `regexp_full_match(x, '...')`",
    exp.Concat: "two texts side by side: write `||` between them",
    exp.PropertyEQ: "arguments can't be named",
    exp.Tuple: "a tuple can't be used",
    exp.Struct: "a structure can't be used",
    exp.Distinct: "DISTINCT can't be used: an expression sees one row",
    exp.Ordered: "ORDER BY can't be used: an expression sees one row",
    exp.Order: "ORDER BY can't be used: an expression sees one row",
}

_PART_REASONS: Final = {
    "field": "IN takes a list in parentheses; write `list_contains(x, y)` for a list and `contains(x, y)` for a text",
    "query": REASONS[exp.Query],
}


class Translator:
    """Translates one expression by ``handlers``; ``problems`` and ``reads`` are what it met on the way."""

    def __init__(self, scope: Mapping[str, Named], handlers: Handlers) -> None:
        self.problems: list[str] = []
        self.reads: set[str] = set()
        self._scope = scope
        self._handlers = handlers

    def translate(self, node: exp.Expr) -> Term | None:
        """Translate a node, or note why not and give None. Its parts are translated in any case."""
        handle, unknown = find_handler(node, self._handlers)
        if handle is None or unknown:
            self._refuse(node, _reason(node, unknown))
            return None
        try:
            return handle(self, node)
        except RefusedError as refused:
            self._refuse(node, str(refused))
        except UntranslatedError:
            pass
        return None

    def _refuse(self, node: exp.Expr, reason: str) -> None:
        shown = f"`{snippet(node)}`"
        problem = reason if shown in reason else place_reason(reason, shown)
        if problem not in self.problems:
            self.problems.append(problem)

    def parts(self, *nodes: exp.Expr) -> list[Term]:
        """Translate all of some nodes, so that the problems of all are found."""
        terms = [self.translate(node) for node in nodes]
        found = [term for term in terms if term is not None]
        if len(found) < len(terms):
            raise UntranslatedError
        return found

    def column(self, node: exp.Column) -> Term:
        parts = [part for key in ("catalog", "db", "table", "this") if (part := node.args.get(key))]
        if not all(isinstance(part, exp.Identifier) for part in parts):
            raise RefusedError(REASONS[exp.Star] if node.is_star else "this is not the name of a field")
        name = ".".join(part.name for part in parts)
        found = self._find(name)
        if found is None:
            raise RefusedError(self._unknown(name, quoted=any(part.args.get("quoted") for part in parts)))
        self.reads.add(found.name)
        return column_term(found.sql, found.sql_type)

    def _find(self, name: str) -> Named | None:
        if name in self._scope:
            return self._scope[name]
        alike = [key for key in self._scope if key.casefold() == name.casefold()]
        if len(alike) > 1:
            raise RefusedError(f"`{name}` could be any of " + ", ".join(f"`{key}`" for key in alike))
        return self._scope[alike[0]] if alike else None

    def _unknown(self, name: str, *, quoted: bool) -> str:
        folded = {key.casefold(): key for key in self._scope}
        near = difflib.get_close_matches(name.casefold(), folded, 1)
        hint = f"; did you mean `{folded[near[0]]}`?" if near else ""
        if quoted:
            hint += "; a text is written in single quotes"
        return f"no field is called `{name}`{hint}"


class UntranslatedError(Exception):
    """A part of the node was refused, and that is noted already."""


def place_reason(reason: str, shown: str) -> str:
    """Put what a reason is about behind it, and before the name that may have been meant."""
    reason, asks, meant = reason.partition("; did you mean ")
    return f"{reason}, in {shown}{asks}{meant}"


def snippet(node: exp.Expr) -> str:
    """Show a node's source on one line, shortened."""
    text = " ".join(
        node.sql(
            dialect="duckdb", normalize_functions=False, comments=False, unsupported_level=ErrorLevel.IGNORE
        ).split()
    )
    return text if len(text) <= 60 else text[:57] + "..."


def _reason(node: exp.Expr, unknown: frozenset[str]) -> str:
    return explain_part(unknown, _PART_REASONS) if unknown else explain_node(node, REASONS)


def find_handler(
    node: exp.Expr, handlers: Mapping[type[exp.Expr], tuple[Handles, frozenset[str]]]
) -> tuple[Handles | None, frozenset[str]]:
    """Give what handles a node of its class, and the parts that this one has and that is not for; None where nothing does."""
    if type(node) not in handlers:
        return None, frozenset()
    handle, parts = handlers[type(node)]
    return handle, frozenset(
        key for key, value in node.args.items() if value not in (None, False, [])
    ) - parts


def explain_part(unknown: frozenset[str], reasons: Mapping[str, str]) -> str:
    """Say why a node can't have what it has."""
    return reasons.get(min(unknown), f"{min(unknown).upper()} can't be used here")


def explain_node(node: exp.Expr, reasons: Mapping[type[exp.Expr], str]) -> str:
    """Say why a node of its class can't be used."""
    reason = next((reason for kind, reason in reasons.items() if isinstance(node, kind)), None)
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", type(node).__name__).lower()  # CurrentDate: current_date
    if reason is None and name in REFUSED:
        return refusal(name)
    return reason or f"this syntax ({type(node).__name__}) can't be used"


Handler = Callable[[Translator, Any], Term]
Handlers = Mapping[type[exp.Expr], tuple[Handler, frozenset[str]]]
"""For each class of node: what translates it, and the parts of the node that it translates."""
