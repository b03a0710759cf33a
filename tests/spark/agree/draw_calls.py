"""Calls of aggregates and window functions, which come from the compiler's tables; with which arguments is tried out."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Final

from draw_expressions import Pool
from draw_pieces import KINDS, Deck, Piece, RefusedDrawError
from draw_tables import Field

from penstock.compile.query.aggregates import AGGREGATES
from penstock.compile.query.compile import compile_sql
from penstock.compile.query.scope import BaseColumn
from penstock.compile.query.windows import FUNCTIONS
from penstock.errors import ContractError

Catalog = dict[str, tuple[BaseColumn, ...]]

_BOUNDS: Final = (
    "UNBOUNDED PRECEDING",
    "2 PRECEDING",
    "1 PRECEDING",
    "CURRENT ROW",
    "1 FOLLOWING",
    "3 FOLLOWING",
    "UNBOUNDED FOLLOWING",
)
_RANGES: Final = (
    ("UNBOUNDED PRECEDING", "CURRENT ROW"),
    ("CURRENT ROW", "UNBOUNDED FOLLOWING"),
    ("UNBOUNDED PRECEDING", "UNBOUNDED FOLLOWING"),
)
_TRIES: Final = 40
_STAND_IN: Final = " OVER (ORDER BY 1 + 1)"
"""What stands for a window that has a name, where a call is tried by itself."""


@dataclass
class Calls:
    """Draws calls; the decks say of what."""

    random: Random
    aggregates: Deck
    windows: Deck

    @staticmethod
    def of(random: Random, begun: int) -> Calls:
        """Give what draws from decks of its own, which begin where ``begun`` says."""
        return Calls(random, Deck(random, AGGREGATES, 2 * begun), Deck(random, FUNCTIONS, 3 * begun))

    def aggregate(self, pool: Pool) -> str:
        """Call an aggregate of a group. Raises :class:`RefusedDrawError`."""
        return self.fit(pool, self.aggregates.next())

    def window(self, pool: Pool, named: str) -> str:
        """Call a function or an aggregate over a window, now and then the one that is ``named``, if there is one."""
        name = self.windows.next() if self.random.random() < 0.6 else self.aggregates.next()
        return self.over(pool, name, named if named and self.random.random() < 0.3 else "")

    def over(self, pool: Pool, name: str, named: str = "") -> str:
        """Call a function over a window, a drawn one or one that has a name. Raises :class:`RefusedDrawError`."""
        for _ in range(8):
            drawn = f" OVER ({self.order(pool, self.partition(pool))}{self._frame()})"
            try:
                found = self.fit(pool, name, _STAND_IN if named else drawn)
            except RefusedDrawError:
                continue
            return found.removesuffix(_STAND_IN) + named if named else found
        raise RefusedDrawError(f"no window for {name}")

    def fit(self, pool: Pool, name: str, over: str = "") -> str:
        """Call a function of many rows with arguments that it takes. Raises :class:`RefusedDrawError`."""
        for _ in range(_TRIES):
            written = self._arguments(pool, name)
            if not over and written not in ("", "*") and self.random.random() < 0.2:
                written = f"DISTINCT {written}"
            tail = over
            if name in AGGREGATES and self.random.random() < 0.2:
                tail = f" FILTER (WHERE {pool.pick('boolean').operand}){over}"
            call = f"{name}({written}){tail}"
            if self._accepted(pool, call):
                return call
        raise RefusedDrawError(f"no arguments for {name}")

    def _arguments(self, pool: Pool, name: str) -> str:
        if name == "ntile":
            return self.random.choice(("1", "2", "3", "7"))
        pieces = [self._argument(pool) for _ in range(self.random.choice((0, 1, 1, 1, 1, 2, 3)))]
        arguments = [piece.operand for piece in pieces]
        if len(arguments) > 1 and self.random.random() < 0.7:
            arguments[1] = self.random.choice(("0", "1", "2", "3"))
        if len(arguments) > 2 and self.random.random() < 0.7:
            arguments[2] = pool.pick(pieces[0].term.kind).operand
        return ", ".join(arguments) or ("*" if name == "count" else "")

    def _argument(self, pool: Pool) -> Piece:
        return pool.draw(1)[0] if self.random.random() < 0.2 else pool.pick(self.random.choice(KINDS))

    def _accepted(self, pool: Pool, call: str) -> bool:
        """Ask the compiler whether a call is one that it takes: over relations that have the columns' names."""
        taken: dict[str, list[Field]] = {}
        for alias, found in pool.columns.columns:
            taken.setdefault(alias, []).append(found)
        catalog: Catalog = {
            "rows" if i == 0 else alias: tuple(BaseColumn(f.name, f.sql_type) for f in fields)
            for i, (alias, fields) in enumerate(taken.items())
        }
        first, *others = list(taken)
        source = f"rows AS {first}" + "".join(f" CROSS JOIN {alias}" for alias in others)
        try:
            return not compile_sql(f"SELECT {call} AS x FROM {source}", catalog).refused
        except ContractError:
            return False

    def named_window(self, pool: Pool) -> tuple[str, str]:
        """Give OVER and the clause WINDOW, or nothing of both."""
        if self.random.random() < 0.7:
            return "", ""
        return " OVER w", f" WINDOW w AS ({self.order(pool, self.partition(pool))})"

    def partition(self, pool: Pool) -> str:
        """Give PARTITION BY, or nothing."""
        if self.random.random() < 0.4:
            return ""
        return f"PARTITION BY {pool.pick(self.random.choice(KINDS)).operand} "

    def order(self, pool: Pool, before: str) -> str:
        """Give ORDER BY behind what stands before it."""
        keys = []
        for _ in range(self.random.choice((1, 1, 2))):
            key = pool.pick(self.random.choice(KINDS))
            if key.text[0] in "'-0123456789":
                continue
            way = self.random.choice(("", " ASC", " DESC"))
            keys.append(f"{key.operand}{way}{self.random.choice(('', ' NULLS FIRST', ' NULLS LAST'))}")
        return before + (f"ORDER BY {', '.join(keys)}" if keys else "")

    def _frame(self) -> str:
        chance = self.random.random()
        if chance < 0.5:
            return ""
        if chance < 0.65:
            start, end = self.random.choice(_RANGES)
            return f" RANGE BETWEEN {start} AND {end}"
        first, second = sorted(self.random.choices(range(len(_BOUNDS)), k=2))
        return f" ROWS BETWEEN {_BOUNDS[first]} AND {_BOUNDS[second]}"
