"""Pieces of queries, typed by the compiler, and the order in which ways to make them come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final

from draw_tables import Field
from sqlglot import exp
from sqlglot.errors import SqlglotError

from penstock.compile.parse import DIALECT
from penstock.compile.query.group import refuse_aggregates
from penstock.compile.query.scope import Entry, Reads, Scope, column_term
from penstock.compile.query.syntax import HANDLERS
from penstock.compile.query.terms import Term
from penstock.compile.query.translate import Problems, Translator

KINDS: Final = ("text", "number", "boolean", "date", "timestamp")


@dataclass(frozen=True)
class Piece:
    """An expression: its SQL, and what the compiler made of it."""

    text: str
    term: Term
    depth: int = 0
    way: str = ""

    @property
    def operand(self) -> str:
        """Its SQL as a part of another."""
        return self.text if self.depth == 0 else f"({self.text})"


class RefusedDrawError(Exception):
    """The compiler did not take what was drawn, or Spark is not asked for it."""


@dataclass
class Deck:
    """Ways to draw, each once before any comes again. By ``begun`` decks of one kind begin at other places of one order."""

    random: Random
    all: Sequence[str]
    begun: int = 0
    left: list[str] = field(init=False)

    def __post_init__(self) -> None:
        order = list(self.all)
        Random(0).shuffle(order)
        place = self.begun % len(order)
        self.left = list(reversed(order[place:] + order[:place]))

    def next(self) -> str:
        """Give the next."""
        if not self.left:
            self.left = list(self.all)
            self.random.shuffle(self.left)
        return self.left.pop()


@dataclass
class Columns:
    """What expressions can name: the columns of relations by their aliases, and the scope in which the compiler finds them."""

    columns: tuple[tuple[str, Field], ...]

    @property
    def scope(self) -> Scope:
        """The compiler's scope of them."""
        entries = tuple(
            Entry(alias, found.name, column_term(alias, found.name, found.sql_type), (alias, found.name))
            for alias, found in self.columns
        )
        return Scope(entries, Reads())

    def translate(self, text: str, depth: int = 0) -> Piece:
        """Have the compiler type an expression. Raises :class:`RefusedDrawError`."""
        try:
            (node,) = DIALECT.parse_into(exp.Condition, text)
        except SqlglotError as error:
            raise RefusedDrawError(f"{text}: {error}") from error
        problems = Problems()
        assert isinstance(node, exp.Expr), text
        translator = Translator(self.scope, HANDLERS, problems, refuse_aggregates("here"))
        term = translator.translate(node)
        if term is None:
            raise RefusedDrawError(f"{text}: {problems.found}")
        if term.refused or term.kind == "null":
            raise RefusedDrawError(f"{text}: not for Spark")
        return Piece(text, term, depth)
