"""Expressions of a query: syntax trees checked against an allow-list, typed, and written for both engines.

As in expressions of a row nothing of the user's text passes through: each node that is known is written anew, and each
part of a node that is not known is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from sqlglot import exp

from penstock.compile.calls import refusal
from penstock.compile.query.scope import Scope
from penstock.compile.query.terms import Term
from penstock.compile.terms import RefusedError
from penstock.compile.translate import (
    REASONS,
    UntranslatedError,
    explain_node,
    explain_part,
    find_handler,
    place_reason,
    snippet,
)

_REASONS: Final[dict[type[exp.Expr], str]] = {
    **REASONS,
    exp.Query: "a subquery can stand in FROM, and after IN in WHERE; join it instead",
    exp.SubqueryPredicate: "ANY, ALL and EXISTS can't be used: write IN, or join",
    exp.Div: "`/` gives a floating-point number, which loses digits: write `decimal_division(a, b, 2)` with the number of "
    "decimal places, or `//` for whole numbers",
    exp.Array: "a list can't be used",
    exp.Bracket: "brackets can't be used after a value: write `substring(x, 1, 1)`",
    exp.JSONExtract: "`->` can't be used: set a field to what is meant in `transform.set`",
    **dict.fromkeys(
        (exp.Rollup, exp.Cube, exp.GroupingSets), "write a SELECT for each grouping, and UNION ALL"
    ),
    exp.Interval: "an interval stands only behind a date or a timestamp and `+` or `-`",
    exp.TryCast: "TRY_CAST can't be used: a text that is no number fails the query; check it in `rules`",
    exp.ILike: "ILIKE can't be used: set a field to `lower(x)` in `transform.set`, and use LIKE",
    exp.Escape: "ESCAPE can't be used",
    exp.Star: "`*` stands only for all columns of SELECT, and in count(*)",
    exp.Window: "a window function can be used in SELECT and QUALIFY only, and not within another",
    exp.Filter: "FILTER follows an aggregate",
    exp.Distinct: "DISTINCT stands within an aggregate, or behind SELECT",
    exp.Ordered: "ORDER BY stands within OVER (...) only",
    exp.Order: "ORDER BY stands within OVER (...) only",
    exp.IgnoreNulls: "IGNORE NULLS can't be used",
    exp.RespectNulls: "RESPECT NULLS is what happens: leave it out",
    exp.WithinGroup: "WITHIN GROUP can't be used",
}

_PART_REASONS: Final = {
    "field": "IN takes a list in parentheses",
    "query": "IN (SELECT ...) can be used in WHERE only",
}


class Problems:
    """What is wrong with a query, each once, in the order in which it was met."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def note(self, problem: str) -> None:
        """Note a problem."""
        if problem not in self.found:
            self.found.append(problem)


Special = Callable[["Translator", exp.Expr], Term | None]


class Translator:
    """Translates the expressions of one place of a query.

    ``special`` is asked first of each node; it may give the node's term. ``names`` are expressions that may be called by
    name where no column is called so: those of SELECT.
    """

    def __init__(
        self,
        scope: Scope,
        handlers: Handlers,
        problems: Problems,
        special: Special | None = None,
        names: Mapping[str, exp.Expr] | None = None,
    ) -> None:
        self.scope = scope
        self.problems = problems
        self.special = special
        self.handlers = handlers
        self._names = dict(names or {})
        self._naming = False

    def translate(self, node: exp.Expr) -> Term | None:
        """Translate a node, or note why not and give None. Its parts are translated in any case."""
        try:
            return self.attempt(node)
        except RefusedError as refused:
            self._refuse(node, str(refused))
        except UntranslatedError:
            pass
        return None

    def attempt(self, node: exp.Expr) -> Term:
        """Translate a node; raises :class:`RefusedError`, or :class:`UntranslatedError` for what is noted already."""
        if self.special is not None and (term := self.special(self, node)) is not None:
            return term
        handle, unknown = find_handler(node, self.handlers)
        if handle is None or unknown:
            raise RefusedError(_reason(node, unknown))
        return handle(self, node)

    def require(self, node: exp.Expr) -> Term:
        """Translate a node; raises :class:`UntranslatedError` where that can't be done, the reason being noted."""
        return self.parts(node)[0]

    def parts(self, *nodes: exp.Expr) -> list[Term]:
        """Translate all of some nodes, so that the problems of all are found."""
        terms = [self.translate(node) for node in nodes]
        found = [term for term in terms if term is not None]
        if len(found) < len(terms):
            raise UntranslatedError
        return found

    def column(self, node: exp.Column) -> Term:
        """Give the term of a column, or of the expression of SELECT that is called so."""
        if isinstance(node.this, exp.Star):
            raise RefusedError(_REASONS[exp.Star])
        found = self.scope.find(node)
        if found is not None:
            return found.term
        name = node.name.casefold()
        if name in self._names and not (node.table or self._naming):
            # What it is made of may not name others: each could double what the one before it says.
            self._naming = True
            try:
                return self.attempt(self._names[name])
            finally:
                self._naming = False
        raise RefusedError(self.scope.explain(node, self._names))

    def _refuse(self, node: exp.Expr, reason: str) -> None:
        shown = f"`{snippet(node)}`"
        self.problems.note(reason if shown in reason else place_reason(reason, shown))


def _reason(node: exp.Expr, unknown: frozenset[str]) -> str:
    if unknown:
        return explain_part(unknown, _PART_REASONS)
    return refusal(node.name.lower()) if isinstance(node, exp.Anonymous) else explain_node(node, _REASONS)


Handler = Callable[[Translator, Any], Term]
Handlers = Mapping[type[exp.Expr], tuple[Handler, frozenset[str]]]
"""For each class of node: what translates it, and the parts of the node that it translates."""
