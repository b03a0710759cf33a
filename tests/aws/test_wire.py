"""Requests go over connections that are kept, trusted, given up when they break, and left to botocore when unusual."""

import itertools
import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from batch_server import FakeTable, serve_table
from botocore.credentials import RefreshableCredentials
from fake_aws import connect
from scripted_server import Scripted, answer, serve_script

from bench.sink import make_certificate
from penstock.aws.table import wire
from penstock.aws.table.send import Sender
from penstock.aws.table.write import Pace, TableWriter
from penstock.engine.result import PUT, SEPARATOR, WriteBatch
from penstock.errors import ServiceError
from penstock.plan.model import KeyAttribute, Table

TABLE = Table("orders", False, KeyAttribute("pk", "S"), KeyAttribute("n", "N"), (), None, None, None, None)


def pack(count: int, text: str = "") -> list[WriteBatch]:
    """Pack so many batches of 25 puts."""

    def put(row: int) -> str:
        return f'{PUT}{{"pk":{{"S":"c{row}"}},"n":{{"N":"1"}},"v":{{"S":"{text}"}}}}}}}}'

    rows = [range(first, first + 25) for first in range(0, 25 * count, 25)]
    return [WriteBatch(SEPARATOR.join(map(put, part)), part, 0) for part in rows]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificate(tmp_path_factory.mktemp("certificate"))


@contextmanager
def write_to(url: str, lanes: int = 1, *, patience: float = 20.0) -> Iterator[TableWriter]:
    with ExitStack() as stack:
        sender = Sender(stack.enter_context(connect(url)), lanes)
        stack.callback(sender.close)
        yield stack.enter_context(TableWriter(sender, TABLE, pace=Pace(patience=patience), lanes=lanes))


Reply = Callable[[int], bytes | None]


@contextmanager
def scripted(reply: Reply, lanes: int = 1, **options: float) -> Iterator[tuple[Scripted, TableWriter]]:
    with (
        serve_script(reply) as server,
        write_to(f"http://127.0.0.1:{server.port}", lanes, **options) as writer,
    ):
        yield server, writer


def test_one_connection_carries_one_request_after_another() -> None:
    with scripted(lambda _: answer()) as (server, writer):
        assert writer.write(pack(20)).refused == ()
        assert writer.write(pack(20)).refused == ()
    assert len(server.connections) == 1
    assert len(server.heads) == 40
    assert writer.stats.write_units == 1000


def test_connections_are_kept_from_one_writer_to_the_next() -> None:
    with (
        serve_script(lambda _: answer()) as server,
        connect(f"http://127.0.0.1:{server.port}") as connections,
    ):
        sender = Sender(connections, 2)
        for _ in range(3):
            with TableWriter(sender, TABLE, lanes=2) as writer:
                writer.write(pack(10))
        sender.close()
    assert len(server.connections) <= 2


def test_waiting_for_a_slow_service_takes_no_time_of_the_processor() -> None:
    def reply(_: int) -> bytes:
        time.sleep(0.1)
        return answer()

    with scripted(reply, 12) as (server, writer):
        began, busy = time.monotonic(), time.thread_time()
        writer.write(pack(40))
        assert time.thread_time() - busy < (time.monotonic() - began) / 3
    assert len(server.connections) >= 8


def test_a_connection_that_is_closed_while_idle_costs_nothing() -> None:
    with scripted(lambda _: answer()) as (server, writer):
        writer.write(pack(3))
        server.hang_up()
        writer.write(pack(3))
    assert len(server.connections) == 2
    assert writer.stats.requests == 6
    assert writer.stats.resent == 0


@pytest.mark.parametrize(
    "broken",
    [
        None,
        b"garbage\r\n\r\n",
        answer(head=b"x-amz-crc32: 1\r\n"),
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
    ],
)
def test_a_request_whose_connection_breaks_is_sent_again_on_another(broken: bytes | None) -> None:
    with scripted(lambda number: broken if number == 1 else answer()) as (server, writer):
        writer.write(pack(3))
    assert len(server.heads) == 4
    assert len(server.connections) == 2
    assert writer.stats.resent == 25


def test_a_connection_that_the_server_ends_is_not_used_again() -> None:
    with scripted(lambda _: answer(head=b"Connection: close\r\n")) as (server, writer):
        writer.write(pack(4))
    assert len(server.connections) == 4
    assert writer.stats.resent == 0


def test_an_answer_in_chunks_is_an_answer() -> None:
    body = b'{"UnprocessedItems": {}}'
    chunks = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    with scripted(lambda _: chunks) as (server, writer):
        writer.write(pack(4))
    assert len(server.heads) == 4
    assert len(server.connections) == 1


def test_a_request_of_many_megabytes_is_sent_whole() -> None:
    with scripted(lambda _: answer()) as (server, writer):
        writer.write(pack(2, "x" * 300_000))
    assert [len(json.loads(body)["RequestItems"]["orders"]) for body in server.bodies] == [25, 25]


def test_an_answer_that_does_not_come_in_time_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "READ_SECONDS", 0.2)
    silence = iter([True])

    def reply(_: int) -> bytes | None:
        if next(silence, False):
            server.closed.wait(3)
        return answer()

    with scripted(reply) as (server, writer):
        writer.write(pack(1))
    assert len(server.heads) >= 2


def test_a_service_that_can_t_be_reached_is_given_up_after_a_while() -> None:
    with serve_script(lambda _: answer()) as server:
        port = server.port
    with (
        write_to(f"http://127.0.0.1:{port}", patience=0.5) as writer,
        pytest.raises(ServiceError, match="took nothing"),
    ):
        writer.write(pack(3))


def test_a_trusted_certificate_is_accepted(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate))
    with serve_script(lambda _: answer(), certificate) as server:
        with write_to(f"https://localhost:{server.port}", 3) as writer:
            writer.write(pack(30))
        assert len(server.heads) == 30
        assert 1 <= len(server.connections) <= 3


@pytest.mark.parametrize(("bundle", "host"), [("", "localhost"), ("trusted", "127.0.0.2")])
def test_a_certificate_not_trusted_or_not_the_host_s_is_refused(
    certificate: Path, monkeypatch: pytest.MonkeyPatch, bundle: str, host: str
) -> None:
    monkeypatch.delenv("AWS_CA_BUNDLE", raising=False)
    if bundle:
        monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate))
    monkeypatch.setattr(socket, "getaddrinfo", _resolve_to_loopback(socket.getaddrinfo))
    with serve_script(lambda _: answer(), certificate) as server:
        url = f"https://{host}:{server.port}"
        with (
            write_to(url) as writer,
            pytest.raises(ServiceError, match=f"certificate of {host} is not trusted"),
        ):
            writer.write(pack(2))
        assert server.heads == []


def _resolve_to_loopback(resolve: Callable[..., object]) -> Callable[..., object]:
    return lambda _host, *more, **named: resolve("127.0.0.1", *more, **named)


def test_a_bundle_that_can_t_be_read_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AWS_CA_BUNDLE", str(tmp_path / "none.pem"))
    with (
        connect("https://localhost:1") as connections,
        pytest.raises(ServiceError, match=r"none\.pem can't be read"),
    ):
        Sender(connections, 1)


def test_behind_a_proxy_botocore_sends(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve_table(FakeTable()) as table:
        monkeypatch.setenv("http_proxy", table.url)
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        with connect("http://dynamodb.invalid") as connections:
            sender = Sender(connections, 4)
            assert not sender.direct
            with TableWriter(sender, TABLE, lanes=4) as writer:
                writer.write(pack(8))
            sender.close()
    assert len(table.items) == 200
    assert table.signed


def test_what_botocore_sends_arrives_just_so() -> None:
    with serve_table(FakeTable()) as table, connect(table.url) as connections:
        sender = Sender(connections, 4, direct=False)
        with TableWriter(sender, TABLE, lanes=4) as writer:
            writer.write(pack(8))
        sender.close()
    assert len(table.items) == 200
    assert table.signed


def test_credentials_are_refreshed_while_a_load_runs() -> None:
    count = itertools.count(1)

    def fetch() -> dict[str, str]:
        ends = datetime.now(UTC) + timedelta(minutes=5)  # within the time in which botocore always refreshes
        return {
            "access_key": f"KEY{next(count)}",
            "secret_key": "secret",
            "token": "token",
            "expiry_time": ends.isoformat(),
        }

    with (
        serve_script(lambda _: answer()) as server,
        connect(f"http://127.0.0.1:{server.port}") as connections,
    ):
        connections.session.get_component("credential_provider").providers.insert(0, _Provider(fetch))
        connections.session._credentials = None  # those that the connection was given
        sender = Sender(connections, 1)
        with TableWriter(sender, TABLE, lanes=1) as writer:
            writer.write(pack(1))
            time.sleep(1.01)  # credentials are asked for once a second
            writer.write(pack(1))
        sender.close()
    seen = [head.partition(b"Credential=")[2].partition(b"/")[0] for head in server.heads]
    assert len(set(seen)) == 2


class _Provider:
    METHOD = CANONICAL_NAME = "test"

    def __init__(self, fetch: Callable[[], dict[str, str]]) -> None:
        self._fetch = fetch

    def load(self) -> RefreshableCredentials:
        return RefreshableCredentials.create_from_metadata(self._fetch(), self._fetch, "test")
