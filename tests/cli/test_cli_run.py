"""`penstock run` with files as its outcome."""

import gzip
import json
from pathlib import Path

import pytest
from command_line import CLEAN, DIRTY, DIRTY_COUNTS, HEADER, contract, invoke, lines, spawn, write

ITEMS = [
    {
        "pk": {"S": "CUSTOMER#bob, jr"},
        "order_id": {"S": "ORD-003"},
        "customer": {"S": "bob, jr"},
        "quantity": {"N": "1"},
        "price": {"N": "0.1"},
        "status": {"S": "PAID"},
        "total": {"N": "0.1"},
    },
    {
        "pk": {"S": "CUSTOMER#ann"},
        "order_id": {"S": "ORD-001"},
        "customer": {"S": "ann"},
        "quantity": {"N": "3"},
        "price": {"N": "9.5"},
        "status": {"S": "PAID"},
        "total": {"N": "28.5"},
    },
    {
        "pk": {"S": "CUSTOMER#ünü"},
        "order_id": {"S": "ORD-006"},
        "customer": {"S": "ünü"},
        "quantity": {"N": "1"},
        "price": {"N": "0.1"},
        "status": {"S": "NEW"},
        "total": {"N": "0.1"},
    },
]


def test_a_run_writes_items_deletes_rejects_and_a_report(tmp_path: Path) -> None:
    done = invoke("run", contract(tmp_path), write(tmp_path / "o.csv", DIRTY), "--output", tmp_path / "out")
    assert done.exit_code == 0, done.output
    folder = tmp_path / "out" / "o.csv"
    names = {path.name for path in folder.iterdir()}
    assert names == {"deletes.jsonl", "items.jsonl", "rejects.jsonl", "report.json"}
    assert lines(folder / "items.jsonl") == [{"Item": item} for item in ITEMS]
    assert lines(folder / "deletes.jsonl") == []


def test_a_reject_holds_its_place_its_bytes_and_all_its_errors(tmp_path: Path) -> None:
    invoke("run", contract(tmp_path), write(tmp_path / "o.csv", DIRTY), "--output", tmp_path / "out")
    rejects = lines(tmp_path / "out" / "o.csv" / "rejects.jsonl")
    assert [reject["line"] for reject in rejects] == [3, 6, 8]
    data = DIRTY.encode()
    for reject in rejects:
        end = reject["offset"] + reject["length"]
        assert data[reject["offset"] : end].decode() == reject["raw"]
    codes = [{(error["code"], error["field"]) for error in reject["errors"]} for reject in rejects]
    assert codes[:2] == [{("type-error", "quantity")}, {("missing-cell", None)}]
    assert {
        ("constraint-error", "order_id"),
        ("type-error", "price"),
        ("constraint-error", "status"),
    } < codes[2]


def test_a_report_holds_what_became_of_every_record(tmp_path: Path) -> None:
    file = write(tmp_path / "o.csv", DIRTY)
    invoke("run", contract(tmp_path), file, "--output", tmp_path / "out")
    report = json.loads((tmp_path / "out" / "o.csv" / "report.json").read_text("utf-8"))
    assert report["status"] == "done"
    assert report["counts"] == DIRTY_COUNTS
    assert report["items"] == {"put": 3, "deleted": 0, "unchanged": 0, "outdated": 0, "kept": 0}
    assert report["errors"]["missing-cell"] == 1
    assert report["recovered"] == []
    assert report["bytes"] == file.stat().st_size
    assert report["seconds"] >= 0


@pytest.mark.parametrize("size", [1, 7, 64])
def test_the_chunk_size_changes_no_result(tmp_path: Path, size: int) -> None:
    described, file = contract(tmp_path), write(tmp_path / "o.csv", DIRTY)
    invoke("run", described, file, "--output", tmp_path / "default")
    invoke("run", described, file, "--output", tmp_path / "cut", "--chunk-size", size)
    for name in ("items.jsonl", "deletes.jsonl", "rejects.jsonl"):
        assert (tmp_path / "cut" / "o.csv" / name).read_bytes() == (
            tmp_path / "default" / "o.csv" / name
        ).read_bytes()
    cut, whole = (
        json.loads((tmp_path / n / "o.csv" / "report.json").read_text()) for n in ("cut", "default")
    )
    assert {**cut, "seconds": 0} == {**whole, "seconds": 0}


def test_a_packed_file_gives_the_same_items(tmp_path: Path) -> None:
    (tmp_path / "o.csv.gz").write_bytes(gzip.compress(DIRTY.encode()))
    done = invoke("run", contract(tmp_path), tmp_path / "o.csv.gz", "--output", tmp_path / "out")
    assert done.exit_code == 0
    assert lines(tmp_path / "out" / "o.csv.gz" / "items.jsonl") == [{"Item": item} for item in ITEMS]


def test_several_files_get_a_folder_each_and_the_worst_code(tmp_path: Path) -> None:
    good = write(tmp_path / "good.csv", CLEAN)
    bad = write(tmp_path / "bad.csv", "no,such,columns\n1,2,3\n")
    done = invoke("run", contract(tmp_path), bad, good, "--output", tmp_path / "out")
    assert done.exit_code == 1
    assert "good.csv: done" in done.stdout
    assert "bad.csv: rejected" in done.stdout
    assert len(lines(tmp_path / "out" / "good.csv" / "items.jsonl")) == 2
    assert lines(tmp_path / "out" / "bad.csv" / "items.jsonl") == []


@pytest.mark.parametrize("name", ["o.csv", "O.CSV"])
def test_two_files_of_one_name_are_refused_before_anything_is_written(tmp_path: Path, name: str) -> None:
    one, other = write(tmp_path / "a" / "o.csv", CLEAN), write(tmp_path / "b" / name, CLEAN)
    done = invoke("run", contract(tmp_path), one, other, "--output", tmp_path / "out")
    assert done.exit_code == 2
    assert one.as_posix() in done.stderr
    assert other.as_posix() in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("text", "extra", "why"),
    [
        (HEADER.replace("price", "prize") + "ORD-001,ann,1,1,NEW\n", "", "price"),
        ("", "", "empty"),
        (HEADER + "BAD,ann,1,1,NEW\n", "", "nothing was loaded"),
        (DIRTY, "quality:\n  max_rejects: 2\n", "2"),
    ],
    ids=["a wrong header", "an empty file", "nothing loaded and something rejected", "the limit passed"],
)
def test_data_that_breaks_its_contract_ends_in_1(tmp_path: Path, text: str, extra: str, why: str) -> None:
    file = write(tmp_path / "o.csv", text)
    done = invoke("run", contract(tmp_path, extra=extra), file, "--output", tmp_path / "out")
    assert done.exit_code == 1, done.output
    assert "o.csv: rejected" in done.stdout
    assert why in done.stdout
    assert lines(tmp_path / "out" / "o.csv" / "items.jsonl") == []
    assert json.loads((tmp_path / "out" / "o.csv" / "report.json").read_text())["status"] == "rejected"


def test_a_file_of_only_a_header_is_done(tmp_path: Path) -> None:
    done = invoke("run", contract(tmp_path), write(tmp_path / "o.csv", HEADER), "--output", tmp_path / "out")
    assert done.exit_code == 0
    assert "0 records read" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run"], "CONTRACT"),
        (["run", "{contract}"], "FILE"),
        (["run", "{contract}", "nowhere.csv", "--output", "{out}"], "nowhere.csv: there is no such file"),
        (["run", "{contract}", "{folder}", "--output", "{out}"], "is a folder"),
        (["run", "nowhere.yaml", "{file}", "--output", "{out}"], "nowhere.yaml"),
        (["run", "{contract}", "{file}", "--output", "{out}", "--chunk-size", "0"], "chunk-size"),
        (["run", "{contract}", "{file}", "--output", "{out}", "--table", "t"], "output folder"),
        (["run", "{contract}", "{file}", "--output", "{out}", "--frobnicate"], "--frobnicate"),
        (["frobnicate"], "frobnicate"),
    ],
)
def test_a_wrong_call_ends_in_2_and_says_why(tmp_path: Path, arguments: list[str], said: str) -> None:
    places = {
        "contract": contract(tmp_path),
        "file": write(tmp_path / "o.csv", CLEAN),
        "folder": tmp_path,
        "out": tmp_path / "out",
    }
    done = invoke(*(argument.format(**places) for argument in arguments))
    assert done.exit_code == 2
    assert said in done.stderr
    assert done.stdout == ""
    assert not (tmp_path / "out").exists()


def test_a_contract_with_three_problems_has_all_three_printed_a_line_each(tmp_path: Path) -> None:
    text = contract(tmp_path).read_text()
    for right, wrong in (
        ("type: integer", "type: intger"),
        ("prefix:", "prefx:"),
        ("sort_key: ", "sort_ky: "),
    ):
        text = text.replace(right, wrong)
    broken = contract(tmp_path, text=text)
    done = invoke("run", broken, write(tmp_path / "o.csv", CLEAN), "--output", tmp_path / "out")
    assert done.exit_code == 2
    said = done.stderr.splitlines()
    assert all(line.startswith(f"{broken.as_posix()}:") for line in said)
    for word in ("intger", "prefx", "sort_ky"):
        assert any(word in line for line in said)


def test_a_folder_that_cannot_be_written_to_is_a_failed_service(tmp_path: Path) -> None:
    occupied = write(tmp_path / "out", "a file where a folder is due")
    done = invoke("run", contract(tmp_path), write(tmp_path / "o.csv", CLEAN), "--output", occupied)
    assert done.exit_code == 3
    assert "can't be written" in done.stdout


def test_an_older_report_does_not_stay_beside_half_a_result(tmp_path: Path) -> None:
    folder = tmp_path / "out" / "o.csv"
    write(folder / "report.json", "{}")
    (folder / "items.jsonl").mkdir()
    done = invoke("run", contract(tmp_path), write(tmp_path / "o.csv", CLEAN), "--output", tmp_path / "out")
    assert done.exit_code == 3
    assert json.loads((folder / "report.json").read_text())["status"] == "failed"


def test_json_is_alone_on_standard_output(tmp_path: Path) -> None:
    file = write(tmp_path / "o.csv", DIRTY)
    done = invoke("run", contract(tmp_path), file, "--output", tmp_path / "out", "--json")
    reports = json.loads(done.stdout)
    assert [report["counts"] for report in reports] == [DIRTY_COUNTS]


def test_a_call_that_fails_prints_no_json(tmp_path: Path) -> None:
    done = invoke("run", contract(tmp_path), "nowhere.csv", "--output", tmp_path / "out", "--json")
    assert (done.exit_code, done.stdout) == (2, "")


def test_a_files_name_cannot_speak_to_the_terminal(tmp_path: Path) -> None:
    file = write(tmp_path / "a\x1b[31mb.csv", CLEAN)
    done = invoke("run", contract(tmp_path), file, "--output", tmp_path / "out")
    assert done.exit_code == 0
    assert "\x1b" not in done.output


def test_in_a_pipe_there_are_no_escape_codes_and_no_cell_values(tmp_path: Path) -> None:
    file = write(tmp_path / "o.csv", DIRTY.replace("BAD", "TOPSECRET"))
    done = spawn("run", contract(tmp_path), file, "--output", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout + done.stderr
    assert "TOPSECRET" not in done.stdout + done.stderr
    assert done.stderr == ""
