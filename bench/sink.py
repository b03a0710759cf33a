"""A sink for writes: a loopback HTTPS endpoint that speaks BatchWriteItem and PutItem, takes everything, and keeps nothing.

It runs in a process of its own, so that its work is not the loader's, and does as little of it as it can: one thread for
all connections, requests read by Content-Length, answers made before. It counts the writes that arrive, so
that a benchmark can tell a fast loader from one that loses rows.

The process tells its port on its output, answers each line of its input with the counts so far, and ends with it.
"""

from __future__ import annotations

import json
import os
import re
import selectors
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from bench.measure import ROOT

READ_BYTES: Final = 1 << 16
_EACH: Final = b'Request"'
"""In a body once for each put and delete: within a text, a quote has a backslash before it."""
_WRITE: Final = b".BatchWriteItem"
_PUT: Final = b".PutItem"
_WANTS_UNITS: Final = b'"ReturnConsumedCapacity"'
_LENGTH: Final = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)

Keys = Mapping[str, list[str]]
"""The key attributes of each table: partition key and its type, sort key and its type."""


@dataclass(slots=True)
class Counts:
    """What has arrived."""

    requests: int = 0
    writes: int = 0


@dataclass
class Sink:
    """The endpoint, within the process that serves it."""

    keys: Keys
    counts: Counts = field(default_factory=Counts)

    def serve(self, listener: socket.socket, tls: ssl.SSLContext) -> None:
        """Answer whoever connects, for ever, in one thread."""
        selector = selectors.DefaultSelector()
        selector.register(listener, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.data is None:
                    plain, _ = listener.accept()
                    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    plain.setblocking(False)
                    opened = tls.wrap_socket(plain, server_side=True, do_handshake_on_connect=False)
                    selector.register(opened, selectors.EVENT_READ, Client(opened))
                elif not self._attend(key.data):
                    selector.unregister(key.fileobj)
                    key.data.connection.close()

    def _attend(self, client: Client) -> bool:
        """Answer all that a client has sent; tell whether it is still there."""
        try:
            client.receive()
            while (body := client.next_body()) is not None:
                client.send(self._answer(client, body))
        except (OSError, EOFError):
            return False
        return True

    def _answer(self, client: Client, body: slice) -> bytes:
        seen, start, end, counts = client.seen, body.start, body.stop, self.counts
        if seen.find(_PUT, 0, start) >= 0:
            counts.requests += 1
            counts.writes += 1
            return _PUT_ANSWER
        if seen.find(_WRITE, 0, start) < 0:
            return self._describe(bytes(seen[:start]), bytes(seen[body]))
        writes = seen.count(_EACH, start, end)
        counts.requests += 1
        counts.writes += writes
        # It stands at the end or at the beginning, before or after all requests.
        asked = (
            seen.find(_WANTS_UNITS, max(start, end - 64), end) >= 0
            or seen.find(_WANTS_UNITS, start, start + 64) >= 0
        )
        return _acknowledge(writes if asked else 0, next(iter(self.keys), ""))

    def _describe(self, head: bytes, body: bytes) -> bytes:
        name = str(json.loads(body).get("TableName")) if b".DescribeTable" in head else ""
        if name not in self.keys:
            return _response(400, {"__type": "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException"})
        keys = self.keys[name]
        pairs = list(zip(keys[::2], keys[1::2], strict=True))
        kinds = ("HASH", "RANGE")
        table = {
            "TableName": name,
            "TableStatus": "ACTIVE",
            "KeySchema": [
                {"AttributeName": key, "KeyType": kind} for (key, _), kind in zip(pairs, kinds, strict=False)
            ],
            "AttributeDefinitions": [{"AttributeName": key, "AttributeType": type_} for key, type_ in pairs],
        }
        return _response(200, {"Table": table})


class Client:
    """A connection, and what it has sent: into one buffer, ``seen``, so that nothing is copied."""

    def __init__(self, connection: ssl.SSLSocket) -> None:
        self.connection = connection
        self.seen = bytearray(READ_BYTES)
        self._filled = 0
        self._taken = 0
        self._greeted = False

    def receive(self) -> None:
        """Take all that has come. Raises EOFError where the client is gone."""
        try:
            if not self._greeted:
                self.connection.do_handshake()
                self._greeted = True
            while True:
                if self._filled == len(self.seen):
                    self.seen.extend(bytes(len(self.seen)))
                with memoryview(self.seen) as view:
                    count = self.connection.recv_into(view[self._filled :])
                if not count:
                    raise EOFError
                self._filled += count
        except ssl.SSLWantReadError:
            return

    def next_body(self) -> slice | None:
        """Give where the next request's body is, its head being before it; None until it is whole."""
        if self._taken:
            left = self._filled - self._taken
            if left:  # of a client that does not wait for answers
                self.seen[:left] = self.seen[self._taken : self._filled]
            self._filled, self._taken = left, 0
        end = self.seen.find(b"\r\n\r\n", 0, self._filled)
        if end < 0:
            return None
        start = end + 4
        found = _LENGTH.search(self.seen, 0, start)
        stop = start + (int(found[1]) if found else 0)
        if self._filled < stop:
            return None
        self._taken = stop
        return slice(start, stop)

    def send(self, answer: bytes) -> None:
        """Send an answer; it is short, and whoever does not take it at once is waited for."""
        self.connection.setblocking(True)
        try:
            self.connection.sendall(answer)
        finally:
            self.connection.setblocking(False)


def _response(status: int, content: Mapping[str, Any]) -> bytes:
    body = json.dumps(content).encode()
    head = f"HTTP/1.1 {status} -\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


_ANSWERS: Final[dict[int, bytes]] = {}
_PUT_ANSWER: Final = _response(200, {"ConsumedCapacity": {"TableName": "t", "CapacityUnits": 1.0}})


def _acknowledge(units: int, table: str) -> bytes:
    """Give the answer that everything was taken; ``units`` of 0 is one that says nothing of capacity."""
    if units not in _ANSWERS:
        used = {"ConsumedCapacity": [{"TableName": table, "CapacityUnits": float(units)}]} if units else {}
        _ANSWERS[units] = _response(200, {"UnprocessedItems": {}, **used})
    return _ANSWERS[units]


def listen(keys: Keys, certificate: Path) -> tuple[Sink, int]:
    """Serve on a free port of the loopback, in a thread that ends with the process; give the port too."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_suffix(".key"))
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    sink = Sink(keys)
    threading.Thread(target=sink.serve, args=(listener, context), daemon=True).start()
    return sink, listener.getsockname()[1]


def make_certificate(folder: Path) -> Path:
    """Make a certificate for the loopback that vouches for itself, and its key beside it; give the certificate."""
    folder.mkdir(parents=True, exist_ok=True)
    certificate = folder / "sink.crt"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    command += ["-nodes", "-days", "7", "-subj", "/CN=localhost"]
    command += [
        "-addext",
        "subjectAltName=IP:127.0.0.1,DNS:localhost",
        "-addext",
        "keyUsage=digitalSignature,keyCertSign",
    ]
    command += ["-keyout", str(certificate.with_suffix(".key")), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    return certificate


@dataclass(frozen=True)
class Endpoint:
    """The sink's process, seen from outside."""

    url: str
    certificate: Path
    process: subprocess.Popen[str]

    def counts(self) -> Counts:
        """Ask for what has arrived since the start."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return Counts(**json.loads(self.process.stdout.readline()))

    def bind(self, cpus: Iterable[int]) -> None:
        """Let the process run on these processors only, with the threads that it has and those to come."""
        allowed = list(cpus)
        for task in Path(f"/proc/{self.process.pid}/task").iterdir():
            os.sched_setaffinity(int(task.name), allowed)

    def environment(self) -> dict[str, str]:
        """Give what a loader needs in its environment: the endpoint, trust in it, and keys that open nothing."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_CA_BUNDLE": str(self.certificate),
            "AWS_ACCESS_KEY_ID": "000000000000",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_REGION": "us-east-1",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            "NO_PROXY": "*",
        }


@contextmanager
def start_sink(keys: Keys, folder: Path) -> Iterator[Endpoint]:
    """Start the sink in a process of its own; it ends when the context is left."""
    certificate = make_certificate(folder)
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.sink", str(certificate), json.dumps(keys)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield Endpoint(f"https://127.0.0.1:{process.stdout.readline().strip()}", certificate, process)
    finally:
        process.stdin.close()
        process.stdout.close()
        process.wait(10)


def main() -> None:
    """Serve until the input ends."""
    certificate, keys = sys.argv[1:]
    sink, port = listen(json.loads(keys), Path(certificate))
    print(port, flush=True)
    for _ in sys.stdin:
        print(json.dumps(asdict(sink.counts)), flush=True)


if __name__ == "__main__":
    main()
