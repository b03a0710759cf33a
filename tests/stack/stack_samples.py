"""Projects to deploy, written as people write them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from penstock.compile.plan import compile_contract
from penstock.contract.project import read_project
from penstock.stack.job_package import job_code
from penstock.stack.names import name_project
from penstock.stack.prepare import package_code
from penstock.stack.target import Target, aws_target
from penstock.stack.template import StackOptions, StackTemplate, build_templates

ACCOUNT = "123456789012"
KEY = f"arn:aws:kms:eu-central-1:{ACCOUNT}:key/0a1b2c3d-0000-4000-8000-000000000000"
FIELDS = [
    {"name": "order_id", "type": "string"},
    {"name": "customer_id", "type": "string"},
    {"name": "quantity", "type": "integer"},
    {"name": "status", "type": "string"},
    {"name": "expires", "type": "integer"},
]


def feed(name: str, *, load: Mapping[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """A contract, as a document. JSON is YAML."""
    return {
        "penstock": 1,
        "name": name,
        "source": {"prefix": f"incoming/{name}/", "suffix": ".csv"},
        "schema": {"fields": FIELDS},
        "load": {
            "table": f"{name}-items",
            "partition_key": "customer_id",
            "sort_key": "order_id",
            **(load or {}),
        },
        **more,
    }


def query_feed(name: str, other: str) -> dict[str, Any]:
    """A contract with a query, which refers to an object and to another feed, as a document."""
    sql = (
        "SELECT r.customer_id, min(o.order_id) AS order_id, count(*) AS orders FROM rows AS r "
        "JOIN customers AS c ON c.id = r.customer_id JOIN others AS o ON o.customer_id = c.id GROUP BY r.customer_id"
    )
    customers = {"key": "reference/customers.csv", "schema": {"fields": [{"name": "id", "type": "string"}]}}
    return {
        **feed(name),
        "transform": {"sql": sql},
        "references": {"customers": customers, "others": {"feed": other}},
    }


def index(name: str, key: str) -> dict[str, Any]:
    return {"name": name, "partition_key": key, "projection": "KEYS_ONLY"}


def write_project(folder: Path, feeds: Sequence[Mapping[str, Any]], **more: Any) -> Path:
    """Write a project into a folder that may hold an earlier one, and give the folder."""
    contracts = folder / "contracts"
    contracts.mkdir(parents=True, exist_ok=True)
    for old in contracts.glob("*.yaml"):
        old.unlink()
    project = {"penstock": 1, "name": "shop", "region": "eu-central-1", **more}
    (folder / "penstock.yaml").write_text(json.dumps(project))
    for contract in feeds:
        (contracts / f"{contract['name']}.yaml").write_text(json.dumps(contract))
    return folder


def templates_of(folder: Path, target: Target | None = None) -> tuple[StackTemplate, ...]:
    """Build the templates of a project's folder."""
    project = read_project(folder)
    plans = {contract.name: compile_contract(contract) for contract in project.feeds}
    names = name_project(project, ACCOUNT, project.region or "eu-central-1")
    target = target or aws_target(project.architecture)
    code = package_code(names, target, "0" * 64)
    jobs = job_code("0" * 64) if target.glue else None
    return build_templates(project, plans, StackOptions(names, code, target.saved_queries, jobs))
