"""Writes made into batches that DynamoDB accepts, and answers taken apart.

The rules are those of BatchWriteItem in the DynamoDB API reference: at most 25 puts and deletes, at most 16 MB, no two
of one key.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from decimal import Context, Decimal, InvalidOperation
from typing import Any

from penstock.engine.result import Write
from penstock.plan.model import KeyAttribute, Table

BATCH_ITEMS = 25
BATCH_BYTES = 16_000_000
_FRAME_BYTES = 64
"""More than what a request has around each item."""


_EXACT = Context(prec=40)
"""DynamoDB's numbers have at most 38 digits: none is rounded."""


def part_into_waves(writes: Iterable[Write]) -> list[list[Write]]:
    """Part writes so that no wave has two of one key, and one key's writes keep their order from wave to wave.

    Within a wave the partitions take turns, so that a sorted file does not heat one of them.
    """
    seen: Counter[str] = Counter()
    waves: list[list[Write]] = []
    for write in writes:
        turn = seen[write.key]
        seen[write.key] += 1
        if turn == len(waves):
            waves.append([])
        waves[turn].append(write)
    return [_take_turns(wave) for wave in waves]


def _take_turns(wave: list[Write]) -> list[Write]:
    partitions: Counter[str] = Counter()
    rounds: defaultdict[int, list[Write]] = defaultdict(list)
    for write in wave:
        rounds[partitions[write.partition]].append(write)
        partitions[write.partition] += 1
    return [write for turn in sorted(rounds) for write in rounds[turn]]


def pack_batches(wave: Iterable[Write]) -> Iterator[list[Write]]:
    """Pack a wave into batches within DynamoDB's limits. A single write too large for them is a batch of its own."""
    batch: list[Write] = []
    size = 0
    for write in wave:
        body = write.body
        length = _FRAME_BYTES + (len(body) if body.isascii() else len(body.encode()))
        if batch and (len(batch) == BATCH_ITEMS or size + length > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(write)
        size += length
    if batch:
        yield batch


def write_request(table: str, batch: Sequence[Write]) -> bytes:
    """Give the body of a BatchWriteItem request."""
    parts = ",".join(
        f'{{"PutRequest":{{"Item":{write.body}}}}}'
        if write.operation == "put"
        else f'{{"DeleteRequest":{{"Key":{write.body}}}}}'
        for write in batch
    )
    return f'{{"RequestItems":{{{json.dumps(table)}:[{parts}]}},"ReturnConsumedCapacity":"TOTAL"}}'.encode()


def find_unprocessed(answer: dict[str, Any], table: Table, batch: Sequence[Write]) -> list[Write]:
    """Give the writes of ``batch`` that the answer says are still to be done.

    They are found by their keys. Where one can't be found the whole batch is given: to write again what is written
    already changes nothing, and to lose one would.
    """
    left = [item for items in answer.get("UnprocessedItems", {}).values() for item in items]
    if not left:
        return []
    if len(left) == len(batch):
        return list(batch)
    by_key = {_key(json.loads(write.body), table): write for write in batch}
    keys = [_key(_body(item), table) for item in left]
    if None in by_key or any(key not in by_key for key in keys):
        return list(batch)
    return [by_key[key] for key in keys]


def _body(item: dict[str, Any]) -> Any:
    return item["PutRequest"]["Item"] if "PutRequest" in item else item["DeleteRequest"]["Key"]


def _key(body: Any, table: Table) -> tuple[str, ...] | None:
    attributes = [table.partition, *([table.sort] if table.sort else [])]
    try:
        return tuple(_canonical(body[attribute.name][attribute.type], attribute) for attribute in attributes)
    except (KeyError, TypeError, InvalidOperation):
        return None


def _canonical(value: str, attribute: KeyAttribute) -> str:
    """Give equal text for equal keys: 1 is 1.0 and 0 is -0."""
    return str(_EXACT.normalize(_EXACT.plus(Decimal(value)))) if attribute.type == "N" else value
