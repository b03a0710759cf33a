"""Small files of which it is known, line by line, what becomes of them: the model that runs are held against.

The contract is that of :data:`CONTRACT`, in one of its :data:`VARIANTS`. The model is plain Python and knows nothing of the
engine: each line is made to be what it is.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, Literal

from penstock.compile.plan import compile_contract
from penstock.contract.model import Contract
from penstock.contract.read import read_contract
from penstock.plan.model import Plan

TABLE: Final = "orders"
PREFIX: Final = "incoming/orders/"
MARK: Final = "SECRET"
"""In every cell of the field ``secret``, which nobody may tell."""
HUGE: Final = "z" * 2049
"""A text too long for the key of an index that the contract does not name: the service refuses its item."""

CONTRACT: Final[dict[str, Any]] = {
    "penstock": 1,
    "name": "orders",
    "source": {"prefix": PREFIX, "suffix": ".csv"},
    "schema": {
        "fields": [
            {"name": "id", "type": "string"},
            {"name": "n", "type": "integer"},
            {"name": "secret", "type": "string"},
        ]
    },
    "transform": {"where": "n <> 13"},
    "load": {"table": TABLE, "partition_key": "id"},
}
VARIANTS: Final[dict[str, dict[str, Any]]] = {
    "plain": {},
    "limit": {"quality": {"max_rejects": 3}},
    "first": {"load": {"on_duplicate": "first"}},
    "reject": {"load": {"on_duplicate": "reject"}},
    "deletes": {"load": {"delete_where": "n = 99"}},
    "skip": {"load": {"skip_unchanged": True}},
    "mirror": {"load": {"mode": "mirror", "max_deletes": "100%"}},
    "guarded": {"load": {"mode": "mirror", "max_deletes": 0}},
    "query": {
        "transform": {
            "where": "n <> 13",
            "sql": (
                "SELECT r.id, sum(r.n) AS n, max(r.secret) AS secret, count(w.id) AS weighed "
                "FROM rows AS r LEFT JOIN weights AS w ON w.id = r.id GROUP BY r.id"
            ),
        },
        "references": {
            "weights": {
                "key": "reference/weights.csv",
                "schema": {"fields": [{"name": "id", "type": "string"}]},
            }
        },
    },
}
DRAWN: Final = tuple(variant for variant in VARIANTS if variant not in {"guarded", "query"})
"""The variants of which the model says all, and that cost little. Of ``guarded`` it says only that nothing is deleted."""

WEIGHTS: Final = ("a", "c")
"""The ids in what the query of its variant refers to."""

SPARING: Final = frozenset({"skip", "mirror"})
"""The variants in which what did not change is not written."""

Kind = Literal[
    "good", "long", "delete", "filtered", "wrong type", "wide", "narrow", "empty", "blank", "quote", "refused"
]
KINDS: Final[tuple[Kind, ...]] = (
    *("good",) * 8, "long", "filtered", "wrong type", "wide", "narrow", "empty", "blank", "quote", "refused", "delete",
)  # fmt: skip
PLAIN: Final[tuple[Kind, ...]] = ("good", "good", "good", "filtered", "delete")
"""What takes the engine least time, for it goes the short way of rows."""

_CODES: Final[dict[Kind, str]] = {
    "wrong type": "type-error",
    "wide": "extra-cell",
    "narrow": "missing-cell",
    "quote": "quote-error",
    "refused": "item-error",
}


@cache
def make_contract(variant: str) -> Contract:
    """Read the contract in a variant."""
    more = VARIANTS[variant]
    document = {**CONTRACT, **more, "load": {**CONTRACT["load"], **more.get("load", {})}}
    with TemporaryDirectory() as folder:
        path = Path(folder, "orders.yaml")
        path.write_text(json.dumps(document))
        return read_contract(path)


@cache
def make_plan(variant: str) -> Plan:
    """Compile the contract in a variant."""
    return compile_contract(make_contract(variant))


@dataclass(frozen=True)
class Row:
    """A record of a file, and what it is. ``text`` is without its terminator."""

    kind: Kind
    id: str
    n: int
    secret: str
    text: str


@dataclass(frozen=True)
class SampleFile:
    """A file and its records."""

    rows: tuple[Row, ...]

    @property
    def body(self) -> bytes:
        return "".join(f"{text}\n" for text in ("id,n,secret", *(row.text for row in self.rows))).encode()


def draw_file(
    dice: random.Random, rows: int, ids: list[str], tag: str, kinds: tuple[Kind, ...] = KINDS
) -> SampleFile:
    """Draw a file of so many records; ``ids`` are those that its rows have, and ``tag`` is in each of their values."""
    return SampleFile(
        tuple(_draw_row(dice, dice.choice(kinds), dice.choice(ids), f"{tag}-{i}") for i in range(rows))
    )


def _draw_row(dice: random.Random, kind: Kind, name: str, tag: str) -> Row:
    n = {"filtered": 13, "delete": 99}.get(kind, dice.choice([0, 1, 7, -5, 1000]))
    secret = f"{MARK}-{tag}"
    if kind == "refused":
        secret += HUGE
    if kind == "long":
        secret += "\nand on"
    text = {
        "long": f'{name},{n},"{secret}"',
        "wrong type": f"{name},{n}.5x,{secret}",
        "wide": f"{name},{n},{secret},more",
        "narrow": f"{name},{n}",
        "empty": ",,",
        "blank": "",
        "quote": f'{name},{n},bro"ken{secret}',
    }.get(kind, f"{name},{n},{secret}")
    return Row(kind, name, n, secret, text)


@dataclass(frozen=True)
class Rejected:
    """A reject as the model has it."""

    line: int
    offset: int
    raw: bytes
    code: str


@dataclass
class Expected:
    """What becomes of a file, loaded alone: the items it puts (None: it deletes them), its rejects, its counts."""

    status: Literal["done", "rejected"] = "done"
    writes: dict[str, dict[str, Any] | None] = field(default_factory=dict)
    rejects: list[Rejected] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    result: dict[str, int] | None = None

    @property
    def puts(self) -> int:
        return sum(item is not None for item in self.writes.values())


def expect(file: SampleFile, variant: str) -> Expected:
    """Say what becomes of a file."""
    names = ("read", "loaded", "rejected", "filtered", "superseded", "withheld", "blank")
    found, counts = Expected(), dict.fromkeys(names, 0)
    judged = [*_judge(file, variant)]
    winners = _find_winners([row for row, _, verdict in judged if verdict == "good"], variant)
    repeated = {row.id for row in winners.values() if row is not None} if variant == "reject" else set()
    doubled = _find_doubled([row for row, _, verdict in judged if verdict == "good"]) if repeated else set()
    for row, place, verdict in judged:
        counts["read"] += 1
        code = _CODES.get(row.kind) if verdict == "rejected" else None
        if verdict == "good" and variant == "reject" and id(row) in doubled:
            code = "primary-key"
        if code is not None:
            found.rejects.append(Rejected(*place, row.text.encode(), code))
            counts["rejected"] += 1
        elif verdict != "good":
            counts[verdict] += 1
        elif winners[row.id] is not row:
            counts["superseded"] += 1
        elif row.kind == "refused":
            found.rejects.append(Rejected(*place, row.text.encode(), "item-error"))
            counts["rejected"] += 1
        else:
            counts["loaded"] += 1
            found.writes[row.id] = None if _deletes(row, variant) else _item(row)
    found.counts = counts
    if variant == "query":
        return _query(found, [row for row, _, verdict in judged if verdict == "good"])
    return _refuse(found, judged, variant)


def _query(found: Expected, rows: list[Row]) -> Expected:
    """Give what the query makes of the good rows: an item for each id. There must be none that the service refuses."""
    counts = found.counts
    counts["loaded"], counts["superseded"] = len(rows), 0
    if not rows and counts["rejected"]:
        return replace(found, status="rejected", writes={})
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row.id, []).append(row)
    found.writes = {
        name: {
            "id": {"S": name},
            "n": {"N": str(sum(row.n for row in group))},
            "secret": {"S": max(row.secret for row in group)},
            "weighed": {"N": str(len(group) if name in WEIGHTS else 0)},
        }
        for name, group in groups.items()
    }
    found.result = {**dict.fromkeys(counts, 0), "read": len(groups), "loaded": len(groups)}
    return found


def _judge(file: SampleFile, variant: str) -> Iterator[tuple[Row, tuple[int, int], str]]:
    """Give each record with its line and offset, and what it is by itself."""
    line, offset = 2, len("id,n,secret\n")
    for row in file.rows:
        verdict = {"filtered": "filtered", "blank": "blank", "empty": "blank"}.get(row.kind, "good")
        if row.kind in _CODES and row.kind != "refused":
            verdict = "rejected"
        yield row, (line, offset), verdict
        line += 1 + row.text.count("\n")
        offset += len(row.text.encode()) + 1


def _find_winners(rows: list[Row], variant: str) -> dict[str, Row]:
    """Give for each key the row that wins."""
    ordered = rows if VARIANTS[variant].get("load", {}).get("on_duplicate", "last") == "last" else rows[::-1]
    return {row.id: row for row in ordered}


def _find_doubled(rows: list[Row]) -> set[int]:
    """Give the rows whose key an earlier row has."""
    seen: set[str] = set()
    doubled = set()
    for row in rows:
        if row.id in seen:
            doubled.add(id(row))
        seen.add(row.id)
    return doubled


def _deletes(row: Row, variant: str) -> bool:
    return variant == "deletes" and row.n == 99


def _item(row: Row) -> dict[str, Any]:
    return {"id": {"S": row.id}, "n": {"N": str(row.n)}, "secret": {"S": row.secret}}


def _refuse(found: Expected, judged: list[tuple[Row, tuple[int, int], str]], variant: str) -> Expected:
    """Refuse a file past its limit, or of which nothing is loaded."""
    limit = VARIANTS[variant].get("quality", {}).get("max_rejects")
    counts = found.counts
    unfit = sum(verdict == "rejected" for _, _, verdict in judged)
    if limit is not None and unfit > limit:
        good = sum(verdict == "good" for _, _, verdict in judged)
        refused = {"loaded": 0, "superseded": 0, "withheld": good, "rejected": unfit}
        kept = [reject for reject in found.rejects if reject.code != "item-error"]
        return Expected("rejected", {}, kept, {**counts, **refused})
    if counts["loaded"] == 0 and counts["rejected"] > 0:
        found.status = "rejected"
    return found


def describe_item(key: Mapping[str, Any]) -> str:
    """Give the id of an item or of its key."""
    return str(key["id"]["S"])
