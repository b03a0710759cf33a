"""One SELECT, in layers: what is selected from, groups, windows, and the columns that it gives.

    SELECT expressions                      over w
    FROM (SELECT *, windows                 over g (groups), or b (rows of FROM with all their columns)
          FROM (SELECT * FROM (
                SELECT keys, aggregates FROM ... WHERE ... GROUP BY ...) WHERE having))
    WHERE qualify

Layers that a query does not need are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Final

from sqlglot import exp

from penstock.compile.query.aggregates import has_aggregate
from penstock.compile.query.columns import name_columns, refuse_repeated
from penstock.compile.query.ctes import name_parts
from penstock.compile.query.dialects import Dialect
from penstock.compile.query.group import Grouping, refuse_aggregates
from penstock.compile.query.membership import find_in, is_conjunct
from penstock.compile.query.relations import (
    Context,
    From,
    Named,
    Output,
    Selected,
    Text,
    read_from,
)
from penstock.compile.query.scope import Scope
from penstock.compile.query.syntax import HANDLERS
from penstock.compile.query.terms import Term, align, condition
from penstock.compile.query.translate import Special, Translator
from penstock.compile.query.types import UNKNOWN
from penstock.compile.query.windows import Windows
from penstock.compile.terms import RefusedError
from penstock.compile.translate import UntranslatedError

_SORTED: Final = (
    "the result is always sorted by all its columns, so that it is the same file from both engines"
)
_REASONS: Final = {
    "order": f"ORDER BY can't be used here: {_SORTED}",
    "limit": "LIMIT can't be used: write row_number() OVER (ORDER BY ...) and QUALIFY, which says which rows they are",
    "offset": "OFFSET can't be used: write row_number() OVER (ORDER BY ...) and QUALIFY",
    "sample": "SAMPLE can't be used: it takes other rows each time",
    "hint": "hints can't be used",
    "laterals": "LATERAL can't be used: write a join",
    "pivots": "PIVOT can't be used: write an aggregate with FILTER for each column",
    "into": "INTO can't be used: what the query gives is loaded",
    "by_name": "BY NAME can't be used: the columns of UNION ALL go by their places",
}
_SELECT_PARTS: Final = frozenset(
    ("expressions", "from_", "joins", "where", "group", "having", "qualify", "distinct", "with_", "windows")
)


def select_query(context: Context, node: exp.Query, named: Mapping[str, Named]) -> Selected:
    """Translate a SELECT or UNION ALL. Raises UntranslatedError where it can't be; the reasons are noted."""
    try:
        named = name_parts(context, node, named, partial(select_query, context))
        if isinstance(node, exp.Subquery) and isinstance(node.this, exp.Query):
            _refuse_parts(node, frozenset(("this", "with_")))
            return select_query(context, node.this, named)
        if isinstance(node, exp.Union):
            return _union(context, node, named)
        if isinstance(node, exp.Select):
            return _Select(context, node, named).build()
        raise RefusedError(f"{type(node).__name__.upper()} can't be used: write a join")
    except RefusedError as refused:
        context.problems.note(str(refused))
        raise UntranslatedError from None


def _refuse_parts(node: exp.Query, known: frozenset[str]) -> None:
    for key in sorted({key for key, value in node.args.items() if value not in (None, False, [])} - known):
        raise RefusedError(_REASONS.get(key, f"{key.rstrip('_').upper()} can't be used here"))


def _union(context: Context, node: exp.Union, named: Mapping[str, Named]) -> Selected:
    if node.args.get("distinct"):
        raise RefusedError(
            "UNION leaves out equal rows: write UNION ALL, and DISTINCT around it where that is meant"
        )
    _refuse_parts(node, frozenset(("this", "expression", "with_", "distinct")))
    sides = [select_query(context, side, named) for side in (node.this, node.expression)]
    first, second = sides
    if len(first.outputs) != len(second.outputs):
        raise RefusedError(
            f"UNION ALL takes SELECTs of as many columns, not {len(first.outputs)} and {len(second.outputs)}"
        )
    outputs = tuple(Output(a.name, _wider(a, b)) for a, b in zip(first.outputs, second.outputs, strict=True))

    def build(d: Dialect) -> str:
        casts = ", ".join(
            f"{d.cast(d.identifier(f'k{i}'), output.term.sql_type)} AS {d.identifier(f'k{i}')}"
            if output.term.sql_type != UNKNOWN
            else d.identifier(f"k{i}")
            for i, output in enumerate(outputs)
        )
        return " UNION ALL ".join(f"SELECT {casts} FROM ({side.text.for_(d)}) AS u" for side in sides)

    return Selected(Text.of(build), outputs)


def _wider(first: Output, second: Output) -> Term:
    wide, other = align((first.term, second.term), f"UNION ALL mixes, as `{first.name}`,")
    return Term("", "", wide.sql_type, None, wide.sensitive or other.sensitive)


class _Select:
    """A SELECT as it is translated."""

    def __init__(self, context: Context, node: exp.Select, named: Mapping[str, Named]) -> None:
        _refuse_parts(node, _SELECT_PARTS)
        self.context, self.node, self.named = context, node, named
        self.aliases = {
            item.alias.casefold(): item.this for item in node.expressions if isinstance(item, exp.Alias)
        }

    def build(self) -> Selected:
        """Translate it, from the inside outwards."""
        node = self.node
        distinct = node.args.get("distinct")
        if distinct is not None and distinct.args.get("on"):
            raise RefusedError("DISTINCT ON can't be used: write row_number() and QUALIFY")
        source = read_from(self.context, node, self.named, self._subquery, self._translator)
        where = self._condition(
            self._with_special(source.scope, self._in_where), node.args.get("where"), "WHERE"
        )
        core = Text.of(
            lambda d: f"FROM {source.text.for_(d)}" + (f" WHERE {where.text(d)}" if where is not None else "")
        )
        if self._is_grouped():
            return self._grouped(source, core)
        if node.args.get("having"):
            raise RefusedError("HAVING needs GROUP BY or an aggregate; write WHERE")
        scope, windows = source.scope, None
        special = refuse_aggregates("here")
        if self._uses_windows():
            core, scope = name_columns(core, scope)
            columns = [entry.term for entry in scope.entries if not entry.reason]
            windows = Windows(self.context, node, "b", columns)
            special = windows.special(None)
        return self._finish(self._with_special(scope, special), core, windows, "b")

    def _grouped(self, source: From, core: Text) -> Selected:
        if any(item.is_star for item in self.node.expressions):
            raise RefusedError("`*` can't be used with GROUP BY or aggregates: name the columns")
        inner = self._translator(source.scope, "an aggregate")
        names = Translator(
            source.scope, HANDLERS, self.context.problems, refuse_aggregates("GROUP BY"), self.aliases
        )
        grouping = Grouping(self.context, inner, names, self.node)
        special: Special = grouping.special
        windows = None
        if self._uses_windows():
            windows = Windows(self.context, self.node, "g", grouping.columns())
            special = windows.special(grouping.special)
        having = self._condition(
            self._with_special(source.scope, grouping.special, names=True),
            self.node.args.get("having"),
            "HAVING",
        )

        def before(d: Dialect) -> str:
            tail = "" if having is None else f" WHERE {having.text(d)}"
            return f"FROM ({grouping.text(core, d)}) AS g{tail}"

        return self._finish(self._with_special(source.scope, special), before, windows, "g")

    def _finish(self, t: Translator, core: object, windows: Windows | None, alias: str) -> Selected:
        terms = self._outputs(t)
        qualify = None
        if self.node.args.get("qualify") is not None:
            if windows is None:
                raise RefusedError(
                    "QUALIFY needs a window function, in it or in SELECT; write WHERE or HAVING"
                )
            q = self._with_special(t.scope, t.special, names=True)
            qualify = self._condition(q, self.node.args["qualify"], "QUALIFY")
        word = "SELECT DISTINCT" if self.node.args.get("distinct") is not None else "SELECT"

        def build(d: Dialect) -> str:
            before = core.for_(d) if isinstance(core, Text) else core(d)  # type: ignore[operator]
            if windows is not None:
                before = f"FROM (SELECT {alias}.*{windows.text(d)} {before}) AS {alias}"
            if qualify is not None:
                before += f" WHERE {qualify.text(d)}"
            listed = ", ".join(
                f"{output.term.text(d)} AS {d.identifier(f'k{i}')}" for i, output in enumerate(terms)
            )
            return f"{word} {listed} {before}"

        return Selected(Text.of(build), tuple(terms))

    def _in_where(self, t: Translator, node: exp.Expr) -> Term | None:
        if isinstance(node, exp.In) and node.args.get("query") is not None:
            return self._in_subquery(t, node)
        return refuse_aggregates("WHERE")(t, node)

    def _in_subquery(self, t: Translator, node: exp.In) -> Term:
        if not is_conjunct(node):
            raise RefusedError(
                "IN (SELECT ...) stands in WHERE by itself or beside AND, with NOT or without: elsewhere, join"
            )
        term = t.require(node.this)
        query = node.args["query"]
        return find_in(
            term, self._subquery(query.this if isinstance(query, exp.Subquery) else query, self.named)
        )

    def _outputs(self, t: Translator) -> list[Output]:
        found: list[Output] = []
        failed = False
        for item in self.node.expressions:
            try:
                found += self._output(t, item)
            except RefusedError as refused:
                self.context.problems.note(str(refused))
                failed = True
            except UntranslatedError:
                failed = True
        if failed:
            raise UntranslatedError
        if not found:
            raise RefusedError("SELECT names no column")
        refuse_repeated(found)
        return found

    def _output(self, t: Translator, item: exp.Expr) -> list[Output]:
        if isinstance(item, exp.Star) or (isinstance(item, exp.Column) and isinstance(item.this, exp.Star)):
            if any(
                value for key, value in (item.this if isinstance(item, exp.Column) else item).args.items()
            ):
                raise RefusedError(
                    "`*` stands for all columns, without EXCLUDE, REPLACE or RENAME: name them"
                )
            entries = t.scope.expand(item.table or None if isinstance(item, exp.Column) else None)
            return [Output(entry.name, self.context.use(entry.term)) for entry in entries]
        term = self.context.use(t.require(item.this if isinstance(item, exp.Alias) else item))
        name = (
            item.alias if isinstance(item, exp.Alias) else item.name if isinstance(item, exp.Column) else ""
        )
        if not name:
            raise RefusedError(f"an expression needs a name: `{item.sql('duckdb', comments=False)} AS ...`")
        return [Output(name, term)]

    def _condition(self, t: Translator, clause: exp.Expr | None, where: str) -> Term | None:
        if clause is None:
            return None
        term = t.translate(clause.this)
        if term is None:
            raise UntranslatedError
        return self.context.use(condition(term, where))

    def _translator(self, scope: Scope, where: str) -> Translator:
        return self._with_special(scope, refuse_aggregates(where))

    def _with_special(self, scope: Scope, special: Special | None, *, names: bool = False) -> Translator:
        return Translator(scope, HANDLERS, self.context.problems, special, self.aliases if names else None)

    def _subquery(self, node: exp.Query, named: Mapping[str, Named]) -> Selected:
        return select_query(self.context, node, named)

    def _uses_windows(self) -> bool:
        places = [*self.node.expressions, self.node.args.get("qualify")]
        return any(place is not None and place.find(exp.Window) is not None for place in places)

    def _is_grouped(self) -> bool:
        if self.node.args.get("group") is not None or self.node.args.get("having") is not None:
            return True
        places = [*self.node.expressions, self.node.args.get("qualify")]
        return any(place is not None and has_aggregate(place) for place in places)
