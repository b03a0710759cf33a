"""The contract's description for editors and people: current, and true of what the reader takes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ruamel.yaml import YAML
from small_contract import SMALL, changed

from penstock.contract.describe import (
    EXAMPLE_FILE,
    SCHEMA_FILE,
    contract_reference,
    contract_schema,
    schema_text,
)
from penstock.contract.model import Contract
from penstock.contract.read import read_contract
from penstock.contract.standard import Part
from penstock.contract.wording import parts_in

DOCS = Path(__file__).parents[2] / "docs"


def is_valid(contract: Any) -> bool:
    return bool(jsonschema.Draft202012Validator(contract_schema()).is_valid(contract))


def all_parts(top: type[Part]) -> set[type[Part]]:
    below = {part for info in top.model_fields.values() for part in parts_in(info.annotation)}
    return {top}.union(*(all_parts(part) for part in below))


def test_the_shipped_schema_is_the_models() -> None:
    assert SCHEMA_FILE.read_text(encoding="utf-8") == schema_text(), "run `make docs`"


def test_the_reference_is_the_models() -> None:
    assert (DOCS / "contract.md").read_text(encoding="utf-8") == contract_reference(), "run `make docs`"


def test_the_schema_is_a_json_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(contract_schema())


def test_the_example_of_the_reference_reads_without_problems(tmp_path: Path) -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", contract_reference(), flags=re.DOTALL)
    path = tmp_path / "orders.yaml"
    path.write_text(example)
    assert read_contract(path).name == "orders"


def test_the_schema_takes_the_example() -> None:
    assert is_valid(YAML(typ="safe", pure=True).load(EXAMPLE_FILE))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"schema": "orders.json"},
        {"schema.fields.id.constraints": {"minimum": 1, "enum": [1, "2"]}},
        {"schema.missingValues": ["", {"value": "NA", "label": "none"}], "schema.primaryKey": "id"},
        {"load.partition_key": {"name": "pk", "value": "ID#{id}"}, "quality.max_rejects": "5%"},
        {"source.dialect": {"encoding": "UTF-8", "quoteChar": None, "lineTerminator": "\r\n"}},
    ],
)
def test_the_schema_takes_what_the_reader_takes(changes: dict[str, Any]) -> None:
    assert is_valid(changed(changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"nam": "x"},
        {"name": "Orders"},
        {"schema.fields.id.type": "int"},
        {"schema.missingValues": [0]},
        {"load.partition_key": {"name": "pk"}},
        {"load.table": "a b"},
        {"quality.max_rejects": "5"},
        {"source": None},
    ],
)
def test_the_schema_refuses_what_the_reader_refuses_by_shape(changes: dict[str, Any]) -> None:
    assert not is_valid(changed(changes))


def test_every_key_is_described() -> None:
    for part in all_parts(Contract):
        assert part.__doc__, part
        for name, info in part.model_fields.items():
            assert info.description, f"{part.__name__}.{name}"


def test_the_small_contract_of_the_tests_is_itself_valid() -> None:
    assert is_valid(SMALL)
