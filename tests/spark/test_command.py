"""``penstock run --engine spark``: the results, the report and the exit code of any other run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from fake_aws import connect

import penstock
from penstock.api import run_spark
from penstock.errors import ServiceError
from penstock.load.steps.step import StepName
from penstock.local.server import Server
from penstock.spark import drive
from penstock.spark.distribute import spread

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark

CONTRACT = """\
penstock: 1
name: orders
source: {prefix: incoming/orders/}
schema:
  fields:
    - {name: id, type: string, constraints: {required: true}}
    - {name: n, type: integer}
load: {table: orders, partition_key: id}
quality: {max_rejects: 2}
"""


def write_files(folder: Path) -> tuple[Path, Path, Path]:
    contract, good, bad = folder / "orders.yaml", folder / "good.csv", folder / "bad.csv"
    contract.write_text(CONTRACT)
    good.write_text("id,n\na,1\nb,2\na,x\n")
    bad.write_text("id,n\na,x\nb,y\nc,z\nd,4\n")
    return contract, good, bad


def read_folder(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = {
        path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()
    }
    for name, text in found.items():
        if name.endswith("report.json"):
            report = json.loads(text)
            found[name] = {k: v for k, v in report.items() if k not in {"seconds", "engine"}}
    return found


def test_a_run_on_spark_leaves_the_files_and_the_exit_code_of_a_run_without(tmp_path: Path) -> None:
    contract, good, bad = write_files(tmp_path)
    codes, said = [], []
    for options in (["--engine", "spark", "--cores", "2"], []):
        command = [sys.executable, "-m", "penstock", "run", str(contract), str(good), str(bad)]
        place = tmp_path / ("spark" if options else "one")
        done = subprocess.run(
            [*command, "--output", str(place), *options], capture_output=True, text=True, check=False
        )
        codes.append(done.returncode)
        said.append((done.stdout.replace(place.as_posix(), "DIR"), done.stderr))
    assert codes == [1, 1]
    assert said[0][1] == "", "Spark says nothing by itself"
    assert read_folder(tmp_path / "spark") == read_folder(tmp_path / "one")
    assert json.loads((tmp_path / "spark/good.csv/report.json").read_text())["engine"] == "spark"


def test_a_run_that_is_interrupted_ends_without_a_word_of_sparks(tmp_path: Path) -> None:
    contract, good, _ = write_files(tmp_path)
    out = tmp_path / "out"
    command = [sys.executable, "-m", "penstock", "run", str(contract), str(good), "--engine", "spark"]
    with subprocess.Popen(
        [*command, "--output", str(out)], stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as started:
        while not (out / ".run/good.csv/run/cut.json").exists():
            assert started.poll() is None, "it ended by itself"
            time.sleep(0.05)
        os.killpg(started.pid, signal.SIGINT)  # as a terminal does, to Java too
        _, said = started.communicate()
    assert (started.returncode, said) == (
        130,
        "The run was cut off. The same command with --resume goes on with it.\n",
    )


def test_a_run_that_failed_goes_on_where_it_was(
    session: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    contract, good, _ = write_files(tmp_path)
    monkeypatch.setattr(run_spark, "open_session", lambda _cores, **_brief: nullcontext(session))
    out = tmp_path / "out"

    def fail_to_load(context: Any, call: Any, step: StepName, count: int) -> None:
        if step == "load":
            raise ServiceError("no executor is left")
        spread(context, call, step, count)

    with monkeypatch.context() as patch:
        patch.setattr(drive, "spread", fail_to_load)
        [report] = penstock.run(contract, [good], output=out, engine="spark", cores=2)
    assert (report.status, report.reason) == ("failed", "no executor is left")
    surveyed = out / ".run/good.csv/run/survey/000000.json"
    before = surveyed.stat().st_mtime_ns
    monkeypatch.setattr("shutil.rmtree", lambda *_given, **_named: None)  # so that it can be looked at
    [report] = penstock.run(contract, [good], output=out, engine="spark", cores=2, resume=True)
    assert report.status == "done"
    assert surveyed.stat().st_mtime_ns == before
    good.write_text("id,n\nother,1\n")
    with pytest.raises(penstock.UsageError, match="the file is not what it was"):
        penstock.run(contract, [good], output=out, engine="spark", cores=2, resume=True)


@pytest.mark.aws
def test_a_table_is_loaded_by_the_executors(
    session: SparkSession, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    contract, good, _ = write_files(tmp_path)
    monkeypatch.setattr(run_spark, "open_session", lambda _cores, **_brief: nullcontext(session))
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    with connect(server.endpoint) as connections:
        connections.dynamodb.create_table(
            TableName="orders",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        [report] = penstock.run(contract, [good], endpoint_url=server.endpoint, engine="spark", cores=2)
        items = connections.dynamodb.scan(TableName="orders")["Items"]
        connections.dynamodb.delete_table(TableName="orders")
    assert (report.status, report.items.put, report.write_units) == ("done", 2, 2)
    assert [reject["line"] for reject in report.extra["first_rejects"]] == [4]
    assert sorted(item["id"]["S"] for item in items) == ["a", "b"]
