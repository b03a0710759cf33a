"""The syntax that an expression may use: each class of node, and how it is written as SQL."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

from sqlglot import exp

from penstock.compile.calls import call, refusal
from penstock.compile.casts import cast_term
from penstock.compile.functions import ALLOWED
from penstock.compile.sql import literal
from penstock.compile.sql_types import NAMES
from penstock.compile.terms import (
    NULL,
    RefusedError,
    Term,
    align,
    apply,
    as_text,
    convert,
    integer_literal,
    text_literal,
)
from penstock.compile.translate import Handlers, Translator

COMPARISONS: Final[dict[type[exp.Expr], str]] = {
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
    exp.NullSafeEQ: "IS NOT DISTINCT FROM",
    exp.NullSafeNEQ: "IS DISTINCT FROM",
}
_ARITHMETIC: Final[dict[type[exp.Expr], str]] = {
    exp.Add: "+",
    exp.Sub: "-",
    exp.Mul: "*",
    exp.Mod: "%",
    exp.IntDiv: "//",
}
_INTERVAL_UNITS: Final = frozenset({"day", "week", "month", "year", "hour", "minute"})


def _literal(_: Translator, node: exp.Literal) -> Term:
    if node.is_string:
        return text_literal(node.name)
    if not re.fullmatch(r"(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", node.name, re.ASCII):
        raise RefusedError("a number can't be read")
    value = Decimal(node.name)
    digits = value.as_tuple()
    exponent = int(digits.exponent)
    if max(len(digits.digits), len(digits.digits) + exponent, -exponent) > 38:
        raise RefusedError("a number has more than 38 digits")
    if value == value.to_integral_value() and exponent >= 0:
        return integer_literal(int(value))
    places = -exponent
    return Term(f"CAST({literal(f'{value:f}')} AS DECIMAL(38,{places}))", f"DECIMAL(38,{places})")


def _negative(t: Translator, node: exp.Neg) -> Term:
    (term,) = t.parts(node.this)
    if term.kind not in ("number", "interval", "null"):
        raise RefusedError(f"`-` stands before {NAMES[term.kind]}")
    if isinstance(term.literal, int):
        return integer_literal(-term.literal)
    return apply(lambda x: f"(-{x})", term)


def _arithmetic(t: Translator, node: exp.Binary) -> Term:
    left, right = t.parts(node.left, node.right)
    symbol = _ARITHMETIC[type(node)]
    kinds = {left.kind, right.kind} - {"null"}
    if kinds <= {"number"}:
        left, right = (left, right) if symbol == "*" else align([left, right], f"`{symbol}` mixes")
        if symbol == "//" and "HUGEINT" not in (left.sql_type, right.sql_type):
            raise RefusedError("`//` divides whole numbers only; write `decimal_division(a, b, 2)`")
    elif symbol in "+-" and "interval" in kinds and kinds <= {"date", "timestamp", "time", "interval"}:
        pass
    elif symbol in "+-" and kinds == {"date", "number"} and "HUGEINT" in (left.sql_type, right.sql_type):
        left, right = (convert(x, "INTEGER") if x.kind == "number" else x for x in (left, right))
    elif not (symbol == "-" and kinds in ({"date"}, {"timestamp"})):
        mixed = " and ".join(NAMES[term.kind] for term in (left, right))
        raise RefusedError(f"`{symbol}` can't be applied to {mixed}")
    return apply(lambda a, b: f"({a} {symbol} {b})", left, right)


def _comparison(t: Translator, node: exp.Binary) -> Term:
    if any(type(side) in COMPARISONS for side in (node.left, node.right)):
        raise RefusedError("comparisons can't be chained: write `a < b AND b < c`")
    left, right = align(t.parts(node.left, node.right), "compares")
    return apply(lambda a, b: f"({a} {COMPARISONS[type(node)]} {b})", left, right)


def _booleans(terms: list[Term], where: str) -> list[Term]:
    for term in terms:
        if term.kind not in ("boolean", "null"):
            raise RefusedError(f"{where} takes a condition, not {NAMES[term.kind]}")
    return terms


def _connector(t: Translator, node: exp.And | exp.Or) -> Term:
    word = "AND" if isinstance(node, exp.And) else "OR"
    left, right = _booleans(t.parts(node.left, node.right), word)
    return Term(f"({left.sql} {word} {right.sql})", "BOOLEAN")


def _not(t: Translator, node: exp.Not) -> Term:
    (term,) = _booleans(t.parts(node.this), "NOT")
    return Term(f"(NOT {term.sql})", "BOOLEAN")


def _is(t: Translator, node: exp.Is) -> Term:
    (term,) = t.parts(node.this)
    if isinstance(node.expression, exp.Null):
        return Term(f"({term.sql} IS NULL)", "BOOLEAN")
    if isinstance(node.expression, exp.Boolean):
        _booleans([term], "IS")
        return Term(f"({term.sql} IS {'TRUE' if node.expression.this else 'FALSE'})", "BOOLEAN")
    raise RefusedError("IS takes NULL, TRUE or FALSE")


def _in(t: Translator, node: exp.In) -> Term:
    if not node.expressions:
        raise RefusedError("IN takes a list that is not empty")
    first, *rest = align(t.parts(node.this, *node.expressions), "compares")
    return apply(lambda x, *ys: f"({x} IN ({', '.join(ys)}))", first, *rest)


def _between(t: Translator, node: exp.Between) -> Term:
    terms = align(t.parts(node.this, node.args["low"], node.args["high"]), "compares")
    return apply(lambda x, low, high: f"({x} BETWEEN {low} AND {high})", *terms)


def _like(t: Translator, node: exp.Like | exp.ILike) -> Term:
    return _match(t, node, "")


def _escape(t: Translator, node: exp.Escape) -> Term:
    """A pattern that ends in its escape stops the whole statement, past any TRY: so both must be literals."""
    like, escape = node.this, node.expression
    if not isinstance(like, exp.Like | exp.ILike):
        raise RefusedError("ESCAPE follows a LIKE")
    pattern = like.expression
    if not all(isinstance(side, exp.Literal) and side.is_string for side in (pattern, escape)):
        raise RefusedError("with ESCAPE the pattern and the escape must be texts written out")
    mark = escape.name
    if len(mark) != 1 or pattern.name.replace(mark * 2, "").endswith(mark):
        raise RefusedError("ESCAPE takes one character, which can't end the pattern")
    return _match(t, like, f" ESCAPE {literal(mark)}")


def _match(t: Translator, node: exp.Like | exp.ILike, suffix: str) -> Term:
    terms = t.parts(node.this, node.expression)
    word = ("NOT " if node.args.get("negate") else "") + ("ILIKE" if isinstance(node, exp.ILike) else "LIKE")
    for term in terms:
        if term.kind not in ("text", "null"):
            raise RefusedError(f"{word} takes text, not {NAMES[term.kind]}")
    return apply(lambda x, pattern: f"({x} {word} {pattern}{suffix})", *terms)


def _join(t: Translator, node: exp.DPipe) -> Term:
    terms = t.parts(node.left, node.right)
    if {term.kind for term in terms} != {"list"}:
        terms = [as_text(term) for term in terms]
    return apply(lambda a, b: f"({a} || {b})", *terms)


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
    tests = terms[: len(subject) + len(ifs)]
    tests = align(tests, "compares") if subject else _booleans(tests, "WHEN")

    def build(*sqls: str) -> str:
        head, rest = (f"CASE {sqls[0]}", sqls[1:]) if subject else ("CASE", sqls)
        whens = "".join(f" WHEN {rest[i]} THEN {rest[len(ifs) + i]}" for i in range(len(ifs)))
        return f"({head}{whens} ELSE {rest[-1]} END)"

    return apply(build, *tests, *results)


def _cast(t: Translator, node: exp.Cast) -> Term:
    (term,) = t.parts(node.this)
    return cast_term(term, node.to, attempt=isinstance(node, exp.TryCast))


def _extract(t: Translator, node: exp.Extract) -> Term:
    (term,) = t.parts(node.expression)
    return call("date_part", [text_literal(node.this.name), term])


def _interval(t: Translator, node: exp.Interval) -> Term:
    unit = node.args.get("unit")
    name = unit.name.lower().removesuffix("s") if isinstance(unit, exp.Var) else ""
    if name not in _INTERVAL_UNITS or node.this is None:
        raise RefusedError("an interval is a whole number of days, weeks, months, years, hours or minutes")
    if isinstance(node.this, exp.Literal):
        if not re.fullmatch(r"-?[0-9]{1,9}", node.this.name):
            raise RefusedError("an interval is a whole number of its unit")
        return call(f"to_{name}s", [integer_literal(int(node.this.name))])
    return call(f"to_{name}s", t.parts(node.this))


def _list(t: Translator, node: exp.Array) -> Term:
    if not node.expressions:
        raise RefusedError("an empty list has no type")
    terms = align(t.parts(*node.expressions), "a list mixes")
    return apply(lambda *items: f"[{', '.join(items)}]", *terms)


def _function(t: Translator, node: exp.Anonymous) -> Term:
    name = node.name.lower()
    if name not in ALLOWED:
        for argument in node.expressions:
            if not isinstance(argument, exp.Star):
                t.translate(argument)  # for its problems
        raise RefusedError(refusal(name))
    return call(name, t.parts(*node.expressions))


def _parts(*names: str) -> frozenset[str]:
    return frozenset(names)


_BINARY: Final = _parts("this", "expression")

HANDLERS: Final[Handlers] = {
    **dict.fromkeys(COMPARISONS, (_comparison, _BINARY)),
    **dict.fromkeys(_ARITHMETIC, (_arithmetic, _BINARY)),
    exp.And: (_connector, _BINARY),
    exp.Anonymous: (_function, _parts("this", "expressions")),
    exp.Array: (_list, _parts("expressions")),
    exp.Between: (_between, _parts("this", "low", "high")),
    exp.Boolean: (lambda _, node: Term("TRUE" if node.this else "FALSE", "BOOLEAN"), _parts("this")),
    exp.Case: (_case, _parts("this", "ifs", "default")),
    exp.Cast: (_cast, _parts("this", "to")),
    exp.Column: (Translator.column, _parts("this", "table", "db", "catalog")),
    exp.DPipe: (_join, _BINARY | {"safe"}),
    exp.Escape: (_escape, _BINARY),
    exp.Extract: (_extract, _BINARY),
    exp.ILike: (_like, _BINARY | {"negate"}),
    exp.In: (_in, _parts("this", "expressions")),
    exp.Interval: (_interval, _parts("this", "unit")),
    exp.Is: (_is, _BINARY),
    exp.Like: (_like, _BINARY | {"negate"}),
    exp.Literal: (_literal, _parts("this", "is_string")),
    exp.Neg: (_negative, _parts("this")),
    exp.Not: (_not, _parts("this")),
    exp.Null: (lambda _, __: NULL, _parts()),
    exp.Or: (_connector, _BINARY),
    exp.Paren: (lambda t, node: t.parts(node.this)[0], _parts("this")),
    exp.TryCast: (_cast, _parts("this", "to", "safe")),
}
