"""Rejects that are mended and replayed on the command line, through the embedded AWS."""

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from command_line import CONTRACT, DIRTY, HEADER, invoke, write

from penstock.local.project import down, find_running

pytestmark = pytest.mark.aws

DIRECT = (
    CONTRACT.replace("name: orders", "name: returns\ntrigger: direct", 1)
    .replace("incoming/orders/", "incoming/returns/")
    .replace("table: orders", "table: returns")
    .replace("{name: customer,", "{name: customer, sensitive: true,")
)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("shop")
    write(folder / "penstock.yaml", "penstock: 1\nname: shop\n")
    write(folder / "contracts" / "orders.yaml", CONTRACT)
    write(folder / "contracts" / "returns.yaml", DIRECT)
    done = invoke("up", "--project", folder)
    assert done.exit_code == 0, done.output
    yield folder
    down(folder)


def put(project: Path, name: str, text: str, feed: str = "orders") -> str:
    """Put a file and give the id of its run."""
    done = invoke("put", write(project / name, text), "--feed", feed, "--json", "--project", project)
    return str(json.loads(done.stdout)["id"])


def show(project: Path, run: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(invoke("runs", run, "--json", "--project", project).stdout)
    return found


def correct(project: Path, run: str, change: Callable[[dict[str, str]], str | None]) -> Path:
    """Write a run's rejects to a CSV file, and have somebody change each row's record, or take the row out (None)."""
    path = project / "rejects.csv"
    assert invoke("rejects", run, "--csv", path, "--project", project).exit_code == 0
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    kept = [{**row, "raw": raw} for row in rows if (raw := change(row)) is not None]
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(kept)
    return path


@pytest.mark.parametrize("feed", ["orders", "returns"])
def test_corrected_rejects_are_put_back_until_none_is_left(project: Path, feed: str) -> None:
    run = put(project, f"{feed}-1.csv", DIRTY, feed)
    mended = {"3": "ORD-002,bob,1,0.1,PAID", "6": "ORD-005,eve,none,1,NEW"}
    file = correct(project, run, lambda row: mended.get(row["line"]))
    done = invoke("replay", "--from", file, "--project", project)
    assert done.exit_code == 0, done.output
    assert "2 records read: 1 loaded, 1 rejected" in done.stdout
    assert f"the run {run} has 2 rejects left: penstock rejects {run}" in done.stdout

    left = invoke("rejects", run, "--json", "--project", project).stdout.splitlines()
    assert [(json.loads(line)["line"], json.loads(line)["errors"][0]["code"]) for line in left] == [
        (6, "type-error"),
        (8, "constraint-error"),
    ]
    mended = {"6": "ORD-005,eve,1,1,NEW", "8": ""}
    file = correct(project, run, lambda row: mended[row["line"]])
    done = invoke("put", file, "--project", project)  # such a file is known by its header
    assert done.exit_code == 0, done.output
    assert f"the run {run} has 0 rejects left\n" in done.stdout
    whole = show(project, run)
    assert (whole["counts"]["loaded"], whole["counts"]["blank"], whole["counts"]["rejected"]) == (5, 2, 0)
    listed = invoke("runs", "--feed", feed, "--project", project).stdout
    assert listed.count("done (replay)") >= 2

    done = invoke("replay", "--from", file, "--project", project)
    assert done.exit_code == 2
    assert "no rejects, or none that are left" in done.stderr


def test_what_is_sensitive_is_withheld_and_put_back_as_it_lies_in_the_file(project: Path) -> None:
    lines = 'ORD-051,"secret, ann",x,1,NEW\nORD-052,secret bob,1\nORD-053,secret eve,y,1,NEW\n'
    run = put(project, "returns-2.csv", HEADER + lines, "returns")
    kept = find_running(project).connection.client("s3")
    bucket = show(project, run)["rejects"].split("/")[2]
    for found in kept.list_objects_v2(Bucket=bucket, Prefix=f"rejects/returns/{run}/")["Contents"]:
        assert b"secret" not in kept.get_object(Bucket=bucket, Key=found["Key"])["Body"].read()
    seen = invoke("rejects", run, "--project", project).stdout
    assert "ORD-051,(sensitive),x,1,NEW\n" in seen
    assert "missing-cell" in seen

    file = correct(project, run, lambda row: row["raw"].replace(",x,", ",1,"))  # two are left as they were
    done = invoke("replay", "--from", file, "--project", project)
    assert "3 records read: 1 loaded, 2 rejected" in done.stdout, done.output
    item = {"pk": {"S": "CUSTOMER#secret, ann"}, "order_id": {"S": "ORD-051"}}
    table = find_running(project).connection.client("dynamodb")
    assert table.get_item(TableName="returns", Key=item)["Item"]["customer"] == {"S": "secret, ann"}
    for found in kept.list_objects_v2(Bucket=bucket, Prefix=f"rejects/returns/{run}/")["Contents"]:
        assert b"secret" not in kept.get_object(Bucket=bucket, Key=found["Key"])["Body"].read()


def test_under_a_mended_contract_all_rejects_of_a_run_are_loaded_again(project: Path) -> None:
    run = put(project, "orders-2.csv", HEADER + "ORD-011,ann,1,1,NEW\nORD-012,ann,1,1,LATE\n")
    assert invoke("replay", run, "--project", project).exit_code == 1  # nothing has changed
    contract = project / "contracts" / "orders.yaml"
    write(contract, CONTRACT.replace("[NEW, PAID, CANCELLED]", "[NEW, PAID, CANCELLED, LATE]"))
    changed = "contracts/orders.yaml differs from what is deployed: penstock up\n"
    try:
        assert changed in invoke("replay", run, "--project", project).stderr  # by the old one, still
        assert invoke("up", "--project", project).exit_code == 0
        done = invoke("replay", run, "--json", "--project", project)
    finally:
        write(contract, CONTRACT)
        invoke("up", "--project", project)
    assert done.exit_code == 0, done.output
    assert changed not in done.stderr
    replay = json.loads(done.stdout)
    assert (replay["replays"], replay["counts"]["loaded"]) == (run, 1)
    assert f"replay of: {run}" in invoke("runs", replay["id"], "--project", project).stdout
    item = {"pk": {"S": "CUSTOMER#ann"}, "order_id": {"S": "ORD-012"}}
    table = find_running(project).connection.client("dynamodb")
    assert table.get_item(TableName="orders", Key=item)["Item"]["status"] == {"S": "LATE"}


def test_a_refusal_reaches_the_person(project: Path) -> None:
    old = put(project, "orders-3.csv", HEADER + "ORD-021,ann,1,1,NEW\nORD-022,ann,x,1,NEW\n")
    put(project, "orders-3.csv", HEADER + "ORD-021,ann,1,1,NEW\n")
    done = invoke("replay", old, "--project", project)
    assert done.exit_code == 3
    assert "is not the last of s3://" in done.stdout
    assert show(project, old)["counts"]["rejected"] == 1


def test_rows_that_are_no_rejects_are_told_and_nothing_is_done(project: Path) -> None:
    run = put(project, "orders-4.csv", HEADER + "ORD-031,ann,x,1,NEW\nORD-032,ann,x,1,NEW\n")
    file = correct(project, run, lambda row: row["raw"].replace("x", "1"))
    file.write_text(file.read_text("utf-8-sig").replace(f"{run},3,", f"{run},33,"))
    done = invoke("replay", "--from", file, "--project", project)
    assert done.exit_code == 2
    assert "lines 33 of" in done.stderr
    assert show(project, run)["counts"]["rejected"] == 2


def test_the_rejects_of_a_replay_are_those_of_its_run(project: Path) -> None:
    run = put(project, "orders-5.csv", HEADER + "ORD-041,ann,x,1,NEW\nORD-042,ann,1,1,NEW\n")
    replay = json.loads(invoke("replay", run, "--json", "--project", project).stdout)
    done = invoke("rejects", replay["id"], "--project", project)
    assert done.exit_code == 2
    assert run in done.stderr


@pytest.mark.parametrize("call", [[], ["x", "--from", "y.csv"]])
def test_what_to_replay_is_said_in_one_way(project: Path, call: list[str]) -> None:
    done = invoke("replay", *call, "--project", project)
    assert done.exit_code == 2
    assert "--from" in done.stderr
