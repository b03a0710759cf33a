"""What a query selects from: the rows, the references, subqueries, and joins of them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from sqlglot import exp

from penstock.compile.query.dialects import DUCKDB, SPARK, Dialect
from penstock.compile.query.scope import (
    BaseColumn,
    Catalog,
    Entry,
    Reads,
    Scope,
    column_term,
    near_relation,
)
from penstock.compile.query.terms import NULL, Term, align, compare, condition, make
from penstock.compile.query.translate import Problems, Translator
from penstock.compile.query.types import BOOLEAN
from penstock.compile.terms import RefusedError
from penstock.compile.translate import UntranslatedError

_REFUSED_JOINS: Final = {
    "NATURAL": "it changes with the columns that there are: write USING or ON",
    "ASOF": "Spark has none: write row_number() and QUALIFY",
    "POSITIONAL": "rows have no order by which they could be joined",
    "SEMI": "write IN, or join with DISTINCT keys",
    "ANTI": "write NOT IN, or LEFT JOIN and IS NULL",
}


MOST_SCANS: Final = 200
"""Spark plans a part named by WITH anew wherever it stands: each that reads the one before twice would double what is read."""


@dataclass(frozen=True, slots=True)
class Text:
    """SQL for both engines."""

    duckdb: str
    spark: str

    @staticmethod
    def of(build: Callable[[Dialect], str]) -> Text:
        """Write SQL for both."""
        return Text(build(DUCKDB), build(SPARK))

    def for_(self, dialect: Dialect) -> str:
        """Give the SQL for one."""
        return self.spark if dialect.is_spark else self.duckdb


@dataclass(frozen=True, slots=True)
class Output:
    """A column that a SELECT gives: its name, and the term by whose type it is known."""

    name: str
    term: Term


@dataclass(frozen=True, slots=True)
class Selected:
    """A SELECT: its columns are called ``k0``, ``k1``, ... in its SQL, whatever their names."""

    text: Text
    outputs: tuple[Output, ...]


@dataclass(frozen=True, slots=True)
class Named:
    """A relation that FROM can name: how it is written there, its columns, and how many relations it reads."""

    text: Text
    outputs: tuple[Output, ...]
    scans: int


@dataclass(slots=True)
class Context:
    """What all parts of a query share: what there is to read, and what was met so far.

    ``refused`` are the reasons why Spark can't be trusted with the query. ``named`` are the parts named by WITH, in the
    order in which they are written. ``scans`` is how many relations are read, those of a named part wherever it stands.
    """

    catalog: Catalog
    reads: Reads = field(default_factory=Reads)
    problems: Problems = field(default_factory=Problems)
    refused: set[str] = field(default_factory=set)
    named: list[Text] = field(default_factory=list)
    numbers: int = 0
    scans: int = 0

    def number(self) -> int:
        """Give a number that no other name has."""
        self.numbers += 1
        return self.numbers - 1

    def scan(self, count: int) -> None:
        """Note that so many relations are read. Raises :class:`RefusedError` where that is too much."""
        self.scans += count
        if self.scans > MOST_SCANS:
            raise RefusedError(
                f"the query reads more than {MOST_SCANS} relations: a part named by WITH is read anew wherever it stands"
            )

    def use(self, term: Term) -> Term:
        """Note that a term is part of the query."""
        self.refused |= term.refused
        return term


@dataclass(frozen=True, slots=True)
class From:
    """What a SELECT selects from."""

    text: Text
    scope: Scope


SelectQuery = Callable[[exp.Query, Mapping[str, Named]], Selected]
Translate = Callable[[Scope, str], Translator]
"""Makes what translates the conditions of joins, with the word that messages call the place by."""


def read_from(
    context: Context,
    node: exp.Select,
    named: Mapping[str, Named],
    select: SelectQuery,
    translator: Translate,
) -> From:
    """Read FROM and the joins behind it. Raises UntranslatedError where it can't be read; the reasons are noted."""
    source = node.args.get("from_")
    if source is None:
        raise RefusedError("a SELECT needs FROM")
    found = _relation(context, source.this, named, select)
    for join in node.args.get("joins") or ():
        other = _relation(context, join.this, named, select)
        taken = {entry.alias for entry in found.scope.entries}
        alias = other.scope.entries[0].alias
        if alias in taken:
            raise RefusedError(f"two relations are called `{alias}`: give one of them another name by AS")
        found = _join(context, found, other, join, translator)
    return found


def _relation(context: Context, node: exp.Expr, named: Mapping[str, Named], select: SelectQuery) -> From:
    for key in (
        "joins",
        "laterals",
        "pivots",
        "sample",
        "hints",
        "when",
        "only",
        "version",
        "ordinality",
        "partition",
    ):
        if node.args.get(key):
            raise RefusedError(
                f"{'parentheses around joins' if key == 'joins' else key.upper()} can't be used in FROM"
            )
    alias = node.args.get("alias")
    if alias is not None and alias.args.get("columns"):
        raise RefusedError("columns are named within the subquery, by AS")
    number = context.number()
    if isinstance(node, exp.Table) and isinstance(node.this, exp.Identifier):
        if node.args.get("db") or node.args.get("catalog"):
            raise RefusedError(
                "a relation has one name, that of `rows`, a reference, or a part named by WITH"
            )
        return _table(context, node, named, number)
    if isinstance(node, exp.Subquery) and isinstance(node.this, exp.Query):
        if not node.alias:
            raise RefusedError("a subquery in FROM needs a name: `(SELECT ...) AS q`")
        selected = select(node.this, named)
        return _from_outputs(
            context,
            node.alias,
            Text(f"({selected.text.duckdb})", f"({selected.text.spark})"),
            selected.outputs,
            number,
        )
    raise RefusedError("FROM takes `rows`, the references, subqueries, and joins of them")


def _table(context: Context, node: exp.Table, named: Mapping[str, Named], number: int) -> From:
    name = node.name.casefold()
    if name in named:
        context.scan(named[name].scans)
        return _from_outputs(context, node.alias or name, named[name].text, named[name].outputs, number)
    if name not in context.catalog:
        known = [*context.catalog, *named]
        raise RefusedError(f"there is no `{node.name}` to select from{near_relation(name, known)}")
    context.scan(1)
    context.reads.relation(name)
    relation = f"r{number}"
    entries = tuple(_entry(name, node.alias or name, relation, column) for column in context.catalog[name])
    text = Text.of(lambda d: f"{d.identifier(name)} AS {relation}")
    return From(text, Scope(entries, context.reads))


def _entry(table: str, alias: str, relation: str, column: BaseColumn) -> Entry:
    if column.sql_type is None:
        return Entry(alias, column.name, NULL, (table, column.name), reason=column.reason)
    term = column_term(relation, column.name, column.sql_type)
    return Entry(alias, column.name, replace(term, sensitive=column.sensitive), (table, column.name))


def _from_outputs(context: Context, alias: str, text: Text, outputs: tuple[Output, ...], number: int) -> From:
    relation = f"r{number}"
    entries = tuple(
        Entry(alias, output.name, column_term(relation, f"k{i}", output.term.sql_type, output.term))
        for i, output in enumerate(outputs)
    )
    return From(
        Text(f"{text.duckdb} AS {relation}", f"{text.spark} AS {relation}"), Scope(entries, context.reads)
    )


def _join(context: Context, left: From, right: From, node: exp.Join, translator: Translate) -> From:
    kind = _kind_of_join(node)
    scope = replace(left.scope, entries=left.scope.entries + right.scope.entries)
    on: Term | None = None
    if node.args.get("using"):
        on, scope = _using(left.scope, right.scope, [column.name for column in node.args["using"]], kind)
    elif node.args.get("on") is not None:
        term = translator(scope, "ON").translate(node.args["on"])
        if term is None:
            raise UntranslatedError
        on = condition(term, "ON")
    if on is None and kind != "CROSS":
        raise RefusedError("a join needs ON or USING; where all pairs are meant, write CROSS JOIN")
    if on is not None and kind == "CROSS":
        raise RefusedError("CROSS JOIN has no condition")
    if on is not None:
        context.use(on)

    def build(d: Dialect) -> str:
        condition_sql = "" if on is None else f" ON {on.text(d)}"
        return f"{left.text.for_(d)} {kind} JOIN {right.text.for_(d)}{condition_sql}"

    return From(Text.of(build), scope)


def _kind_of_join(node: exp.Join) -> str:
    method, side, kind = (str(node.args.get(key) or "").upper() for key in ("method", "side", "kind"))
    for word in (method, side, kind):
        if word in _REFUSED_JOINS:
            raise RefusedError(f"{word} JOIN can't be used: {_REFUSED_JOINS[word]}")
    unknown = {key for key, value in node.args.items() if value} - {"this", "side", "kind", "on", "using"}
    if unknown or side not in ("", "LEFT", "RIGHT", "FULL") or kind not in ("", "INNER", "OUTER", "CROSS"):
        raise RefusedError("a join is INNER, LEFT, RIGHT, FULL or CROSS")
    return kind if kind == "CROSS" else side or "INNER"


def _using(left: Scope, right: Scope, names: list[str], kind: str) -> tuple[Term, Scope]:
    """Give the condition of USING, and the scope in which each of its columns has one name for both."""
    equal, shared, hidden = [], [], set()
    for name in names:
        column = exp.column(name)
        sides = [scope.find(column) for scope in (left, right)]
        if sides[0] is None or sides[1] is None:
            missing = left if sides[0] is None else right
            raise RefusedError(f"USING: {missing.explain(column)}")
        first, second = sides[0], sides[1]
        equal.append(compare("=", first.term, second.term))
        hidden |= {(first.alias, first.name), (second.alias, second.name)}
        mine, other = align((first.term, second.term), "compares")
        both = make(mine.sql_type, lambda _, a, b: f"coalesce({a}, {b})", mine, other)
        term = {"RIGHT": other, "FULL": both}.get(kind, mine)
        shared.append(Entry(None, first.name, term))
    entries = tuple(
        replace(entry, hidden=True) if (entry.alias, entry.name) in hidden else entry
        for entry in (*left.entries, *right.entries)
    )
    on = functools.reduce(lambda a, b: make(BOOLEAN, lambda _, x, y: f"({x} AND {y})", a, b), equal)
    return on, Scope((*shared, *entries), left.reads)
