"""What a survey notes where a manifest is kept, beside its verdicts: of good rows their keys and what they write there.

Of each item of a good row: the digest ``k`` of its key, the hash ``e`` of its request, and ``d``, the request that deletes
the key. Of a row that is rejected: the digest ``t`` of each key that can be told, which stays as it is, and whether there
is one that can't be told, ``u``.
"""

from __future__ import annotations

import hashlib
import json
from typing import Final

from penstock.engine.result import DELETE
from penstock.engine.statements import (
    GOOD,
    digest_sql,
    each_sql,
    key_sql,
    large_sql,
    list_columns,
    long_way,
    short_way,
)
from penstock.plan.model import ItemPlan, Plan

GONE: Final = 0
"""The hash of a request that deletes: what it leaves is the same whoever asks for it."""

_COLUMNS: Final = {"e": "BIGINT", "d": "VARCHAR", "t": "UHUGEINT", "u": "BOOLEAN"}


def noted_columns(plan: Plan) -> str:
    """Give the columns that are noted of rows beside those of every survey."""
    if plan.manifest is None:
        return ""
    return "".join(f", {name}{k} {kind}" for k in range(len(plan.items)) for name, kind in _COLUMNS.items())


def long_entries(plan: Plan, answered: bool) -> str:
    """Note the verdict on each row that is wanted, and its entries."""
    items = plan.items
    told = ", ".join(
        f"CASE WHEN NOT blank AND {item.told} THEN md5_number({key_sql(item)}) END, "
        f"NOT blank AND NOT {item.told} AND NOT {item.lacks}"
        for item in items
    )
    pairs = ", ".join(f"t{k}, u{k}" for k in range(len(items)))
    return (
        f"INSERT INTO noted (n, blank, errors, filtered, large, {_entry_columns(plan)}, {pairs}) "
        f"SELECT n, blank, errors, filtered AND NOT blank, {GOOD} AND ({large_sql(items)}), "
        f"{_entries(items, GOOD)}, {told} FROM ({long_way(plan, answered)})"
    )


def short_entries(plan: Plan) -> str:
    """Note of each row whether it is plain, and of those that are their entries."""
    assert plan.plain is not None
    items = plan.plain.items
    return (
        f"INSERT INTO noted (n, plain, filtered, {_entry_columns(plan)}) SELECT n, plain AND NOT large, filtered, "
        f"{_entries(items, 'plain AND NOT large AND NOT filtered')} "
        f"FROM (SELECT *, coalesce(NOT filtered AND ({large_sql(items)}), TRUE) AS large FROM ({short_way(plan)}))"
    )


def copy_entries(plan: Plan) -> str:
    """Copy what was noted to where the entries of the whole file are; ``$1`` is the file's row of the batch's first."""
    numbers = range(len(plan.items))
    good = (
        f"SELECT {_halves(f'k{k}')}, n + $1, {k}, e{k}, d{k} FROM noted WHERE k{k} IS NOT NULL AND rejected IS NOT TRUE"
        for k in numbers
    )
    stays = (
        f"SELECT {_halves(f't{k}')}, NULL, NULL, NULL, NULL FROM noted WHERE t{k} IS NOT NULL AND {_REJECTED}"
        for k in numbers
    )
    return f"INSERT INTO entries {' UNION ALL '.join([*good, *stays])}"


def count_keyless(plan: Plan) -> str:
    """Count the rows that are rejected and have an item whose key can't be told."""
    untold = " OR ".join(f"u{k}" for k in range(len(plan.items)))
    return f"SELECT count(*) FROM noted WHERE {_REJECTED} AND ({untold})"


def hash_request(request: bytes) -> int:
    """Give the hash of a request that was put together outside the database, whatever the order of its attributes."""
    if request.startswith(DELETE.encode()):
        return GONE
    text = json.dumps(json.loads(request), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return max(1, int.from_bytes(hashlib.md5(text.encode(), usedforsecurity=False).digest()[8:]) >> 1)


_REJECTED: Final = "(rejected OR errors IS NOT NULL AND NOT blank)"


def _entry_columns(plan: Plan) -> str:
    return ", ".join(list_columns(letter, plan) for letter in "ked")


def _entries(items: tuple[ItemPlan, ...], condition: str) -> str:
    hashes = (
        f"CASE WHEN deleted THEN {GONE} ELSE greatest(1, (md5_number_lower({item.put}) >> 1)::BIGINT) END"
        for item in items
    )
    return ", ".join(
        each_sql(items, values, condition)
        for values in ((digest_sql(item) for item in items), hashes, (item.key for item in items))
    )


def _halves(digest: str) -> str:
    return f"({digest} >> 64)::UBIGINT, ({digest} & {2**64 - 1})::UBIGINT"
