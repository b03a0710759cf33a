"""What loads large objects, and the size of the job that may."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from small_contract import changed, problems

from penstock.compile.plan import compile_contract
from penstock.contract.model import Contract, GlueModel
from penstock.contract.project import read_project
from penstock.contract.read import examine
from penstock.errors import ContractError


def _read(folder: Path, changes: dict[str, Any], project: str = "") -> Contract:
    contracts = folder / "contracts"
    contracts.mkdir()
    (contracts / "orders.yaml").write_text(json.dumps(changed(changes)))
    (folder / "penstock.yaml").write_text(f"penstock: 1\nname: shop\n{project}")
    return read_project(folder).feeds[0]


def test_the_function_loads_everything_unless_said(tmp_path: Path) -> None:
    contract = _read(tmp_path, {})
    assert (contract.engine, compile_contract(contract).engine) == ("lambda", "lambda")


@pytest.mark.parametrize("engine", ["lambda", "glue", "auto"])
def test_the_plan_says_what_the_contract_says(tmp_path: Path, engine: str) -> None:
    assert compile_contract(_read(tmp_path, {"engine": engine})).engine == engine


def test_a_job_has_a_size_that_costs_little_unless_said(tmp_path: Path) -> None:
    assert _read(tmp_path, {"engine": "glue"}).glue == GlueModel(
        worker="G.1X", workers=5, timeout=120, retries=1
    )


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("worker", "G.3X", '"G.3X" is not known; did you mean "G.8X"?'),
        ("workers", 1, "must be at least 2"),
        ("workers", 300, "must be at most 299"),
        ("timeout", 0, "must be at least 1"),
        ("timeout", 10_081, "must be at most 10080"),
        ("retries", -1, "must be at least 0"),
        ("retries", 11, "must be at most 10"),
        ("memory", 16, "unknown key; known here: worker, workers, timeout, retries"),
    ],
)
def test_a_wrong_size_is_refused(key: str, value: Any, message: str) -> None:
    assert problems({"engine": "glue", f"glue.{key}": value}) == [f"glue.{key}: {message}"]


def test_an_engine_that_is_none_is_refused() -> None:
    assert problems({"engine": "spark"}) == ['engine: "spark" is not known; known here: lambda, glue, auto']


def test_the_size_of_a_job_that_there_is_none_of_is_refused() -> None:
    message = "glue: belongs to engine: glue or auto; the function's size is `function`"
    assert problems({"glue": {"workers": 3}}) == [message]
    assert problems({"engine": "lambda", "glue": {"workers": 3}}) == [message]
    assert problems({"engine": "auto", "glue": {"workers": 3}}) == []


def test_the_projects_defaults_may_say_a_size_for_those_feeds_that_have_a_job(tmp_path: Path) -> None:
    assert _read(tmp_path, {}, "defaults: {glue: {workers: 3}}\n").engine == "lambda"
    (tmp_path / "contracts" / "orders.yaml").write_text(json.dumps(changed({"glue.worker": "G.2X"})))
    with pytest.raises(ContractError, match=r"orders\.yaml:1: glue: belongs to engine"):
        read_project(tmp_path)
    (tmp_path / "contracts" / "orders.yaml").write_text(json.dumps(changed({"engine": "glue"})))
    assert read_project(tmp_path).feeds[0].glue.workers == 3


def test_a_contract_that_is_read_alone_is_checked_the_same(tmp_path: Path) -> None:
    path = tmp_path / "orders.yaml"
    path.write_text(json.dumps(changed({"glue.workers": 3})))
    assert [problem.path for problem in examine(path)[1]] == [("glue",)]
