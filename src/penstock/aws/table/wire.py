"""Requests over bare connections: kept alive, with TLS, many at once in one thread.

A request costs one call to send and one to receive. Everything that is not plain (proxies, client certificates) is left
to botocore; see :mod:`penstock.aws.table.send`.
"""

from __future__ import annotations

import select
import socket
import ssl
import time
from dataclasses import dataclass
from typing import Any, Final

from penstock.aws.connect import CONNECT_SECONDS, READ_SECONDS
from penstock.aws.table.flights import Answer, Landing
from penstock.aws.table.response import AnswerReader, BrokenAnswerError
from penstock.aws.table.sign import Signer
from penstock.errors import ServiceError

_RECEIVED: Final = 64 * 1024
_FEW: Final = 16
_GROWS_AFTER: Final = 0.003
"""How long an answer is waited for before another connection than these few is opened: a service this near needs no more."""
_KEPT_SECONDS: Final = 15.0
"""An idle connection older than this is not trusted: something on the way may have forgotten it."""
_NOT_YET: Final = (ssl.SSLWantReadError, ssl.SSLWantWriteError, BlockingIOError)


@dataclass(frozen=True, slots=True)
class Address:
    """Where to connect to. ``tls`` is None for plain HTTP."""

    host: str
    port: int
    tls: ssl.SSLContext | None


class Connection:
    """One connection and the request that it carries, if any."""

    __slots__ = ("busy", "reader", "since", "socket", "tag", "unsent")

    def __init__(self, opened: socket.socket) -> None:
        self.socket = opened
        self.reader = AnswerReader()
        self.tag: Any = None
        self.busy = False
        self.unsent: memoryview | None = None
        self.since = time.monotonic()  # when the request was started, or the last answer came


def open_connection(address: Address) -> Connection:
    """Connect; the connection's calls do not block.

    Raises OSError where it can't be reached, and :class:`~penstock.errors.ServiceError` where the certificate is not to be
    trusted, which trying again does not mend.
    """
    opened = _connect_to_any(address)
    try:
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if address.tls is not None:
            opened = address.tls.wrap_socket(opened, server_hostname=address.host)
    except ssl.SSLCertVerificationError as error:
        opened.close()
        raise ServiceError(
            f"The certificate of {address.host} is not trusted ({error.verify_message}). If a certificate authority of your "
            "own signs here, name its bundle in AWS_CA_BUNDLE, and try again."
        ) from error
    except OSError:
        opened.close()
        raise
    opened.setblocking(False)
    return Connection(opened)


def _connect_to_any(address: Address) -> socket.socket:
    """Connect to the first of a name's addresses that answers. All of them together have the time of one."""
    until = time.monotonic() + CONNECT_SECONDS
    failure = OSError(f"{address.host} has no address")
    for family, kind, protocol, _, place in socket.getaddrinfo(
        address.host, address.port, type=socket.SOCK_STREAM
    ):
        opened = socket.socket(family, kind, protocol)
        opened.settimeout(max(_GROWS_AFTER, until - time.monotonic()))
        try:
            opened.connect(place)
        except OSError as error:
            opened.close()
            failure = error
        else:
            return opened
    raise failure


class WireFlights:
    """Requests under way on connections of their own; see :class:`~penstock.aws.table.flights.Flights`.

    ``pool`` holds idle connections; those used here are taken from it and given back to it by :meth:`close`. It may be
    shared between threads.
    """

    def __init__(self, address: Address, signer: Signer, pool: list[Connection], lanes: int) -> None:
        self._address = address
        self._signer = signer
        self._pool = pool
        self._lanes = lanes
        self._poll = select.poll()
        self._open: dict[int, Connection] = {}
        self._idle: list[Connection] = []
        self._failed: list[Any] = []
        self._slow = False
        self._check_at = 0.0
        self.under_way = 0

    def refresh(self) -> None:
        """Close the idle connections that the service has closed, or may have without our knowing."""
        now = time.monotonic()
        while self._idle and now - self._idle[0].since > _KEPT_SECONDS:
            self._drop(self._idle.pop(0))
        for descriptor, _ in self._poll.poll(0):
            self._receive(self._open[descriptor])

    def has_room(self) -> bool:
        if self._idle:
            return True
        return self.under_way == 0 or (self._slow and len(self._open) < self._lanes)

    def start(self, tag: Any, body: bytes) -> None:
        request = self._signer.head(body) + body
        try:
            connection = self._idle.pop() if self._idle else self._connect()
        except OSError:
            self.under_way += 1
            self._failed.append(tag)
            return
        self.under_way += 1
        connection.tag = tag
        connection.busy = True
        connection.since = time.monotonic()
        self._send(connection, memoryview(request))

    def _connect(self) -> Connection:
        self._slow = False
        now = time.monotonic()
        while True:
            try:
                connection = self._pool.pop()
            except IndexError:
                connection = open_connection(self._address)
                break
            if now - connection.since < _KEPT_SECONDS and not _has_ended(connection):
                break
            connection.socket.close()
        descriptor = connection.socket.fileno()
        self._open[descriptor] = connection
        self._poll.register(descriptor, select.POLLIN)
        return connection

    def _send(self, connection: Connection, unsent: memoryview) -> None:
        try:
            sent = connection.socket.send(unsent)
        except _NOT_YET:
            sent = 0
        except OSError:
            self._fail(connection)
            return
        if sent < len(unsent):
            self._poll.modify(connection.socket.fileno(), select.POLLIN | select.POLLOUT)
            connection.unsent = unsent[sent:]
        elif connection.unsent is not None:
            self._poll.modify(connection.socket.fileno(), select.POLLIN)
            connection.unsent = None

    def land(self, seconds: float, *, more: bool) -> list[Landing]:
        found: list[Landing] = []
        growing = more and len(self._open) < self._lanes
        if growing:
            seconds = _GROWS_AFTER if len(self._open) >= _FEW else 0.0
        events = self._poll.poll(0 if self._failed else min(seconds, 1.0) * 1000)
        for descriptor, event in events:
            connection = self._open[descriptor]
            if connection.unsent is not None and event & select.POLLOUT:
                self._send(connection, connection.unsent)
            if event & ~select.POLLOUT and descriptor in self._open:
                tag = connection.tag
                answer = self._receive(connection)
                if answer is not None:
                    found.append((tag, answer))
        self._slow = growing and not events
        now = time.monotonic()
        if now >= self._check_at:
            self._check_at = now + 1.0
            for connection in [*self._open.values()]:
                if connection.busy and now - connection.since > READ_SECONDS:
                    self._fail(connection)
        if self._failed:
            found.extend((tag, None) for tag in self._failed)
            self._failed = []
        self.under_way -= len(found)
        return found

    def _receive(self, connection: Connection) -> Answer | None:
        """Take what has come. Bytes for which nothing was asked end the connection, as its end does."""
        try:
            data = connection.socket.recv(_RECEIVED)
            if not connection.busy:
                self._fail(connection)
                return None
            answer = connection.reader.feed(data)
            while answer is None and data:
                data = connection.socket.recv(_RECEIVED)
                answer = connection.reader.feed(data)
        except _NOT_YET:
            return None
        except (OSError, BrokenAnswerError):
            self._fail(connection)
            return None
        connection.busy = False
        connection.tag = None
        if answer is not None and connection.reader.keeps and connection.unsent is None:
            connection.since = time.monotonic()
            self._idle.append(connection)
        else:
            self._drop(connection)
        return answer

    def _fail(self, connection: Connection) -> None:
        """Give a connection up; its request, if it has one, gets no answer."""
        if connection.busy:
            self._failed.append(connection.tag)
        else:
            self._idle.remove(connection)
        self._drop(connection)

    def _drop(self, connection: Connection) -> None:
        descriptor = connection.socket.fileno()
        self._poll.unregister(descriptor)
        del self._open[descriptor]
        connection.socket.close()

    def close(self) -> None:
        """Give the idle connections back, and close the others: what is under way is not waited for."""
        for connection in [*self._open.values()]:
            if connection.busy:
                self._drop(connection)
        self._pool.extend(self._idle)
        self._open.clear()
        self._idle.clear()
        self._failed.clear()
        self.under_way = 0


def _has_ended(connection: Connection) -> bool:
    try:
        connection.socket.recv(1)
    except _NOT_YET:
        return False
    except OSError:
        return True
    return True  # the end, or bytes that nobody asked for
