"""The columns of a SELECT: those that it gives, and those between its layers."""

from __future__ import annotations

from penstock.compile.query.dialects import Dialect
from penstock.compile.query.relations import Output, Text
from penstock.compile.query.scope import Entry, Scope, column_term
from penstock.compile.query.terms import Term
from penstock.compile.query.types import UNKNOWN
from penstock.compile.terms import RefusedError


def name_columns(core: Text, scope: Scope) -> tuple[Text, Scope]:
    """Give every column of a scope a name of its own in one relation, ``b``."""
    readable = [entry for entry in scope.entries if not entry.reason]

    def build(d: Dialect) -> str:
        listed = ", ".join(
            f"{entry.term.text(d)} AS {d.identifier(f'c{i}')}" for i, entry in enumerate(readable)
        )
        return f"FROM (SELECT {listed} {core.for_(d)}) AS b"

    places = {id(entry): i for i, entry in enumerate(readable)}

    def move(_: int, entry: Entry) -> Term:
        if entry.reason:
            return entry.term
        return column_term("b", f"c{places[id(entry)]}", entry.term.sql_type, entry.term)

    return Text.of(build), scope.moved(move)


def refuse_repeated(outputs: list[Output]) -> None:
    """Refuse columns of one name, of none that can be seen, and of no type."""
    seen: dict[str, str] = {}
    for output in outputs:
        key = output.name.casefold()
        if key in seen:
            case = "" if seen[key] == output.name else ", but for its case"
            raise RefusedError(
                f"two columns are called `{output.name}`{case}: give one of them another name by AS"
            )
        if not output.name.isprintable() or not output.name.strip():
            raise RefusedError("the name of a column is of characters that can be seen")
        if output.term.sql_type == UNKNOWN:
            raise RefusedError(f"`{output.name}` is always NULL; `CAST(NULL AS VARCHAR)` gives it a type")
        seen[key] = output.name
