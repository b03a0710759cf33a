"""GROUP BY: which expressions are keys, and the aggregates that SELECT, HAVING and windows ask for."""

from __future__ import annotations

from sqlglot import exp

from penstock.compile.query.aggregates import aggregate, find_aggregate
from penstock.compile.query.dialects import Dialect
from penstock.compile.query.relations import Context, Text
from penstock.compile.query.scope import column_term
from penstock.compile.query.terms import Term
from penstock.compile.query.translate import Problems, Special, Translator
from penstock.compile.query.types import UNKNOWN
from penstock.compile.terms import RefusedError
from penstock.compile.translate import UntranslatedError


def refuse_aggregates(where: str) -> Special:
    """Give what refuses aggregates at a place of a query."""

    def special(_: Translator, node: exp.Expr) -> Term | None:
        if find_aggregate(node) is not None:
            raise RefusedError(
                f"an aggregate can't be used in {where}"
                if where != "here"
                else "an aggregate can't be used here"
            )
        return None

    return special


class Grouping:
    """The groups of a SELECT. Keys and aggregates are columns of the relation ``g``.

    ``inner`` translates what is of single rows, ``names`` what stands in GROUP BY, where SELECT's names count too.
    """

    def __init__(self, context: Context, inner: Translator, names: Translator, node: exp.Select) -> None:
        self._context, self._inner = context, inner
        self._keys: list[Term] = []
        self._aggregates: list[Term] = []
        group = node.args.get("group")
        if group is not None:
            unknown = {key for key, value in group.args.items() if value} - {"expressions", "all"}
            if unknown:
                raise RefusedError(
                    f"{min(unknown).upper().replace('_', ' ')} can't be used: write a SELECT for each, and UNION ALL"
                )
            self._add_keys(names, _list_keys(node, group))

    def _add_keys(self, names: Translator, nodes: list[exp.Expr]) -> None:
        for term in names.parts(*nodes):
            if term.sql_type == UNKNOWN:
                raise RefusedError("NULL can't be grouped by")
            if term.duckdb not in {key.duckdb for key in self._keys}:
                self._keys.append(self._context.use(term))

    def special(self, t: Translator, node: exp.Expr) -> Term | None:
        """Give the term of an aggregate, or of what is a key; refuse columns that are neither."""
        if find_aggregate(node) is not None:
            return self._aggregate(node)
        if isinstance(node, exp.Literal | exp.Null | exp.Boolean):
            return None
        found = self._key(node)
        if found is None and isinstance(node, exp.Column) and t.scope.find(node) is not None:
            raise RefusedError(
                f"`{node.sql('duckdb')}` is neither in GROUP BY nor within an aggregate: group by it too, or write min() or max()"
            )
        return found

    def _aggregate(self, node: exp.Expr) -> Term:
        term = self._context.use(aggregate(self._inner, node))
        known = [found.duckdb for found in self._aggregates]
        if term.duckdb not in known:
            self._aggregates.append(term)
            known.append(term.duckdb)
        return column_term("g", f"a{known.index(term.duckdb)}", term.sql_type, term)

    def _key(self, node: exp.Expr) -> Term | None:
        quiet = Translator(self._inner.scope, self._inner.handlers, Problems(), self._inner.special)
        try:
            term = quiet.attempt(node)
        except (RefusedError, UntranslatedError):
            return None
        for i, key in enumerate(self._keys):
            if key.duckdb == term.duckdb:
                return column_term("g", f"g{i}", key.sql_type, key)
        return None

    def columns(self) -> list[Term]:
        """Give the keys, by which a group is told from every other."""
        return [column_term("g", f"g{i}", key.sql_type, key) for i, key in enumerate(self._keys)]

    def text(self, core: Text, dialect: Dialect) -> str:
        """Write the SELECT of keys and aggregates."""
        listed = [f"{key.text(dialect)} AS {dialect.identifier(f'g{i}')}" for i, key in enumerate(self._keys)]
        listed += [
            f"{a.text(dialect)} AS {dialect.identifier(f'a{i}')}" for i, a in enumerate(self._aggregates)
        ]
        places = ", ".join(str(i + 1) for i in range(len(self._keys)))
        listed = listed or ["count(*) AS n"]
        return f"SELECT {', '.join(listed)} {core.for_(dialect)}{f' GROUP BY {places}' if places else ''}"


def _list_keys(node: exp.Select, group: exp.Group) -> list[exp.Expr]:
    """Give the expressions of GROUP BY; a number is a column of SELECT, and ALL every one without an aggregate."""
    items = [item.this if isinstance(item, exp.Alias) else item for item in node.expressions]
    if group.args.get("all"):
        return [item for item in items if not any(find_aggregate(part) is not None for part in item.walk())]
    found = []
    for expression in group.expressions:
        if isinstance(expression, exp.Literal) and not expression.is_string:
            place = int(expression.name) if expression.name.isdecimal() else 0
            if not 1 <= place <= len(items):
                raise RefusedError(f"GROUP BY {expression.name}: SELECT has {len(items)} columns")
            found.append(items[place - 1])
        else:
            found.append(expression)
    return found
