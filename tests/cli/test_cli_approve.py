"""``penstock approve``: what it refuses, and a file that deletes more than its limit, on the embedded AWS."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from command_line import CLEAN, CONTRACT, HEADER, invoke, write

from penstock.local.project import down, find_running

LESS = HEADER + CLEAN.splitlines()[1] + "\n"
MIRROR = CONTRACT.replace("  sort_key: order_id\n", "  sort_key: order_id\n  mode: mirror\n")
DIRECT = MIRROR.replace("orders", "returns") + "trigger: direct\n"

pytestmark = pytest.mark.aws


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A project that is up, whose feeds mirror their files."""
    folder = tmp_path_factory.mktemp("shop")
    write(folder / "penstock.yaml", "penstock: 1\nname: shop\n")
    write(folder / "contracts" / "orders.yaml", MIRROR)
    write(folder / "contracts" / "returns.yaml", DIRECT)
    done = invoke("up", "--project", folder)
    assert done.exit_code == 0, done.output
    yield folder
    down(folder)


def put(project: Path, name: str, text: str) -> dict[str, Any]:
    done = invoke("put", write(project / name, text), "--project", project, "--json")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def last_run(project: Path, feed: str) -> dict[str, Any]:
    """Wait for the feed's latest run to end."""
    while True:
        told = invoke("runs", "--feed", feed, "--limit", "1", "--json", "--project", project).stdout
        found: dict[str, Any] = json.loads(told)[0]
        if found["status"] != "running" and found["code"] is None:
            return found
        time.sleep(0.1)


@pytest.mark.parametrize("feed", ["orders", "returns"])
def test_a_file_that_deletes_more_than_its_limit_is_loaded_once_that_is_approved(
    project: Path, feed: str
) -> None:
    name = f"{feed}-1.csv"
    assert put(project, name, CLEAN)["items"]["put"] == 2
    refused = put(project, name, LESS)
    assert (refused["status"], refused["code"]) == ("rejected", "delete-limit")
    shown = invoke("runs", refused["id"], "--project", project).stdout
    assert f"penstock approve {refused['id']}" in shown
    done = invoke("approve", refused["id"], "--yes", "--json", "--project", project)
    assert done.exit_code == 0, done.output
    assert "1 of the 2 items of this object are not in the file any more" in done.stderr
    told = json.loads(done.stdout)
    assert told == {"run": refused["id"], "feed": feed, "key": refused["key"], "approved": True}
    run = last_run(project, feed)
    assert (run["items"]["deleted"], run["items"]["unchanged"]) == (1, 1)
    table = find_running(project).connection.client("dynamodb").scan(TableName=feed)
    assert len(table["Items"]) == 1
    again = invoke("approve", refused["id"], "--yes", "--project", project)
    assert again.exit_code == 2
    assert "not its file's last one any more" in again.stderr


def test_a_run_that_was_not_refused_for_its_deletes_has_nothing_to_approve(project: Path) -> None:
    run = put(project, "orders-2.csv", CLEAN)
    done = invoke("approve", run["id"], "--yes", "--project", project)
    assert done.exit_code == 2
    assert "is done: only one that delete-limit refused can be approved" in done.stderr


def test_nothing_is_approved_where_nobody_can_be_asked(project: Path) -> None:
    done = invoke("approve", "some-run", "--project", project)
    assert done.exit_code == 2
    assert "--yes" in done.stderr


def test_a_run_from_here_does_not_write_behind_a_manifests_back(project: Path) -> None:
    contract, file = project / "contracts" / "orders.yaml", write(project / "here.csv", CLEAN)
    endpoint = find_running(project).server.endpoint
    done = invoke("run", contract, file, "--endpoint-url", endpoint)
    assert done.exit_code == 2
    assert "penstock put" in done.stderr
    assert invoke("run", contract, file, "--output", project / "out").exit_code == 0
