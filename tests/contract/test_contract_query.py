"""What a contract with ``transform.sql`` may say: its references, and what is left to the query's result."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from small_contract import changed, problems

from penstock.contract.check import effective_on_duplicate
from penstock.contract.model import Contract
from penstock.contract.project import read_project
from penstock.contract.read import read_contract
from penstock.errors import ContractError

SQL = "SELECT id FROM rows"
SCHEMA = {"fields": [{"name": "code", "type": "string"}]}


def reference_problems(reference: dict[str, Any], name: str = "codes") -> list[str]:
    return problems({"transform.sql": SQL, f"references.{name}": reference})


def test_an_object_of_csv_or_parquet_can_be_referred_to() -> None:
    assert reference_problems({"key": "reference/codes.csv", "schema": SCHEMA}) == []
    assert reference_problems({"key": "reference/codes.csv.gz", "schema": SCHEMA}) == []
    assert reference_problems({"key": "reference/codes.parquet", "schema": SCHEMA}) == []
    assert reference_problems({"key": "reference/codes", "format": "csv", "schema": SCHEMA}) == []


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ({}, "references.codes: needs a `key`, of an object of the landing bucket, or a `feed`"),
        (
            {"key": "reference/codes", "schema": SCHEMA},
            "references.codes.format: is due: csv or parquet; the key ends in neither .csv, .csv.gz nor .parquet",
        ),
        ({"key": "codes.csv"}, "references.codes.schema: the key is required, with `key`"),
        (
            {"key": "/codes.csv", "schema": SCHEMA},
            'references.codes.key: a key in S3 does not begin with "/"; write codes.csv',
        ),
        (
            {"key": "incoming/orders/codes.csv", "schema": SCHEMA},
            "references.codes.key: is an object of the feed itself (incoming/orders/*.csv), and would be loaded as one",
        ),
        (
            {"key": "codes.parquet", "schema": SCHEMA, "dialect": {"delimiter": ";"}},
            "references.codes.dialect: belongs to CSV, and this object is Parquet",
        ),
        (
            {"key": "codes.csv", "schema": SCHEMA, "dialect": {"delimiter": "||"}},
            'references.codes.dialect.delimiter: must be one character; a delimiter of several, such as "||", is not supported',
        ),
        (
            {"feed": "other", "schema": SCHEMA},
            "references.codes.schema: is said by the contract of the feed other; leave it out",
        ),
        ({"feed": "orders"}, "references.codes.feed: is this feed itself, whose rows are `rows`"),
        (
            {"key": "codes.csv", "schma": SCHEMA},
            'references.codes.schma: unknown key; did you mean "schema"?',
        ),
    ],
)
def test_a_reference_that_can_not_be_read_is_refused(reference: dict[str, Any], message: str) -> None:
    assert message in reference_problems(reference)


@pytest.mark.parametrize(
    ("field", "message"),
    [
        (
            {"type": "list"},
            "type: a column of Parquet is read as string, integer, year, number, boolean, date or datetime, not list",
        ),
        (
            {"type": "string", "constraints": {"pattern": "x"}},
            "constraints.pattern: refused: of a column of Parquet only `required` is checked; say it in the SQL (WHERE)",
        ),
        (
            {"type": "date", "format": "%d.%m.%Y"},
            "format: belongs to cells of text, and Parquet's values are typed already",
        ),
    ],
)
def test_of_a_parquet_column_only_its_type_and_required_are_said(field: dict[str, Any], message: str) -> None:
    schema = {"fields": [{"name": "code", **field}]}
    assert reference_problems({"key": "codes.parquet", "schema": schema}) == [
        f"references.codes.schema.fields[0].{message}"
    ]


def test_names_are_those_that_sql_takes_without_quotes() -> None:
    reference = {"key": "codes.csv", "schema": SCHEMA}
    assert reference_problems(reference, "rows") == [
        "references.rows: is what the file's own rows are called; choose another name"
    ]
    assert reference_problems(reference, "my-codes") == [
        "references.my-codes: a name in SQL is of lowercase letters, digits and _, and begins with a letter"
    ]


def test_references_without_a_query_are_refused() -> None:
    assert problems({"references.codes": {"key": "codes.csv", "schema": SCHEMA}}) == [
        "references: are read by transform.sql, and there is none"
    ]


def test_the_schema_can_not_say_what_is_unique_where_a_query_makes_the_rows() -> None:
    found = problems({"transform.sql": SQL, "schema.primaryKey": "id"})
    assert [problem.split(":")[:2] for problem in found] == [
        ["schema.primaryKey", " refused with transform.sql"]
    ]


def test_names_in_load_are_left_to_the_result_of_the_query() -> None:
    changes = {"transform.sql": SQL, "load.partition_key": "total", "load.types": {"nothing": "S"}}
    assert problems(changes) == []


def test_a_key_that_repeats_in_a_result_is_rejected_unless_the_contract_says_otherwise() -> None:
    contract = Contract.model_validate(changed({"transform.sql": SQL}))
    assert effective_on_duplicate(contract) == "reject"
    contract = Contract.model_validate(changed({"transform.sql": SQL, "load.on_duplicate": "last"}))
    assert effective_on_duplicate(contract) == "last"


def write_project(folder: Path, *contracts: dict[str, Any]) -> Path:
    (folder / "contracts").mkdir()
    (folder / "penstock.yaml").write_text("penstock: 1\nname: shop\n")
    for contract in contracts:
        (folder / "contracts" / f"{contract['name']}.yaml").write_text(json.dumps(contract, indent=1))
    return folder


def feed(name: str, **more: Any) -> dict[str, Any]:
    return changed({"name": name, "source.prefix": f"{name}/", "load.table": name, **more})


def refusals(folder: Path, name: str) -> list[str]:
    with pytest.raises(ContractError) as caught:
        read_contract(folder / "contracts" / f"{name}.yaml")
    with pytest.raises(ContractError) as in_project:
        read_project(folder)
    assert set(caught.value.problems) <= set(in_project.value.problems)
    return [problem.replace(f"{folder}/", "") for problem in caught.value.problems]


def test_a_reference_to_a_feed_has_that_feeds_contract(tmp_path: Path) -> None:
    user = feed("user", **{"transform.sql": SQL, "references.orders": {"feed": "orders"}})
    folder = write_project(tmp_path, feed("orders"), user)
    found = read_contract(folder / "contracts" / "user.yaml").references["orders"].of_feed
    assert found is not None
    assert found.name == "orders"
    assert read_project(folder).feeds[1].references["orders"].of_feed == found


def test_a_reference_to_no_feed_or_to_one_with_a_query_is_refused(tmp_path: Path) -> None:
    wrong = feed(
        "wrong", **{"transform.sql": SQL, "references": {"o": {"feed": "ordres"}, "q": {"feed": "query"}}}
    )
    folder = write_project(tmp_path, feed("orders"), feed("query", **{"transform.sql": SQL}), wrong)
    line, other = refusals(folder, "wrong")
    assert line.partition(": ")[2].startswith('references.o.feed: no feed of the project is called "ordres"')
    assert "references.q.feed: query has transform.sql itself" in other


def test_a_contract_outside_of_a_project_can_not_refer_to_a_feed(tmp_path: Path) -> None:
    path = tmp_path / "user.yaml"
    path.write_text(json.dumps(feed("user", **{"transform.sql": SQL, "references.o": {"feed": "orders"}})))
    with pytest.raises(
        ContractError,
        match=r"references\.o\.feed: speaks of another feed, and this contract is in no project",
    ):
        read_contract(path)


def test_a_references_schema_can_be_a_file(tmp_path: Path) -> None:
    (tmp_path / "codes.json").write_text(json.dumps(SCHEMA))
    path = tmp_path / "orders.yaml"
    reference = {"key": "codes.csv", "schema": "codes.json"}
    path.write_text(json.dumps(changed({"transform.sql": SQL, "references.codes": reference})))
    schema = read_contract(path).references["codes"].schema_
    assert schema is not None
    assert [field.name for field in schema.fields] == ["code"]


HOURLY = {"transform.sql": SQL, "schedule": "rate(1 hour)"}


@pytest.mark.parametrize("over", ["prefix", "new"])
def test_a_query_over_many_files_is_run_by_the_schedule(over: str) -> None:
    assert problems({**HOURLY, "transform.over": over}) == []
    assert problems({"transform.sql": SQL, "transform.over": over}) == [
        f"schedule: is due with transform.over: {over}: a file that lands starts no run then, the schedule does"
    ]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"transform.sql": None, "transform.over": "new"},
            "transform.over: belongs to transform.sql, and there is none: a row by itself is of one file",
        ),
        ({"transform.over": "all"}, 'transform.over: "all" is not known; known here: object, prefix, new'),
        (
            {"transform.over": "new", "load.mode": "mirror"},
            (
                "load.mode: mirror is refused with transform.over: new: what the new files alone give would delete what all "
                "others gave; say over: prefix"
            ),
        ),
    ],
)
def test_what_many_files_have_no_use_for_is_refused(changes: dict[str, Any], message: str) -> None:
    parts = {name: value for name, value in {**HOURLY, **changes}.items() if value is not None}
    assert problems(parts) == [message]


def test_a_mirror_can_be_of_all_files_under_the_prefix() -> None:
    assert problems({**HOURLY, "transform.over": "prefix", "load.mode": "mirror"}) == []
