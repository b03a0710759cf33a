"""A double of BatchWriteItem, and of PutItem with a condition, that keeps DynamoDB's rules and breaks when told to.

No emulator throttles, holds items back, or loses an acknowledgement; this does.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal

Fault = Literal["none", "hold-some", "hold-all", "throttle", "error", "drop", "drop-after", "cut", "deny"]


@dataclass
class FakeTable:
    """One table, keyed by ``pk`` (S) and ``n`` (N), and what goes wrong with the requests to come."""

    name: str = "orders"
    faults: list[Fault] = field(default_factory=list)
    """What each request to come meets; those after the last meet nothing."""
    always: Fault = "none"
    delay: float = 0.0
    items: dict[tuple[str, Decimal], dict[str, Any]] = field(default_factory=dict)
    history: list[str] = field(default_factory=list)
    """The ``v`` attribute of every put as it was applied."""
    requests: int = 0
    sizes: list[int] = field(default_factory=list)
    in_flight: int = 0
    most_in_flight: int = 0
    signed: bool = True
    url: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)


class Refusal(Exception):
    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(message)


def _key(body: dict[str, Any]) -> tuple[str, Decimal]:
    for name, kind in (("pk", "S"), ("n", "N")):
        if name not in body:
            raise Refusal(
                "ValidationException",
                f"One or more parameter values were invalid: Missing the key {name} in the item",
            )
        if kind not in body[name]:
            raise Refusal(
                "ValidationException",
                f"One or more parameter values were invalid: Type mismatch for key {name} expected: {kind} "
                f"actual: {next(iter(body[name]))}",
            )
    if not body["pk"]["S"]:
        raise Refusal(
            "ValidationException",
            "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty "
            "string value. Key: pk",
        )
    return body["pk"]["S"], Decimal(body["n"]["N"])


def _check(requests: list[dict[str, Any]], size: int) -> list[tuple[tuple[str, Decimal], dict[str, Any]]]:
    if len(requests) > 25:
        raise Refusal("ValidationException", "Too many items requested for the BatchWriteItem call")
    if size > 16 << 20:
        raise Refusal("RequestEntityTooLarge", "")
    found = []
    for request in requests:
        body = request["PutRequest"]["Item"] if "PutRequest" in request else request["DeleteRequest"]["Key"]
        key = _key(body)
        for value in body.values():
            if "N" in value and not value["N"].lstrip("-").replace(".", "").isdigit():
                raise Refusal(
                    "ValidationException",
                    f"The parameter cannot be converted to a numeric value: {value['N']}",
                )
        if len(json.dumps(body)) > 400 << 10:
            raise Refusal("ValidationException", "Item size has exceeded the maximum allowed size")
        found.append((key, request))
    if len({key for key, _ in found}) != len(found):
        raise Refusal("ValidationException", "Provided list of item keys contains duplicates")
    return found


def _holds(request: dict[str, Any], there: dict[str, Any]) -> bool:
    """Tell whether a condition of those that are sent holds of an item, as DynamoDB's comparisons go."""
    names, values = request["ExpressionAttributeNames"], request["ExpressionAttributeValues"]
    value, digest = there.get(names["#v"]), there.get(names["#d"])
    older = digest is None or _less(digest, values[":d"])
    if request["ConditionExpression"] == "attribute_not_exists(#v) AND (attribute_not_exists(#d) OR #d < :d)":
        return value is None and older
    assert request["ConditionExpression"] == (
        "attribute_not_exists(#v) OR #v < :v OR (#v = :v AND (attribute_not_exists(#d) OR #d < :d))"
    )
    return value is None or _less(value, values[":v"]) or (_is(value, values[":v"]) and older)


def _less(one: dict[str, str], other: dict[str, str]) -> bool:
    [(kind, value)], [(other_kind, limit)] = one.items(), other.items()
    if kind != other_kind:
        return False  # values of two types are neither less, nor equal, nor greater
    return Decimal(value) < Decimal(limit) if kind == "N" else value.encode() < limit.encode()


def _is(one: dict[str, str], other: dict[str, str]) -> bool:
    return one.keys() == other.keys() and not _less(one, other) and not _less(other, one)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # a small answer would wait 40 ms for an acknowledgement
    server: _Server

    def log_message(self, *args: object) -> None:
        pass

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        table = self.server.table
        with table.lock:
            table.in_flight += 1
            table.most_in_flight = max(table.most_in_flight, table.in_flight)
        time.sleep(table.delay)
        with table.lock:
            table.in_flight -= 1
            table.requests += 1
            table.signed &= self.headers.get("Authorization", "").startswith("AWS4-HMAC-SHA256 Credential=")
            fault = table.faults.pop(0) if table.faults else table.always
            try:
                self._answer(fault, json.loads(body), len(body))
            except Refusal as refusal:
                self._fail(400, refusal.code, str(refusal))

    def _answer(self, fault: Fault, request: dict[str, Any], size: int) -> None:
        table = self.server.table
        operation = self.headers["X-Amz-Target"].removeprefix("DynamoDB_20120810.")
        if fault == "drop":
            self.close_connection = True
        elif fault == "throttle":
            self._fail(
                400, "ProvisionedThroughputExceededException", "The level of configured ... was exceeded"
            )
        elif fault == "error":
            self._fail(500, "InternalServerError", "")
        elif fault == "deny":
            self._fail(
                400, "AccessDeniedException", "User: arn:aws:iam::123456789012:user/x is not authorized"
            )
        elif operation == "PutItem":
            self._put(fault, request, size)
        else:
            assert operation == "BatchWriteItem"
            if list(request["RequestItems"]) != [table.name]:
                raise Refusal("ResourceNotFoundException", "Requested resource not found")
            writes = _check(request["RequestItems"][table.name], size)
            table.sizes.append(len(writes))
            held = writes[:: 2 if fault == "hold-some" else 1] if fault.startswith("hold") else []
            for key, write in writes:
                if (key, write) not in held:
                    self._apply(key, write)
            self._acknowledge(fault, [write for _, write in reversed(held)], len(writes) - len(held))

    def _put(self, fault: Fault, request: dict[str, Any], size: int) -> None:
        table = self.server.table
        if request["TableName"] != table.name:
            raise Refusal("ResourceNotFoundException", "Requested resource not found")
        write = {"PutRequest": {"Item": request["Item"]}}
        [(key, _)] = _check([write], size)
        there = table.items.get(key)
        assert request["ReturnValuesOnConditionCheckFailure"] == "ALL_OLD"
        status = 200
        answer: dict[str, Any] = {"ConsumedCapacity": {"TableName": table.name, "CapacityUnits": 1.0}}
        if there is None or _holds(request, there):
            self._apply(key, write)
        else:
            code = "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException"
            status, answer = 400, {"__type": code, "message": "The conditional request failed", "Item": there}
        if fault == "drop-after":
            self.close_connection = True
        else:
            self._send(status, json.dumps(answer).encode(), cut=fault == "cut")

    def _apply(self, key: tuple[str, Decimal], write: dict[str, Any]) -> None:
        table = self.server.table
        if "PutRequest" in write:
            table.items[key] = write["PutRequest"]["Item"]
            table.history.append(write["PutRequest"]["Item"].get("v", {}).get("S", ""))
        else:
            table.items.pop(key, None)

    def _acknowledge(self, fault: Fault, held: list[dict[str, Any]], units: int) -> None:
        if fault == "drop-after":
            self.close_connection = True
            return
        name = self.server.table.name
        answer = json.dumps(
            {
                "UnprocessedItems": {name: held} if held else {},
                "ConsumedCapacity": [{"TableName": name, "CapacityUnits": float(units)}],
            }
        ).encode()
        self._send(200, answer, cut=fault == "cut")

    def _fail(self, status: int, code: str, message: str) -> None:
        kind = f"com.amazonaws.dynamodb.v20120810#{code}"
        self._send(status, json.dumps({"__type": kind, "message": message}).encode())

    def _send(self, status: int, body: bytes, *, cut: bool = False) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[:-3] if cut else body)
        if cut:
            self.close_connection = True


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, table: FakeTable) -> None:
        self.table = table
        super().__init__(("127.0.0.1", 0), _Handler)


@contextmanager
def serve_table(table: FakeTable | None = None) -> Iterator[FakeTable]:
    table = table or FakeTable()
    server = _Server(table)
    table.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield table
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
