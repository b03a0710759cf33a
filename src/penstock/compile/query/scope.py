"""Which columns a name in SQL can mean, and what the query reads of the rows and the references."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from sqlglot import exp

from penstock.compile.query.terms import Term, make
from penstock.compile.terms import RefusedError


@dataclass(frozen=True, slots=True)
class BaseColumn:
    """A column of the rows or of a reference. ``sql_type`` is None where a query can't read it, for the ``reason``."""

    name: str
    sql_type: str | None
    sensitive: bool = False
    reason: str = ""


Catalog = Mapping[str, tuple[BaseColumn, ...]]
"""What a query can read, by name: ``rows``, and the references."""


@dataclass(slots=True)
class Reads:
    """What a query reads: of each relation the names of columns, in no order."""

    columns: dict[str, set[str]] = field(default_factory=dict)

    def relation(self, name: str) -> None:
        """Note that a relation is read, be it of no column."""
        self.columns.setdefault(name, set())

    def note(self, origin: tuple[str, str] | None) -> None:
        """Note that a column is read, if it is one of what there is to read."""
        if origin is not None:
            self.columns.setdefault(origin[0], set()).add(origin[1])


@dataclass(frozen=True, slots=True)
class Entry:
    """A column that can be named. ``alias`` is its relation's name in the SQL; None for one that two share by USING.

    ``origin`` is the relation and the column it is, if it is one of what there is to read. ``hidden``: only by its
    relation's name. ``reason`` is why it can't be read.
    """

    alias: str | None
    name: str
    term: Term
    origin: tuple[str, str] | None = None
    hidden: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Scope:
    """The columns that names mean at one place of a query."""

    entries: tuple[Entry, ...]
    reads: Reads

    def find(self, node: exp.Column) -> Entry | None:
        """Give what a column's name means; None where nothing is called so.

        Raises :class:`RefusedError` for a name that could mean several, and for a column that can't be read.
        """
        alias, name = split_name(node)
        found = self._matching(alias, name)
        if len(found) > 1:
            choices = ", ".join(sorted(f"`{entry.alias}.{entry.name}`" for entry in found if entry.alias))
            raise RefusedError(f"`{name}` could be any of {choices}")
        if not found:
            return None
        if found[0].reason:
            raise RefusedError(found[0].reason)
        self.reads.note(found[0].origin)
        return found[0]

    def _matching(self, alias: str | None, name: str) -> list[Entry]:
        if alias is None:
            known = [entry for entry in self.entries if not entry.hidden]
        else:
            known = [entry for entry in self.entries if (entry.alias or "").casefold() == alias.casefold()]
        exact = [entry for entry in known if entry.name == name]
        return exact or [entry for entry in known if entry.name.casefold() == name.casefold()]

    def expand(self, alias: str | None) -> list[Entry]:
        """Give what a star means. Raises :class:`RefusedError` where one of the columns can't be read."""
        if alias is not None and alias.casefold() not in self._aliases():
            raise RefusedError(self._no_relation(alias))
        chosen = [
            entry
            for entry in self.entries
            if (not entry.hidden if alias is None else (entry.alias or "").casefold() == alias.casefold())
        ]
        for entry in chosen:
            if entry.reason:
                raise RefusedError(entry.reason)
            self.reads.note(entry.origin)
        return chosen

    def explain(self, node: exp.Column, more: Iterable[str] = ()) -> str:
        """Say that a column's name means nothing here, with the nearest that does; ``more`` are other names."""
        alias, name = split_name(node)
        if alias is not None and alias.casefold() not in self._aliases():
            return self._no_relation(alias)
        of = "" if alias is None else f" of `{alias}`"
        names = {
            entry.name
            for entry in self.entries
            if alias is None or (entry.alias or "").casefold() == alias.casefold()
        } | set(more)
        hint = _near(name, names)
        if node.this.args.get("quoted"):
            hint += "; a text is written in single quotes"
        return f"no column{of} is called `{name}`{hint}"

    def _aliases(self) -> set[str]:
        return {entry.alias.casefold() for entry in self.entries if entry.alias is not None}

    def _no_relation(self, alias: str) -> str:
        known = {entry.alias for entry in self.entries if entry.alias is not None}
        if alias.casefold() == "source":
            return f"a query has no `{alias}`: make a field of it by `transform.set`, and read that"
        return f"nothing here is called `{alias}`{_near(alias, known)}"

    def moved(self, move: Callable[[int, Entry], Term]) -> Scope:
        """Give the scope with other terms for the same names."""
        return replace(
            self,
            entries=tuple(replace(entry, term=move(i, entry)) for i, entry in enumerate(self.entries)),
        )


def split_name(node: exp.Column) -> tuple[str | None, str]:
    """Give the relation, if it is said, and the name of a column. Raises :class:`RefusedError` for any longer name."""
    if node.args.get("db") or node.args.get("catalog") or not isinstance(node.this, exp.Identifier):
        raise RefusedError("a column is named by its name, or by its relation's and its own: `r.code`")
    return node.table or None, node.name


def column_term(relation: str, name: str, sql_type: str, like: Term | None = None) -> Term:
    """Make the term of a relation's column; it is as sensitive, and as little for Spark, as what it is made from."""
    term = make(sql_type, lambda d: d.column(relation, name))
    return term if like is None else replace(term, sensitive=like.sensitive, refused=like.refused)


def _near(name: str, known: Iterable[str]) -> str:
    folded = {key.casefold(): key for key in known}
    near = difflib.get_close_matches(name.casefold(), folded, 1)
    return f"; did you mean `{folded[near[0]]}`?" if near else ""


def near_relation(name: str, known: Iterable[str]) -> str:
    """Give a hint at what a relation's name was probably meant to be, to be put behind a message."""
    names = sorted(known)
    verb = "is" if len(names) == 1 else "are"
    return _near(name, names) or f"; there {verb} {', '.join(f'`{other}`' for other in names)}"
