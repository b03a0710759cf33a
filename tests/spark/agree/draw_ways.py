"""All ways to make a piece of a query, from the compiler's own tables: what is added to them is drawn without more ado."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final

from draw_pieces import KINDS, Piece
from draw_tables import TEXTS
from sqlglot import exp

from penstock.compile.parse import DIALECT
from penstock.compile.query import casts, moments
from penstock.compile.query.arithmetic import SYMBOLS
from penstock.compile.query.calls import SHARED
from penstock.compile.query.signatures import Function
from penstock.compile.query.syntax import HANDLERS
from penstock.compile.sql import literal
from penstock.compile.syntax import COMPARISONS

_NUMBERS: Final = (
    "0",
    "1",
    "2",
    "3",
    "7",
    "10",
    "0.5",
    "1.50",
    "2.25",
    "0.001",
    "100",
    "1e3",
    "99999",
    "-1",
    "-2.5",
    "0.000001",
    "12345678901234567890",
    "0.1234567890123456789",
)
_MOMENTS: Final = ("2024-02-29", "2024-02-27", "0001-01-01", "1582-10-10", "9999-12-31", "1900-03-01")
_COUNTS: Final = ("0", "1", "2", "3", "4", "5", "8", "12", "40")
_TYPES: Final = (
    "VARCHAR",
    "BOOLEAN",
    "INTEGER",
    "BIGINT",
    "HUGEINT",
    "DATE",
    "TIMESTAMP",
    "DECIMAL(38,0)",
    "DECIMAL(38,10)",
    "DECIMAL(18,4)",
    "DECIMAL(9,2)",
    "DECIMAL(5,5)",
    "DECIMAL(3)",
    "DECIMAL(38,37)",
    "DECIMAL(19,2)",
)
_PATTERNS: Final = (
    "a%",
    "%a",
    "%a%",
    "_",
    "__",
    "%",
    "",
    "a_b%",
    "%\\%",
    "%é%",
    "%\U0001f600_",
    "%\n%",
    "%'%",
    "A%",
    "%.%",
    "a%b%c",
    "~^|#!@a",
    "%\\",
    "_\\_",
)


@dataclass
class Hand:
    """Takes pieces for one that is made: ``pick`` gives one of a kind, and ``used`` are those it gave."""

    random: Random
    pick: Callable[[str], Piece]
    used: list[Piece] = field(default_factory=list)

    def kind(self) -> str:
        """Give any kind."""
        return self.random.choice(KINDS)

    def take(self, kind: str) -> str:
        """Take a piece of a kind."""
        piece = self.pick(self.random.choice(("date", "timestamp")) if kind == "moment" else kind)
        self.used.append(piece)
        return piece.operand

    def like(self, kind: str) -> str:
        """Take one that goes with those of a kind: mostly of it, now and then NULL, or a moment of the other kind."""
        chance = self.random.random()
        if chance < 0.04:
            return "NULL"
        if kind in ("date", "timestamp") and chance < 0.3:
            return literal(self.random.choice(_MOMENTS)) if chance < 0.15 else self.take("moment")
        return self.take(kind)

    def want(self, want: str, kind: str) -> str:
        """Take an argument for what a function wants."""
        if want == "'x'":
            return literal(self.random.choice([text for text in TEXTS if text and len(text) < 20]))
        if want in ("n", "1", "width"):
            return self.random.choice(_COUNTS[1:] if want == "1" else _COUNTS)
        if want == "any":
            return self.like(kind)
        if want == "whole":
            trunc = f"CAST(trunc({self.take('number')}) AS DECIMAL(38,0))"
            return self.random.choice((self.take("number"), trunc, "1", "2", "12"))
        if want in KINDS or want == "moment":
            return self.take(want) if self.random.random() < 0.97 else "NULL"
        raise AssertionError(f"nothing is known to draw for an argument that is {want!r}")


def draw_literal(random: Random, kind: str) -> str:
    """Write a value of a kind."""
    if kind == "text":
        return literal(random.choice(TEXTS))
    if kind == "number":
        return random.choice(_NUMBERS)
    if kind == "boolean":
        return random.choice(("TRUE", "FALSE"))
    if kind == "date":
        return f"CAST('{random.choice(_MOMENTS)}' AS DATE)"
    return f"CAST('{random.choice(_MOMENTS)} 12:34:56.789012' AS TIMESTAMP)"


Way = Callable[[Hand], str]


def _call(name: str, function: Function) -> Way:
    def way(hand: Hand) -> str:
        least = len(function.wants) - function.optional
        wants = list(function.wants[: hand.random.randint(least, len(function.wants))])
        if function.repeats and hand.random.random() < 0.8:
            wants += [wants[-1]] * hand.random.randint(1, 2)
        kind = hand.kind()
        return f"{name}({', '.join(hand.want(want, kind) for want in wants)})"

    return way


def _unit_call(name: str, function: Function, unit: str) -> Way:
    def way(hand: Hand) -> str:
        written = unit if hand.random.random() < 0.8 else unit.upper()
        return f"{name}('{written}', {', '.join(hand.want(want, 'date') for want in function.wants[1:])})"

    return way


def _binary(node: type[exp.Expr], kinds: Sequence[str]) -> Way:
    def way(hand: Hand) -> str:
        kind = hand.random.choice(kinds)
        sides = [DIALECT.parse_into(exp.Condition, side)[0] for side in (hand.take(kind), hand.like(kind))]
        if hand.random.random() < 0.5:
            sides.reverse()
        return node(this=sides[0], expression=sides[1]).sql("duckdb")

    return way


def _days(symbol: str) -> Way:
    def way(hand: Hand) -> str:
        days = hand.random.choice(("1", "30", "365", "3000000", f"trunc({hand.take('number')})", "n"))
        return f"{hand.take('date')} {symbol} {hand.take('date') if days == 'n' else days}"

    return way


def _interval(unit: str) -> Way:
    def way(hand: Hand) -> str:
        count = hand.random.choice(("1", "3", "-1", "12", "25", "100", "40000", "1000000"))
        symbol = hand.random.choice("+-")
        written = literal(count) if count.startswith("-") else count
        return f"{hand.take('moment')} {symbol} INTERVAL {written} {unit}"

    return way


def _in(hand: Hand) -> str:
    kind = hand.kind()
    values = ", ".join(hand.like(kind) for _ in range(hand.random.randint(1, 4)))
    return f"{hand.take(kind)} {hand.random.choice(('', 'NOT '))}IN ({values})"


def _between(hand: Hand) -> str:
    kind = hand.kind()
    return (
        f"{hand.take(kind)} {hand.random.choice(('', 'NOT '))}BETWEEN {hand.like(kind)} AND {hand.like(kind)}"
    )


def _case(hand: Hand) -> str:
    kind, of = hand.kind(), hand.kind()
    simple = hand.random.random() < 0.4
    whens = "".join(
        f" WHEN {hand.like(of) if simple else hand.take('boolean')} THEN {hand.like(kind)}"
        for _ in range(hand.random.randint(1, 3))
    )
    default = hand.random.choice(("", f" ELSE {hand.like(kind)}"))
    return f"CASE {hand.take(of) if simple else ''}{whens}{default} END"


def _cast(sql_type: str) -> Way:
    def way(hand: Hand) -> str:
        return f"CAST({hand.take(hand.kind()) if hand.random.random() < 0.8 else '0.25'} AS {sql_type})"

    return way


def _number_text(hand: Hand) -> str:
    number = hand.take("number")
    return hand.random.choice(
        (
            f"CAST({number} AS VARCHAR) || '00'",
            f"'+' || CAST(abs({number}) AS VARCHAR)",
            f"CAST({number} AS VARCHAR)",
        )
    )


_OWN: Final[dict[type[exp.Expr], Way]] = {
    exp.Anonymous: lambda hand: f"coalesce({hand.take('number')}, 0)",
    exp.Between: _between,
    exp.Boolean: lambda hand: hand.random.choice(("TRUE", "FALSE")),
    exp.Case: _case,
    exp.Cast: lambda hand: f"CAST({_number_text(hand)} AS {hand.random.choice(_TYPES)})",
    exp.Column: lambda hand: hand.take(hand.kind()),
    exp.DPipe: lambda hand: f"{hand.take('text')} || {hand.take(hand.kind())}",
    exp.Extract: lambda hand: f"EXTRACT({hand.random.choice(list(moments._PARTS))} FROM {hand.take('moment')})",
    exp.In: _in,
    exp.Is: lambda hand: f"{hand.take('boolean')} IS {hand.random.choice(('', 'NOT '))}{hand.random.choice(('TRUE', 'FALSE', 'NULL'))}",
    exp.Like: lambda hand: f"{hand.take('text')} {hand.random.choice(('', 'NOT '))}LIKE {literal(hand.random.choice(_PATTERNS))}",
    exp.Literal: lambda hand: draw_literal(hand.random, hand.random.choice(("text", "number"))),
    exp.Neg: lambda hand: f"- {hand.take('number')}",
    exp.Not: lambda hand: f"NOT {hand.take('boolean')}",
    exp.Null: lambda hand: f"{hand.take(hand.kind())} IS {hand.random.choice(('', 'NOT '))}NULL",
    exp.Paren: lambda hand: f"({hand.take(hand.kind())})",
}  # fmt: skip
"""How syntax is written that is more than an operator between two sides."""


def _syntax(node: type[exp.Expr]) -> Way:
    if node in _OWN:
        return _OWN[node]
    if node in SYMBOLS:
        return _binary(node, ("number",))
    if node in COMPARISONS:
        return _binary(node, KINDS)
    if issubclass(node, exp.Connector):
        return _binary(node, ("boolean",))
    if issubclass(node, exp.Binary):
        return _binary(node, KINDS)
    raise AssertionError(f"nothing is known to draw for the syntax {node.__name__}")


def _list_ways() -> dict[str, Way]:
    found = {f"syntax {node.__name__}": _syntax(node) for node in HANDLERS}
    for name, function in SHARED.items():
        if " " in function.wants[0]:
            found |= {
                f"function {name} {unit}": _unit_call(name, function, unit)
                for unit in function.wants[0].split()
            }
        else:
            found[f"function {name}"] = _call(name, function)
    found |= {f"cast {node.name}": _cast(_spell(node)) for node in casts._TYPES}
    found |= {f"cast {sql_type}": _cast(sql_type) for sql_type in _TYPES}
    found |= {f"interval {unit}": _interval(unit) for unit in moments._UNITS}
    return found | {"days +": _days("+"), "days -": _days("-")}


def _spell(node: exp.DType) -> str:
    return exp.DataType.build(node).sql("duckdb")


WAYS: Final = _list_ways()
"""All ways to make a piece, from the compiler's tables."""
