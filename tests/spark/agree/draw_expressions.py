"""Expressions of queries, drawn from the compiler's own tables: of every function and every syntax that it has.

Pieces are made from pieces, beginning with columns and literals, and the compiler types each, so that what comes out is
what it accepts. What is drawn next comes from a deck of all ways to make a piece: each has its turn before one comes again.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from random import Random
from typing import Final

from draw_pieces import KINDS, Columns, Deck, Piece, RefusedDrawError
from draw_ways import WAYS, Hand, draw_literal

MOST_LENGTH: Final = 600
"""Characters of a piece; longer ones say no more."""


class Pool:
    """Pieces by their kinds, to make others from. ``wild`` is how often one is of values that are not moderate."""

    def __init__(self, random: Random, columns: Columns, deck: Deck, wild: float = 0.5) -> None:
        self.random, self.columns, self.deck, self.wild = random, columns, deck, wild
        self.refused: Counter[str] = Counter()
        self._made: dict[str, list[Piece]] = {kind: [] for kind in KINDS}
        self._leaves: dict[str, dict[bool, list[Piece]]] = {kind: {True: [], False: []} for kind in KINDS}
        for alias, found in columns.columns:
            name = f'{alias}."{found.name}"'
            piece = columns.translate(name)
            self._leaves[piece.term.kind][found.mild].append(piece)

    def draw(self, count: int) -> list[Piece]:
        """Make so many pieces, none of which is a column or a literal alone."""
        found: list[Piece] = []
        while len(found) < count:
            way = self.deck.next()
            for _ in range(12):
                try:
                    piece = self.make(way)
                except RefusedDrawError:
                    self.refused[way] += 1
                    continue
                if len(piece.text) <= MOST_LENGTH:
                    found.append(piece)
                    self._made[piece.term.kind].append(piece)
                    break
        return found

    def draw_kind(self, kind: str) -> Piece:
        """Make a piece of a kind."""
        for _ in range(200):
            piece = self.draw(1)[0]
            if piece.term.kind == kind:
                return piece
        return self.pick(kind)

    def make(self, way: str) -> Piece:
        """Make a piece in a way of :data:`WAYS`. Raises :class:`RefusedDrawError`."""
        hand = Hand(self.random, self.pick)
        text = WAYS[way](hand)
        depth = 1 + max((piece.depth for piece in hand.used), default=0)
        return replace(self.columns.translate(text, depth), way=way)

    def pick(self, kind: str) -> Piece:
        """Give a piece of a kind: a column mostly, or something made before, or a literal."""
        chance = self.random.random()
        made = [piece for piece in self._made[kind] if piece.depth < 4]
        if made and chance < 0.3:
            return self.random.choice(made)
        mild = self.random.random() >= self.wild
        leaves = self._leaves[kind][mild] or self._leaves[kind][not mild]
        if leaves and chance < 0.85:
            return self.random.choice(leaves)
        return self.columns.translate(draw_literal(self.random, kind))
