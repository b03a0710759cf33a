"""A sink for writes: a loopback HTTPS endpoint that speaks BatchWriteItem, takes everything, and keeps nothing.

It runs in a process of its own, so that its work is not the loader's, and does as little of it as it can: a thread for
each connection, requests read by Content-Length, answers made before. It counts the puts and deletes that arrive, so
that a benchmark can tell a fast loader from one that loses rows.

The process tells its port on its output, answers each line of its input with the counts so far, and ends with it.
"""

from __future__ import annotations

import json
import os
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from bench.measure import ROOT

READ_BYTES: Final = 1 << 17
_PUT: Final = b'"PutRequest"'
_DELETE: Final = b'"DeleteRequest"'
_WRITE: Final = b".BatchWriteItem"
_WANTS_UNITS: Final = b'"ReturnConsumedCapacity"'

Keys = Mapping[str, list[str]]
"""The key attributes of each table: partition key and its type, sort key and its type."""


@dataclass(slots=True)
class Counts:
    """What has arrived."""

    requests: int = 0
    puts: int = 0
    deletes: int = 0


@dataclass
class Sink:
    """The endpoint, within the process that serves it."""

    keys: Keys
    counts: list[Counts] = field(default_factory=list)
    """One of each connection, so that no thread waits for another."""

    def total(self) -> Counts:
        """Add up the connections' counts."""
        seen = list(self.counts)
        return Counts(
            sum(one.requests for one in seen), sum(one.puts for one in seen), sum(one.deletes for one in seen)
        )

    def serve(self, connection: ssl.SSLSocket) -> None:
        """Answer one connection's requests until it is closed."""
        mine = Counts()
        self.counts.append(mine)
        with suppress(OSError, EOFError), connection:
            connection.do_handshake()
            left = b""
            while True:
                head, body, left = _read_request(connection, left)
                connection.sendall(self._answer(head, body, mine))

    def _answer(self, head: bytes, body: bytes, mine: Counts) -> bytes:
        if _WRITE not in head:
            return self._describe(head, body)
        puts, deletes = body.count(_PUT), body.count(_DELETE)
        mine.requests += 1
        mine.puts += puts
        mine.deletes += deletes
        return _acknowledge(puts + deletes if _WANTS_UNITS in body else 0, next(iter(self.keys), ""))

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


def _read_request(connection: ssl.SSLSocket, left: bytes) -> tuple[bytes, bytes, bytes]:
    """Give a request's head, its body, and what was read beyond it."""
    seen = left
    while (end := seen.find(b"\r\n\r\n")) < 0:
        seen += _receive(connection)
    head = seen[:end]
    start = head.lower().find(b"content-length:")
    length = int(head[start + 15 :].split(b"\r\n", 1)[0]) if start >= 0 else 0
    parts, missing = [seen[end + 4 :]], length - (len(seen) - end - 4)
    while missing > 0:
        parts.append(_receive(connection))
        missing -= len(parts[-1])
    body = b"".join(parts)
    return head, body[:length], body[length:]


def _receive(connection: ssl.SSLSocket) -> bytes:
    data = connection.recv(READ_BYTES)
    if not data:
        raise EOFError
    return data


def _response(status: int, content: Mapping[str, Any]) -> bytes:
    body = json.dumps(content).encode()
    head = f"HTTP/1.1 {status} -\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


_ANSWERS: Final[dict[int, bytes]] = {}


def _acknowledge(units: int, table: str) -> bytes:
    """Give the answer that everything was taken; ``units`` of 0 is one that says nothing of capacity."""
    if units not in _ANSWERS:
        used = {"ConsumedCapacity": [{"TableName": table, "CapacityUnits": float(units)}]} if units else {}
        _ANSWERS[units] = _response(200, {"UnprocessedItems": {}, **used})
    return _ANSWERS[units]


def listen(keys: Keys, certificate: Path) -> tuple[Sink, int]:
    """Serve on a free port of the loopback, in threads that end with the process; give the port too."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_suffix(".key"))
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    sink = Sink(keys)

    def accept() -> None:
        while True:
            plain, _ = listener.accept()
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = context.wrap_socket(plain, server_side=True, do_handshake_on_connect=False)
            threading.Thread(target=sink.serve, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
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
        total = sink.total()
        print(
            json.dumps({"requests": total.requests, "puts": total.puts, "deletes": total.deletes}), flush=True
        )


if __name__ == "__main__":
    main()
