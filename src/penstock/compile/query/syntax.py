"""The syntax that an expression of a query may use: each class of node, and what it gives in both engines."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

from sqlglot import exp

from penstock.compile.query import arithmetic
from penstock.compile.query.calls import call
from penstock.compile.query.casts import cast_term, read_target
from penstock.compile.query.moments import shift
from penstock.compile.query.terms import (
    NULL,
    Term,
    align,
    cast,
    compare,
    condition,
    make,
    number_literal,
    text_literal,
)
from penstock.compile.query.translate import Handlers, Translator
from penstock.compile.query.types import BOOLEAN, NAMES, TEXT, holds_all
from penstock.compile.syntax import COMPARISONS
from penstock.compile.terms import RefusedError

_MARKS: Final = "~^|#!@&"
"""Of these one that a pattern does not have becomes its escape: without any, Spark takes the backslash for one."""


def _literal(_: Translator, node: exp.Literal) -> Term:
    if node.is_string:
        return text_literal(node.name)
    if not re.fullmatch(r"(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", node.name, re.ASCII):
        raise RefusedError("a number can't be read")
    value = Decimal(node.name)
    if abs(value.adjusted()) > 40:
        raise RefusedError("a number has more than 38 digits")
    return number_literal(f"{value:f}")


def _boolean(_: Translator, node: exp.Boolean) -> Term:
    word = "TRUE" if node.this else "FALSE"
    return Term(word, word, BOOLEAN, constant=True)


def _negative(t: Translator, node: exp.Neg) -> Term:
    return arithmetic.negate(t.require(node.this))


def _arithmetic(t: Translator, node: exp.Binary) -> Term:
    if isinstance(node.right, exp.Interval) and isinstance(node, exp.Add | exp.Sub):
        return _shift(t, node, node.right)
    left, right = t.parts(node.left, node.right)
    return arithmetic.compute(arithmetic.SYMBOLS[type(node)], left, right)


def _shift(t: Translator, node: exp.Add | exp.Sub, interval: exp.Interval) -> Term:
    moment = t.require(node.left)
    unit = interval.args.get("unit")
    name = unit.name.lower().removesuffix("s") if isinstance(unit, exp.Var) else ""
    count = interval.this.name if isinstance(interval.this, exp.Literal) else ""
    if not re.fullmatch(r"-?[0-9]{1,9}", count):
        raise RefusedError("an interval is a whole number of its unit, written out: `INTERVAL 3 DAY`")
    return shift("+" if isinstance(node, exp.Add) else "-", moment, int(count), name)


def _comparison(t: Translator, node: exp.Binary) -> Term:
    if any(type(side) in COMPARISONS for side in (node.left, node.right)):
        raise RefusedError("comparisons can't be chained: write `a < b AND b < c`")
    left, right = t.parts(node.left, node.right)
    return compare(COMPARISONS[type(node)], left, right)


def _connector(t: Translator, node: exp.And | exp.Or) -> Term:
    word = "AND" if isinstance(node, exp.And) else "OR"
    left, right = (condition(term, word) for term in t.parts(node.left, node.right))
    return make(BOOLEAN, lambda _, a, b: f"({a} {word} {b})", left, right)


def _not(t: Translator, node: exp.Not) -> Term:
    return make(BOOLEAN, lambda _, x: f"(NOT {x})", condition(t.require(node.this), "NOT"))


def _is(t: Translator, node: exp.Is) -> Term:
    term = t.require(node.this)
    if isinstance(node.expression, exp.Null):
        return make(BOOLEAN, lambda _, x: f"({x} IS NULL)", term)
    if isinstance(node.expression, exp.Boolean):
        word = "TRUE" if node.expression.this else "FALSE"
        return make(BOOLEAN, lambda _, x: f"({x} IS {word})", condition(term, "IS"))
    raise RefusedError("IS takes NULL, TRUE or FALSE")


def _in(t: Translator, node: exp.In) -> Term:
    if not node.expressions:
        raise RefusedError("IN takes a list that is not empty")
    terms = t.parts(node.this, *node.expressions)
    aligned = align(terms, "compares")
    if all(holds_all(one.sql_type, term.sql_type) for one, term in zip(aligned, terms, strict=True)):
        return make(BOOLEAN, lambda _, x, *ys: f"({x} IN ({', '.join(ys)}))", *aligned)
    first, *rest = terms
    return make(BOOLEAN, lambda _, *ys: f"({' OR '.join(ys)})", *(compare("=", first, term) for term in rest))


def _between(t: Translator, node: exp.Between) -> Term:
    if node.args.get("symmetric"):
        raise RefusedError("SYMMETRIC can't be used here")
    term, low, high = t.parts(node.this, node.args["low"], node.args["high"])
    both = compare(">=", term, low), compare("<=", term, high)
    return make(BOOLEAN, lambda _, a, b: f"({a} AND {b})", *both)


def _like(t: Translator, node: exp.Like) -> Term:
    term = t.require(node.this)
    pattern = node.expression
    if term.kind not in ("text", "null"):
        raise RefusedError(f"LIKE takes text, not {NAMES[term.kind]}")
    if not (isinstance(pattern, exp.Literal) and pattern.is_string):
        raise RefusedError("the pattern of LIKE must be a text written out")
    word = "NOT LIKE" if node.args.get("negate") else "LIKE"
    text = text_literal(pattern.name)
    mark = next((mark for mark in _MARKS if mark not in pattern.name), None)
    if mark is None:
        raise RefusedError("the pattern of LIKE has too many different signs")
    return make(BOOLEAN, lambda d, x, y: f"({x} {word} {y} ESCAPE {d.literal(mark)})", cast(term, TEXT), text)


def _join(t: Translator, node: exp.DPipe) -> Term:
    terms = [cast_term(term, TEXT) for term in t.parts(node.left, node.right)]
    return make(TEXT, lambda _, a, b: f"({a} || {b})", *terms)


def _case(t: Translator, node: exp.Case) -> Term:
    ifs: list[exp.If] = node.args["ifs"]
    default = node.args.get("default") or exp.Null()
    subject = [node.this] if node.this else []
    if any(branch.args.get("false") for branch in ifs):
        raise RefusedError("a branch of CASE has one value")
    terms = t.parts(
        *subject, *(branch.this for branch in ifs), *(branch.args["true"] for branch in ifs), default
    )
    results = align(terms[len(subject) + len(ifs) :], "CASE chooses between")
    tests = terms[len(subject) : len(subject) + len(ifs)]
    tests = [compare("=", terms[0], test) if subject else condition(test, "WHEN") for test in tests]

    def build(_: object, *sqls: str) -> str:
        whens = "".join(f" WHEN {sqls[i]} THEN {sqls[len(ifs) + i]}" for i in range(len(ifs)))
        return f"(CASE{whens} ELSE {sqls[-1]} END)"

    return make(results[0].sql_type, build, *tests, *results)


def _cast(t: Translator, node: exp.Cast) -> Term:
    return cast_term(t.require(node.this), read_target(node.to))


def _extract(t: Translator, node: exp.Extract) -> Term:
    return call("date_part", [text_literal(node.this.name), t.require(node.expression)])


def _function(t: Translator, node: exp.Anonymous) -> Term:
    terms = (
        []
        if any(isinstance(argument, exp.Star) for argument in node.expressions)
        else t.parts(*node.expressions)
    )
    return call(node.name.lower(), terms)


def _parts(*names: str) -> frozenset[str]:
    return frozenset(names)


_BINARY: Final = _parts("this", "expression")

HANDLERS: Final[Handlers] = {
    **dict.fromkeys(COMPARISONS, (_comparison, _BINARY)),
    **dict.fromkeys(arithmetic.SYMBOLS, (_arithmetic, _BINARY)),
    exp.And: (_connector, _BINARY),
    exp.Anonymous: (_function, _parts("this", "expressions")),
    exp.Between: (_between, _parts("this", "low", "high", "symmetric")),
    exp.Boolean: (_boolean, _parts("this")),
    exp.Case: (_case, _parts("this", "ifs", "default")),
    exp.Cast: (_cast, _parts("this", "to")),
    exp.Column: (Translator.column, _parts("this", "table", "db", "catalog")),
    exp.DPipe: (_join, _BINARY | {"safe"}),
    exp.Extract: (_extract, _BINARY),
    exp.In: (_in, _parts("this", "expressions")),
    exp.Is: (_is, _BINARY),
    exp.Like: (_like, _BINARY | {"negate"}),
    exp.Literal: (_literal, _parts("this", "is_string")),
    exp.Neg: (_negative, _parts("this")),
    exp.Not: (_not, _parts("this")),
    exp.Null: (lambda _, __: NULL, _parts()),
    exp.Or: (_connector, _BINARY),
    exp.Paren: (lambda t, node: t.require(node.this), _parts("this")),
}
