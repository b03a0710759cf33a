"""The problems of a contract's expressions are told all at once, and none that only follows from another."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from penstock.compile.plan import compile_contract
from penstock.contract.read import read_contract
from penstock.errors import ContractError


def problems(folder: Path, **parts: Any) -> list[str]:
    contract = {
        "penstock": 1,
        "name": "things",
        "source": {"prefix": "things/"},
        "schema": {"fields": [{"name": "id", "type": "string"}, {"name": "size", "type": "integer"}]},
        "load": {"table": "things", "partition_key": "id"},
        **parts,
    }
    path = folder / "contract.yaml"
    path.write_text(json.dumps(contract))
    with pytest.raises(ContractError) as caught:
        compile_contract(read_contract(path))
    return [problem.split(":")[0] for problem in caught.value.problems]


def test_every_expression_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    transform = {
        "prepare": {"id": "now()"},
        "where": "sise > 1",
        "set": {"a": "random()", "b": "size + 1", "c": "size / 2"},
    }
    rules = [{"name": "one", "check": "size"}, {"name": "two", "check": "size > 0"}]
    load = {"table": "things", "partition_key": "id", "delete_where": "read_text('x')"}
    assert problems(tmp_path, transform=transform, rules=rules, load=load) == [
        "transform.prepare.id",
        "transform.where",
        "transform.set.a",
        "transform.set.c",
        "rules.one.check",
        "load.delete_where",
    ]


def test_what_only_follows_from_another_problem_is_not_told(tmp_path: Path) -> None:
    transform = {"set": {"total": "sise * 2", "double": "total * 2"}}
    rules = [{"name": "positive", "check": "total > 0"}]
    assert problems(tmp_path, transform=transform, rules=rules) == ["transform.set.total"]


def test_a_key_with_a_problem_is_told_with_the_expressions(tmp_path: Path) -> None:
    transform = {"set": {"a": "random()", "flag": "size > 1"}}
    load = {"table": "things", "partition_key": "flag"}
    assert problems(tmp_path, transform=transform, load=load) == ["transform.set.a", "load.partition_key"]
