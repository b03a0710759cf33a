"""Where a project's embedded AWS is noted, so that a later command finds it: ``.penstock/local`` in the project.

The server itself is believed, not the note: it must answer with its own token, and a process is only ever ended when
it started at the noted time.
"""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import fields
from pathlib import Path

from penstock.local.server import Server

_SERVER = "server.json"


def local_folder(project: Path) -> Path:
    """Give the folder of a project's embedded AWS, made where it is not there, and kept out of version control."""
    hidden = project / ".penstock"
    folder = hidden / "local"
    folder.mkdir(parents=True, exist_ok=True)
    ignore = hidden / ".gitignore"
    if not ignore.exists():
        ignore.write_text("*\n")
    return folder


def state_folder(project: Path) -> Path:
    """Give the folder in which the embedded AWS keeps what it holds."""
    return local_folder(project) / "state"


@contextmanager
def one_command_at_a_time(project: Path) -> Iterator[None]:
    """Wait until no other command starts or stops this project's embedded AWS."""
    with (local_folder(project) / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def note_server(project: Path, server: Server) -> None:
    """Note a server as the project's."""
    path = local_folder(project) / _SERVER
    written = path.with_suffix(".new")
    written.write_text(json.dumps(server.to_dict()) + "\n")
    written.replace(path)


def noted_server(project: Path) -> Server | None:
    """Give the server that was last noted, running or not; None where there is none or the note can't be read."""
    try:
        found = json.loads((project / ".penstock" / "local" / _SERVER).read_text())
        return Server(**{field.name: found[field.name] for field in fields(Server)})
    except (OSError, ValueError, KeyError, TypeError):
        return None


def last_port(project: Path) -> int | None:
    """Give the port that the project's server had last: addresses that people noted down stay right where it is free."""
    server = noted_server(project)
    if server is not None:
        with suppress(ValueError):
            return int(server.endpoint.rpartition(":")[2])
    return None
