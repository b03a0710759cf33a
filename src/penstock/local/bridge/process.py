"""The bridge as a process beside the embedded AWS: ``python -m penstock.local.bridge.process``, which ``penstock up`` starts.

It ends by itself when its server has ended.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
import traceback
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final

from penstock.local.bridge.carry import Bridge
from penstock.local.processes import end, has_ended, spawn, started_at
from penstock.local.server import PASSED_ON, Server, is_alive
from penstock.stack.names import Names

STEP_SECONDS: Final = 2.0
_LOOK_SECONDS: Final = 0.5
_END_SECONDS: Final = 5.0
_NOTE: Final = "bridge.json"


@dataclass(frozen=True, slots=True)
class BridgeProcess:
    """A bridge that was started: its process, the token of the server that it is for, and the name of the project."""

    pid: int
    started: str
    token: str
    project: str

    def is_alive(self) -> bool:
        """Tell whether it runs, and not another process that has its id by now."""
        return not has_ended(self.pid) and started_at(self.pid) == self.started


def ensure_bridge(folder: Path, server: Server, project: str, since: float) -> None:
    """Start the bridge of a project's server, unless it runs. It is noted in ``folder``, and logs there.

    One that runs for another server, or for the name that the project had before, is stopped.
    """
    noted = noted_bridge(folder)
    if noted is not None and (noted.token, noted.project) == (server.token, project) and noted.is_alive():
        return
    stop_bridge(folder)
    about = json.dumps({"server": server.to_dict(), "project": project, "since": since})
    environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    command = [sys.executable, "-P", "-m", "penstock.local.bridge.process", about]
    pid = spawn(command, environment, folder / "bridge.log")
    note = {"pid": pid, "started": started_at(pid) or "", "token": server.token, "project": project}
    (folder / _NOTE).write_text(json.dumps(note) + "\n")


def stop_bridge(folder: Path) -> None:
    """Stop the bridge that is noted in ``folder``, if it runs."""
    noted = noted_bridge(folder)
    if noted is not None and noted.is_alive():
        end(noted.pid, _END_SECONDS)


def noted_bridge(folder: Path) -> BridgeProcess | None:
    """Give the bridge that was last noted in ``folder``, running or not; None where there is none."""
    try:
        found = json.loads((folder / _NOTE).read_text())
        return BridgeProcess(**{field.name: found[field.name] for field in fields(BridgeProcess)})
    except (OSError, ValueError, KeyError, TypeError):
        return None


def run_bridge(server: Server, project: str, since: float) -> None:
    """Carry on until the server has ended, at once then: what is under way would be tried again for a minute."""
    threading.Thread(target=_carry, args=(server, project, since), daemon=True).start()
    while is_alive(server):
        time.sleep(_LOOK_SECONDS)


def _carry(server: Server, project: str, since: float) -> None:
    """Do a step again and again. What goes wrong is logged, and tried again: nobody would see that alarms stand still."""
    connection = server.connection()
    bridge = Bridge(connection, Names(project, str(connection.access_key), connection.region), since)
    while True:
        try:
            bridge.step()
        except Exception:  # noqa: BLE001 -- as it says
            traceback.print_exc()
        time.sleep(STEP_SECONDS)


if __name__ == "__main__":
    os.setsid()  # Ctrl-C in the terminal is for the command that started it
    told = json.loads(sys.argv[1])
    run_bridge(Server(**told["server"]), told["project"], told["since"])
