"""Whole queries, drawn at random: joins, groups, windows, named parts, unions, subqueries.

What a SELECT gives is known by compiling it, so that another can select from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final

from draw_calls import Calls, Catalog
from draw_expressions import Pool
from draw_pieces import KINDS, Columns, Deck, RefusedDrawError
from draw_tables import Field, Table
from draw_ways import WAYS

from penstock.compile.query.compile import Compiled, compile_sql
from penstock.compile.query.scope import BaseColumn
from penstock.compile.query.types import kind_of
from penstock.errors import ContractError

JOINS: Final = ("JOIN", "INNER JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN", "FULL OUTER JOIN", "CROSS JOIN")
_TRIES: Final = 40
WILD: Final = 0.1


@dataclass(frozen=True)
class Relation:
    """What FROM can name: its SQL there, and its columns."""

    sql: str
    fields: tuple[Field, ...]


@dataclass
class Selects:
    """Draws queries over tables; ``deck`` says of which expressions."""

    random: Random
    tables: Sequence[Table]
    deck: Deck
    calls: Calls
    named: list[tuple[str, str, tuple[Field, ...]]] = field(default_factory=list)
    aliases: int = 0

    @staticmethod
    def of(random: Random, tables: Sequence[Table], begun: int) -> Selects:
        """Give what draws from decks of its own, which begin where ``begun`` says."""
        return Selects(random, tables, Deck(random, list(WAYS), 5 * begun), Calls.of(random, begun))

    @property
    def catalog(self) -> Catalog:
        """What there is to read."""
        return {
            table.name: tuple(BaseColumn(f.name, f.sql_type) for f in table.fields) for table in self.tables
        }

    def query(self) -> str:
        """Draw a whole query that the compiler takes, and that both engines are asked for."""
        while True:
            self.named, self.aliases = [], 0
            try:
                for i in range(self.random.choice((0, 0, 1, 2))):
                    sql, fields = self.select()
                    self.named.append((f"part{i}", sql, fields))
                sql, _ = self.select()
                text = f"{self._with()}{sql}"
                compiled = compile_sql(text, self.catalog)
            except (RefusedDrawError, ContractError):
                continue
            if not compiled.refused:
                return text

    def compiled(self, sql: str) -> Compiled:
        """Compile a SELECT as it stands among the named parts. Raises :class:`RefusedDrawError`."""
        text = f"{self._with()}{sql}"
        try:
            return compile_sql(f"{text}", self.catalog)
        except ContractError as error:
            if all("does not read `rows`" in problem for problem in error.problems):
                return compile_sql(
                    f"{self._with()}SELECT q.* FROM ({sql}) AS q CROSS JOIN rows AS unread", self.catalog
                )
            raise RefusedDrawError(str(error)) from error

    def _with(self) -> str:
        return f"WITH {', '.join(f'{name} AS ({sql})' for name, sql, _ in self.named)} " if self.named else ""

    def select(self, depth: int = 0) -> tuple[str, tuple[Field, ...]]:
        """Draw a SELECT, and give its columns. Raises :class:`RefusedDrawError`."""
        for _ in range(_TRIES):
            chance = self.random.random()
            try:
                if depth == 0 and chance < 0.12:
                    return self._union()
                sql = self._grouped(depth) if chance < 0.5 else self._plain(depth)
                return sql, self._fields(sql)
            except (RefusedDrawError, ContractError):
                continue
        raise RefusedDrawError("no SELECT could be drawn")

    def _fields(self, sql: str) -> tuple[Field, ...]:
        compiled = self.compiled(sql)
        if compiled.refused or any(sql_type == "NULL" for _, sql_type in compiled.columns):
            raise RefusedDrawError("not for Spark")
        return tuple(Field(name, "", sql_type) for name, sql_type in compiled.columns)

    def _union(self) -> tuple[str, tuple[Field, ...]]:
        first, fields = self.select(1)
        sides = [first]
        pool_of = [kind_of(found.sql_type) for found in fields]
        from_sql, columns = self._from(1)
        pool = Pool(self.random, columns, self.deck, WILD)
        listed = ", ".join(f"{pool.pick(kind).text} AS c{i}" for i, kind in enumerate(pool_of))
        sides.append(f"SELECT {listed} FROM {from_sql}")
        sql = " UNION ALL ".join(sides)
        return sql, self._fields(sql)

    def _relation(self, depth: int) -> Relation:
        chance = self.random.random()
        if self.named and chance < 0.5:
            name, _, fields = self.random.choice(self.named)
            return Relation(name, fields)
        if depth < 2 and chance > 0.85:
            sql, fields = self.select(depth + 1)
            return Relation(f"({sql})", fields)
        table = self.random.choice((self.tables[0], *self.tables))
        return Relation(table.name, table.fields)

    def _from(self, depth: int) -> tuple[str, Columns]:
        """Draw FROM with its joins; give it and the columns that it gives names to."""
        relations = [self._relation(depth) for _ in range(self.random.choice((1, 1, 1, 2, 2, 3)))]
        sql, columns = "", Columns(())
        for relation in relations:
            alias = f"r{self.aliases}"
            self.aliases += 1
            mine = Columns(tuple((alias, found) for found in relation.fields))
            both = Columns(columns.columns + mine.columns)
            if not columns.columns:
                sql = f"{relation.sql} AS {alias}"
            else:
                kind = self.random.choice(JOINS)
                on = "" if kind == "CROSS JOIN" else self._on(columns, mine, both)
                sql = f"{sql} {kind} {relation.sql} AS {alias}{on}"
            columns = both
        return sql, columns

    def _on(self, left: Columns, right: Columns, both: Columns) -> str:
        names = {found.name for _, found in left.columns} & {found.name for _, found in right.columns}
        single = [name for name in sorted(names) if sum(found.name == name for _, found in left.columns) == 1]
        if single and self.random.random() < 0.25:
            return f' USING ("{self.random.choice(single)}")'
        pairs = [
            f'{a}."{x.name}" = {b}."{y.name}"'
            for a, x in left.columns
            for b, y in right.columns
            if kind_of(x.sql_type) == kind_of(y.sql_type) and (x.mild or self.random.random() < 0.2)
        ]
        if not pairs:
            raise RefusedDrawError("nothing to join on")
        parts = [self.random.choice(pairs)]
        if self.random.random() < 0.4:
            parts.append(
                self.random.choice(pairs).replace(
                    " = ", self.random.choice((" < ", " <> ", " IS NOT DISTINCT FROM ", " = "))
                )
            )
        if self.random.random() < 0.3:
            parts.append(f"({Pool(self.random, both, self.deck, WILD).draw_kind('boolean').text})")
        return f" ON {' AND '.join(parts)}"

    def _where(self, pool: Pool, depth: int) -> str:
        parts = []
        if self.random.random() < 0.4:
            parts.append(f"({pool.draw_kind('boolean').text})")
        if depth < 2 and self.random.random() < 0.15:
            relation = self._relation(2)
            alias = f"r{self.aliases}"
            self.aliases += 1
            found = self.random.choice([f for f in relation.fields if f.mild] or relation.fields)
            word = self.random.choice(("IN", "IN", "NOT IN"))
            some = self.random.choice(("", f' WHERE {alias}."{found.name}" IS NOT NULL'))
            operand = pool.pick(kind_of(found.sql_type)).operand
            parts.append(
                f'{operand} {word} (SELECT {alias}."{found.name}" AS x FROM {relation.sql} AS {alias}{some})'
            )
        return f" WHERE {' AND '.join(parts)}" if parts else ""

    def _plain(self, depth: int) -> str:
        source, columns = self._from(depth)
        pool = Pool(self.random, columns, self.deck, WILD)
        where = self._where(pool, depth)
        if " USING " not in source and len(columns.columns) < 8 and self.random.random() < 0.1:
            names = [found.name for _, found in columns.columns]
            if len(set(names)) == len(names):
                return f"SELECT * FROM {source}{where}"
        pieces = pool.draw(self.random.randint(1, 4)) + [
            pool.pick(self.random.choice(KINDS)) for _ in range(2)
        ]
        items, tail = [piece.text for piece in pieces], ""
        if self.random.random() < 0.4:
            over, tail = self.calls.named_window(pool)
            items += [self.calls.window(pool, over) for _ in range(self.random.randint(1, 3))]
            if self.random.random() < 0.4:
                number = f"row_number() OVER ({self.calls.order(pool, self.calls.partition(pool))})"
                tail += f" QUALIFY {number} <= {self.random.randint(1, 3)}"
        word = "SELECT DISTINCT" if self.random.random() < 0.15 else "SELECT"
        return f"{word} {_list(items)} FROM {source}{where}{tail}"

    def _grouped(self, depth: int) -> str:
        source, columns = self._from(depth)
        pool = Pool(self.random, columns, self.deck, WILD)
        where = self._where(pool, depth)
        keys = [pool.pick(self.random.choice(KINDS)) for _ in range(self.random.choice((0, 1, 1, 2)))]
        if self.random.random() < 0.3:
            keys += pool.draw(1)
        keys = [key for key in keys if not key.text.replace(".", "").replace("-", "").isdigit()]
        aggregates = [self.calls.aggregate(pool) for _ in range(self.random.randint(1, 4))]
        items = [key.text for key in keys] + aggregates
        group, tail = "", ""
        if keys:
            group = self.random.choice(
                (" GROUP BY ALL", " GROUP BY " + ", ".join(str(i + 1) for i in range(len(keys))))
            )
            if self.random.random() < 0.5:
                group = " GROUP BY " + ", ".join(key.operand for key in keys)
        if self.random.random() < 0.25:
            group += f" HAVING count(*) > 1 OR {self.calls.aggregate(pool)} IS NULL"
        if keys and self.random.random() < 0.2:
            items.append(self.random.choice((
                f"sum(count(*)) OVER (PARTITION BY {keys[0].operand})",
                f"rank() OVER (ORDER BY count(*) DESC, {keys[0].operand})",
                f"row_number() OVER (ORDER BY {keys[-1].operand} DESC NULLS LAST)",
                f"lag({keys[0].operand}) OVER (ORDER BY count(*), {keys[-1].operand})",
            )))  # fmt: skip
        return f"SELECT {_list(items)} FROM {source}{where}{group}{tail}"


def _list(items: Sequence[str]) -> str:
    return ", ".join(f"{item} AS c{i}" for i, item in enumerate(items))
