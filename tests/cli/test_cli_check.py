"""`penstock check`: a verdict, and nothing written."""

import json
from pathlib import Path

import pytest
from command_line import CLEAN, CONTRACT, DIRTY, DIRTY_COUNTS, HEADER, contract, invoke, write


def test_a_contract_alone_is_summed_up_in_a_line(tmp_path: Path) -> None:
    done = invoke("check", contract(tmp_path))
    assert done.exit_code == 0
    assert done.stdout.endswith(": ok. Feed orders: 5 fields, table orders by pk (S) and order_id (S)\n")


def test_a_file_is_judged_and_nothing_is_written(tmp_path: Path) -> None:
    described, file = contract(tmp_path), write(tmp_path / "o.csv", DIRTY)
    before = set(tmp_path.rglob("*"))
    done = invoke("check", described, file)
    assert done.exit_code == 0
    assert set(tmp_path.rglob("*")) == before
    assert "9 records read: 3 loaded, 3 rejected, 1 filtered, 1 superseded, 1 blank" in done.stdout
    assert "  line 6: missing-cell: " in done.stdout
    assert '    pk: {"S": "CUSTOMER#bob, jr"}' in done.stdout


def test_errors_are_counted_by_code_and_field(tmp_path: Path) -> None:
    text = HEADER + "".join(f"ORD-{n:03},ann,{quantity},1,NEW\n" for n, quantity in enumerate("0x0yz"))
    text += "ORD-009,ann,1,1,NEW\n"
    done = invoke("check", contract(tmp_path), write(tmp_path / "o.csv", text))
    rows = [line.split() for line in done.stdout.splitlines() if line.rstrip().endswith("quantity")]
    assert rows == [["3", "type-error", "quantity"], ["2", "constraint-error", "quantity"]]


def test_only_the_first_rejects_are_shown(tmp_path: Path) -> None:
    text = CLEAN + "BAD,ann,1,1,NEW\n" * 1234
    done = invoke("check", contract(tmp_path), write(tmp_path / "o.csv", text))
    assert done.stdout.count("  line ") == 10
    assert "  ... and 1,224 more" in done.stdout


def test_the_price_is_that_of_a_unit_for_each_begun_kilobyte(tmp_path: Path) -> None:
    text = (
        HEADER + f"ORD-001,ann,1,1,NEW\nORD-002,{'b' * 600},1,1,NEW\n"
    )  # key and attribute: 1,200 bytes and more
    done = invoke("check", contract(tmp_path), write(tmp_path / "o.csv", text), "--json")
    found = json.loads(done.stdout)["files"][0]
    assert found["write_units"] == 3
    assert found["dollars"] == 0.000001875


def test_an_index_is_said_to_add_to_the_price(tmp_path: Path) -> None:
    file = write(tmp_path / "o.csv", CLEAN)
    indexes = "  indexes:\n    - {name: by_status, partition_key: status}\n"
    assert "up to as much again" not in invoke("check", contract(tmp_path), file).stdout
    assert (
        "up to as much again for its index" in invoke("check", contract(tmp_path, extra=indexes), file).stdout
    )


def test_a_refused_file_ends_in_1(tmp_path: Path) -> None:
    done = invoke("check", contract(tmp_path), write(tmp_path / "o.csv", "nonsense\n"))
    assert done.exit_code == 1
    assert "o.csv: rejected" in done.stdout


def test_json_holds_the_verdict_whole(tmp_path: Path) -> None:
    done = invoke("check", contract(tmp_path), write(tmp_path / "o.csv", DIRTY), "--json")
    found = json.loads(done.stdout)
    assert (found["contract"], found["table"]) == ("orders", "orders")
    [file] = found["files"]
    assert file["counts"] == DIRTY_COUNTS
    assert [reject["line"] for reject in file["first_rejects"]] == [3, 6, 8]
    assert file["sample_item"]["customer"] == {"S": "bob, jr"}
    assert {"code": "missing-cell", "field": None, "count": 1} in file["errors_by_field"]


@pytest.mark.parametrize("command", ["check", "explain", "run"])
def test_an_expression_that_can_not_be_used_is_told_with_its_line(tmp_path: Path, command: str) -> None:
    path = contract(tmp_path, text=CONTRACT.replace("quantity * price", "read_text(customer)"))
    files = [write(tmp_path / "o.csv", CLEAN), "--output", tmp_path / "out"] if command == "run" else []
    done = invoke(command, path, *files)
    assert done.exit_code == 2
    assert done.stderr.startswith(f"{path}:14: transform.set.total: the function `read_text` can't be used")


@pytest.mark.parametrize(
    ("start", "advice"),
    [
        (b"PK\x03\x04\x14\x00\x06\x00\xff", "save it as CSV"),
        (b"\x1f\x8b\x08\x00\xff", "a name that ends in .gz"),
        ("order_id\n".encode("utf-16"), "save it as UTF-8"),
    ],
)
def test_a_file_of_another_kind_is_told_by_its_first_bytes(tmp_path: Path, start: bytes, advice: str) -> None:
    file = tmp_path / "o.csv"
    file.write_bytes(start)
    done = invoke("check", contract(tmp_path), file)
    assert done.exit_code == 1
    assert advice in done.stdout
