"""A connection to an endpoint of its own takes nothing from the surroundings."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from penstock.errors import ServiceError, UsageError
from penstock.stack.connect import Connection

ANSWER = b"""<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>
<Account>000000000000</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"""


class _Endpoint(ThreadingHTTPServer):
    def __init__(self, status: int = 200, answer: bytes = ANSWER) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status, self.answer = status, answer
        self.seen: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: _Endpoint

    def do_POST(self) -> None:
        self.server.seen.append(self.headers["Authorization"])
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(self.server.answer)))
        self.end_headers()
        self.wfile.write(self.server.answer)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the base class's name
        pass


@pytest.fixture
def endpoint() -> Iterator[_Endpoint]:
    with _Endpoint() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_the_surroundings_do_not_reach_a_connection_with_an_endpoint(
    endpoint: _Endpoint, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = tmp_path / "config"
    config.write_text(
        "[default]\nregion = us-west-2\naws_access_key_id = FROMFILE\naws_secret_access_key = x\n"
    )
    for name, value in {
        "AWS_ACCESS_KEY_ID": "FROMENVIRONMENT",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_SESSION_TOKEN": "x",
        "AWS_PROFILE": "no-such-profile",
        "AWS_CONFIG_FILE": str(config),
        "AWS_SHARED_CREDENTIALS_FILE": str(config),
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        "AWS_ENDPOINT_URL_STS": "http://127.0.0.1:1",
        "HTTP_PROXY": "http://127.0.0.1:1",
        "AWS_USE_FIPS_ENDPOINT": "true",
    }.items():
        monkeypatch.setenv(name, value)
    connection = Connection(
        "eu-central-1", endpoint_url=endpoint.url, access_key="000000000000", secret_key="s"
    )
    assert connection.account() == "000000000000"
    (authorization,) = endpoint.seen
    assert "Credential=000000000000/" in authorization
    assert "/eu-central-1/sts/" in authorization
    assert "x-amz-security-token" not in authorization


def test_an_emulator_that_the_surroundings_name_is_not_taken_for_aws(
    endpoint: _Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "none")
    assert Connection("eu-central-1").reaches_aws()
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint.url)
    assert not Connection("eu-central-1").reaches_aws()


def test_an_endpoint_without_keys_of_its_own_is_refused() -> None:
    with pytest.raises(UsageError, match="needs an access key and a secret key"):
        Connection("eu-central-1", endpoint_url="http://127.0.0.1:1")


def test_a_profile_and_keys_at_once_are_refused() -> None:
    with pytest.raises(UsageError, match="not both"):
        Connection("eu-central-1", profile="work", access_key="a", secret_key="b")


def test_a_profile_that_does_not_exist_is_a_service_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    with pytest.raises(ServiceError, match=r"Could not connect to sts: .*no-such-profile"):
        Connection("eu-central-1", profile="no-such-profile").account()


def test_a_refusal_says_what_was_tried_and_what_the_service_said(endpoint: _Endpoint) -> None:
    endpoint.status = 403
    endpoint.answer = b"<ErrorResponse><Error><Code>ExpiredToken</Code><Message>The token has expired</Message></Error></ErrorResponse>"
    connection = Connection(
        "eu-central-1", endpoint_url=endpoint.url, access_key="000000000000", secret_key="s"
    )
    with pytest.raises(ServiceError, match=r"find out the account .*: ExpiredToken: The token has expired"):
        connection.account()


def test_two_connections_of_the_same_words_share_nothing() -> None:
    first, second = (
        Connection("us-east-1", access_key="a", secret_key="b"),
        Connection("us-east-1", access_key="a", secret_key="b"),
    )
    assert first == second
    assert first.client("sts") is first.client("sts")
    assert first.client("sts") is not second.client("sts"), "the surroundings may have changed in between"
