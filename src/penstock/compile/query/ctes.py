"""WITH: parts of a query that have names."""

from __future__ import annotations

from collections.abc import Mapping

from sqlglot import exp

from penstock.compile.query.relations import Context, Named, SelectQuery, Text
from penstock.compile.terms import RefusedError


def name_parts(
    context: Context, node: exp.Query, named: Mapping[str, Named], select: SelectQuery
) -> Mapping[str, Named]:
    """Translate what WITH names, each part once however often it is used, and give it with what is named already."""
    given = node.args.get("with_")
    if given is None:
        return named
    if given.args.get("recursive"):
        raise RefusedError("WITH RECURSIVE can't be used: Spark has none")
    found = dict(named)
    for part in given.expressions:
        name = part.alias.casefold()
        if name in found or name in context.catalog:
            raise RefusedError(f"WITH: `{part.alias}` is there already; choose another name")
        if part.args["alias"].args.get("columns"):
            raise RefusedError("columns are named within the subquery, by AS")
        if not isinstance(part.this, exp.Query):
            raise RefusedError("WITH names SELECTs")
        scans, context.scans = context.scans, 0
        selected = select(part.this, found)
        known = f"_q{context.number()}"  # no reference can be called so
        context.named.append(Text.of(lambda d, s=selected, k=known: f"{k} AS ({s.text.for_(d)})"))  # type: ignore[misc]
        found[name] = Named(Text(known, known), selected.outputs, context.scans)
        context.scans = scans
    return found
