"""A query feed may read exactly what its contract refers to, and look up exactly the objects of the feeds it refers to."""

from dataclasses import replace
from pathlib import Path

from stack_samples import ACCOUNT, feed, write_project

from penstock.compile.plan import compile_contract
from penstock.contract.project import read_project
from penstock.plan.model import Plan, Query, Reference
from penstock.stack.names import Names
from penstock.stack.resources.references import read_references

NAMES = Names("shop", ACCOUNT, "eu-central-1")
LANDING = f"arn:aws:s3:::{NAMES.landing_bucket}"
KEYED = Reference("countries", "reference/what?.csv", None, None, None, ())
OF_A_FEED = Reference("airports", None, "incoming/airports/", ".csv.gz", None, ())


def make_plan(folder: Path, *references: Reference) -> Plan:
    [contract] = read_project(write_project(folder, [feed("orders")])).feeds
    plan = compile_contract(contract)
    return replace(plan, query=Query(plan, (), references, "", None, (), (), "", ""))


def test_a_feed_without_references_gets_no_rights(tmp_path: Path) -> None:
    plan = make_plan(tmp_path)
    assert read_references(NAMES, plan) == []
    assert read_references(NAMES, replace(plan, query=None)) == []


def test_a_key_may_be_read_and_listed_and_nothing_else(tmp_path: Path) -> None:
    read, listed = read_references(NAMES, make_plan(tmp_path, KEYED))
    assert read["Action"] == ["s3:GetObject", "s3:GetObjectVersion"]
    assert read["Resource"] == [f"{LANDING}/reference/what${{?}}.csv"]
    assert listed["Resource"] == LANDING
    assert listed["Condition"]["StringLike"] == {"s3:prefix": ["reference/what${?}.csv"]}
    for statement in (read, listed):
        assert statement["Condition"]["StringEquals"] == {"aws:ResourceAccount": ACCOUNT}


def test_of_a_feed_the_files_may_be_read_and_looked_up_in_the_ledger(tmp_path: Path) -> None:
    read, listed, looked_up = read_references(NAMES, make_plan(tmp_path, OF_A_FEED))
    assert read["Resource"] == [f"{LANDING}/incoming/airports/*"]
    assert listed["Condition"]["StringLike"] == {"s3:prefix": ["incoming/airports/*"]}
    assert looked_up["Action"] == ["dynamodb:GetItem"]
    assert looked_up["Resource"] == NAMES.ledger_arn
    assert looked_up["Condition"] == {
        "ForAllValues:StringLike": {
            "dynamodb:LeadingKeys": [f"OBJECT#{NAMES.landing_bucket}/incoming/airports/*"]
        }
    }
