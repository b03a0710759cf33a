"""DynamoDB in memory: items, conditional writes, indexes that follow late, and batches with all their limits."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from typing import Any, Final

from dynamodb_expressions import (
    Attribute,
    ExpressionError,
    Item,
    Parser,
    apply_update,
    as_number,
    parse_condition,
)
from dynamodb_limits import (
    InvalidError,
)
from virtual_table import ItemKey, Table
from virtual_wire import Wire, client_error

_BATCH_BYTES: Final = 16 << 20
_LATE: Final = 2.0
"""How many seconds an index may be behind its table. The service promises nothing; this is far beyond what is usual."""


@dataclass
class Tables:
    """All tables, and what they do to requests. Nothing here takes time."""

    tables: dict[str, Table] = field(default_factory=dict)

    def table(self, name: str, operation: str) -> Table:
        if name not in self.tables:
            raise client_error("ResourceNotFoundException", operation)
        return self.tables[name]

    def get(self, request: Mapping[str, Any]) -> dict[str, Any]:
        table = self.table(request["TableName"], "GetItem")
        found = table.items.get(_valid("GetItem", lambda: table.find_key(request["Key"], exact=True)))
        return {} if found is None else {"Item": _copy(found)}

    def get_batch(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Give items as they may have been a moment ago; some keys may be left for another request."""
        ((name, asked),) = request["RequestItems"].items()
        table = self.table(name, "BatchGetItem")
        keys = [_valid("BatchGetItem", partial(table.find_key, key, exact=True)) for key in asked["Keys"]]
        if not 0 < len(keys) <= 100 or len({*keys}) < len(keys):
            raise client_error("ValidationException", "BatchGetItem", message="too many keys, or duplicates")
        found = [old for key in keys if (old := table.recall(key)) is not None]
        return {"Responses": {name: [_copy(item) for item in found]}, "UnprocessedKeys": {}}

    def put(self, request: Mapping[str, Any], who: str) -> dict[str, Any]:
        table = self.table(request["TableName"], "PutItem")
        item = _copy(request["Item"])
        key = _valid("PutItem", lambda: table.check(item))
        old = table.items.get(key)
        _hold("PutItem", request, old or {})
        table.put(key, item, who)
        return _give_back(request, old, item)

    def update(self, request: Mapping[str, Any], who: str) -> dict[str, Any]:
        table = self.table(request["TableName"], "UpdateItem")
        key = _valid("UpdateItem", lambda: table.find_key(request["Key"], exact=True))
        old = table.items.get(key)
        parser = _parser(request, "UpdateExpression")
        try:
            new = apply_update(parser, old or {})
        except ExpressionError as error:
            raise client_error("ValidationException", "UpdateItem", message=str(error)) from None
        _hold("UpdateItem", request, old or {}, parser.used)
        item = {**new, **request["Key"]}
        _valid("UpdateItem", lambda: table.check(item))
        table.put(key, item, who)
        return _give_back(request, old, item)

    def query(self, request: Mapping[str, Any], *, scan: bool = False) -> dict[str, Any]:
        operation = "Scan" if scan else "Query"
        table = self.table(request["TableName"], operation)
        name = request.get("IndexName")
        if name is not None and name not in table.indexes:
            raise client_error("ValidationException", operation, message=f"there is no index {name}")
        schema = table.key if name is None else table.indexes[name].key
        items = [*(table.items if name is None else table.views.get(name, {})).values()]
        used: set[str] = set()
        if not scan:
            holds, used = _condition(operation, request, "KeyConditionExpression")
            items = [item for item in items if holds(item)]
            items.sort(key=lambda item: [_order(item[n]) for n, _ in (*schema[1:], *table.key)])
            items = items if request.get("ScanIndexForward", True) else items[::-1]
        items, last = _page(items, request, table, schema)
        looked = len(items)
        if "FilterExpression" in request:
            holds, more = _condition(operation, request, "FilterExpression")
            items, used = [item for item in items if holds(item)], used | more
        used |= _projected(request)
        _check_used(operation, request, used)
        answer = {"Items": [_copy(item) for item in items], "Count": len(items), "ScannedCount": looked}
        return {**answer, "LastEvaluatedKey": last} if last else answer

    def check_batch(self, body: bytes) -> list[tuple[Table, ItemKey, Item | None, dict[str, Any]]]:
        """Give the writes of a BatchWriteItem request. Raises :class:`InvalidError` where one is refused, and so all are."""
        writes = []
        for name, requests in json.loads(body)["RequestItems"].items():
            table = self.table(name, "BatchWriteItem")
            for request in requests:
                if "PutRequest" in request:
                    item = request["PutRequest"]["Item"]
                    writes.append((table, table.check(item), item, request))
                else:
                    key = table.find_key(request["DeleteRequest"]["Key"], exact=True)
                    writes.append((table, key, None, request))
        if not 0 < len(writes) <= 25:
            raise InvalidError("Too many items requested for the BatchWriteItem call")
        if len(body) > _BATCH_BYTES:
            raise InvalidError("the request is larger than 16 MB")
        if len({(id(table), key) for table, key, _, _ in writes}) < len(writes):
            raise InvalidError("Provided list of item keys contains duplicates")
        return writes


def _copy(item: Item) -> Item:
    return json.loads(json.dumps(item))  # type: ignore[no-any-return]


def _valid(operation: str, check: Callable[[], ItemKey]) -> ItemKey:
    try:
        return check()
    except InvalidError as error:
        raise client_error("ValidationException", operation, message=str(error)) from None


def _parser(request: Mapping[str, Any], name: str) -> Parser:
    return Parser(
        request[name],
        request.get("ExpressionAttributeNames", {}),
        request.get("ExpressionAttributeValues", {}),
    )


def _condition(
    operation: str, request: Mapping[str, Any], name: str
) -> tuple[Callable[[Item], bool], set[str]]:
    try:
        parser = _parser(request, name)
        return parse_condition(parser), parser.used
    except ExpressionError as error:
        raise client_error("ValidationException", operation, message=str(error)) from None


def _check_used(operation: str, request: Mapping[str, Any], used: set[str]) -> None:
    given = {*request.get("ExpressionAttributeNames", {}), *request.get("ExpressionAttributeValues", {})}
    if given - used:
        message = f"Value provided in ExpressionAttributeValues unused in expressions: {sorted(given - used)}"
        raise client_error("ValidationException", operation, message=message)


def _hold(operation: str, request: Mapping[str, Any], old: Item, used: set[str] | None = None) -> None:
    """Raise what the service does where a condition does not hold."""
    used = used or set()
    holds: Callable[[Item], bool] = lambda _item: True  # noqa: E731 -- where there is no condition
    if "ConditionExpression" in request:
        holds, more = _condition(operation, request, "ConditionExpression")
        used |= more
    _check_used(operation, request, used)
    if not holds(old):
        error = client_error("ConditionalCheckFailedException", operation)
        if request.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD" and old:
            error.response["Item"] = _copy(old)
        raise error


def _give_back(request: Mapping[str, Any], old: Item | None, new: Item) -> dict[str, Any]:
    wanted = request.get("ReturnValues", "NONE")
    if wanted == "ALL_OLD":
        return {} if old is None else {"Attributes": _copy(old)}
    if wanted == "ALL_NEW":
        return {"Attributes": _copy(new)}
    assert wanted == "NONE", f"nobody asked for {wanted} before"
    return {}


def _projected(request: Mapping[str, Any]) -> set[str]:
    """Give the placeholders that a projection uses. What it leaves out is given all the same."""
    return {part.strip() for part in request.get("ProjectionExpression", "").split(",") if "#" in part}


def _order(attribute: Attribute) -> tuple[Decimal, bytes]:
    ((kind, value),) = attribute.items()
    return (as_number(value), b"") if kind == "N" else (Decimal(0), value.encode())


def _page(
    items: list[Item], request: Mapping[str, Any], table: Table, schema: tuple[tuple[str, str], ...]
) -> tuple[list[Item], Item | None]:
    """Give the items of a page, and the key that the next one begins after."""
    names = {name for name, _ in (*table.key, *schema)}
    keys = [{name: item[name] for name in names} for item in items]
    start = request.get("ExclusiveStartKey")
    if start is not None and start in keys:
        items, keys = items[keys.index(start) + 1 :], keys[keys.index(start) + 1 :]
    most = request.get("Limit")
    if most is None or len(items) < most:
        return items, None
    return items[:most], keys[most - 1]


class VirtualDynamoDB:
    """A client of :class:`Tables`."""

    def __init__(self, tables: Tables, wire: Wire) -> None:
        self._tables = tables
        self._wire = wire
        self.claims: list[tuple[str, str]] = []
        """The objects of the ledger that were claimed, and the runs that they were claimed for."""

    def get_item(self, **request: Any) -> dict[str, Any]:
        assert request.get("ConsistentRead"), "what is read may be old: nobody here reads so"
        return self._call("GetItem", request, lambda: self._tables.get(request))

    def batch_get_item(self, **request: Any) -> dict[str, Any]:
        return self._call("BatchGetItem", request, lambda: self._tables.get_batch(request))

    def put_item(self, **request: Any) -> dict[str, Any]:
        who = self._wire.schedule.current.name
        return self._call("PutItem", request, lambda: self._tables.put(request, who))

    def update_item(self, **request: Any) -> dict[str, Any]:
        actor = self._wire.schedule.current

        def effect() -> dict[str, Any]:
            answer = self._tables.update(request, actor.name)
            if "claim_run = :run" in request["UpdateExpression"]:
                actor.run = request["ExpressionAttributeValues"][":run"]["S"]
                if request["UpdateExpression"].startswith("SET feed"):
                    self.claims.append((request["Key"]["pk"]["S"], actor.run))
            return answer

        return self._call("UpdateItem", request, effect)

    def query(self, **request: Any) -> dict[str, Any]:
        return self._call("Query", request, lambda: self._tables.query(request))

    def scan(self, **request: Any) -> dict[str, Any]:
        return self._call("Scan", request, lambda: self._tables.query(request, scan=True))

    def get_paginator(self, operation: str) -> _Pages:
        return _Pages(getattr(self, operation))

    def _call(
        self, operation: str, request: Mapping[str, Any], effect: Callable[[], dict[str, Any]]
    ) -> dict[str, Any]:
        key = request.get("Key") or request.get("Item") or {}
        what = request.get("UpdateExpression", "")
        return self._wire.call(
            "dynamodb", operation, request, effect, f"{key.get('pk', {}).get('S', '')} {what}".strip()
        )


@dataclass(frozen=True)
class _Pages:
    operation: Callable[..., dict[str, Any]]

    def paginate(self, **request: Any) -> Iterator[dict[str, Any]]:
        while True:
            page = self.operation(**request)
            yield page
            if "LastEvaluatedKey" not in page:
                return
            request["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def follow_late(wire: Wire) -> Callable[[Callable[[], None]], None]:
    """Have indexes follow their table after a while."""
    return lambda follow: wire.schedule.at(wire.schedule.dice.uniform(0.0, _LATE), follow)
