"""Run the embedded AWS: a server on loopback, with nothing of the user's AWS in its surroundings.

Nothing here can reach a real account. The server and the functions in it see an environment made from scratch; the
connection is made of a loopback address and of fixed keys that no account has, and takes nothing else.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import socket
import tempfile
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from penstock.errors import ServiceError, UsageError
from penstock.local.install import Progress, be_quiet, install_server
from penstock.local.processes import end, has_ended, spawn, started_at, wait_until
from penstock.stack.connect import Connection

HOST: Final = "127.0.0.1"
REGION: Final = "us-east-1"
ACCOUNT: Final = "000000000000"
SECRET_KEY: Final = "penstock-local"  # noqa: S105 - it opens nothing but a server on loopback
START_SECONDS: Final = 30.0
ANSWER_SECONDS: Final = 30.0  # one that has stopped refuses at once; a busy one may take its time
STOP_SECONDS: Final = 60.0  # of which it needs more the more it holds: its state is written when it stops
_SCRATCH: Final = "penstock-"
_UNSAVED: Final = re.compile(r"(?i)failed to (save|persist) .*")  # so MiniStack 1.5.33 logs it
PASSED_ON: Final = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
"""What of the surroundings the server sees: what programs need to run at all."""


@dataclass(frozen=True, slots=True)
class Server:
    """A running embedded AWS. ``token`` is its own, and ``started`` its process's, so that no other is taken for it."""

    endpoint: str
    pid: int
    started: str
    token: str
    log: str
    scratch: str
    region: str = REGION
    leash: int | None = None  # the end of a pipe: the server ends when this process does

    def connection(self, account: str = ACCOUNT) -> Connection:
        """Give the connection to it. Each account of twelve digits is a world of its own there."""
        return local_connection(self.endpoint, account, self.region)

    def to_dict(self) -> dict[str, object]:
        """Give what another command needs to find it again, as plain JSON types."""
        return {**asdict(self), "leash": None}


def local_connection(endpoint: str, account: str = ACCOUNT, region: str = REGION) -> Connection:
    """Give a connection to an embedded AWS, with keys that are nobody's.

    Raises :class:`UsageError` where the endpoint is not plain HTTP on loopback or the account not twelve digits: that
    is what makes it impossible to reach AWS from here.
    """
    if not re.fullmatch(r"http://127\.0\.0\.1:[1-9][0-9]{0,4}", endpoint):
        raise UsageError(f"The embedded AWS is on loopback, as in http://{HOST}:4566; {endpoint!r} is not.")
    if not re.fullmatch("[0-9]{12}", account):
        raise UsageError("An account of the embedded AWS is twelve digits.")
    return Connection(region=region, endpoint_url=endpoint, access_key=account, secret_key=SECRET_KEY)


def start_server(
    state: Path | None = None,
    progress: Progress = be_quiet,
    *,
    port: int | None = None,
    outlive: bool = False,
) -> Server:
    """Start the embedded AWS, installing it first where it is not there, and wait until it answers.

    With ``state``, a folder, what it holds is kept there when it stops; without, it is forgotten. It takes ``port``
    where that is free. It ends with this process unless it is to ``outlive`` it. Raises :class:`ServiceError` where
    it does not start; the message ends with the end of its log.
    """
    python = install_server(progress)
    scratch = Path(tempfile.mkdtemp(prefix=_SCRATCH))
    folder = state or scratch / "state"
    folder.mkdir(parents=True, exist_ok=True)
    for wanted in (port, None, None):  # between finding a port free and taking it, another may take it
        server = _spawn(python, folder, scratch, _free_port(wanted), keep=state is not None, outlive=outlive)
        if _answers(server):
            return server
    said = log_tail(server)
    shutil.rmtree(scratch, ignore_errors=True)
    raise ServiceError(f"The embedded AWS did not start. The end of its log:\n{said}")


def _answers(server: Server) -> bool:
    """Wait until the server answers; stop it where it does not, or where nobody waits for it any more."""
    running = False
    try:
        wait_until(lambda: is_running(server) or has_ended(server.pid), START_SECONDS)
        running = is_running(server)
        return running
    finally:
        if not running:
            stop_server(server, forget=False)


def _spawn(python: Path, folder: Path, scratch: Path, port: int, *, keep: bool, outlive: bool) -> Server:
    token = f"penstock-{uuid.uuid4()}"
    endpoint = f"http://{HOST}:{port}"
    log = folder / "server.log"
    command = [str(python), "-I", str(Path(__file__).with_name("launch.py"))]
    environment = server_environment(endpoint, folder, scratch, token, keep=keep)
    if outlive:
        pid, leash = spawn(command, environment, log), None
    else:
        source, leash = os.pipe()
        pid = spawn([*command, "--with-parent"], environment, log, stdin=source)
        os.close(source)
    return Server(endpoint, pid, started_at(pid) or "", token, str(log), str(scratch), leash=leash)


def server_environment(
    endpoint: str, folder: Path, scratch: Path, token: str, *, keep: bool
) -> dict[str, str]:
    """Give the whole environment of the server, which is also that of the functions it runs."""
    port = endpoint.rpartition(":")[2]
    passed = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    return passed | {
        "HOME": str(scratch),
        "TMPDIR": str(scratch),
        "GATEWAY_PORT": port,
        "BIND_HOST": HOST,
        "MINISTACK_HOST": HOST,
        "MINISTACK_REGION": REGION,
        "MINISTACK_EDITION": token,  # its health check repeats it
        "STATE_DIR": str(folder / "services"),
        "S3_DATA_DIR": str(folder / "objects"),
        "PERSIST_STATE": "1" if keep else "0",
        "S3_PERSIST": "1" if keep else "0",
        "IOT_MTLS_ENABLED": "0",  # it would listen on every interface
        "SFTP_ENABLED": "0",
        "DOCKER_HOST": f"unix://{scratch}/no-docker.sock",
        "LAMBDA_EXECUTOR": "local",
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": ACCOUNT,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "NO_PROXY": HOST,
    }


def _free_port(wanted: int | None) -> int:
    for port in (wanted or 0, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise ServiceError("No port is free on loopback for the embedded AWS.")


def is_running(server: Server) -> bool:
    """Tell whether this very server answers; another one at its address, or an ended one, does not count."""
    port = int(server.endpoint.rpartition(":")[2])
    asked = http.client.HTTPConnection(HOST, port, timeout=ANSWER_SECONDS)
    try:
        asked.request("GET", "/_ministack/health")
        told = json.loads(asked.getresponse().read())
    except (OSError, http.client.HTTPException, ValueError):
        return False
    finally:
        asked.close()
    return isinstance(told, dict) and told.get("edition") == server.token


def is_alive(server: Server) -> bool:
    """Tell whether the server's own process lives, not another that has its id by now."""
    return not has_ended(server.pid) and started_at(server.pid) == server.started


def require_running(server: Server) -> None:
    """Raise :class:`ServiceError`, with the end of the server's log, where it no longer runs."""
    if not is_alive(server):
        raise ServiceError(
            f"The embedded AWS at {server.endpoint} has stopped. The end of its log:\n{log_tail(server)}"
        )


def log_tail(server: Server, lines: int = 12) -> str:
    """Give the last lines of the server's log, each indented."""
    try:
        with Path(server.log).open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - 20_000))
            text = log.read().decode(errors="replace")
    except OSError:
        return f"  ({server.log} can't be read)"
    return "\n".join(f"  {line}" for line in text.splitlines()[-lines:]) or "  (nothing)"


def stop_server(server: Server, *, forget: bool = True) -> bool:
    """Stop the server, which writes its state on the way where it keeps one, and remove its scratch folder.

    A process that merely has its id is left alone. Gives False where it had to be killed: then objects are kept, but
    tables are as they were when it last stopped. ``forget=False`` leaves the scratch folder for another start.
    """
    willing = end(server.pid, STOP_SECONDS) if is_alive(server) else True
    if server.leash is not None:
        os.close(server.leash)
    if forget:
        shutil.rmtree(server.scratch, ignore_errors=True)
    return willing


def remove_remains(server: Server) -> bool:
    """Remove the scratch folder of a server that is no more. Tells whether there was one: then it was killed, not stopped."""
    scratch = Path(server.scratch)
    if is_alive(server) or not scratch.name.startswith(_SCRATCH) or not scratch.is_dir():
        return False
    shutil.rmtree(scratch, ignore_errors=True)
    return True


def find_unsaved(server: Server) -> list[str]:
    """Give what the server's log says of state and objects that it could not save, such as on a full disk."""
    try:
        with Path(server.log).open(encoding="utf-8", errors="replace") as log:
            found = (_UNSAVED.search(line.rstrip("\n")) for line in log)
            return [match[0] for match in found if match is not None]
    except OSError:
        return []
