"""What is said where Spark can't run; and what holds for a session that can."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from patience import PATIENCE, wait_for

import penstock
from penstock.errors import UsageError
from penstock.spark import session as room
from penstock.spark.session import SETTINGS, check_installed

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def test_where_spark_is_not_installed_it_is_said_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "find_spec", lambda name: None if name == "pyspark" else object())
    with pytest.raises(UsageError, match=r"pip install 'penstock\[spark\]'"):
        check_installed()


@pytest.mark.parametrize("home", ["", "/nowhere"])
def test_where_java_is_not_installed_it_is_said_where_it_was_looked_for(
    monkeypatch: pytest.MonkeyPatch, home: str
) -> None:
    monkeypatch.setattr(room, "find_spec", lambda name: object())
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv("JAVA_HOME", home)
    with pytest.raises(UsageError, match="JAVA_HOME is /nowhere" if home else "no java on the PATH"):
        check_installed()


def test_cores_are_asked_of_spark_alone(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--engine spark"):
        penstock.run(tmp_path / "contract.yaml", [], output=tmp_path, cores=2)


@pytest.mark.spark
def test_a_session_computes_as_duckdb_does_and_listens_here_alone(session: SparkSession) -> None:
    assert {name: session.conf.get(name) for name in SETTINGS} == SETTINGS
    assert (
        session.conf.get("spark.driver.bindAddress") == session.conf.get("spark.driver.host") == "127.0.0.1"
    )
    assert session.sparkContext.uiWebUrl is None


JAVA = """\
#!/bin/sh
# In the place of Java: it is asked for the command that starts Spark, then started by that, and never has a port to tell.
[ "$1" = start ] || { printf '\\0\\n%s\\0start\\0' "$0"; exit; }
echo $$ > "$JAVA_HOME/pid.part" && mv "$JAVA_HOME/pid.part" "$JAVA_HOME/pid"
exec sleep 600
"""


@pytest.mark.spark
def test_an_interrupt_while_java_starts_ends_java_too(tmp_path: Path) -> None:
    java, pid = tmp_path / "bin" / "java", tmp_path / "pid"
    java.parent.mkdir()
    java.write_text(JAVA)
    java.chmod(0o755)
    code = (
        "import signal\n"
        "from penstock.spark.session import open_session\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a job in the background begins without
        "with open_session(1): pass"
    )
    running = subprocess.Popen(
        [sys.executable, "-c", code], env={**os.environ, "JAVA_HOME": str(tmp_path)}, stderr=subprocess.PIPE
    )
    wait_for(pid.exists, "Java has started")
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=PATIENCE)
    assert said.rstrip().endswith(b"KeyboardInterrupt")
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)
