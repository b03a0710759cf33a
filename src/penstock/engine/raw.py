"""How a batch's text becomes a relation: the SQL by which DuckDB reads verified records, and nothing it has to guess."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from penstock.engine.bind import Binding
from penstock.engine.sql import NO_GUESSES, literal
from penstock.plan.model import Plan

_BUFFER_BYTES: Final = 32 * 2**20
"""What DuckDB may take of a text at a time. Memory that the text does not fill is never touched."""


def raw_sql(plan: Plan, binding: Binding, quote: str, path: Path) -> str:
    """Write the SELECT that reads a batch in order: ``blank``, and each field's text as ``f<i>``. ``quote`` is the batch's."""
    names = [f"f{i}" if i is not None else f"undeclared{c}" for c, i in enumerate(binding.columns)]
    there = set(binding.columns)
    fields = [f"f{i}" if i in there else f"NULL::VARCHAR AS f{i}" for i in range(len(plan.fields))]
    blank = " AND ".join(f"{name} = ''" for name in names)
    return (
        f"SELECT {blank} AS blank, {', '.join(fields)} "
        f"FROM read_csv({literal(str(path))}, {_options(plan, quote, names)})"
    )


def _options(plan: Plan, quote_char: str, names: list[str]) -> str:
    # A record that had to be written anew has all its cells quoted and its quotes doubled; a character of cp1252 can take
    # three bytes of UTF-8.
    longest = 3 * plan.dialect.max_record_bytes + 3 * len(names) + 16
    quote = literal(quote_char)
    columns = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in names)
    return ", ".join(
        (
            "auto_detect = false, header = false, strict_mode = true, parallel = false, null_padding = false",
            NO_GUESSES,
            f"delim = {literal(plan.dialect.delimiter)}, quote = {quote}, escape = {quote}",
            # DuckDB 2.0 loses and merges rows that end in CR LF; a batch has none.
            "new_line = '\\n'",
            f"max_line_size = {longest}, buffer_size = {max(2 * longest, _BUFFER_BYTES)}",
            f"columns = {{{columns}}}",
            f"force_not_null = [{', '.join(literal(name) for name in names)}]",
        )
    )
