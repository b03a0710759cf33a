"""A run in memory: an object, writers of items and rejects, and what became of the object."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from penstock.compile.plan import compile_contract
from penstock.contract.read import read_contract
from penstock.engine.newest import is_tombstone
from penstock.engine.result import DELETE, PUT, SEPARATOR, Reject, WriteBatch
from penstock.errors import ServiceError
from penstock.load.protocols import Refused, Written
from penstock.load.report import Report
from penstock.plan.codec import read_plan, write_plan
from penstock.plan.model import Plan

Operation = Literal["put", "delete", "bury"]


class Write(NamedTuple):
    """One request, taken out of its batch. To bury is to put a tombstone."""

    row: int
    operation: Operation
    body: str


def unpack(batch: WriteBatch) -> list[Write]:
    """Take the requests out of a batch."""
    found = []
    for row, text in zip(batch.rows, batch.requests.split(SEPARATOR), strict=True):
        put = text.startswith(PUT)
        assert put or text.startswith(DELETE)
        operation: Operation = "bury" if is_tombstone(text) else "put" if put else "delete"
        found.append(Write(row, operation, text[len(PUT if put else DELETE) : -2]))
    assert batch.deletes == sum(write.operation != "put" for write in found)
    assert 0 < len(found) <= 25
    return found


@dataclass
class Memory:
    """An object, an item writer and a reject writer at once. ``refuse`` names texts whose items are refused.

    The service breaks after so many writes as ``lasts`` says, if it does.
    """

    data: bytes
    refuse: tuple[str, ...] = ()
    lasts: int | None = None
    key: str = "incoming/things/today.csv"

    def __post_init__(self) -> None:
        self.writes: list[Write] = []
        self.found: list[Reject] = []

    last_modified = "2026-01-02T03:04:05Z"

    def blocks(self, size: int, start: int = 0) -> Iterator[bytes]:
        for place in range(start, len(self.data), size):
            yield self.data[place : place + size]


class Items:
    def __init__(self, memory: Memory) -> None:
        self.memory = memory

    def write(self, batches: Sequence[WriteBatch]) -> Written:
        writes = [write for batch in batches for write in unpack(batch)]
        refused = [w for w in writes if any(text in w.body for text in self.memory.refuse)]
        taken = [w for w in writes if w not in refused]
        if self.memory.lasts is not None and self.memory.lasts < len(taken):
            self.memory.writes.extend(taken[: self.memory.lasts])
            self.memory.lasts = 0
            raise ServiceError("the service breaks")
        if self.memory.lasts is not None:
            self.memory.lasts -= len(taken)
        self.memory.writes.extend(taken)
        deletes = sum(w.operation != "put" for w in taken)
        reasons = tuple(Refused(w.row, "the service refuses it") for w in refused)
        return Written(len(taken) - deletes, deletes, refused=reasons)


class Rejects:
    def __init__(self, memory: Memory) -> None:
        self.memory = memory

    def write(self, rejects: Sequence[Reject]) -> None:
        self.memory.found.extend(rejects)


@dataclass(frozen=True)
class Loaded:
    """What became of the bytes."""

    report: Report
    writes: tuple[Write, ...]
    rejects: tuple[Reject, ...]

    @property
    def items(self) -> list[dict[str, Any]]:
        return [json.loads(w.body) for w in self.writes if w.operation == "put"]

    @property
    def deletes(self) -> list[dict[str, Any]]:
        return [json.loads(w.body) for w in self.writes if w.operation == "delete"]

    @property
    def tombstones(self) -> list[dict[str, Any]]:
        return [json.loads(w.body) for w in self.writes if w.operation == "bury"]

    @property
    def codes(self) -> dict[int, list[tuple[str, str | None]]]:
        """The errors of each rejected line."""
        return {r.line: [(e.code, e.field) for e in r.errors] for r in self.rejects}


def compile_things(folder: Path, fields: Sequence[Any], **parts: Any) -> Plan:
    """Compile a contract of these fields and parts; fields given as text are of the type string."""
    contract = {
        "penstock": 1,
        "name": "things",
        "source": {"prefix": "incoming/things/", "dialect": parts.pop("dialect", {})},
        "schema": {
            "fields": [{"name": f, "type": "string"} if isinstance(f, str) else f for f in fields],
            **parts.pop("schema", {}),
        },
        "load": {"table": "things", **parts.pop("load", {"partition_key": "id"})},
        **parts,
    }
    path = folder / "contract.yaml"
    path.write_text(json.dumps(contract, ensure_ascii=False))
    return read_plan(write_plan(compile_contract(read_contract(path))))
