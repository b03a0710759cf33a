"""Spark sessions: one on this computer, and the settings by which any session agrees with DuckDB."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from subprocess import Popen
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from penstock.errors import ServiceError, UsageError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

Session: TypeAlias = "SparkSession"
"""A session, for those who hand one on and do without Spark themselves."""

NEEDED: Final = ("pyspark", "pyarrow", "pandas")

SETTINGS: Final = {
    "spark.sql.ansi.enabled": "true",
    "spark.sql.decimalOperations.allowPrecisionLoss": "false",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.timestampType": "TIMESTAMP_NTZ",
    "spark.sql.legacy.timeParserPolicy": "CORRECTED",
    "spark.sql.parquet.datetimeRebaseModeInRead": "CORRECTED",
    "spark.sql.parquet.datetimeRebaseModeInWrite": "CORRECTED",
    "spark.sql.parquet.int96RebaseModeInRead": "CORRECTED",
    "spark.sql.parquet.int96RebaseModeInWrite": "CORRECTED",
}
"""What a session needs so that what overflows fails, decimals keep their digits, and times have no zone."""

_LOCAL: Final = {
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.memory": "2g",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.sql.catalogImplementation": "in-memory",
}
_ENDING_SECONDS: Final = 10.0
_BRIEF: Final = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
_MOST_FAILURES: Final = 4
"""How often a task is tried, as on a cluster; by itself a session on one computer tries once."""


def apply_settings(session: SparkSession) -> None:
    """Make a session that somebody else made compute as DuckDB does."""
    for name, value in SETTINGS.items():
        session.conf.set(name, value)


def check_installed() -> None:
    """Raise :class:`~penstock.errors.UsageError` where this computer lacks what Spark needs."""
    if any(find_spec(name) is None for name in NEEDED):
        raise UsageError("Spark is not installed here. Install it: pip install 'penstock[spark]'")
    home = os.environ.get("JAVA_HOME")
    if shutil.which("java", path=None if not home else str(Path(home, "bin"))) is None:
        place = f"JAVA_HOME is {home}, and there is no java in it" if home else "There is no java on the PATH"
        raise UsageError(
            f"Spark needs Java 17. {place}: install it (as apt-get install openjdk-17-jre-headless does)."
        )


@contextmanager
def open_session(cores: int, *, brief: bool = False) -> Iterator[SparkSession]:
    """Start Spark in a process beside this one, with so many tasks at once; it listens on loopback alone.

    Where it is to be ``brief``, because there is little to do, Java does not spend its time on making itself fast.

    Raises :class:`~penstock.errors.UsageError` where Spark or Java is not installed, or a session is open already, and
    :class:`~penstock.errors.ServiceError` where it does not start.
    """
    check_installed()
    from pyspark.errors import PySparkRuntimeError  # noqa: PLC0415 -- it is an extra
    from pyspark.sql import SparkSession  # noqa: PLC0415

    if SparkSession.getActiveSession() is not None:
        raise UsageError(
            "This program has a Spark session open already, with settings of its own: stop it first."
        )
    with TemporaryDirectory(prefix="penstock-spark-") as scratch:
        quiet = Path(__file__).with_name("log4j2.properties").as_uri()
        builder = SparkSession.builder.master(f"local[{cores},{_MOST_FAILURES}]").appName("penstock")
        options = {
            **SETTINGS,
            **_LOCAL,
            "spark.driver.extraJavaOptions": f"{_BRIEF if brief else ''} -Dlog4j2.configurationFile={quiet}",
            "spark.local.dir": scratch,
            "spark.sql.warehouse.dir": Path(scratch, "warehouse").as_uri(),
            "spark.sql.shuffle.partitions": str(2 * cores),
        }
        for name, value in options.items():
            builder = builder.config(name, value)
        logging.getLogger("py4j").addHandler(logging.NullHandler())  # what it says is raised too
        try:
            surroundings = _environment(PYSPARK_PYTHON=sys.executable, SPARK_LOCAL_IP="127.0.0.1")
            with surroundings, _same_signals(), _ending_java():
                session = builder.getOrCreate()
        except PySparkRuntimeError as error:
            raise ServiceError("Spark did not start: what Java says stands above.") from error
        try:
            yield session
        except BaseException as error:
            if isinstance(error, Exception):
                session.stop()
            else:  # an answer may be read by half, and nothing more can be asked
                _end_java(session)
            raise
        session.stop()


def _end_java(session: SparkSession) -> None:
    """End the process of Java, which ends when nobody can speak to it any more."""
    context = session.sparkContext
    context._accumulatorServer.shutdown()  # or it would complain that Java is gone
    gateway = context._gateway
    if gateway is None:
        return
    gateway._gateway_client.is_connected = False  # or the garbage collector would tell it what is no more
    process = gateway.proc
    if process.stdin is not None:
        process.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            process.wait(_ENDING_SECONDS)


@contextmanager
def _same_signals() -> Iterator[None]:
    """Have Ctrl-C do what it did: Spark's own way asks Java, in the middle of another question."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGINT)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _ending_java() -> Iterator[None]:
    """End Java where something ends its start, such as Ctrl-C.

    Java ends by itself once it has told pyspark its port and this process is gone. Before that pyspark is the only one to
    know of it, forgets it, and it stays for good.
    """
    from pyspark import SparkContext, java_gateway  # noqa: PLC0415 -- it is an extra

    started: list[Popen[bytes]] = []

    def start(*arguments: Any, **options: Any) -> Popen[bytes]:
        started.append(Popen(*arguments, **options))
        return started[-1]

    names: dict[str, Any] = vars(java_gateway)  # pyspark has no other way to learn which process it started
    names["Popen"] = start
    try:
        yield
    except BaseException:
        for process in started:
            process.kill()
            process.wait()
        if started:
            SparkContext._gateway = SparkContext._jvm = None  # another start would ask the Java that is gone
        raise
    finally:
        names["Popen"] = Popen


@contextmanager
def _environment(**variables: str) -> Iterator[None]:
    """Set variables for the while: what Java and the workers are started with can be said in no other way."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
