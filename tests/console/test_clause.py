"""Each error leads to the line of the contract that says what was broken. The errors are the engine's own."""

import json
from pathlib import Path

import pytest

import penstock
from penstock.console.clause import Clause, find_clause, read_lines
from penstock.contract.locate import read_tree
from penstock.engine.result import Reason

CONTRACT = """\
penstock: 1
name: orders
source:
  prefix: incoming/orders/
  dialect:
    encoding: utf-8
    max_record_bytes: 200
    quoteChar: '"'
schema:
  fields:
    - {name: id, type: string, constraints: {required: true, pattern: "[A-Z]-[0-9]+"}}
    - name: quantity
      type: integer
      constraints:
        minimum: 1
        maximum: 99
    - {name: status, type: string, constraints: {enum: [NEW, PAID]}}
    - {name: note, type: string, constraints: {minLength: 2, maxLength: 9}}
    - {name: price, type: number, constraints: {exclusiveMinimum: 0, exclusiveMaximum: 1000}}
    - {name: kind, type: string, categories: [a, b]}
    - {name: a.b, type: string}
transform:
  prepare:
    note: "trim(note)"
  set:
    half: "CASE WHEN quantity = 50 THEN quantity * 99999999999999999999999999999999999999 END"
    share.of: "CASE WHEN quantity = 60 THEN quantity * 99999999999999999999999999999999999999 END"
rules:
  - name: cheap
    check: "price < 500"
  - {name: unlucky, check: "CASE WHEN quantity = 13 THEN quantity * 99999999999999999999999999999999999999 <> quantity END"}
load:
  table: orders
  partition_key: {name: pk, value: "ORDER#{status}"}
  sort_key: id
  on_duplicate: reject
"""

HEADER = "id,quantity,status,note,price,kind,a.b\n"
CASES = {
    "A-1,many,NEW,fine,1,a,": "      type: integer",
    "A-1,0,NEW,fine,1,a,": "        minimum: 1",
    "A-1,100,NEW,fine,1,a,": "        maximum: 99",
    ",1,NEW,fine,1,a,": "name: id",
    "1-A,1,NEW,fine,1,a,": "name: id",
    "A-1,1,OLD,fine,1,a,": "name: status",
    "A-1,1,NEW,x,1,a,": "name: note",
    "A-1,1,NEW,much too long,1,a,": "name: note",
    "A-1,1,NEW,fine,0,a,": "name: price",
    "A-1,1,NEW,fine,1000,a,": "name: price",
    "A-1,1,NEW,fine,1,c,": "name: kind",
    "A-1,50,NEW,fine,1,a,": "    half:",
    "A-1,60,NEW,fine,1,a,": "    share.of:",
    "A-1,1,NEW,fine,600,a,": '    check: "price < 500"',
    "A-1,13,NEW,fine,1,a,": "name: unlucky",
    "A-1,1,,fine,1,a,": "  partition_key:",
    "A-1,1,NEW": "  fields:",
    "A-1,1,NEW,fine,1,a,,,": "  fields:",
    'A-1,1,NEW,"fi"ne,1,a,': "    quoteChar:",
    "A-1,1,NEW,f\0ne,1,a,": "    encoding: utf-8",
    f"A-1,1,NEW,{'x' * 300},1,a,": "    max_record_bytes:",
}
"""A record, and how the line reads that refuses it."""


@pytest.fixture(scope="module")
def refused(tmp_path_factory: pytest.TempPathFactory) -> dict[int, list[tuple[Reason, Clause | None, str]]]:
    """The reasons of each case by its line, with the clause that was found and its line of the contract."""
    folder = tmp_path_factory.mktemp("clause")
    path = folder / "orders.yaml"
    path.write_text(CONTRACT)
    file = folder / "orders.csv"
    file.write_text(HEADER + "".join(f"{record}\n" for record in CASES))
    penstock.run(penstock.load_contract(path), [file], output=folder / "out")
    contract = read_lines(read_tree(path))
    found: dict[int, list[tuple[Reason, Clause | None, str]]] = {}
    for written in next((folder / "out").rglob("*rejects*.jsonl")).read_text().splitlines():
        shape = json.loads(written)
        for error in shape["errors"]:
            reason = Reason(error["code"], error["field"], error["message"])
            clause = find_clause(contract.root, reason)
            line = "" if clause is None else contract.lines[clause.place.file][clause.place.line - 1]
            found.setdefault(shape["line"], []).append((reason, clause, line))
    return found


@pytest.mark.parametrize(("number", "told"), [*enumerate(CASES.values(), 2)])
def test_the_line_that_refused_a_record_is_found(
    refused: dict[int, list[tuple[Reason, Clause | None, str]]], number: int, told: str
) -> None:
    assert any(told in line for _, _, line in refused[number]), refused[number]


def test_the_word_that_is_meant_is_set_off(
    refused: dict[int, list[tuple[Reason, Clause | None, str]]],
) -> None:
    reasons = [
        (reason, clause.split(line)) for found in refused.values() for reason, clause, line in found if clause
    ]
    assert all(word for _, (_, word, _) in reasons)
    words = {reason.message: word for reason, (_, word, _) in reasons}
    assert words["the cell is missing, and the field is required"] == "required"
    assert words["the cell is above the maximum 99"] == "maximum"
    assert words["the cell is not of the type integer"] == "type"


def test_a_repeated_key_leads_to_what_becomes_of_it(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(CONTRACT)
    clause = find_clause(
        read_tree(tmp_path / "c.yaml"), Reason("primary-key", None, "an earlier row of the file has this key")
    )
    assert clause is not None
    assert clause.word == "on_duplicate"


def test_lines_of_the_project_and_of_a_schema_file_are_found_there(tmp_path: Path) -> None:
    (tmp_path / "contracts").mkdir()
    (tmp_path / "penstock.yaml").write_text(
        "penstock: 1\nname: shop\ndefaults:\n  load:\n    on_duplicate: reject\n"
    )
    (tmp_path / "contracts" / "s.json").write_text('{"fields": [\n{"name": "id",\n"type": "integer"}]}')
    path = tmp_path / "contracts" / "o.yaml"
    path.write_text(
        "penstock: 1\nname: o\nsource: {prefix: o/}\nschema: s.json\nload: {table: o, partition_key: id}\n"
    )
    contract = read_lines(read_tree(path))
    typed = find_clause(contract.root, Reason("type-error", "id", "the cell is not of the type integer"))
    repeated = find_clause(
        contract.root, Reason("primary-key", None, "an earlier row of the file has this key")
    )
    assert typed is not None
    assert repeated is not None
    assert (Path(typed.place.file).name, typed.place.line) == ("s.json", 3)
    assert (Path(repeated.place.file).name, repeated.place.line) == ("penstock.yaml", 5)
    assert contract.excerpt(typed.place)[-1] == (3, '"type": "integer"}]}')


def test_what_the_contract_does_not_speak_of_has_no_line(tmp_path: Path) -> None:
    path = tmp_path / "o.yaml"
    path.write_text("penstock: 1\nname: o\n")
    for code in ("quote-error", "type-error", "no-such-code", "key-error"):
        assert find_clause(read_tree(path), Reason(code, "gone", "whatever")) is None


def test_an_excerpt_ends_where_its_file_does_and_has_no_common_indentation(tmp_path: Path) -> None:
    path = tmp_path / "o.yaml"
    path.write_text("load:\n    table: o\n    items:\n        - name: x\n")
    contract = read_lines(read_tree(path))
    table = contract.root.place_of(("load", "table"))
    assert contract.excerpt(table, around=0) == ((2, "table: o"),)
    assert contract.excerpt(table, around=9) == (
        (1, "load:"),
        (2, "    table: o"),
        (3, "    items:"),
        (4, "        - name: x"),
    )
