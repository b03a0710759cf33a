"""Reading a contract: what is said, and where."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_contract import problems

from penstock.contract.read import read_contract
from penstock.errors import ContractError, UsageError

CASES = sorted((Path(__file__).parent / "cases").glob("*.yaml"))

MINIMAL = """\
penstock: 1
name: orders
source: {prefix: orders/}
schema:
  fields:
    - {name: id, type: integer}
load: {table: orders, partition_key: id}
"""


def refused(path: Path) -> list[str]:
    with pytest.raises(ContractError) as caught:
        read_contract(path)
    return [line.removeprefix(f"{path.parent}/") for line in caught.value.problems]


def written(folder: Path, text: str) -> Path:
    path = folder / "orders.yaml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.stem)
def test_every_problem_of_a_case_is_found_on_its_line(case: Path) -> None:
    # A problem is written behind `#!` on the line that it is expected on.
    lines = case.read_text().splitlines()
    expected = [
        f"{case.name}:{number}: {problem.strip()}"
        for number, line in enumerate(lines, 1)
        for problem in line.split("#!")[1:]
    ]
    assert refused(case) == expected


def test_the_file_is_named_as_it_was_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path, MINIMAL.replace("table", "tabel"))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ContractError) as caught:
        read_contract(Path("orders.yaml"))
    assert caught.value.problems[0] == 'orders.yaml:7: load.tabel: unknown key; did you mean "table"?'


def test_a_file_that_is_not_there_is_a_wrong_call(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="can't be read: No such file"):
        read_contract(tmp_path / "orders.yaml")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "1: the file is empty"),
        ("# nothing\n", "1: the file is empty"),
        ("- a\n- b\n", "1: the file must be a mapping of keys to values"),
        ("a: 1\nb: [1,\n", "3: not valid YAML: a comma or a closing bracket is missing here"),
        ("a: 1\n\tb: 2\n", "2: not valid YAML: a tab can't indent or separate; use spaces"),
        ("a: 1\nb: @x\n", "2: not valid YAML: a text that begins with @ must be put in quotes"),
        ("a: b: c\n", '1: not valid YAML: a ":" where none can be; put a text that holds ": " in quotes, and check the indentation'),
        ("a:\n  b: 1\n c: 2\n", "3: not valid YAML: the indentation does not fit the lines above"),
        ("a: 1\n---\nb: 2\n", "2: not valid YAML: the file holds more than one document; a contract is a file of its own"),
        ("a: 1\nb: \x07\n", "2: not valid YAML: the character U+0007 can't stand in a text file"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_contract_is_said_to_be_so(tmp_path: Path, text: str, problem: str) -> None:
    assert refused(written(tmp_path, text)) == [f"orders.yaml:{problem}"]


def test_text_that_is_not_utf8_is_placed_by_its_line(tmp_path: Path) -> None:
    path = tmp_path / "orders.yaml"
    path.write_bytes(b"penstock: 1\nname: caf\xe9\n")
    assert refused(path) == ["orders.yaml:2: not UTF-8 text; save the file as UTF-8"]


def test_a_byte_order_mark_is_no_problem(tmp_path: Path) -> None:
    path = tmp_path / "orders.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + MINIMAL.encode())
    assert read_contract(path).name == "orders"


@pytest.mark.parametrize("word", ["NO", "yes", "on", "Off", "2024-01-31", "12:30:45"])
def test_only_true_and_false_are_booleans_and_dates_are_texts(tmp_path: Path, word: str) -> None:
    path = written(
        tmp_path, MINIMAL.replace("type: integer", f"type: string, constraints: {{enum: [{word}]}}")
    )
    assert read_contract(path).schema_.fields[0].constraints.enum == (word,)


@pytest.mark.parametrize("number", ["0.10", "123456789012345678901234567890.5", "1E-130", "100"])
def test_a_limit_keeps_the_digits_it_was_written_with(tmp_path: Path, number: str) -> None:
    text = MINIMAL.replace(
        "type: integer", f"type: number, constraints: {{minimum: {number}, enum: [{number}]}}"
    )
    constraints = read_contract(written(tmp_path, text)).schema_.fields[0].constraints
    assert (constraints.minimum, constraints.enum) == (number, (number,))


def test_a_boolean_among_allowed_values_stays_a_boolean(tmp_path: Path) -> None:
    text = MINIMAL.replace("partition_key: id", "partition_key: code").replace(
        "- {name: id, type: integer}",
        "- {name: code}\n    - {name: open, type: boolean, constraints: {enum: [true]}}",
    )
    assert read_contract(written(tmp_path, text)).schema_.fields[1].constraints.enum == (True,)


def test_an_anchor_repeats_a_part_of_the_file(tmp_path: Path) -> None:
    text = MINIMAL.replace(
        "- {name: id, type: integer}",
        "- {name: id, constraints: &due {required: true}}\n    - {name: code, constraints: *due}",
    )
    assert read_contract(written(tmp_path, text)).schema_.fields[1].constraints.required


def test_an_alias_of_itself_is_a_problem(tmp_path: Path) -> None:
    assert refused(written(tmp_path, MINIMAL + "rules: &rules [*rules]\n"))[0] == (
        "orders.yaml:8: rules[0]: an alias can't refer to what it is part of"
    )


def test_the_schema_can_be_a_json_file_whose_problems_have_its_own_lines(tmp_path: Path) -> None:
    (tmp_path / "orders.json").write_text(
        '{\n\t"fields": [\n\t\t{"name": "id",\n\t\t "typ": "integer"}\n\t]\n}'
    )
    text = "penstock: 1\nname: orders\nsource: {prefix: o/}\nschema: orders.json\nload: {table: orders, partition_key: id}\n"
    assert refused(written(tmp_path, text)) == [
        'orders.json:4: schema.fields[0].typ: unknown key; did you mean "type"?'
    ]


def test_a_schema_file_is_found_beside_the_contract(tmp_path: Path) -> None:
    (tmp_path / "orders.json").write_text('{"fields": [{"name": "id \\ud83d\\ude00", "type": "integer"}]}')
    text = 'penstock: 1\nname: orders\nsource: {prefix: o/}\nschema: orders.json\nload: {table: orders, partition_key: "id 😀"}\n'
    assert read_contract(written(tmp_path, text)).schema_.fields[0].name == "id 😀"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("{fields: []}", "orders.json:1: not valid JSON: Expecting property name enclosed in double quotes"),
        ('{"fields": [],\n}', "orders.json:1: not valid JSON: Illegal trailing comma before end of object"),
        ('{"a": NaN}', "orders.json:1: not valid JSON: NaN is not a JSON value"),
        ('{"fields": [{"name": "id"}],\n "fields": []}', "orders.json:2: fields: the key is given twice (first in line 1)"),
    ],
)  # fmt: skip
def test_a_schema_file_must_be_strict_json(tmp_path: Path, content: str, problem: str) -> None:
    (tmp_path / "orders.json").write_text(content)
    text = "penstock: 1\nname: orders\nsource: {prefix: o/}\nschema: orders.json\nload: {table: orders, partition_key: id}\n"
    found = refused(written(tmp_path, text))
    assert [line.replace("2: not valid JSON: Expecting property name enclosed in double quotes",
                         "1: not valid JSON: Illegal trailing comma before end of object") for line in found] == [problem]  # fmt: skip


def test_a_schema_file_that_is_not_there_is_a_problem_of_the_contract(tmp_path: Path) -> None:
    text = "penstock: 1\nname: orders\nsource: {prefix: o/}\nschema: orders.json\nload: {table: orders, partition_key: id}\n"
    found = refused(written(tmp_path, text))
    assert found == [
        f"orders.yaml:4: schema: {tmp_path}/orders.json: can't be read: No such file or directory"
    ]


def test_a_misspelled_key_does_not_hide_what_is_wrong_elsewhere() -> None:
    found = problems(
        {"load.tabel": "x", "schema.fields.id.constraints": {"pattern": "a"}, "source.prefix": "x"}
    )
    assert [line.partition(":")[0] for line in found] == [
        "load.tabel",
        "source.prefix",
        "schema.fields[0].constraints.pattern",
    ]


def test_what_a_misspelled_key_may_have_caused_is_not_said() -> None:
    found = problems({"schema.fields.id.type": None, "schema.fields.id.typ": "integer",
                      "schema.fields.id.constraints": {"minimum": 1}})  # fmt: skip
    assert found == ['schema.fields[0].typ: unknown key; did you mean "type"?']
