"""Where rows compete by a value: every one is written, with what it competes by, and deletes leave tombstones."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from run_memory import Loaded, compile_things

from penstock.compile.plan import compile_contract
from penstock.contract.read import read_contract
from penstock.engine.newest import Competing, read_request, seal_request
from penstock.engine.result import PUT
from penstock.errors import ContractError
from penstock.load.files import FileSource, JsonlItemWriter, JsonlRejectWriter
from penstock.load.report import Report
from penstock.load.run import run_object
from penstock.plan.model import Plan

AT = {"name": "at", "type": "integer"}
SIZE = {"name": "size", "type": "integer"}
KEYS = {"partition_key": "id", "sort_key": "line"}
BY_AT = {**KEYS, "newest_by": "at"}


def competing(loaded: Loaded) -> list[Competing]:
    """What each write of a run competes by."""
    return [read_request(f"{PUT}{write.body}}}}}", "id", "at") for write in loaded.writes]


def test_all_rows_of_a_key_are_written_and_none_is_superseded(load: Any) -> None:
    loaded = load(["id", "line", AT], "id,line,at\na,1,5\na,1,7\na,1,6\n", load=BY_AT)
    assert [item["at"] for item in loaded.items] == [{"N": "5"}, {"N": "7"}, {"N": "6"}]
    assert (loaded.report.counts.loaded, loaded.report.counts.superseded) == (3, 0)


def test_an_item_has_a_digest_of_itself(load: Any) -> None:
    [write] = load(["id", "line", AT], "id,line,at\né,1,5\n", load=BY_AT).writes
    item = '{"id":{"S":"é"},"at":{"N":"5"},"line":{"S":"1"}'
    digest = sha256(f"{item}}}".encode()).hexdigest()[:29]
    assert write.body == f'{item},"penstock_digest":{{"S":"000{digest}"}}}}'


def test_a_revision_stands_before_the_digest(load: Any) -> None:
    fields = ["id", "line", AT, "gone"]
    parts = {**BY_AT, "delete_where": "gone = 'x'", "revision": 12}
    loaded = load(fields, "id,line,at,gone\na,1,5,\na,1,5,x\n", load=parts)
    assert loaded.items[0]["penstock_digest"]["S"].startswith("012")
    assert loaded.tombstones[0]["penstock_digest"] == {"S": "012~"}


def test_what_an_item_competes_by_can_be_read_from_its_request(load: Any) -> None:
    loaded = load(
        ["id", "line", {"name": "at", "type": "string"}], 'id,line,at\n"a""}",1,"x""}}"\nb,2,\n', load=BY_AT
    )
    first, second = competing(loaded)
    assert json.loads(first.value or "") == {"S": 'x"}}'}
    assert second.value is None
    assert [found.digest for found in (first, second)] == [
        item["penstock_digest"]["S"] for item in loaded.items
    ]


@pytest.mark.parametrize("at", ["7", ""])
def test_a_row_that_deletes_becomes_a_tombstone_with_its_value(load: Any, at: str) -> None:
    loaded = load(
        ["id", "line", AT, SIZE, "gone"],
        f"id,line,at,size,gone\na,1,{at},wrong,x\n",
        load={
            **BY_AT,
            "delete_where": "gone = 'x'",
            "ttl": {"name": "until", "value": "size"},
            "indexes": [{"name": "by_gone", "partition_key": "gone", "sort_key": "at"}],
        },
    )
    [item] = loaded.tombstones
    value = {"at": {"N": "7"}} if at else {}
    assert item == {
        "penstock_deleted": {"BOOL": True},
        "penstock_digest": {"S": "000~"},
        "id": {"S": "a"},
        "line": {"S": "1"},
        **value,
    }
    assert (loaded.report.items.put, loaded.report.items.deleted) == (0, 1)
    [found] = competing(loaded)
    assert (found.value, found.digest) == ('{"N":"7"}' if at else None, "000~")


def test_a_row_that_deletes_needs_its_value_to_be_valid(load: Any) -> None:
    fields = ["id", "line", AT, SIZE, "gone"]
    loaded = load(fields, "id,line,at,size,gone\na,1,?,?,x\n", load={**BY_AT, "delete_where": "gone = 'x'"})
    assert loaded.codes == {2: [("type-error", "at")]}


def test_an_absent_value_is_never_written_as_null(load: Any) -> None:
    loaded = load(["id", "line", AT, SIZE], "id,line,at,size\na,1,,\n", load={**BY_AT, "nulls": "write"})
    assert loaded.items[0]["size"] == {"NULL": True}
    assert "at" not in loaded.items[0]


def test_rows_compete_by_what_set_makes_of_a_time_in_utc(load: Any) -> None:
    loaded = load(
        ["id", "line", {"name": "written", "type": "datetime"}],
        "id,line,written\na,1,2026-01-02T03:04:05+02:00\na,1,2026-01-02T01:04:05.5Z\n",
        transform={"set": {"at": "written"}},
        load=BY_AT,
    )
    assert [item["at"]["S"] for item in loaded.items] == ["2026-01-02T01:04:05", "2026-01-02T01:04:05.5"]


def test_items_of_a_row_compete_each_by_itself(load: Any) -> None:
    items = [
        {"name": "own", "partition_key": {"name": "pk", "value": "O#{id}"}, "keep": ["at"]},
        {"name": "day", "partition_key": {"name": "pk", "value": "D#{line}"}, "set": {"at": "at * 2"}},
    ]
    loaded = load(["id", "line", AT], "id,line,at\na,1,5\na,2,6\n", load={"items": items, "newest_by": "at"})
    assert [(item["pk"]["S"], item["at"]["N"]) for item in loaded.items] == [
        ("O#a", "5"),
        ("D#1", "10"),
        ("O#a", "6"),
        ("D#2", "12"),
    ]
    assert all(len(item["penstock_digest"]["S"]) == 32 for item in loaded.items)


def test_a_repeated_key_can_still_be_rejected(load: Any) -> None:
    loaded = load(["id", "line", AT], "id,line,at\na,1,5\na,1,7\n", load={**BY_AT, "on_duplicate": "reject"})
    assert loaded.codes == {3: [("primary-key", None)]}
    assert [item["at"] for item in loaded.items] == [{"N": "5"}]


def test_a_limit_of_rejects_holds(load: Any) -> None:
    loaded = load(
        ["id", "line", AT],
        "id,line,at\na,1,5\na,1,?\n",
        load=BY_AT,
        quality={"max_rejects": 0},
        chunk_size=20,
    )
    assert (loaded.report.code, loaded.writes) == ("reject-limit", ())


@pytest.mark.parametrize("made", ["x = 'y'", "string_split(x, ',')"])
def test_a_computed_value_that_does_not_sort_is_refused(tmp_path: Path, made: str) -> None:
    with pytest.raises(ContractError, match=r"load\.newest_by: at is loaded"):
        compile_things(tmp_path, ["id", "line", "x"], transform={"set": {"at": made}}, load=BY_AT)


def narrow_and_wide(tmp_path: Path) -> tuple[Plan, Plan]:
    """The same contract, judged together and in slices."""
    compile_things(
        tmp_path,
        ["id", "line", AT, SIZE, "gone", "note"],
        load={**BY_AT, "delete_where": "gone = 'x'"},
    )
    contract = read_contract(tmp_path / "contract.yaml")
    return compile_contract(contract), compile_contract(contract, together=1)


def test_a_wide_contract_makes_the_same_items_and_tombstones(tmp_path: Path) -> None:
    file = tmp_path / "things.csv"
    file.write_text("id,line,at,size,gone,note\na,1,5,1,,é\na,1,,2,x,n\na,1,8,3,x,n\nb,1,,4,,\n")
    found: list[list[dict[str, Any]]] = []
    for name, plan in zip(("narrow", "wide"), narrow_and_wide(tmp_path), strict=True):
        with JsonlItemWriter(tmp_path / name) as items, JsonlRejectWriter(tmp_path / name) as rejects:
            report = run_object(plan, FileSource(file), items, rejects, tmp_path)
        assert isinstance(report, Report)
        assert (report.items.put, report.items.deleted) == (2, 2), report.reason
        lines = (tmp_path / name / "items.jsonl").read_text().splitlines()
        found.append([json.loads(line)["Item"] for line in lines])
    narrow, wide = found
    assert (
        narrow[1]
        == wide[1]
        == {
            "penstock_deleted": {"BOOL": True},
            "penstock_digest": {"S": "000~"},
            "id": {"S": "a"},
            "line": {"S": "1"},
        }
    )
    for one, other in zip(narrow, wide, strict=True):
        assert {**one, "penstock_digest": ""} == {**other, "penstock_digest": ""}


def test_a_sealed_request_is_sealed_by_its_whole_item() -> None:
    one, other = (seal_request(f'{PUT}{{"id":{{"S":"{text}"}}}}}}}}'.encode()) for text in "ab")
    assert one[-37:] != other[-37:]
