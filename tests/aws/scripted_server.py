"""A server that answers each request with the bytes that a test gives it, over TLS or not."""

from __future__ import annotations

import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

DONE = b'{"UnprocessedItems":{},"ConsumedCapacity":[{"CapacityUnits":25.0,"TableName":"orders"}]}'
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


def answer(body: bytes = DONE, head: bytes = b"") -> bytes:
    return b"HTTP/1.1 200 OK\r\n%bContent-Length: %d\r\n\r\n%b" % (head, len(body), body)


@dataclass
class Scripted:
    """``reply`` is given the request's number, from 0, and gives the answer; nothing closes the connection without."""

    reply: Callable[[int], bytes | None]
    port: int = 0
    connections: list[socket.socket] = field(default_factory=list)
    heads: list[bytes] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    closed: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def hang_up(self) -> None:
        """Close every connection, as a server does with those that were idle for long."""
        for connection in self.connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def serve(self, connection: socket.socket) -> None:
        with suppress(OSError), connection:
            while request := _read(connection):
                with self.lock:
                    number = len(self.heads)
                    self.heads.append(request[0])
                    self.bodies.append(request[1])
                reply = self.reply(number)
                if reply is None:
                    return
                connection.sendall(reply)


def _read(connection: socket.socket) -> tuple[bytes, bytes] | None:
    data = b""
    while (end := data.find(b"\r\n\r\n")) < 0:
        more = connection.recv(1 << 20)
        if not more:
            return None
        data += more
    found = _LENGTH.search(data[:end])
    assert found is not None
    parts, due = [data[end + 4 :]], int(found[1]) - len(data) + end + 4
    while due > 0:
        parts.append(connection.recv(1 << 20))
        due -= len(parts[-1])
    return data[:end], b"".join(parts)


@contextmanager
def serve_script(reply: Callable[[int], bytes | None], certificate: Path | None = None) -> Iterator[Scripted]:
    scripted = Scripted(reply)
    context = None
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, certificate.with_suffix(".key"))
    threads: list[threading.Thread] = []

    def greet(accepted: socket.socket) -> None:
        with suppress(OSError):
            connection = context.wrap_socket(accepted, server_side=True) if context else accepted
            scripted.connections.append(connection)
            scripted.serve(connection)
        accepted.close()

    def accept() -> None:
        with suppress(OSError):
            while not scripted.closed.is_set():
                accepted, _ = listener.accept()
                threads.append(threading.Thread(target=greet, args=(accepted,)))
                threads[-1].start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        scripted.port = listener.getsockname()[1]
        door = threading.Thread(target=accept)
        door.start()
        try:
            yield scripted
        finally:
            scripted.closed.set()
            listener.shutdown(socket.SHUT_RDWR)
            door.join()
            scripted.hang_up()
            for thread in threads:
                thread.join()
