import json
from dataclasses import replace

import pytest

from penstock.errors import ContractError
from penstock.plan import model
from penstock.plan.codec import PLAN_VERSION, plan_hash, read_plan, write_plan

PLAN = model.Plan(
    version=PLAN_VERSION,
    name="orders",
    prefix="incoming/orders/",
    suffix=".csv",
    dialect=model.Dialect(comment_char="#"),
    fields=(model.Field("order_id", "string", required=True), model.Field("é", "number")),
    fields_match="exact",
    codecs=(model.Codec(1, "number", "p1", {"decimal": ","}),),
    statements=model.Statements("SELECT 1", "SELECT 2", uses_line=False),
    plain=model.Plain("SELECT 1", "SELECT 2", ()),
    checks=(model.Check("type-error", "order_id", "is no text"),),
    items=(model.ItemPlan("item", "TRUE", "a", None, "{}", "{}", "1"),),
    table=model.Table(
        "orders",
        exists=False,
        partition=model.KeyAttribute("pk", "S"),
        sort=None,
        indexes=(
            model.Index("by_a", model.KeyAttribute("a", "N"), model.KeyAttribute("b", "S"), ("c", "d")),
            model.Index("by_b", model.KeyAttribute("b", "S"), None, "KEYS_ONLY"),
        ),
        ttl=None,
        stream=None,
        read_capacity=None,
        write_capacity=None,
    ),
    on_duplicate="last",
    quality=model.Quality(max_reject_share=0.05),
    max_write_units=1000,
    manifest=model.Manifest(deletes=True, max_delete_share=0.1),
)


def test_a_plan_survives_its_json() -> None:
    assert read_plan(write_plan(PLAN)) == PLAN


def test_a_plan_with_a_query_survives_its_json() -> None:
    columns = (model.Column("code", "string", "VARCHAR"), model.Column("count", "integer", "DECIMAL(38,0)"))
    countries = model.Reference("countries", "reference/countries.csv", None, None, PLAN, columns[:1])
    query = model.Query(
        rows=PLAN,
        columns=columns[:1],
        references=(countries,),
        duckdb="SELECT 1",
        spark=None,
        refused=("lower() differs",),
        result=columns,
        record="code",
        header='"code","count"',
    )
    plan = replace(PLAN, query=query, engine="auto")
    assert read_plan(write_plan(plan)) == plan


def test_two_plans_that_differ_have_different_hashes() -> None:
    assert plan_hash(PLAN) != plan_hash(replace(PLAN, on_duplicate="first"))


def test_a_plan_of_another_version_is_refused_with_what_to_do() -> None:
    text = json.dumps({**json.loads(write_plan(PLAN)), "version": PLAN_VERSION + 1})
    with pytest.raises(ContractError, match="deploy again"):
        read_plan(text)
