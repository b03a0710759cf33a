"""A contract of many fields gives what it would give if all its fields were judged together."""

from __future__ import annotations

import json
import tempfile
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from run_memory import Items, Loaded, Memory, Rejects
from run_oracle import FIELDS as ORACLE_FIELDS
from run_oracle import feeds, odd, render, rows

from penstock.compile.plan import compile_contract
from penstock.contract.model import Contract
from penstock.contract.read import read_contract
from penstock.errors import ContractError
from penstock.load.report import Report
from penstock.load.run import run_object
from penstock.plan.codec import read_plan, write_plan
from penstock.plan.model import Plan

SCALARS = [
    "",
    "1",
    "-0",
    "1.50",
    "1e2",
    "x",
    "é",
    "-",
    'q"q',
    "a\nb",
    "a,b",
    "true",
    "2024-02-30",
    "2024-02-29",
    "[1]",
]
CHOICES = ["last", "first", "reject"]
FIELDS: list[dict[str, Any]] = [
    {"name": "id", "type": "string"},
    {"name": "n", "type": "integer"},
    {"name": "gone", "type": "boolean"},
    {"name": "s1", "type": "string"},
    {"name": "s2", "type": "string", "constraints": {"required": True}},
    {"name": "i1", "type": "integer", "constraints": {"minimum": 1}},
    {"name": "i2", "type": "integer", "constraints": {"minimum": 1}},
    {"name": "i3", "type": "integer", "missingValues": ["", "-"]},
    {"name": "p1", "type": "number"},
    {"name": "p2", "type": "number", "constraints": {"required": True}},
    {"name": "b1", "type": "boolean"},
    {"name": "d1", "type": "date"},
    {"name": "d2", "type": "date", "constraints": {"enum": ["2024-02-29"]}},
    {"name": "j1", "type": "array"},
    {"name": "j2", "type": "array"},
    {"name": "e1", "type": "string", "constraints": {"enum": ["x", "é"], "maxLength": 1}},
]
NAMES = [str(f["name"]) for f in FIELDS]
GOOD = {
    "string": ["x", "é", "a,b", 'q"q', "a\nb"], "integer": ["1", "2", "+3"], "number": ["1.50", "1e2", "7"],
    "boolean": ["true", "0"], "date": ["2024-02-29"], "array": ["[1]", '[{"a": 1.0}]'],
}  # fmt: skip


def good_cells(field: dict[str, Any]) -> list[str]:
    return ["x"] if field["name"] == "e1" else GOOD[field["type"]]


@st.composite
def contracts(draw: st.DrawFn) -> dict[str, Any]:
    """The parts of a contract of all these fields."""

    def maybe(value: Any) -> Any:
        return value if draw(st.booleans()) else None

    transform = {
        "prepare": maybe(
            {"s1": "trim(s1)", "i1": "replace(i1, '.', '')", "i2": "coalesce(i2, s1)", "n": "trim(n)"}
        ),
        "where": maybe("n > 0"),
        "set": maybe({"double": "n * 2", "d1": "'always'"}),
        "rename": maybe({"s1": "renamed", "id": "key"}),
        "drop": maybe(["p1", "s2", "j2"]),
    }
    load: dict[str, Any] = {
        "delete_where": maybe("gone"),
        "nulls": maybe("write"),
        **draw(st.sampled_from([{"on_duplicate": choice} for choice in CHOICES] + [{"newest_by": "i2"}])),
        "indexes": maybe([{"name": "by-i3", "partition_key": "i3"}]),
        "types": maybe({"p2": "S", "b1": "S", "j1": "S"}),
    }
    key = "key" if transform["rename"] else "id"
    if draw(st.booleans()):
        load["partition_key"] = draw(st.sampled_from([key, {"name": "pk", "value": f"K#{{{key}}}"}]))
    else:
        load["items"] = [
            {"name": "one", "partition_key": {"name": "pk", "value": f"{{{key}}}#1"}},
            {"name": "two", "partition_key": {"name": "pk", "value": f"{{{key}}}#2"}, "when": "n > 1",
             "keep": ["i1", "i2", "p2", *(["double"] if transform["set"] else [])], "set": {"b1": "'own'"}},
        ]  # fmt: skip
    return {
        "transform": {name: part for name, part in transform.items() if part},
        "load": {name: part for name, part in load.items() if part},
        "rules": [{"name": "odd", "check": "n <> 7"}] if draw(st.booleans()) else [],
        "quality": {"max_rejects": draw(st.sampled_from([None, 3, "50%"]))},
        "schema": {"fieldsMatch": draw(st.sampled_from(["exact", "partial"]))},
    }


@st.composite
def tables(draw: st.DrawFn) -> list[list[str]]:
    """Records, of which some are blank or hold anything."""
    good = st.tuples(*(st.sampled_from(good_cells(field)) for field in FIELDS)).map(list)
    spoiled = st.tuples(
        good, st.lists(st.tuples(st.integers(1, len(FIELDS) - 1), st.sampled_from(SCALARS)), max_size=4)
    )
    blank = st.just([""] * len(FIELDS))
    nearly = st.integers(0, len(FIELDS) - 1).map(lambda i: [""] * i + ["x"] + [""] * (len(FIELDS) - 1 - i))
    found: list[list[str]] = []
    for drawn in draw(st.lists(st.one_of(good, spoiled, spoiled, blank, nearly), min_size=1, max_size=12)):
        record, changes = drawn if isinstance(drawn, tuple) else (drawn, [])
        found.append([dict(changes).get(place, cell) for place, cell in enumerate(record)])
    return found


def read(folder: Path, fields: list[dict[str, Any]], parts: dict[str, Any]) -> Contract:
    contract = {
        "penstock": 1,
        "name": "things",
        "source": {"prefix": "incoming/things/"},
        **parts,
        "schema": {"fields": fields, **parts.get("schema", {})},
        "load": {"table": "things", **parts["load"]},
    }
    path = folder / "contract.yaml"
    path.write_text(json.dumps(contract))
    return read_contract(path)


def compile_apart(
    folder: Path, fields: list[dict[str, Any]], parts: dict[str, Any], together: int = 0
) -> Plan:
    """Compile a contract so that no more than ``together`` fields are judged together if nothing asks for it."""
    return read_plan(write_plan(compile_contract(read(folder, fields, parts), together=together)))


def compile_both(folder: Path, fields: list[dict[str, Any]], parts: dict[str, Any]) -> tuple[Plan, Plan]:
    """Compile a contract with all its fields together, and apart."""
    return compile_contract(read(folder, fields, parts)), compile_apart(folder, fields, parts)


def run(plan: Plan, data: str, folder: Path, batch_bytes: int = 2**20) -> Loaded:
    memory = Memory(data.encode())
    report = run_object(plan, memory, Items(memory), Rejects(memory), folder, batch_bytes=batch_bytes)
    assert isinstance(report, Report)
    assert report.counts.conserved, report.reason
    return Loaded(report, tuple(memory.writes), tuple(memory.found))


def same(loaded: Loaded) -> dict[str, Any]:
    """What must be the same: everything but the order of an item's attributes, a digest that goes with it, and the time."""
    report = asdict(replace(loaded.report, plan="", seconds=0.0))
    writes = [(w.row, w.operation, json.loads(w.body)) for w in loaded.writes]
    for _, operation, item in writes:
        if operation == "put" and "penstock_digest" in item:
            item["penstock_digest"] = {}
    return {"report": report, "writes": writes, "rejects": loaded.rejects}


def write_csv(records: list[list[str]]) -> str:
    def quoted(cell: str) -> str:
        return '"' + cell.replace('"', '""') + '"' if set(cell) & set('",\n') or cell == "x" else cell

    return "".join(",".join(map(quoted, record)) + "\n" for record in records)


def make_file(parts: dict[str, Any], records: list[list[str]], absent: set[str]) -> str:
    """Write a file of the records; where the header is free, with columns that are absent, turned round, or undeclared."""
    if parts["schema"]["fieldsMatch"] == "exact":
        return write_csv([NAMES, *records])
    required = {f["name"] for f in FIELDS if f.get("constraints", {}).get("required")}
    places = [i for i, name in enumerate(NAMES) if name not in absent - required]
    extra = ["more", *"ab" * len(records)]
    return write_csv(
        [[r[i] for i in reversed(places)] + [x] for r, x in zip([NAMES, *records], extra, strict=False)]
    )


@settings(max_examples=8)
@given(
    parts=contracts(),
    records=tables(),
    absent=st.sets(st.sampled_from(NAMES[3:])),
    batch=st.sampled_from([60, 2**20]),
)
def test_fields_judged_apart_give_what_they_give_together(
    parts: dict[str, Any], records: list[list[str]], absent: set[str], batch: int
) -> None:
    data = make_file(parts, records, absent)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        together, apart = compile_both(folder, FIELDS, parts)
        assert together.wide is None
        assert apart.wide is not None
        assert apart.wide.kinds
        assert same(run(apart, data, folder, batch)) == same(run(together, data, folder))


@settings(max_examples=6)
@given(feed=feeds, records=st.lists(st.one_of(rows, rows, odd), max_size=12))
def test_fields_judged_apart_give_what_they_give_together_in_files_with_bad_records(
    feed: Any, records: list[list[str]]
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        together, apart = compile_both(folder, ORACLE_FIELDS, feed.parts)
        data = render(records, "\n")
        assert same(run(apart, data, folder)) == same(run(together, data, folder))


@pytest.mark.parametrize("together", [0, 100])
def test_a_missing_cell_is_absent_whatever_its_type(tmp_path: Path, together: int) -> None:
    types = [
        "string",
        "integer",
        "number",
        "boolean",
        "date",
        "time",
        "datetime",
        "year",
        "yearmonth",
        "duration",
        "list",
    ]
    fields = [{"name": "id", "type": "string"}, *({"name": t, "type": t} for t in types)]
    fields += [
        {"name": "day", "type": "date", "format": "%d/%m/%Y"},
        {"name": "at", "type": "time", "format": "%H.%M"},
    ]
    plan = compile_apart(tmp_path, fields, {"load": {"partition_key": "id"}}, together)
    header = ",".join(f["name"] for f in fields)
    assert run(plan, f"{header}\na{',' * (len(fields) - 1)}\n", tmp_path).items == [{"id": {"S": "a"}}]


def test_five_thousand_fields_are_loaded(tmp_path: Path) -> None:
    fields = [{"name": f"f{i}", "type": ("string", "integer", "boolean")[i % 3]} for i in range(5_000)]
    plan = compile_apart(tmp_path, fields, {"load": {"partition_key": "f0"}})
    row = ["k", *(("x", "7", "true")[i % 3] for i in range(1, 5_000))]
    wrong = ["w", *row[1:4_999], "x"]
    loaded = run(plan, write_csv([[f["name"] for f in fields], row, wrong]), tmp_path)
    item = loaded.items[0]
    assert len(loaded.items) == 1
    assert len(item) == 5_000
    assert (item["f4998"], item["f4999"], item["f2"]) == ({"S": "x"}, {"N": "7"}, {"BOOL": True})
    assert loaded.codes == {3: [("type-error", "f4999")]}


def test_an_item_is_too_large_by_all_its_attributes(tmp_path: Path) -> None:
    fields = [{"name": f"f{i}", "type": "string"} for i in range(5)]
    for plan in compile_both(tmp_path, fields, {"load": {"partition_key": "f0"}}):
        half = "x" * (400 * 1024 // 4)
        limit = f"a,{half},{half},{half},{half[:-11]}"
        names = ",".join(f["name"] for f in fields)
        loaded = run(plan, f"{names}\n{limit}\n{limit}x\n{limit.replace('a', 'b', 1)}\n", tmp_path)
        assert [item["f0"]["S"] for item in loaded.items] == ["a", "b"]
        assert loaded.codes == {3: [("item-error", None)]}


def test_a_contract_whose_expressions_read_too_many_of_many_fields_is_refused(tmp_path: Path) -> None:
    fields = [{"name": f"f{i}", "type": "string"} for i in range(400)]
    every = f"coalesce({', '.join(f['name'] for f in fields[:350])})"
    parts = {"load": {"partition_key": "f0"}, "transform": {"set": {"all": every}}}
    with pytest.raises(
        ContractError, match="of 400 fields, 350 are read by keys and expressions, and 300 are the most"
    ):
        compile_apart(tmp_path, fields, parts)
