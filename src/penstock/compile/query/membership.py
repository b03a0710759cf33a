"""IN (SELECT ...): where it can stand, and what it asks."""

from __future__ import annotations

from sqlglot import exp

from penstock.compile.query.dialects import Dialect
from penstock.compile.query.relations import Selected
from penstock.compile.query.terms import Term, cast, make, varying
from penstock.compile.query.types import BOOLEAN, common_type, holds_all
from penstock.compile.terms import RefusedError


def is_conjunct(node: exp.Expr) -> bool:
    """Tell whether a condition is one of those that WHERE asks for all together, or the opposite of one.

    Elsewhere it would matter whether it is false or unknown, which Spark does not tell apart there.
    """
    above = node.parent
    while isinstance(above, exp.Paren):
        above = above.parent
    if isinstance(above, exp.Not):
        above = above.parent
    while isinstance(above, exp.And | exp.Paren):
        above = above.parent
    return isinstance(above, exp.Where)


def find_in(term: Term, selected: Selected) -> Term:
    """Ask whether a SELECT of one column gives a value. Raises :class:`RefusedError` where that can't be compared."""
    if len(selected.outputs) != 1:
        raise RefusedError(f"the SELECT of IN has one column, not {len(selected.outputs)}")
    other = selected.outputs[0].term
    found = common_type((term.sql_type, other.sql_type), "IN compares")
    if not (holds_all(found, term.sql_type) and holds_all(found, other.sql_type)):
        raise RefusedError("IN compares numbers that no number of 38 digits could hold both: join on them")

    def write(d: Dialect, x: str) -> str:
        column = d.cast(d.identifier("k0"), found)
        return f"({x} IN (SELECT {column} FROM ({selected.text.for_(d)}) AS s))"

    return make(BOOLEAN, write, varying(cast(term, found)))
