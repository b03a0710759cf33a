"""A feed whose query is over many files, deployed on the embedded AWS: files are put, its run is called for, and then what is new."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from command_line import invoke, write

from penstock.local.project import down, find_running

pytestmark = pytest.mark.aws

CONTRACT = """\
penstock: 1
name: sales
source: {prefix: incoming/sales/, suffix: .csv}
schema: {fields: [{name: shop, type: string}, {name: amount, type: integer}]}
transform: {over: new, sql: "SELECT shop, sum(amount) AS amount FROM rows GROUP BY shop"}
load: {table: sales, partition_key: shop}
schedule: cron(0 6 * * ? *)
"""
PATIENCE = 60.0


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("shop")
    write(folder / "penstock.yaml", "penstock: 1\nname: shop\n")
    write(folder / "contracts" / "sales.yaml", CONTRACT)
    up = invoke("up", "--project", folder)
    assert up.exit_code == 0, up.output
    yield folder
    down(folder)


def put(project: Path, name: str, rows: str) -> str:
    done = invoke("put", write(project / name, f"shop,amount\n{rows}"), "--project", project)
    assert done.exit_code == 0, done.output
    return done.output


def await_runs(project: Path, number: int) -> list[dict[str, Any]]:
    """Have the feed run now, and wait until it has had so many runs."""
    swept = invoke("sweep", "--feed", "sales", "--json", "--project", project)
    assert json.loads(swept.stdout)[0]["queued"] == 1
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        listed: list[dict[str, Any]] = json.loads(invoke("runs", "--json", "--project", project).stdout)
        if len(listed) == number and listed[0]["status"] not in {"running", "handed over"}:
            return listed
        time.sleep(0.2)
    raise AssertionError(f"there are no {number} runs")


def items(project: Path) -> dict[str, int]:
    dynamodb = find_running(project).connection.client("dynamodb")
    found = dynamodb.scan(TableName="sales")["Items"]
    return {item["shop"]["S"]: int(item["amount"]["N"]) for item in found}


def test_files_wait_for_the_run_that_is_over_all_that_are_new(project: Path) -> None:
    said = put(project, "a.csv", "x,1\ny,2\n")
    assert "The feed sales loads its files together" in said
    assert "penstock sweep --feed sales" in said
    put(project, "b.csv", "x,3\n")
    (run,) = await_runs(project, 1)
    assert (run["status"], run["key"], items(project)) == ("done", "incoming/sales/", {"x": 4, "y": 2})
    put(project, "c.csv", "z,5\n")
    again = await_runs(project, 2)[0]
    assert (again["counts"]["read"], items(project)) == (1, {"x": 4, "y": 2, "z": 5})


def test_a_part_of_what_is_loaded_as_one_can_not_be_filled_in(project: Path) -> None:
    refused = invoke("backfill", "incoming/sales/2025/", "--project", project)
    assert refused.exit_code == 2
    assert "loads all files under incoming/sales/ as one (transform.over: new): name that prefix" in " ".join(
        refused.output.split()
    )
