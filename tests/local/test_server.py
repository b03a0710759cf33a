import json
import os
import platform
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from patience import PATIENCE

from penstock.errors import ServiceError, UsageError
from penstock.local import server as server_module
from penstock.local.processes import has_ended, started_at, wait_until
from penstock.local.server import (
    Server,
    is_alive,
    is_running,
    local_connection,
    log_tail,
    require_running,
    server_environment,
    start_server,
    stop_server,
)

DECOYS = {
    "AWS_ACCESS_KEY_ID": "AKIADECOYDECOYDECOY0",
    "AWS_SECRET_ACCESS_KEY": "decoy",
    "AWS_SESSION_TOKEN": "decoy",
    "AWS_PROFILE": "decoy",
    "AWS_REGION": "eu-decoy-1",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
    "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:1",
    "AWS_USE_FIPS_ENDPOINT": "true",
    "HTTP_PROXY": "http://127.0.0.1:1",
    "http_proxy": "http://127.0.0.1:1",
    "ALL_PROXY": "http://127.0.0.1:1",
}
DECOY_FILE = """\
[default]
aws_access_key_id = AKIADECOYDECOYDECOY0
aws_secret_access_key = decoy
endpoint_url = http://127.0.0.1:1
[profile decoy]
role_arn = arn:aws:iam::123456789012:role/decoy
source_profile = default
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    started = start_server()
    yield started
    stop_server(started)


@pytest.fixture
def surroundings_of_a_real_account(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, value in DECOYS.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        path = tmp_path / name.lower()
        path.write_text(DECOY_FILE)
        monkeypatch.setenv(name, str(path))


@pytest.mark.aws
@pytest.mark.usefixtures("surroundings_of_a_real_account")
def test_it_answers_under_its_own_account_whatever_the_surroundings_say(server: Server) -> None:
    connection = server.connection()
    assert connection.account() == "000000000000"
    for service in ("s3", "dynamodb", "sqs", "lambda", "cloudformation", "iam", "logs", "sts"):
        client = connection.client(service)
        assert client.meta.endpoint_url == server.endpoint
        credentials = client._request_signer._credentials
        assert (credentials.access_key, credentials.token) == ("000000000000", None)


@pytest.mark.usefixtures("surroundings_of_a_real_account")
def test_nothing_of_the_users_aws_reaches_the_server_or_its_functions() -> None:
    given = server_environment("http://127.0.0.1:4566", Path("/s"), Path("/t"), "token", keep=True)
    assert not set(given.values()) & (set(DECOYS.values()) - {"true"})
    assert "AWS_PROFILE" not in given
    assert "AWS_SESSION_TOKEN" not in given
    assert (given["AWS_CONFIG_FILE"], given["AWS_SHARED_CREDENTIALS_FILE"]) == (os.devnull, os.devnull)
    assert given["HOME"] == "/t"
    assert given["AWS_ENDPOINT_URL"] == "http://127.0.0.1:4566"


@pytest.mark.aws
def test_the_environment_of_the_running_server_is_the_one_made_for_it(server: Server) -> None:
    if platform.system() != "Linux":
        pytest.skip("only Linux shows a process's environment")
    seen = Path(f"/proc/{server.pid}/environ").read_bytes().decode().split("\0")
    assert f"AWS_ENDPOINT_URL={server.endpoint}" in seen
    allowed = set(server_environment("http://127.0.0.1:1", Path("/s"), Path("/t"), "x", keep=False))
    assert {entry.partition("=")[0] for entry in seen if entry} - {"LC_CTYPE"} <= allowed


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://127.0.0.1:4566",
        "http://dynamodb.us-east-1.amazonaws.com",
        "http://127.0.0.1.example.com:80",
        "http://127.0.0.1:80@example.com",
        "http://localhost:4566",
        "http://127.0.0.1:4566/",
        "http://127.0.0.1:4566\n",
        "http://10.0.0.1:4566",
        "",
    ],
)
def test_a_connection_to_anything_but_loopback_is_refused(endpoint: str) -> None:
    with pytest.raises(UsageError, match="loopback"):
        local_connection(endpoint)


def test_an_account_that_is_not_twelve_digits_is_refused() -> None:
    with pytest.raises(UsageError, match="twelve digits"):
        local_connection("http://127.0.0.1:4566", "AKIADECOYDECOYDECOY0")


@pytest.mark.aws
def test_it_listens_on_loopback_only(server: Server) -> None:
    if platform.system() != "Linux":
        pytest.skip("read from /proc")
    sockets = {str(link.readlink()) for link in Path(f"/proc/{server.pid}/fd").iterdir() if link.is_symlink()}
    listening = []
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{server.pid}/net/{table}").read_text().splitlines()[1:]:
            cells = line.split()
            if cells[3] == "0A" and f"socket:[{cells[9]}]" in sockets:
                listening.append(cells[1].rpartition(":")[0])
    assert listening == ["0100007F"]


@pytest.mark.aws
def test_accounts_are_worlds_of_their_own(server: Server) -> None:
    server.connection("111111111111").client("sqs").create_queue(QueueName="only-here")
    assert not server.connection("222222222222").client("sqs").list_queues().get("QueueUrls")


@pytest.mark.aws
def test_what_it_holds_survives_a_stop_where_it_has_a_state_folder(tmp_path: Path) -> None:
    first = start_server(tmp_path)
    try:
        s3, dynamodb = (first.connection().client(service) for service in ("s3", "dynamodb"))
        s3.create_bucket(Bucket="kept")
        s3.put_bucket_versioning(Bucket="kept", VersioningConfiguration={"Status": "Enabled"})
        version = s3.put_object(Bucket="kept", Key="a b", Body=b"1")["VersionId"]
        dynamodb.create_table(
            TableName="kept",
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
            BillingMode="PAY_PER_REQUEST",
        )
        dynamodb.put_item(TableName="kept", Item={"pk": {"S": "1"}})
    finally:
        assert stop_server(first)
    assert not Path(first.scratch).exists()
    second = start_server(tmp_path, port=int(first.endpoint.rpartition(":")[2]))
    try:
        assert second.endpoint == first.endpoint
        assert not is_running(first)  # same address, another server
        s3, dynamodb = (second.connection().client(service) for service in ("s3", "dynamodb"))
        assert s3.get_object(Bucket="kept", Key="a b", VersionId=version)["Body"].read() == b"1"
        assert dynamodb.get_item(TableName="kept", Key={"pk": {"S": "1"}})["Item"] == {"pk": {"S": "1"}}
    finally:
        stop_server(second)


@pytest.mark.aws
def test_a_crash_is_told_with_the_end_of_the_log(tmp_path: Path) -> None:
    started = start_server(tmp_path)
    require_running(started)
    os.kill(started.pid, signal.SIGKILL)
    assert wait_until(lambda: not is_alive(started), PATIENCE)
    with pytest.raises(ServiceError, match=r"has stopped[^$]*Running on"):
        require_running(started)
    assert stop_server(started)


@pytest.mark.aws
def test_it_ends_with_the_process_that_started_it_however_that_ends() -> None:
    script = (
        "import json, sys, time\n"
        "from penstock.local.server import start_server\n"
        "print(json.dumps(start_server().to_dict()), flush=True)\n"
        "time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = Server(**json.loads(parent.stdout.readline()))
        assert is_running(child)
        parent.kill()
    assert wait_until(lambda: not is_alive(child), PATIENCE)
    stop_server(child)  # removes the folder that nobody could


@pytest.mark.aws
def test_a_later_process_with_the_same_id_is_never_ended(server: Server) -> None:
    stale = Server(**{**server.to_dict(), "started": "0", "scratch": "/nonexistent"})  # type: ignore[arg-type]  # plain JSON types
    assert stop_server(stale)
    assert is_running(server)


def test_a_process_that_has_ended_is_seen_as_ended() -> None:
    child = os.posix_spawn(sys.executable, [sys.executable, "-c", ""], dict(os.environ))
    assert wait_until(lambda: has_ended(child), PATIENCE)
    assert has_ended(child)
    assert started_at(child) is None


def test_a_server_that_cannot_start_says_what_its_log_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho no such module\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setattr(server_module, "install_server", lambda progress: broken)
    with pytest.raises(ServiceError, match=r"did not start.*\n  no such module"):
        start_server(tmp_path)


class _Stranger(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"edition": "light"}')

    def log_message(self, *args: object) -> None:
        """Say nothing."""


def test_another_server_at_the_address_is_not_taken_for_it(tmp_path: Path) -> None:
    with HTTPServer(("127.0.0.1", 0), _Stranger) as stranger:
        threading.Thread(target=stranger.serve_forever, daemon=True).start()
        there = f"http://127.0.0.1:{stranger.server_port}"
        mine = Server(there, os.getpid(), "", "penstock-1", str(tmp_path / "no.log"), str(tmp_path))
        assert not is_running(mine)
        assert log_tail(mine) == f"  ({tmp_path}/no.log can't be read)"
        stranger.shutdown()
