"""The JSON of an item: which attributes it has, under which conditions, and how large it can be."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from penstock import verdicts
from penstock.compile.keys import KeySql
from penstock.compile.rows import Attribute, RowSql
from penstock.compile.sql import Pieces, joined, literal, wrapped
from penstock.compile.sql_types import INTEGERS
from penstock.contract.model import Contract, ItemModel, NamedValue
from penstock.errors import ContractError
from penstock.plan.model import Check


@dataclass(frozen=True, slots=True)
class Part:
    """An attribute of an item: its name, the SQL of its DynamoDB JSON and of its text, and when it is absent.

    ``absent`` is None for one that is always there. ``null`` says that an absent one is written as NULL.
    """

    name: str
    json: Pieces
    text: str
    absent: str | None
    null: bool = False


def list_parts(
    contract: Contract,
    item: ItemModel,
    attributes: Mapping[str, Attribute],
    keys: Iterable[KeySql],
    index_keys: Iterable[KeySql],
    ttl: Part | None,
) -> list[Part]:
    """Give the attributes of an item, the table's keys first (they are always there)."""
    keys, index_keys = tuple(keys), tuple(index_keys)
    _refuse_ttl_as_key(contract, (*keys, *index_keys), ttl)
    parts = {key.attribute.name: Part(key.attribute.name, key.json, key.text, None) for key in keys}
    dropped = set(contract.transform.drop)  # by the names that `rename` gave
    for name, attribute in attributes.items():
        wanted = item.keep is None or name in item.keep or name in item.set
        if name not in parts and name not in dropped and wanted:
            absent = None if attribute.present else f"{attribute.text} IS NULL"
            parts[name] = Part(name, attribute.json, attribute.text, absent, contract.load.nulls == "write")
    for key in index_keys:
        # An index takes no NULL for a key, and needs its keys even where `drop` or `keep` leaves them out.
        if parts.get(key.attribute.name) is None or parts[key.attribute.name].absent is not None:
            parts[key.attribute.name] = Part(key.attribute.name, key.json, key.text, key.absent)
    if ttl is not None and ttl.name not in {key.attribute.name for key in keys}:
        parts[ttl.name] = ttl
    return list(parts.values())


def _refuse_ttl_as_key(contract: Contract, keys: Iterable[KeySql], ttl: Part | None) -> None:
    """A key can be the TTL only where it is that number of seconds by itself: it has one value and one type."""
    for key in keys:
        made = isinstance(contract.load.ttl, NamedValue)
        if ttl is not None and key.attribute.name == ttl.name and (made or key.attribute.type != "N"):
            raise ContractError(
                [
                    f"load.ttl: {ttl.name} is a key of the type {key.attribute.type}: give the TTL a name of its own, as in `{{name: expires_at, value: ...}}`"
                ]
            )


def request_sql(opening: str, parts: Iterable[Part]) -> str:
    """Write the SQL of a request: its opening, a JSON object of the parts, and its end.

    The first part is always there, so that a comma can lead every other.
    """
    pieces = [literal(opening)]
    for number, part in enumerate(parts):
        lead = ("{" if number == 0 else ",") + json.dumps(part.name, ensure_ascii=False) + ":"
        if part.absent is None:
            pieces += [literal(lead), *part.json]
            continue
        gone = literal(lead + '{"NULL":true}') if part.null else "''"
        pieces.append(f"CASE WHEN {part.absent} THEN {gone} ELSE {joined([literal(lead), *part.json])} END")
    return joined([*pieces, literal("}}}")])


def size_sql(parts: Iterable[Part]) -> str:
    """Write the SQL of an upper bound of an item's bytes.

    An attribute takes its name and at most twice its text: the elements of a list of one-digit numbers take three
    bytes where their JSON has two; and a few bytes more.
    """
    parts = list(parts)
    fixed = sum(len(part.name.encode()) + 24 for part in parts)
    return f"{fixed} + 2 * {_sum([f'coalesce(strlen({part.text}), 0)' for part in parts])}"


def _sum(terms: list[str]) -> str:
    """Add terms in halves of halves: the parser takes a sum as deep as its terms are many, and a thousand are too deep."""
    if len(terms) == 1:
        return terms[0]
    half = len(terms) // 2
    return f"({_sum(terms[:half])} + {_sum(terms[half:])})"


def ttl_part(row: RowSql) -> Part | None:
    """Give the attribute by which DynamoDB expires an item: a number of seconds since 1970, from an integer, a date or a
    datetime. Raises :class:`ContractError` where it is none of these.
    """
    ttl = row.contract.load.ttl
    if ttl is None:
        return None
    name, text = (ttl.name, ttl.value) if isinstance(ttl, NamedValue) else (ttl, f'"{ttl}"')
    path = "load.ttl.value" if isinstance(ttl, NamedValue) else "load.ttl"
    expression = row.compile(text, path)
    reads = row.fields_of(expression.reads)
    value, _, failed = row.guard(expression)
    row.faults.row(Check(verdicts.EXPRESSION_ERROR, name, f"{path} failed"), f"kept AND {failed}", reads)
    if expression.sql_type in INTEGERS:
        seconds = value
    elif expression.sql_type in {"DATE", "TIMESTAMP"}:
        seconds = f"(epoch_ms({value}::TIMESTAMP) // 1000)"
    else:
        raise ContractError([f"{path}: a TTL is an integer (seconds since 1970), a date or a datetime"])
    return Part(name, wrapped('{"N":"', seconds, '"}'), f"{seconds}::VARCHAR", f"{value} IS NULL")
